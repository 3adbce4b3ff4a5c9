//! `causes`: what runs that did not succeed have in common: for each value of each dimension the success of its runs
//! against that of the other runs of the same journey.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::functions::expr_fn::{coalesce, concat};
use datafusion::logical_expr::{Expr, cast, col, lit};

use crate::dimension::{Dimension, OF_THE_END};
use crate::functions::{FEATURE_COUNTS, FEATURES};
use crate::question::{Question, quoted};
use crate::rows::{Rows, collect, integers, texts, words};
use crate::spec::{CausesSpec, Scope};
use crate::stats::{Estimate, Proportion, benjamini_hochberg, newcombe_95, two_proportions_p};
use crate::{Error, Result};

use super::invocations::behind::is_counted;
use super::{Answer, cells, empty};

/// Dimensions of runs that are looked at unless the scope says otherwise.
pub(super) const DIMENSIONS: [&str; 7] =
    ["journey_version", "client_id", "app_id", "platform", "os", "browser", "country"];

/// What of a timeline is looked at unless the scope says otherwise; having reached a step says little about success.
const FEATURES_DEFAULT: [&str; 3] = ["failed_step", "error_code", "failed_connection"];

/// Rows shown unless the scope says otherwise.
const ROWS_DEFAULT: usize = 20;

/// The fewest runs on each side of a comparison unless the spec says otherwise.
const RUNS_MIN_DEFAULT: u64 = 20;

/// Adjusted p-values up to this are taken for real.
const LEVEL: f64 = 0.05;

/// Takes what a timeline tells out of the `by` list: the scope that is left is about dimensions of runs.
pub(super) fn split(scope: &Scope) -> Result<(Vec<&'static str>, Scope)> {
    let mut rest = scope.clone();
    if scope.by.is_empty() {
        return Ok((FEATURES_DEFAULT.to_vec(), rest));
    }
    let mut features = Vec::new();
    rest.by.retain(|name| match FEATURES.into_iter().find(|feature| feature == name) {
        Some(feature) => {
            features.push(feature);
            false
        }
        None => true,
    });
    if let Some(name) = rest.by.iter().find(|name| OF_THE_END.contains(&name.as_str())) {
        return Err(Error::invalid(format!(
            "{name} is known of runs that failed only, so it cannot be compared"
        ))
        .hint(format!("what a run met before its end can be: {}", FEATURES.join(", "))));
    }
    if rest.by.is_empty() {
        rest.by.push("all".to_owned());
    }
    Ok((features, rest))
}

/// Whether a run is one of those with a value of a dimension; a pair of dimensions has a pair of values.
///
/// # Errors
/// `Invalid` for a dimension that is not there.
pub(super) fn has(question: &Question<'_>, dimension: &str, value: Option<&str>) -> Result<Expr> {
    if FEATURES.contains(&dimension) {
        let keys = [dimension, value.unwrap_or_default()];
        return is_counted(question, "has_feature", col("failing_step"), keys);
    }
    let names: Vec<String> = dimension.split(", ").map(str::to_owned).collect();
    let dimensions = Dimension::list(&question.context, &names, question.zone.name(), &[])?;
    let mut values = dimensions.into_iter().map(|dimension| cast(dimension.value, DataType::Utf8View));
    Ok(match (values.next(), values.next(), values.next()) {
        (Some(only), None, _) => match value {
            Some(value) => only.eq(lit(value)).is_true(),
            None => only.is_null(),
        },
        (Some(first), Some(second), None) => {
            // as [`pair`] writes them
            let shown = |value| coalesce(vec![value, lit(NOTHING)]);
            concat(vec![shown(first), lit(", "), shown(second)]).eq(lit(value.unwrap_or_default()))
        }
        _ => return Err(Error::invalid(format!("expected one dimension or two, saw {dimension:?}"))),
    })
}

/// Runs that have something: journey, dimension, value.
type Key = (Option<String>, String, Option<String>);

/// Whether pairs of values are compared, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pairs {
    Too,
    Not,
}

/// What stands for no value in a pair.
const NOTHING: &str = "–";

/// Two values as one.
fn pair(first: Option<&str>, second: Option<&str>) -> String {
    format!("{}, {}", first.unwrap_or(NOTHING), second.unwrap_or(NOTHING))
}

/// One comparison.
struct Cause {
    key: Key,
    with: Proportion,
    rest: Proportion,
    difference: Estimate,
    p: f64,
    q: f64,
}

impl Cause {
    /// What is taken for real comes first, the most to win back ahead; then the rest, the least likely by chance ahead.
    fn rank(&self, other: &Self) -> Ordering {
        let real = |cause: &Self| cause.q <= LEVEL;
        let by_worth = match (real(self), real(other)) {
            (true, true) => other.recoverable().cmp(&self.recoverable()),
            (false, false) => self.p.total_cmp(&other.p),
            (left, right) => right.cmp(&left),
        };
        by_worth.then_with(|| self.key.cmp(&other.key))
    }

    /// Runs that would succeed if those with the value did as well as the others, rounded down.
    fn recoverable(&self) -> i64 {
        let (with, rest) = (self.with, self.rest);
        let more =
            i128::from(with.whole) * i128::from(rest.part) - i128::from(with.part) * i128::from(rest.whole);
        i64::try_from(more.div_euclid(i128::from(rest.whole).max(1))).unwrap_or(i64::MAX)
    }
}

pub(super) async fn rows(question: &Question<'_>, features: &[&str], spec: &CausesSpec) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let mut counted: BTreeMap<Key, [u64; 2]> = BTreeMap::new();
    let pairs = if spec.pairs { Pairs::Too } else { Pairs::Not };
    let totals = of_dimensions(question, pairs, &mut counted).await?;
    of_features(question, features, &mut counted).await?;
    let runs_min = spec.min_runs.unwrap_or(RUNS_MIN_DEFAULT).max(1);
    let (mut causes, unsupported) = compare(counted, &totals, runs_min);
    let adjusted = benjamini_hochberg(&causes.iter().map(|cause| cause.p).collect::<Vec<_>>());
    for (cause, q) in causes.iter_mut().zip(adjusted) {
        cause.q = q;
    }
    let tests = causes.len();
    causes.retain(|cause| cause.difference.value < 0.0);
    causes.sort_by(Cause::rank);
    let mut answer = Answer::new("Causes: what runs that do not succeed have in common", table(&causes)?);
    let runs: u64 = totals.values().map(|total| total[1]).sum();
    answer.notes = empty::explain(question, usize::from(runs > 0)).await?;
    if runs > 0 {
        answer.notes.push(format!(
            "{tests} values compared, {unsupported} left out with fewer than {runs_min} runs on one side; shown: those \
             that do worse than the rest of their journey, q at most {LEVEL} first, by recoverable runs, then the others by p"
        ));
    }
    Ok(answer.limited(Some(spec.scope.limit.unwrap_or(ROWS_DEFAULT))))
}

/// Counts succeeded and decided runs by every value of the dimensions; gives those of each journey.
async fn of_dimensions(
    question: &Question<'_>,
    pairs: Pairs,
    counted: &mut BTreeMap<Key, [u64; 2]>,
) -> Result<HashMap<Option<String>, [u64; 2]>> {
    let dimensions: Vec<&str> =
        question.dimension_names().into_iter().filter(|name| *name != "journey_id").collect();
    let names: Vec<String> =
        std::iter::once("journey_id").chain(dimensions.iter().copied()).map(quoted).collect();
    let names = names.join(", ");
    let query = format!(
        "SELECT {names}, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE state <> 'open') AS decided FROM runs GROUP BY {names}"
    );
    let found = collect(question.sql(&query).await?).await?;
    let (succeeded, decided) = (integers(&found, "succeeded")?, integers(&found, "decided")?);
    let journeys = texts(&found, "journey_id")?;
    let mut totals: HashMap<Option<String>, [u64; 2]> = HashMap::new();
    for (row, journey) in journeys.iter().enumerate() {
        add(totals.entry(journey.clone()).or_default(), [succeeded.value(row), decided.value(row)]);
    }
    let values = dimensions.iter().map(|name| texts(&found, name)).collect::<Result<Vec<_>>>()?;
    let singles = dimensions.iter().map(|name| (*name).to_owned()).zip(values.iter().cloned());
    let mut columns: Vec<(String, Vec<Option<String>>)> = singles.collect();
    if pairs == Pairs::Too {
        for (index, (first, firsts)) in dimensions.iter().zip(&values).enumerate() {
            for (second, seconds) in dimensions.iter().zip(&values).skip(index + 1) {
                let both = firsts
                    .iter()
                    .zip(seconds)
                    .map(|(first, second)| Some(pair(first.as_deref(), second.as_deref())));
                columns.push((format!("{first}, {second}"), both.collect()));
            }
        }
    }
    for (name, values) in columns {
        for (row, (journey, value)) in journeys.iter().zip(values).enumerate() {
            let cell = counted.entry((journey.clone(), name.clone(), value)).or_default();
            add(cell, [succeeded.value(row), decided.value(row)]);
        }
    }
    Ok(totals)
}

/// Counts succeeded and decided runs by what their timelines have in them.
async fn of_features(
    question: &Question<'_>,
    features: &[&str],
    counted: &mut BTreeMap<Key, [u64; 2]>,
) -> Result<()> {
    if features.is_empty() {
        return Ok(());
    }
    let journey = [Dimension::column("journey_id")];
    let fields = [&["dimension", "value"], FEATURE_COUNTS.as_slice()].concat();
    let call = "run_features(path, state, failing_step)";
    let found: RecordBatch = cells::unnested(question, "runs", &journey, call, &fields).await?;
    let counts = ["succeeded", "failed", "abandoned"]
        .iter()
        .map(|name| integers(&found, name))
        .collect::<Result<Vec<Int64Array>>>()?;
    let journeys = texts(&found, "journey_id")?;
    let (dimensions, values) = (words(&found, "dimension")?, texts(&found, "value")?);
    for (row, ((journey, dimension), value)) in journeys.into_iter().zip(dimensions).zip(values).enumerate() {
        if features.contains(&dimension.as_str()) {
            let decided = counts.iter().map(|count| count.value(row)).sum();
            let succeeded = counts.first().map_or(0, |count| count.value(row));
            add(counted.entry((journey, dimension, value)).or_default(), [succeeded, decided]);
        }
    }
    Ok(())
}

fn add(cell: &mut [u64; 2], more: [i64; 2]) {
    for (count, more) in cell.iter_mut().zip(more) {
        *count += u64::try_from(more).unwrap_or_default();
    }
}

/// Compares each value with the rest of its journey; also gives how many have too few runs for it. A value that all
/// runs of a journey have is compared with nothing.
fn compare(
    counted: BTreeMap<Key, [u64; 2]>,
    totals: &HashMap<Option<String>, [u64; 2]>,
    runs_min: u64,
) -> (Vec<Cause>, usize) {
    let (mut causes, mut unsupported) = (Vec::new(), 0);
    for (key, [part, whole]) in counted {
        let [all_succeeded, all_decided] = totals.get(&key.0).copied().unwrap_or_default();
        let with = Proportion { part, whole };
        let rest = Proportion { part: all_succeeded - part, whole: all_decided - whole };
        if rest.whole == 0 {
            continue;
        }
        if with.whole < runs_min || rest.whole < runs_min {
            unsupported += 1;
            continue;
        }
        if let (Some(difference), Some(p)) = (newcombe_95(with, rest), two_proportions_p(with, rest)) {
            causes.push(Cause { key, with, rest, difference, p, q: p });
        }
    }
    (causes, unsupported)
}

fn table(causes: &[Cause]) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    rows.text("journey_id", causes.iter().map(|cause| cause.key.0.as_deref()));
    rows.text("dimension", causes.iter().map(|cause| Some(&cause.key.1)));
    rows.text("value", causes.iter().map(|cause| cause.key.2.as_deref()));
    let counts = |count: &dyn Fn(&Cause) -> u64| -> Int64Array {
        causes.iter().map(|cause| i64::try_from(count(cause)).ok()).collect()
    };
    rows.count("runs", counts(&|cause| cause.with.whole));
    rows.rate("success_rate", &counts(&|cause| cause.with.part), &counts(&|cause| cause.with.whole));
    rows.rate("success_rate_of_rest", &counts(&|cause| cause.rest.part), &counts(&|cause| cause.rest.whole));
    rows.number("difference_in_rate", causes.iter().map(|cause| Some(cause.difference.value)));
    rows.number("q_value", causes.iter().map(|cause| Some(cause.q)));
    rows.count("recoverable_runs", causes.iter().map(|cause| Some(cause.recoverable())).collect());
    rows.number("difference_in_rate_from", causes.iter().map(|cause| Some(cause.difference.interval.low)));
    rows.number("difference_in_rate_to", causes.iter().map(|cause| Some(cause.difference.interval.high)));
    rows.number("p_value", causes.iter().map(|cause| Some(cause.p)));
    rows.finish()
}

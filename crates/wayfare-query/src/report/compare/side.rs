//! One side of a comparison: its runs, and what is counted of them.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};

use super::order::{Order, orders};
use crate::question::Question;
use crate::rows::{collect, field, integers, texts, words};
use crate::spec::Scope;
use crate::stats::{Estimate, Interval, Proportion};
use crate::{Error, Result};

/// Counts of runs, each with the condition that counts it.
const COUNTS: [(&str, &str); 7] = [
    ("started", "true"),
    ("succeeded", "state = 'succeeded'"),
    ("failed", "state = 'failed'"),
    ("rejected", "failure = 'rejected'"),
    ("error", "failure = 'error'"),
    ("abandoned", "state = 'abandoned'"),
    ("open", "state = 'open'"),
];

/// Terms that are no conditions.
const TERMS: [&str; 4] = ["from", "to", "journey", "version"];

/// The common scope, narrowed to one side by terms such as `version=3`, `from=2026-03-01` or `platform=ios`.
///
/// # Errors
/// `Invalid` without any term.
pub(super) fn scope(common: &Scope, terms: &[String]) -> Result<Scope> {
    if terms.is_empty() {
        return Err(Error::invalid("a comparison has two sides, and one of them is empty")
            .hint("say what tells them apart: `--a version=2 --b version=3`"));
    }
    let mut scope = common.clone();
    for term in terms.iter().flat_map(|term| parts(term)) {
        let list = |value: &str| value.split(',').map(|item| item.trim().to_owned()).collect();
        match term.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("from", value)) => scope.from = Some(value.to_owned()),
            Some(("to", value)) => scope.to = Some(value.to_owned()),
            Some(("journey", value)) => scope.journey = list(value),
            Some(("version", value)) => scope.version = list(value),
            _ => scope.filters.push(term.to_owned()),
        }
    }
    Ok(scope)
}

/// `from=2026-03-01,to=2026-03-08` is two terms; a comma inside a condition separates nothing.
fn parts(term: &str) -> Vec<&str> {
    let parts: Vec<&str> = term.split(',').collect();
    let named = |part: &&str| part.split_once('=').is_some_and(|(name, _)| TERMS.contains(&name.trim()));
    if parts.iter().all(named) { parts } else { vec![term] }
}

/// A median with its interval where there are enough values for one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) median: Option<f64>,
    interval: Option<Interval>,
}

impl Times {
    pub(super) fn estimate(&self) -> Option<Estimate> {
        Some(Estimate { value: self.median?, interval: self.interval? })
    }

    /// Reads the summary in a column of structs.
    fn of(batch: &RecordBatch, column: &str, row: usize) -> Result<Self> {
        let median = field(batch, column, "p50")?.as_primitive::<Float64Type>();
        let bound = |name: &str| -> Result<Option<i64>> {
            Ok(field(batch, column, name)?.as_primitive::<Int64Type>().iter().nth(row).flatten())
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
        let interval = bound("p50_low")?
            .zip(bound("p50_high")?)
            .map(|(low, high)| Interval { low: low as f64, high: high as f64 });
        Ok(Self { median: median.iter().nth(row).flatten(), interval })
    }
}

/// What is counted of a step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) completion: Proportion,
    pub(super) times: Times,
}

/// One side.
#[derive(Debug)]
pub(super) struct Side {
    counts: HashMap<&'static str, u64>,
    pub(super) times: Times,
    /// By journey and step.
    pub(super) steps: BTreeMap<(Option<String>, String), Step>,
    /// By journey.
    pub(super) orders: HashMap<Option<String>, Order>,
}

impl Side {
    /// Counts the runs of one side; `view` is a name of its own.
    pub(super) async fn read(question: &Question<'_>, view: &str) -> Result<Self> {
        let view = format!("runs_{view}");
        question.register(&view, question.runs(&[])?)?;
        let counts: Vec<String> =
            COUNTS.iter().map(|(name, when)| format!("count(*) FILTER (WHERE {when}) AS {name}")).collect();
        let query = format!(
            "WITH cells AS (SELECT {}, time_summary(duration_ms) AS times FROM {view})
             SELECT * EXCEPT (times), times[1] AS times FROM cells",
            counts.join(", ")
        );
        let found = collect(question.sql(&query).await?).await?;
        let mut side = Self {
            counts: HashMap::new(),
            times: Times::default(),
            steps: BTreeMap::new(),
            orders: HashMap::new(),
        };
        for (name, _) in COUNTS {
            let count = integers(&found, name)?.iter().flatten().sum::<i64>();
            side.counts.insert(name, u64::try_from(count).unwrap_or_default());
        }
        if side.started() == 0 {
            return Ok(side);
        }
        side.times = Times::of(&found, "times", 0)?;
        side.read_steps(question, &view).await?;
        side.orders = orders(question, &view).await?;
        Ok(side)
    }

    async fn read_steps(&mut self, question: &Question<'_>, view: &str) -> Result<()> {
        let journey = [crate::dimension::Dimension::column("journey_id")];
        let fields = ["step_id", "reached", "completed", "duration"];
        let call = "step_summary(path, offsets, state)";
        let found = super::super::cells::unnested(question, view, &journey, call, &fields).await?;
        let (journeys, steps) = (texts(&found, "journey_id")?, words(&found, "step_id")?);
        let (reached, completed) = (integers(&found, "reached")?, integers(&found, "completed")?);
        for (row, key) in journeys.into_iter().zip(steps).enumerate() {
            let count =
                |counts: &arrow::array::Int64Array| u64::try_from(counts.value(row)).unwrap_or_default();
            let completion = Proportion { part: count(&completed), whole: count(&reached) };
            self.steps.insert(key, Step { completion, times: Times::of(&found, "duration", row)? });
        }
        Ok(())
    }

    pub(super) fn started(&self) -> u64 {
        self.count("started")
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// One count in the sum of some.
    pub(super) fn proportion(&self, part: &str, whole: &[&str]) -> Proportion {
        Proportion { part: self.count(part), whole: whole.iter().map(|name| self.count(name)).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_narrow_the_common_scope() {
        let common = Scope { journey: vec!["login".to_owned()], ..Scope::default() };
        let terms =
            ["version=2, 3", "from=2026-03-01,to=2026-03-08", "country in (DE,AT)"].map(str::to_owned);
        let side = scope(&common, &terms).unwrap();
        assert_eq!(
            (side.journey, side.version),
            (vec!["login".to_owned()], vec!["2".to_owned(), "3".to_owned()])
        );
        assert_eq!((side.from.as_deref(), side.to.as_deref()), (Some("2026-03-01"), Some("2026-03-08")));
        assert_eq!(side.filters, ["country in (DE,AT)"]);
        assert!(scope(&common, &[]).is_err());
    }
}

//! `paths`: how runs go from step to step, and the whole ways they take.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::attempts::RunState;
use crate::functions::{END_NODE, OTHER_NODE, START_NODE, STEP_NODE, TRANSITION_COUNTS};
use crate::question::{Question, quoted};
use crate::rows::{Direction, Rows, collect, column, field, integers, sorted, words};
use crate::spec::{PathsSpec, PathsView, step_text};
use crate::words::counted;
use crate::{Error, Result};

use super::funnel::literal;
use super::top::Top;
use super::{Answer, cells, empty};

/// Steps that stand for themselves unless the scope says otherwise; all others are one node.
const STEPS_DEFAULT: usize = 20;

/// Variants shown unless the scope says otherwise; the rest is one row `other`.
const VARIANTS_DEFAULT: usize = 20;

pub(super) async fn rows(question: &Question<'_>, spec: &PathsSpec) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let mut answer = match spec.show {
        PathsView::Transitions => transitions(question).await?,
        PathsView::Variants => variants(question).await?,
    };
    answer.notes.extend(empty::explain(question, answer.batch.num_rows()).await?);
    Ok(answer)
}

/// From node to node. Every node but start and ends has as many passages in as out.
async fn transitions(question: &Question<'_>) -> Result<Answer> {
    let mut found = edges(question, "").await?;
    let steps = passages_by_step(&found)?;
    let kept = question.scope.limit.unwrap_or(STEPS_DEFAULT);
    if steps.len() > kept {
        // Runs that pass through merged steps cannot be summed, so they are counted anew.
        let names: Vec<&str> = steps.iter().take(kept).map(|(step, _)| step.as_str()).collect();
        found = edges(question, &kept_text(&names)?).await?;
    }
    let dimensions = cells::with_journey(question);
    let names = cells::names(&dimensions);
    let mut order: Vec<_> = names.iter().map(|&name| (name, Direction::Ascending)).collect();
    order.extend([
        ("passages", Direction::Descending),
        ("from_node", Direction::Ascending),
        ("to_node", Direction::Ascending),
    ]);
    let found = sorted(&found, &order)?;
    let mut rows = Rows::default();
    rows.take(&found, &names)?;
    let (from, to) = (words(&found, "from_node")?, words(&found, "to_node")?);
    rows.text("from", from.iter().map(|node| Some(shown(node))));
    rows.text("to", to.iter().map(|node| Some(shown(node))));
    rows.count("invocations", integers(&found, "invocations")?);
    let passages = integers(&found, "passages")?;
    let out = passages_out(&found, &names, &from, &passages)?;
    rows.count("passages", passages.clone());
    rows.rate("share_of_from", &passages, &out);
    rows.percentiles(&found, "times", |level| match level {
        "p50" => "median_ms".to_owned(),
        level => format!("{level}_ms"),
    })?;
    rows.text("from_kind", from.iter().map(|node| Some(kind(node))));
    rows.text("to_kind", to.iter().map(|node| Some(kind(node))));
    let mut answer = Answer::new("Paths: from step to step", rows.finish()?);
    if steps.len() > kept {
        answer.notes.push(format!(
            "the {kept} steps with most passages stand for themselves, {} more are `other` (--limit)",
            steps.len() - kept
        ));
    }
    if answer.batch.num_rows() > 0 && are_times_wanted(question) {
        answer.notes.push("times are from the beginning of a step to the beginning of the next".to_owned());
    }
    Ok(answer)
}

fn are_times_wanted(question: &Question<'_>) -> bool {
    question.wants(|column| column.ends_with("_ms"))
}

async fn edges(question: &Question<'_>, kept: &str) -> Result<RecordBatch> {
    let fields = [&["from_node", "to_node"], TRANSITION_COUNTS.as_slice(), &["times"]].concat();
    let offsets = if are_times_wanted(question) { "offsets, " } else { "" };
    let call = format!("transitions(path, {offsets}state, {})", literal(kept));
    cells::unnested(question, "runs", &cells::with_journey(question), &call, &fields).await
}

/// The steps by their passages, most first.
fn passages_by_step(edges: &RecordBatch) -> Result<Vec<(String, i64)>> {
    let mut steps: BTreeMap<String, i64> = BTreeMap::new();
    for (to, passages) in
        words(edges, "to_node")?.into_iter().zip(integers(edges, "passages")?.iter().flatten())
    {
        if let Some(step) = to.strip_prefix(STEP_NODE) {
            *steps.entry(step.to_owned()).or_default() += passages;
        }
    }
    let mut steps: Vec<(String, i64)> = steps.into_iter().collect();
    steps.sort_by_key(|(_, passages)| Reverse(*passages));
    Ok(steps)
}

/// For each transition all passages out of the node it begins at.
fn passages_out(
    edges: &RecordBatch,
    names: &[&str],
    from: &[String],
    passages: &Int64Array,
) -> Result<Int64Array> {
    let dimensions = names.iter().map(|name| crate::rows::texts(edges, name)).collect::<Result<Vec<_>>>()?;
    let key = |row: usize| -> Vec<Option<&str>> {
        let node = from.get(row).map(String::as_str);
        dimensions.iter().map(|values| values.get(row).and_then(Option::as_deref)).chain([node]).collect()
    };
    let mut sums: HashMap<Vec<Option<&str>>, i64> = HashMap::new();
    for row in 0..edges.num_rows() {
        *sums.entry(key(row)).or_default() += passages.value(row);
    }
    Ok((0..edges.num_rows()).map(|row| sums.get(&key(row)).copied()).collect())
}

/// The start of a run, for people.
const START: &str = "START";

/// All steps that do not stand for themselves, for people.
const OTHER: &str = "other";

/// What stands before the state that a run ends in, for people.
const END: &str = "END ";

/// Steps to keep, as the function of transitions takes them.
pub(super) fn kept_text<S: AsRef<str>>(steps: &[S]) -> Result<String> {
    let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&steps).map_err(|cause| Error::internal("no list of steps").because(cause))
}

/// The node that people know by this name, where these steps stand for themselves, or all.
pub(super) fn node(shown: &str, kept: Option<&[String]>) -> String {
    let is_kept = kept.is_none_or(|kept| kept.iter().any(|step| step == shown));
    match shown.strip_prefix(END) {
        _ if shown == START => START_NODE.to_string(),
        _ if shown == OTHER && !is_kept => OTHER_NODE.to_string(),
        Some(state) if RunState::from_word(state).is_some() => format!("{END_NODE}{state}"),
        _ => format!("{STEP_NODE}{shown}"),
    }
}

/// A node for people.
fn shown(node: &str) -> String {
    let mut characters = node.chars();
    match characters.next() {
        Some(START_NODE) => START.to_owned(),
        Some(END_NODE) => format!("{END}{}", characters.as_str()),
        Some(STEP_NODE) => characters.as_str().to_owned(),
        _ => OTHER.to_owned(),
    }
}

/// What a node is, so that a step of the same name is not taken for it.
fn kind(node: &str) -> &'static str {
    match node.chars().next() {
        Some(START_NODE) => "start",
        Some(END_NODE) => "end",
        Some(OTHER_NODE) => "other",
        _ => "step",
    }
}

/// Whole sequences of steps, most frequent first.
async fn variants(question: &Question<'_>) -> Result<Answer> {
    let dimensions = cells::with_journey(question);
    let names: Vec<String> = cells::names(&dimensions).into_iter().map(quoted).collect();
    let names = names.join(", ");
    let query = format!(
        "WITH cells AS (
           SELECT {names}, step_sequence(path) AS steps, count(*) AS invocations,
             count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
             count(*) FILTER (WHERE state <> 'open') AS decided,
             time_summary(duration_ms) AS times
           FROM runs GROUP BY {names}, step_sequence(path))
         SELECT * EXCEPT (times), times[1] AS times FROM cells ORDER BY invocations DESC, {names}, steps"
    );
    let found = collect(question.sql(&query).await?).await?;
    let top = Top::of(found.num_rows(), question.scope.limit.unwrap_or(VARIANTS_DEFAULT));
    let mut rows = Rows::default();
    for (index, name) in cells::names(&dimensions).into_iter().enumerate() {
        top.name(&mut rows, name, column(&found, name)?, index == 0)?;
    }
    let sequences = words(&found, "steps")?;
    let sequences = sequences.iter().map(|text| sequence(text)).collect::<Result<Vec<_>>>()?;
    let lengths: Int64Array = sequences.iter().map(|steps| i64::try_from(steps.len()).ok()).collect();
    let ways: StringArray = sequences.iter().map(|steps| Some(way(steps))).collect();
    let whole: ArrayRef = Arc::new(ways);
    rows.add("steps", top.heads(&whole)?);
    let lengths: ArrayRef = Arc::new(lengths);
    rows.add("attempts", top.heads(&lengths)?);
    let count = |name| Ok::<_, Error>(top.counts(&integers(&found, name)?));
    let (invocations, succeeded, decided) = (count("invocations")?, count("succeeded")?, count("decided")?);
    let total: i64 = invocations.iter().flatten().sum();
    rows.count("invocations", invocations.clone());
    rows.rate("share_of_invocations", &invocations, &Int64Array::from(vec![total; invocations.len()]));
    rows.rate("success_rate_of_started", &succeeded, &decided);
    rows.add("median_duration_ms", top.heads(field(&found, "times", "p50")?)?);
    top.mark(&mut rows);
    let mut answer = Answer::new("Paths: the ways that runs take", rows.finish()?);
    if found.num_rows() > 0 {
        answer.notes.push(format!("{} in all", counted(found.num_rows(), "way")));
    }
    Ok(answer)
}

/// The steps of a way, from what `step_sequence` gives.
pub(super) fn sequence(text: &str) -> Result<Vec<String>> {
    serde_json::from_str(text).map_err(|cause| Error::internal("no list of steps").because(cause))
}

/// A way for people.
pub(super) fn way(steps: &[String]) -> String {
    steps.iter().map(|step| step_text(step)).collect::<Vec<_>>().join(" → ")
}

//! `overview`: the vendor's four numbers under its names, and what its page cannot show.

use std::sync::Arc;

use arrow::array::{AsArray as _, BooleanArray, Int64Array, RecordBatch};

use crate::Result;
use crate::error::of_datafusion;
use crate::functions::{INTERVALS, OUTCOMES, interval_label};
use crate::question::Question;
use crate::rows::{Rows, collect, field, integers, texts};
use crate::runs::{is_explained, is_silent};

use super::{Answer, empty};

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    let silent = is_silent(&question.store.settings(), question.as_of_us)?;
    let runs = question.split(question.runs(&[])?)?;
    let runs =
        runs.with_column("silent", silent).and_then(|runs| runs.with_column("explained", is_explained()));
    question.register("runs", runs.map_err(|cause| of_datafusion("cannot plan the outcomes", cause))?)?;
    let query = format!(
        "WITH cells AS (
           SELECT {names} outcomes(terminal, silent, explained, duration_ms) AS outcomes FROM runs {grouped})
         SELECT {names} {counts}, outcomes['durations'] AS durations
         FROM cells WHERE outcomes['started'] > 0 {ordered}",
        names = question.names_then_comma(),
        counts = OUTCOMES.map(|name| format!("outcomes['{name}'] AS {name}")).join(", "),
        grouped = question.grouped_by(&[]),
        ordered = order_by(question),
    );
    let cells = collect(question.sql(&query).await?).await?;
    let count = |name| integers(&cells, name);
    let (succeeded, failed) = (count("succeeded")?, count("failed")?);
    let ended = sum(&succeeded, &failed);
    let mut rows = Rows::default();
    rows.take(&cells, &question.dimension_names())?;
    rows.count("total_invocations", ended.clone());
    rows.mean("average_duration_ms", field(&cells, "durations", "sum")?.as_primitive(), &ended);
    rows.rate("completion_rate", &succeeded, &ended);
    rows.rate("error_rate", &failed, &ended);
    // Every run is one of the five after `started`.
    for name in ["started", "succeeded", "rejected", "error", "abandoned", "open"] {
        rows.count(name, count(name)?);
    }
    rows.rate("success_rate_of_started", &succeeded, &sum(&ended, &count("abandoned")?));
    rows.count("failed", failed);
    rows.percentiles(&cells, "durations", |level| format!("{level}_duration_ms"))?;
    let immature = immature(question, &cells, &count("open")?)?;
    let unfinished = immature.iter().flatten().filter(|immature| **immature).count();
    if !immature.is_empty() {
        rows.add("immature", Arc::new(immature.into_iter().collect::<BooleanArray>()));
    }
    let mut answer = Answer::new("Journeys: how runs ended", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    if unfinished > 0 {
        answer.notes.push(
            "immature: the interval is not over, or runs of it are still open; its rates may move".to_owned(),
        );
    }
    Ok(answer.limited(question.scope.limit))
}

/// For each row whether its interval of entry is not over at the as-of time or has open runs; nothing for rows that are
/// not split by time.
fn immature(question: &Question<'_>, cells: &RecordBatch, open: &Int64Array) -> Result<Vec<Option<bool>>> {
    let mut marks = Vec::new();
    for interval in question.dimension_names().into_iter().filter(|name| INTERVALS.contains(name)) {
        let present = interval_label(question.as_of_us, interval, question.zone);
        let labels = texts(cells, interval)?;
        marks.resize(labels.len(), Some(false));
        for ((mark, label), open) in marks.iter_mut().zip(labels).zip(open) {
            // Labels are sorted as instants are.
            let unfinished = label >= present || open.unwrap_or_default() > 0;
            *mark = Some(mark.unwrap_or_default() || unfinished);
        }
    }
    Ok(marks)
}

fn sum(left: &Int64Array, right: &Int64Array) -> Int64Array {
    left.iter()
        .zip(right)
        .map(|(left, right)| Some(left.unwrap_or_default() + right.unwrap_or_default()))
        .collect()
}

/// `ORDER BY` for the dimensions, nulls last.
pub(super) fn order_by(question: &Question<'_>) -> String {
    let names: Vec<String> =
        question.dimension_names().iter().map(|name| crate::question::quoted(name)).collect();
    if names.is_empty() { String::new() } else { format!("ORDER BY {}", names.join(", ")) }
}

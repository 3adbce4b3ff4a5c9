//! `durations`: how long runs take, by how they ended: percentiles, or a histogram.

use std::sync::Arc;

use arrow::array::{AsArray as _, Int64Array};

use crate::Result;
use crate::functions::{MEDIAN_BOUNDS, PERCENTILES};
use crate::question::{Question, quoted};
use crate::rows::{Rows, collect, field, integers};
use crate::spec::{DurationsSpec, DurationsView};

use super::{Answer, empty};

/// Where the bins of the histogram begin, in milliseconds: from round number to round number of the unit that people
/// would use. The same for all data, so that histograms can be laid side by side.
const BINS_MS: [i64; 43] = [
    0,
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    1_200_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    28_800_000,
    43_200_000,
    86_400_000,
    2 * 86_400_000,
    3 * 86_400_000,
    5 * 86_400_000,
    7 * 86_400_000,
    10 * 86_400_000,
    14 * 86_400_000,
    21 * 86_400_000,
    30 * 86_400_000,
    45 * 86_400_000,
    60 * 86_400_000,
    90 * 86_400_000,
    120 * 86_400_000,
    180 * 86_400_000,
    270 * 86_400_000,
    365 * 86_400_000,
];

pub(super) async fn rows(question: &Question<'_>, spec: &DurationsSpec) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let mut answer = match spec.show {
        DurationsView::Percentiles => percentiles(question).await?,
        DurationsView::Histogram => histogram(question).await?,
    };
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    if answer.batch.num_rows() > 0 {
        answer.notes.push("runs without an end have no duration".to_owned());
    }
    Ok(answer.limited(question.scope.limit))
}

/// The dimensions and the state, each once.
fn keys<'a>(question: &'a Question<'_>) -> Vec<&'a str> {
    let mut names = question.dimension_names();
    if !names.contains(&"state") {
        names.push("state");
    }
    names
}

async fn percentiles(question: &Question<'_>) -> Result<Answer> {
    let names = keys(question);
    let list = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let query = format!(
        "WITH cells AS (
           SELECT {list}, count(*) AS runs, time_summary(duration_ms) AS times FROM runs
           WHERE duration_ms IS NOT NULL GROUP BY {list})
         SELECT {list}, runs, times[1] AS times FROM cells ORDER BY {list}"
    );
    let found = collect(question.sql(&query).await?).await?;
    let mut rows = Rows::default();
    rows.take(&found, &names)?;
    let runs = integers(&found, "runs")?;
    let sums: Int64Array = field(&found, "times", "sum")?.as_primitive().clone();
    rows.count("runs", runs.clone());
    rows.add("shortest_ms", Arc::clone(field(&found, "times", "min")?));
    rows.mean("average_ms", &sums, &runs);
    for (level, _) in PERCENTILES {
        let name = if level == "p50" { "median" } else { level };
        rows.add(&format!("{name}_ms"), Arc::clone(field(&found, "times", level)?));
    }
    rows.add("longest_ms", Arc::clone(field(&found, "times", "max")?));
    for (name, bound) in ["median_from_ms", "median_to_ms"].into_iter().zip(MEDIAN_BOUNDS) {
        rows.add(name, Arc::clone(field(&found, "times", bound)?));
    }
    Ok(Answer::new("Durations: how long runs take", rows.finish()?))
}

async fn histogram(question: &Question<'_>) -> Result<Answer> {
    let names = keys(question);
    let list = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    // Bin 0 is for runs that end before they start; it has no beginning.
    let case = |(bin, begin): (usize, &i64)| format!("WHEN duration_ms < {begin} THEN {bin}");
    let cases = BINS_MS.iter().enumerate().map(case).collect::<Vec<_>>().join(" ");
    let query = format!(
        "WITH binned AS (
           SELECT *, CASE {cases} ELSE {last} END AS bin FROM runs WHERE duration_ms IS NOT NULL),
         cells AS (SELECT {list}, bin, count(*) AS runs FROM binned GROUP BY {list}, bin)
         SELECT *, sum(runs) OVER (PARTITION BY {list}) AS whole,
           sum(runs) OVER (PARTITION BY {list} ORDER BY bin ROWS UNBOUNDED PRECEDING) AS up_to
         FROM cells ORDER BY {list}, bin",
        last = BINS_MS.len(),
    );
    let found = collect(question.sql(&query).await?).await?;
    let mut rows = Rows::default();
    rows.take(&found, &names)?;
    let bins = integers(&found, "bin")?;
    let bound = |bin: Option<i64>, back: usize| -> Option<i64> {
        BINS_MS.get(usize::try_from(bin?).ok()?.checked_sub(back)?).copied()
    };
    rows.count("from_ms", bins.iter().map(|bin| bound(bin, 1)).collect());
    rows.count("to_ms", bins.iter().map(|bin| bound(bin, 0)).collect());
    let (runs, whole) = (integers(&found, "runs")?, integers(&found, "whole")?);
    rows.count("runs", runs.clone());
    rows.rate("share_of_runs", &runs, &whole);
    rows.rate("share_up_to", &integers(&found, "up_to")?, &whole);
    Ok(Answer::new("Durations: how many runs take how long", rows.finish()?))
}

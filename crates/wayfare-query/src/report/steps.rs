//! `steps`: for each step of each journey, who reached it, who completed it, and what became of the others.

use crate::Result;
use crate::functions::STEP_COUNTS;
use crate::question::Question;
use crate::rows::{Direction, Rows, integers, sorted};

use super::{Answer, cells, empty};

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let dimensions = cells::with_journey(question);
    let [durations, waits] =
        ["_duration_ms", "_wait_ms"].map(|ending| question.wants(|column| column.ends_with(ending)));
    let (call, times): (_, &[&str]) = match (durations, waits) {
        (_, true) => ("step_summary(path, offsets, state)", &["duration", "wait"]),
        (true, false) => ("step_summary_without_waits(path, offsets, state)", &["duration"]),
        (false, false) => ("step_summary_without_waits(path, state)", &[]),
    };
    let fields = [&["step_id"], STEP_COUNTS.as_slice(), times].concat();
    let found = cells::unnested(question, "runs", &dimensions, call, &fields).await?;
    let dimensions = cells::names(&dimensions);
    let mut order: Vec<_> = dimensions.iter().map(|&name| (name, Direction::Ascending)).collect();
    order.extend([("reached", Direction::Descending), ("step_id", Direction::Ascending)]);
    let cells = sorted(&found, &order)?;
    let mut rows = Rows::default();
    rows.take(&cells, &dimensions)?;
    rows.take(&cells, &["step_id"])?;
    let reached = integers(&cells, "reached")?;
    // The completed and the four after the rate are all that reached the step.
    rows.count("reached", reached.clone());
    rows.count("completed", integers(&cells, "completed")?);
    rows.rate("completion_rate", &integers(&cells, "completed")?, &reached);
    for name in [
        "failed_here",
        "abandoned_here",
        "open_here",
        "moved_on",
        "first_try_completed",
        "attempts",
        "retries",
        "failed",
    ] {
        rows.count(name, integers(&cells, name)?);
    }
    for of in times {
        rows.percentiles(&cells, of, |level| format!("{level}_{of}_ms"))?;
    }
    let mut answer = Answer::new("Steps: who reached them and what became of it", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    Ok(answer.limited(question.scope.limit))
}

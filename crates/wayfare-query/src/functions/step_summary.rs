//! `step_summary(path, offsets, state)`: for every step that runs reached, what became of it and how long it took, and
//! `step_summary_without_waits`, the same without the times between steps.

use super::keyed_summary::{Alike, Facts};
use super::outline::{CellsByNumbers, Sketch};
use crate::Result;
use crate::attempts::{End, NotCompleted, RunSteps};

/// The counts of a step, in column order.
pub(crate) const STEP_COUNTS: [&str; 10] = [
    "reached",
    "attempts",
    "retries",
    "completed",
    "failed",
    "first_try_completed",
    "failed_here",
    "abandoned_here",
    "open_here",
    "moved_on",
];

/// One fact a step. Durations are those of attempts that completed, waits those before attempts, which can be left out.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct StepSummary<const WAITS: bool>;

impl<const WAITS: bool> Facts for StepSummary<WAITS> {
    const NAME: &'static str = if WAITS { "step_summary" } else { "step_summary_without_waits" };
    const KEYS: &'static [&'static str] = &["step_id"];
    const COUNTS: &'static [&'static str] = &STEP_COUNTS;
    const TIMES: &'static [&'static str] = if WAITS { &["duration", "wait"] } else { &["duration"] };
    type Buffers = (RunSteps, CellsByNumbers);

    fn draw(
        runs: Alike<'_>,
        (steps, cells): &mut (RunSteps, CellsByNumbers),
        sketch: &mut Sketch<'_>,
    ) -> Result<()> {
        steps.read(runs.path, runs.lexicon)?;
        cells.at_epoch(steps.epoch());
        steps.for_each_step(runs.state, |facts| {
            let attempts = u32::try_from(facts.attempts).unwrap_or(u32::MAX);
            let class = |class| u32::from(facts.not_completed == Some(class));
            let counts = [
                1,
                attempts,
                attempts - 1,
                facts.completed.into(),
                facts.failed.into(),
                facts.first_try_completed.into(),
                class(NotCompleted::FailedHere),
                class(NotCompleted::AbandonedHere),
                class(NotCompleted::OpenHere),
                class(NotCompleted::MovedOn),
            ];
            let cell = cells.get((facts.name, 0), || sketch.number(facts.step, ""));
            let (mut cell, _) = sketch.at_number(cell);
            counts.into_iter().enumerate().for_each(|(position, count)| cell.count(position, count));
        });
        steps.for_each_attempt(|attempt| {
            // steps come in the order of their places
            let mut cell = sketch.again(attempt.place);
            if let (Some(from), Some(to), End::Completed) = (attempt.started, attempt.ended, attempt.end) {
                cell.time(0, from, to);
            }
            if let (true, Some(from), Some(to)) = (WAITS, attempt.waited_from, attempt.started) {
                cell.time(1, from, to);
            }
        });
        sketch.tokens(steps.tokens());
        Ok(())
    }
}

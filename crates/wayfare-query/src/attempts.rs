//! Attempts: the passages of a run through its steps, and what became of each step.
//!
//! A start opens an attempt of its step. A completion or failure closes the latest open attempt of the step
//! that was started strictly earlier, else one started at the same instant; without any it is an attempt of
//! its own, without a start. Starting a step anew leaves an older open attempt unfinished for good, once the
//! instant has passed: inside one instant nobody knows what came first.
//!
//! All of that is decided by the path alone, so [`RunSteps::read`] has to run once a distinct path; the times of a run
//! are differences of its offsets. Cost: linear in the tokens that a path does not share with the one read before.

mod class;
mod pairing;
mod pairs;

pub use class::{NotCompleted, RunState, StepFacts};
pub use pairing::RunSteps;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// With a completion.
    Completed,
    /// With a failure.
    Failed,
    /// Not at all.
    Unfinished,
}

/// One passage through a step. Moments are positions of tokens in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The step's place among the steps of the run, in the order of their first attempts.
    pub place: usize,
    /// The step's id.
    pub step: &'a str,
    /// The number of the step's id, which stays from run to run within one [`RunSteps::epoch`].
    pub name: u32,
    /// Its start; null for a completion without a start.
    pub started: Option<usize>,
    /// Its completion or failure.
    pub ended: Option<usize>,
    /// How it ended.
    pub end: End,
    /// The latest completion or failure of any step, at or before the start and not the attempt's own; null without
    /// a start or without such an end.
    pub waited_from: Option<usize>,
}

#[cfg(test)]
mod tests;

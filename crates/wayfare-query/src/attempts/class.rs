//! What became of a step in a run, without remainder.

use super::{End, RunSteps};

/// The state of a run at the as-of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// The journey ended well.
    Succeeded,
    /// The journey ended badly.
    Failed,
    /// No end, and silent for longer than the idle timeout.
    Abandoned,
    /// No end yet.
    Open,
}

impl RunState {
    /// Every state, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Abandoned, Self::Open];

    /// The word for it, as in the column `state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Open => "open",
        }
    }

    /// The state that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// Why a reached step was not completed; exactly one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotCompleted {
    /// Its last attempt failed, or the run failed while it was the last step attempted.
    FailedHere,
    /// The run was abandoned while it was the last step attempted.
    AbandonedHere,
    /// The run is open and it is the last step attempted.
    OpenHere,
    /// The run went on to another step, or succeeded, without it.
    MovedOn,
}

/// What one run says about one step that it reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepFacts<'a> {
    /// The step's id.
    pub step: &'a str,
    /// The number of the step's id, as of [`super::Attempt::name`].
    pub name: u32,
    /// Number of attempts, at least one; all but one are retries.
    pub attempts: usize,
    /// Whether some attempt completed.
    pub completed: bool,
    /// Whether some attempt failed.
    pub failed: bool,
    /// Whether the first attempt completed.
    pub first_try_completed: bool,
    /// Why no attempt completed; null where one did.
    pub not_completed: Option<NotCompleted>,
}

impl RunSteps {
    /// Hands out the facts of every step that the run reached, in the order of their first attempts.
    pub fn for_each_step<'s>(&'s self, state: RunState, mut each: impl FnMut(StepFacts<'s>)) {
        let last = self.last_attempted();
        for (index, step) in self.steps().iter().enumerate() {
            let completed = step.completed > 0;
            let not_completed = match (self.last_end(step), state) {
                _ if completed => None,
                (End::Failed, _) => Some(NotCompleted::FailedHere),
                _ if last != Some(index) => Some(NotCompleted::MovedOn),
                (_, RunState::Failed) => Some(NotCompleted::FailedHere),
                (_, RunState::Abandoned) => Some(NotCompleted::AbandonedHere),
                (_, RunState::Open) => Some(NotCompleted::OpenHere),
                (_, RunState::Succeeded) => Some(NotCompleted::MovedOn),
            };
            each(StepFacts {
                step: self.name(step),
                name: step.name,
                attempts: step.attempts,
                completed,
                failed: step.failed > 0,
                first_try_completed: self.first_end(step) == End::Completed,
                not_completed,
            });
        }
    }
}

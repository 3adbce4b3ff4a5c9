//! Runs: the events of one invocation, folded into one row.
//!
//! The order in which events arrive means nothing: they are put into the canonical order of the timeline,
//! events of a repeated id are counted once, brackets of sub-journeys are closed, the end is found, and a
//! failed run gets exactly one attribution. Cost: the sort, then linear.

mod blame;
mod event;

use crate::attempts::RunSteps;
use crate::timeline::Kind;

pub use event::RunEvent;
pub use wayfare_ingest::Role;

/// How a run ended, by the first terminal event outside all brackets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Terminal {
    /// The journey was completed successfully.
    Succeeded,
    /// The journey was completed unsuccessfully.
    Failed,
    /// The journey has not ended.
    #[default]
    None,
}

/// One run of a journey. Instants are UTC milliseconds; a run without events is all zeros and nulls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The first event.
    pub first_at: i64,
    /// The last event, those after the end included.
    pub last_at: i64,
    /// The first `journey started`, else the first event.
    pub started_at: i64,
    /// The terminal event.
    pub ended_at: Option<i64>,
    /// How the run ended.
    pub terminal: Terminal,
    /// Failed runs only: the step that the failure is attributed to; null where no step was seen.
    pub failing_step: Option<String>,
    /// Failed runs only: the code of the error that the failure is attributed to.
    pub error_code: Option<String>,
    /// Failed runs only: the category of the same error.
    pub error_category: Option<String>,
    /// Failed runs only: the message of the same error.
    pub error_message: Option<String>,
    /// Failed runs only: the external connection whose failing call explains the failure.
    pub connection_id: Option<String>,
    /// The step of the last event that carries one, up to the terminal event.
    pub last_step: Option<String>,
    /// Events, each id once.
    pub events: i64,
    /// Events left out because their id was there already.
    pub duplicates: i64,
    /// Step starts.
    pub steps_started: i64,
    /// Step completions.
    pub steps_completed: i64,
    /// Step failures.
    pub steps_failed: i64,
    /// Attempts beyond the first of each step.
    pub retries: i64,
    /// Calls to external connections.
    pub external_calls: i64,
    /// Calls to external connections that failed.
    pub external_failures: i64,
    /// The timeline, see [`crate::timeline`].
    pub path: String,
    /// Milliseconds from `first_at`, one a token of the path.
    pub offsets: Vec<i64>,
}

/// The events of a run that give it two of its instants, by their places in canonical order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The first `journey started`, else the first event.
    pub(crate) started: usize,
    /// The terminal event.
    pub(crate) ended: Option<usize>,
}

/// Folds the events of one run. `events` is left sorted and free of duplicates; `steps` are those of the run afterwards, and
/// may be those of another before.
pub fn finish(events: &mut Vec<RunEvent<'_>>, steps: &mut RunSteps) -> Run {
    let (mut path, mut times) = (String::new(), Vec::with_capacity(events.len()));
    let (mut run, _) = finish_with(events, steps, |token, event| {
        event.write_token(token.kind, token.tied, &mut path);
        times.push(event.at_ms);
    });
    run.path = path;
    run.offsets = times.into_iter().map(|at_ms| at_ms.saturating_sub(run.first_at)).collect();
    run
}

/// The token of an event in its run, but for what the event alone tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenOfRun {
    /// The place of the event in canonical order.
    pub(crate) place: usize,
    /// The kind: that of a terminal event depends on what is open.
    pub(crate) kind: Kind,
    /// Whether it is of the same instant as the one before.
    pub(crate) tied: bool,
}

/// The same but for timeline and offsets, of which `each` hears token by token; and where the run has its bounds.
pub(crate) fn finish_with<'a>(
    events: &mut Vec<RunEvent<'a>>,
    steps: &mut RunSteps,
    mut each: impl FnMut(TokenOfRun, &RunEvent<'a>),
) -> (Run, Bounds) {
    steps.clear();
    let duplicates = event::settle(events);
    let mut run = Run { duplicates, ..Run::default() };
    let mut bounds = Bounds::default();
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return (run, bounds) };
    run.first_at = first.at_ms;
    run.last_at = last.at_ms;
    let started = events.iter().position(|event| event.role == Role::JourneyStarted);
    bounds.started = started.unwrap_or_default();
    run.started_at = events.get(bounds.started).unwrap_or(first).at_ms;

    let mut open_brackets = 0_usize;
    let mut previous = None;
    for (place, event) in events.iter().enumerate() {
        let tied = previous.replace(event.at_ms) == Some(event.at_ms);
        let kind = bracketed(event.kind(), &mut open_brackets);
        each(TokenOfRun { place, kind, tied }, event);
        run.count(kind);
        steps.push(kind, event.name(), tied);
        let ended = run.ended_at.is_some();
        if !ended && matches!(kind, Kind::JourneySucceeded | Kind::JourneyFailed) {
            let until = events.get(..=place).unwrap_or_default();
            run.end(kind, until, steps);
            bounds.ended = Some(place);
        }
    }
    if run.ended_at.is_none() {
        run.last_step = blame::last_step(events).map(str::to_owned);
    }
    run.retries = i64::try_from(steps.retries()).unwrap_or(i64::MAX);
    (run, bounds)
}

/// A terminal event closes the innermost open bracket; only outside all brackets does it end the journey.
fn bracketed(kind: Kind, open_brackets: &mut usize) -> Kind {
    let within = match kind {
        Kind::SubJourneyStarted => {
            *open_brackets += 1;
            return kind;
        }
        Kind::JourneySucceeded => Kind::SubJourneySucceeded,
        Kind::JourneyFailed => Kind::SubJourneyFailed,
        _ => return kind,
    };
    match open_brackets.checked_sub(1) {
        Some(left) => {
            *open_brackets = left;
            within
        }
        None => kind,
    }
}

impl Run {
    fn count(&mut self, kind: Kind) {
        self.events += 1;
        match kind {
            Kind::StepStarted => self.steps_started += 1,
            Kind::StepCompleted => self.steps_completed += 1,
            Kind::StepFailed => self.steps_failed += 1,
            Kind::CallSucceeded => self.external_calls += 1,
            Kind::CallFailed => {
                self.external_calls += 1;
                self.external_failures += 1;
            }
            _ => {}
        }
    }

    /// Notes the end of the run, the last of `events`; what follows it changes no attribution.
    fn end(&mut self, kind: Kind, events: &[RunEvent<'_>], steps: &RunSteps) {
        let Some(terminal) = events.last() else { return };
        self.ended_at = Some(terminal.at_ms);
        self.last_step = blame::last_step(events).map(str::to_owned);
        if kind == Kind::JourneySucceeded {
            self.terminal = Terminal::Succeeded;
            return;
        }
        self.terminal = Terminal::Failed;
        let blame = blame::attribute(terminal, events, steps);
        self.failing_step = blame.step.map(str::to_owned);
        self.error_code = blame.error_code.map(std::borrow::Cow::into_owned);
        self.error_category = blame.error_category.map(str::to_owned);
        self.error_message = blame.error_message.map(str::to_owned);
        self.connection_id = blame.connection_id.map(str::to_owned);
    }
}

#[cfg(test)]
mod tests;

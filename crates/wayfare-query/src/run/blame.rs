//! Attribution: exactly one failing step and error for a failed run.

use std::borrow::Cow;

use super::event::RunEvent;
use crate::attempts::{End, RunSteps};
use crate::timeline::Kind;

/// What a failure is attributed to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blame<'a> {
    pub(super) step: Option<&'a str>,
    pub(super) error_code: Option<Cow<'a, str>>,
    pub(super) error_category: Option<&'a str>,
    pub(super) error_message: Option<&'a str>,
    pub(super) connection_id: Option<&'a str>,
}

/// The step of the last event that carries one.
pub(super) fn last_step<'a>(events: &[RunEvent<'a>]) -> Option<&'a str> {
    events.iter().rev().find_map(RunEvent::step)
}

/// Attributes the failure of a run: its events up to the terminal one, and their attempts.
///
/// Step: the terminal event's own, else that of the last failed attempt, else the last step started and not
/// ended, else the last step seen. Error, as one unit: the first of the terminal event, the step's failing
/// event and the last failing call since the start of the step's last attempt that has a code or a category.
pub(super) fn attribute<'a: 's, 's>(
    terminal: &RunEvent<'a>,
    events: &[RunEvent<'a>],
    steps: &'s RunSteps,
) -> Blame<'s> {
    let failed = events.iter().rev().find(|event| event.kind() == Kind::StepFailed);
    let step = terminal.step();
    let step = step.or_else(|| failed.and_then(RunEvent::step));
    let step = step.or_else(|| steps.last_unfinished()).or_else(|| last_step(events));

    let attempt = step.and_then(|step| steps.last_attempt_of(step));
    let failure = if terminal.step().is_some() {
        let attempt = attempt.filter(|attempt| attempt.end == End::Failed);
        attempt.and_then(|attempt| events.get(attempt.ended?))
    } else {
        failed
    };
    let since = match (step, attempt) {
        (None, _) => 0,
        (_, Some(attempt)) => match (attempt.start, attempt.ended) {
            (Some(start), _) => start.token,
            (None, ended) => after_last_end(events.get(..ended.unwrap_or(0))),
        },
        (_, None) => after_last_end(Some(events)),
    };
    let calls = events.get(since..).unwrap_or_default();
    let call = calls.iter().rev().find(|event| event.kind() == Kind::CallFailed);

    let chain = [Some(terminal), failure, call];
    let mut suspects = chain.into_iter().flatten();
    let has_error = |event: &&RunEvent<'a>| event.error().is_some() || event.category().is_some();
    let culprit = suspects.clone().find(has_error);
    Blame {
        step,
        error_code: culprit.and_then(RunEvent::error),
        error_category: culprit.and_then(RunEvent::category),
        error_message: match culprit {
            Some(culprit) => culprit.message(),
            None => suspects.find_map(RunEvent::message),
        },
        connection_id: culprit.and_then(RunEvent::connection).or_else(|| call.and_then(RunEvent::connection)),
    }
}

/// Where an attempt without a start begins: after the last end of any step.
fn after_last_end(events: Option<&[RunEvent<'_>]>) -> usize {
    let last = events.unwrap_or_default().iter().rposition(|event| event.kind().ends_step());
    last.map_or(0, |last| last + 1)
}

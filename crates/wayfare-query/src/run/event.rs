//! An event as the fold sees it, and the canonical order of events.

use std::borrow::Cow;
use std::cmp::Ordering;

use wayfare_ingest::Role;

use crate::timeline::{Kind, push};

/// One event of a run. Empty texts count as absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunEvent<'a> {
    /// Identity: an event of the same id counts once.
    pub id: u128,
    /// When it happened, UTC milliseconds.
    pub at_ms: i64,
    /// What it means.
    pub role: Role,
    /// The activity as stored.
    pub activity: &'a str,
    /// The step it belongs to.
    pub step_id: Option<&'a str>,
    /// `success`, `failure` or another word.
    pub outcome: Option<&'a str>,
    /// Code of the error it reports.
    pub error_code: Option<&'a str>,
    /// Category of that error.
    pub error_category: Option<&'a str>,
    /// Message of that error.
    pub error_message: Option<&'a str>,
    /// The external connection it called.
    pub connection_id: Option<&'a str>,
    /// Its journey; of a started sub-journey the sub-journey's own id.
    pub journey_id: Option<&'a str>,
    /// HTTP status of the call.
    pub http_status: Option<i64>,
    /// Answers to predicates that the timeline does not hold, one bit a predicate.
    pub marks: u64,
}

/// The lowest HTTP status that stands for a failed call.
const HTTP_FAILURE_MIN: i64 = 400;

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

impl<'a> RunEvent<'a> {
    pub(super) fn step(&self) -> Option<&'a str> {
        present(self.step_id)
    }

    pub(super) fn category(&self) -> Option<&'a str> {
        present(self.error_category)
    }

    pub(super) fn message(&self) -> Option<&'a str> {
        present(self.error_message)
    }

    pub(super) fn connection(&self) -> Option<&'a str> {
        present(self.connection_id)
    }

    fn failed(&self) -> bool {
        self.outcome == Some("failure") || present(self.error_code).is_some()
    }

    /// The kind of its token, with terminal events taken as the journey's own.
    pub(super) fn kind(&self) -> Kind {
        match self.role {
            Role::JourneyStarted => Kind::JourneyStarted,
            Role::SubJourneyStarted => Kind::SubJourneyStarted,
            Role::JourneySucceeded => Kind::JourneySucceeded,
            Role::JourneyFailed => Kind::JourneyFailed,
            Role::StepStarted => Kind::StepStarted,
            Role::StepCompleted if self.failed() => Kind::StepFailed,
            Role::StepCompleted => Kind::StepCompleted,
            Role::CustomEvent => Kind::Custom,
            Role::ExternalCall => {
                let refused = self.http_status.is_some_and(|status| status >= HTTP_FAILURE_MIN);
                if refused || self.failed() { Kind::CallFailed } else { Kind::CallSucceeded }
            }
            Role::Other => Kind::Other,
        }
    }

    /// The name of its token.
    pub(super) fn name(&self) -> &'a str {
        let name = match self.role {
            Role::JourneyStarted => None,
            Role::SubJourneyStarted => self.journey_id,
            Role::CustomEvent => Some(self.step().unwrap_or(self.activity)),
            Role::ExternalCall => self.connection_id,
            Role::Other => Some(self.activity),
            _ => self.step_id,
        };
        name.unwrap_or_default()
    }

    /// The detail of its token.
    pub(super) fn detail(&self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::StepCompleted => {
                present(self.outcome).filter(|outcome| *outcome != "success").map(Cow::Borrowed)
            }
            Kind::StepFailed | Kind::JourneyFailed | Kind::CallFailed => self.error(),
            _ => None,
        }
    }

    /// Appends its token to a path.
    pub(crate) fn write_token(&self, kind: Kind, tied: bool, path: &mut String) {
        push(path, kind, self.name(), self.detail().as_deref(), self.marks, tied);
    }

    /// The code of the error it reports: for a failed call without one, its HTTP status.
    pub(super) fn error(&self) -> Option<Cow<'a, str>> {
        let status = || self.http_status.filter(|_| self.role == Role::ExternalCall);
        let code = present(self.error_code).map(Cow::Borrowed);
        code.or_else(|| status().map(|status| Cow::Owned(status.to_string())))
    }

    /// Time, kind, name, detail, id; then every field, so that nothing is left to the order of arrival.
    pub(crate) fn canonical(&self, other: &Self) -> Ordering {
        (self.at_ms.cmp(&other.at_ms))
            .then_with(|| self.kind().cmp(&other.kind()))
            .then_with(|| self.name().cmp(other.name()))
            .then_with(|| self.detail().cmp(&other.detail()))
            .then_with(|| self.cmp(other))
    }
}

/// Puts events into canonical order, each id once, and counts those left out.
///
/// Of events that share an id and differ, the first in canonical order stays.
pub(super) fn settle(events: &mut Vec<RunEvent<'_>>) -> i64 {
    let before = events.len();
    events.sort_unstable_by(RunEvent::canonical);
    let mut ids: Vec<u128> = events.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| matches!(pair, [left, right] if left == right)) {
        events.sort_by_key(|event| event.id);
        events.dedup_by_key(|event| event.id);
        events.sort_unstable_by(RunEvent::canonical);
    }
    i64::try_from(before - events.len()).unwrap_or(i64::MAX)
}

//! The journey events by name.

use crate::timeline::Kind;

/// A journey event: its name without case and separators, and the kinds of its tokens.
struct JourneyEvent {
    folded: &'static str,
    /// Named as a step: the journey's own end, not that of a sub-journey.
    as_step: &'static [Kind],
    /// Named as an activity: every event of it.
    as_activity: &'static [Kind],
}

const JOURNEY_EVENTS: [JourneyEvent; 8] = [
    one("journeystarted", &[Kind::JourneyStarted]),
    JourneyEvent {
        folded: "journeycompletedsuccessfully",
        as_step: &[Kind::JourneySucceeded],
        as_activity: &[Kind::JourneySucceeded, Kind::SubJourneySucceeded],
    },
    JourneyEvent {
        folded: "journeycompletedunsuccessfully",
        as_step: &[Kind::JourneyFailed],
        as_activity: &[Kind::JourneyFailed, Kind::SubJourneyFailed],
    },
    one("subjourneystarted", &[Kind::SubJourneyStarted]),
    one("stepstarted", &[Kind::StepStarted]),
    one("stepcompleted", &[Kind::StepCompleted, Kind::StepFailed]),
    one("customevent", &[Kind::Custom]),
    one("externalconnectioncall", &[Kind::CallSucceeded, Kind::CallFailed]),
];

const fn one(folded: &'static str, kinds: &'static [Kind]) -> JourneyEvent {
    JourneyEvent { folded, as_step: kinds, as_activity: kinds }
}

fn find(name: &str) -> Option<&'static JourneyEvent> {
    let letters = name.chars().filter(|letter| !matches!(letter, ' ' | '_' | '-'));
    let folded: String = letters.flat_map(char::to_lowercase).collect();
    JOURNEY_EVENTS.iter().find(|event| event.folded == folded)
}

/// The kinds of the journey event that a step is named after.
pub(super) fn kinds_as_step(name: &str) -> Option<&'static [Kind]> {
    find(name).map(|event| event.as_step)
}

/// The kinds of the journey event that an activity is.
pub(super) fn kinds_as_activity(name: &str) -> Option<&'static [Kind]> {
    find(name).map(|event| event.as_activity)
}

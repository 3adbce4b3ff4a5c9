//! Which events served the steps of an attempt.
//!
//! An attempt knows the instants of its matches. Inside an instant the events are given to its steps as the automaton
//! gave them: distinct ones by assignment, in their order where that decides, the first that fits where one may serve
//! several.

use super::assignment::Assignment;
use super::definition::{Definition, bit};
use super::outcome::{Attempt, Match};
use super::unordered::Filled;
use super::{EventReuse, FunnelEvent, Order, Ties};

/// The steps that an event may serve in an attempt, which may hold a value that it does not have.
pub(super) fn steps_in(asked: &Definition, attempt: &Attempt, event: &FunnelEvent) -> u64 {
    if event.held == attempt.held { event.steps } else { event.steps & !asked.hold }
}

/// For each match of an attempt the place of the event that serves it.
pub(super) fn places(asked: &Definition, events: &[FunnelEvent], attempt: &Attempt) -> Vec<usize> {
    if asked.order == Order::Unordered {
        return filled(asked, events, attempt);
    }
    let mut places = Vec::with_capacity(attempt.matches.len());
    let mut rest = attempt.matches.as_slice();
    while let Some(first) = rest.first() {
        let now = rest.iter().take_while(|matched| matched.at_ms == first.at_ms).count();
        let (now, later) = rest.split_at_checked(now).unwrap_or((rest, &[]));
        let begin = events.partition_point(|event| event.at_ms < first.at_ms);
        let end = events.partition_point(|event| event.at_ms <= first.at_ms);
        let instant: Vec<FunnelEvent> = events.get(begin..end).unwrap_or_default().to_vec();
        let instant: Vec<FunnelEvent> = instant
            .into_iter()
            .map(|event| FunnelEvent { steps: steps_in(asked, attempt, &event), ..event })
            .collect();
        let entry = attempt.entry.checked_sub(begin).filter(|entry| *entry < instant.len());
        let served = match asked.event_reuse {
            EventReuse::Once if asked.ties != Ties::Arrival => assigned(asked, &instant, entry, now),
            reuse => in_a_row(asked, reuse, &instant, entry, now),
        };
        places.extend(served.into_iter().map(|place| begin + place));
        rest = later;
    }
    places
}

/// Distinct events of one instant, whatever their order; the entry opens the attempt if the others can do without it.
fn assigned(
    asked: &Definition,
    instant: &[FunnelEvent],
    entry: Option<usize>,
    matches: &[Match],
) -> Vec<usize> {
    let mut assignment = Assignment::new(asked.steps);
    assignment.load(instant);
    let entry = entry.filter(|_| matches.iter().any(|matched| matched.step == 0));
    for pinned in [entry, None] {
        assignment.clear();
        let fixed = assignment.pin(pinned);
        let mut steps = matches.iter().map(|matched| matched.step).filter(|step| fixed & bit(*step) == 0);
        if steps.all(|step| assignment.assign(step, fixed)) {
            break;
        }
    }
    matches.iter().filter_map(|matched| assignment.event_of(matched.step)).collect()
}

/// The first events that fit, each not before the one that served the step before where their order counts.
fn in_a_row(
    asked: &Definition,
    reuse: EventReuse,
    instant: &[FunnelEvent],
    entry: Option<usize>,
    matches: &[Match],
) -> Vec<usize> {
    let mut from = 0;
    let mut places = Vec::with_capacity(matches.len());
    for matched in matches {
        let fits =
            |place: &usize| instant.get(*place).is_some_and(|event| event.steps & bit(matched.step) != 0);
        let place = match entry.filter(|_| matched.step == 0) {
            Some(entry) => Some(entry),
            None => (from..instant.len()).find(fits),
        };
        places.extend(place);
        if asked.ties == Ties::Arrival {
            from = place.map_or(from, |place| place + usize::from(reuse == EventReuse::Once));
        }
    }
    places
}

/// The events of an unordered attempt: its entry, then those that let one more step be filled.
fn filled(asked: &Definition, events: &[FunnelEvent], attempt: &Attempt) -> Vec<usize> {
    let mut filled = Filled::default();
    filled.clear(asked.steps);
    let mut places = Vec::with_capacity(attempt.matches.len());
    let begin = match asked.ties {
        Ties::Arrival => attempt.entry,
        _ => events.partition_point(|event| event.at_ms < attempt.entry_ms),
    };
    let others = (begin..events.len()).filter(|place| *place != attempt.entry);
    for place in std::iter::once(attempt.entry).chain(others) {
        let (Some(event), Some(next)) = (events.get(place), attempt.matches.get(places.len())) else { break };
        if event.at_ms == next.at_ms {
            let more = filled.take(asked, steps_in(asked, attempt, event));
            places.extend(std::iter::repeat_n(place, more));
        }
    }
    places
}

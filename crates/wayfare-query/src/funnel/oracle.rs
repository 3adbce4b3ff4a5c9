//! The funnel as its definition says it, slowly: every entry, every order of the events of one instant, every
//! choice of optional steps, and then the earliest event for each step.

use super::{Definition, EntryPolicy, EventReuse, FunnelEvent, Match, Outcome, Ties};

/// The most steps that the slow way is asked for.
const STEPS: usize = 4;

/// An event for one step: where events may serve several, each is as many events.
#[derive(Debug, Clone, Copy)]
struct Event {
    at_ms: i64,
    steps: u64,
    /// Its place in the stream.
    place: usize,
}

/// An attempt and the place of its last event.
#[derive(Debug, Clone, Default)]
struct Found {
    outcome: Outcome,
    last: usize,
}

pub(super) fn oracle(asked: &Definition, events: &[FunnelEvent]) -> Outcome {
    let mut list = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let event = Event { at_ms: event.at_ms, steps: event.steps, place };
        match asked.event_reuse {
            EventReuse::Once => list.push(event),
            EventReuse::Allowed => {
                let steps = (0..asked.steps).filter(|step| event.steps >> step & 1 == 1);
                list.extend(steps.map(|step| Event { steps: 1 << step, ..event }));
            }
        }
    }
    let mut best = Found::default();
    let mut rest = list.as_slice();
    loop {
        let Some(first) = rest.iter().find(|event| event.steps & 1 == 1).copied() else {
            return best.outcome;
        };
        let found = attempts(asked, rest);
        if better(&found, &best) {
            best.clone_from(&found);
        }
        if asked.entry_policy != EntryPolicy::Sequential {
            return best.outcome;
        }
        // The next attempt lies after the completion of this one or after its window.
        let complete = found.outcome.level == asked.steps;
        let end_ms = found.outcome.matches.last().unwrap().at_ms;
        let next = rest.iter().position(|event| match (complete, asked.ties) {
            (true, Ties::Arrival) => event.place > found.last,
            (true, _) => event.at_ms > end_ms,
            (false, _) => asked.window_ms.is_some_and(|window_ms| event.at_ms > first.at_ms + window_ms),
        });
        rest = &rest[next.unwrap_or(rest.len())..];
    }
}

fn better(left: &Found, right: &Found) -> bool {
    let key = |Found { outcome, .. }: &Found| {
        let last = outcome.matches.last().map(|matched| -matched.at_ms);
        (outcome.level, last, outcome.matches.first().map(|matched| matched.at_ms))
    };
    key(left) > key(right)
}

/// The best attempt over all allowed entries and all orders of ties.
fn attempts(asked: &Definition, events: &[Event]) -> Found {
    let first_ms = events.iter().find(|event| event.steps & 1 == 1).map(|event| event.at_ms);
    let mut best = Found::default();
    each_order(asked, events, &mut |order| {
        let entries = (0..order.len()).filter(|index| order[*index].steps & 1 == 1);
        for entry in entries {
            if asked.entry_policy != EntryPolicy::Any && Some(order[entry].at_ms) != first_ms {
                break;
            }
            let found = attempt(asked, order, entry);
            if better(&found, &best) || (!better(&best, &found) && within_attempt(&found, &best)) {
                best = found;
            }
        }
    });
    best
}

/// The best attempt of one entry in one order: with and without each optional step.
fn attempt(asked: &Definition, order: &[Event], entry: usize) -> Found {
    let optional = (1..asked.steps).filter(|step| asked.optional >> step & 1 == 1).collect::<Vec<_>>();
    let mut best = Found::default();
    for choice in 0..1_u32 << optional.len() {
        let skipped = |step| optional.iter().enumerate().any(|(n, o)| *o == step && choice >> n & 1 == 1);
        let steps: Vec<_> = (0..asked.steps).filter(|step| !skipped(*step)).collect();
        let found = greedy(asked, order, entry, &steps);
        if within_attempt(&found, &best) {
            best = found;
        }
    }
    best
}

/// Further, then earlier end, then more steps, then the earlier optional steps, then earlier matches.
fn within_attempt(left: &Found, right: &Found) -> bool {
    let key = |Found { outcome, .. }: &Found| {
        let times: Vec<_> = (0..STEPS).map(|step| outcome.at_ms(step).map(|at_ms| -at_ms)).collect();
        let there: Vec<_> = times.iter().map(Option::is_some).collect();
        let last = outcome.matches.last().map(|matched| -matched.at_ms);
        (outcome.level, last, outcome.matches.len(), there, times)
    };
    key(left) > key(right)
}

/// Each step takes the earliest event that may follow.
fn greedy(asked: &Definition, order: &[Event], entry: usize, steps: &[usize]) -> Found {
    let mut matches = vec![Match { step: 0, at_ms: order[entry].at_ms }];
    let mut next = entry + 1;
    for step in &steps[1..] {
        let before = matches.last().unwrap().at_ms;
        let found = (next..order.len()).find(|index| {
            let event = order[*index];
            let follows = asked.ties != Ties::StrictlyIncreasing || event.at_ms > before;
            let in_window =
                asked.window_ms.is_none_or(|window_ms| event.at_ms <= matches[0].at_ms + window_ms);
            event.steps >> step & 1 == 1 && follows && in_window
        });
        let Some(index) = found else { break };
        matches.push(Match { step: *step, at_ms: order[index].at_ms });
        next = index + 1;
    }
    let outcome = Outcome { level: matches.last().unwrap().step + 1, matches };
    Found { outcome, last: order[next - 1].place }
}

/// Calls `each` with every order that ties allow.
fn each_order(asked: &Definition, events: &[Event], each: &mut dyn FnMut(&[Event])) {
    if asked.ties != Ties::Any {
        return each(events);
    }
    permute(&mut events.to_vec(), 0, each);
}

/// Tries every event of the instant at `from`, then goes on with the rest.
fn permute(events: &mut Vec<Event>, from: usize, each: &mut dyn FnMut(&[Event])) {
    if from == events.len() {
        return each(events);
    }
    let mut tried = Vec::new();
    for index in from..events.len() {
        if events[index].at_ms != events[from].at_ms {
            break;
        }
        // Equal events in another order are the same order.
        if tried.contains(&events[index].steps) {
            continue;
        }
        tried.push(events[index].steps);
        events.swap(from, index);
        permute(events, from + 1, each);
        events.swap(from, index);
    }
}

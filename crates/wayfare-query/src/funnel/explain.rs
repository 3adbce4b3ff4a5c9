//! Why a unit has its level: what each of its events was to the attempt that is reported.
//!
//! Which attempts there are, how each ended and which one is reported, the automaton says. What is asked here is what a
//! single event was to that one attempt, by the rules that the automaton goes by: [`Definition::in_window`], `strict`,
//! the steps that may come next. Cost: linear in the events, and for each attempt told about once more in its matches.

use super::definition::{Definition, bit, bits, span};
use super::outcome::{Attempt, Ending, Outcome};
use super::places::{places, steps_in};
use super::{ExclusionEffect, FunnelEvent, Order, Ties, WindowFrom, strict};

/// Attempts of one unit of which it is told which events they took.
const TOLD_MAX: usize = 1_000;

/// What an event was to the attempt told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It serves the steps that [`Explanation::serves`] says.
    Matched,
    /// It excluded the attempt, whatever it serves.
    Excluded,
    /// It broke the strict attempt.
    Broke,
    /// It ended the attempt, being of a step that was matched.
    Stopped,
    /// It could have been the next step, so many milliseconds after the window.
    Late(i64),
    /// Nothing: it matches neither a step nor an exclusion.
    Foreign,
    /// It came before the attempt was opened, or there is none.
    Early,
    /// Its step was matched already.
    Repeat,
    /// It is of a step after the one that has to come next.
    Ahead,
    /// It is of an optional step that the attempt left out.
    Behind,
    /// It lies at the millisecond of the match before, which it may not follow.
    Tied,
    /// It has not the value that the attempt holds.
    OtherValue,
    /// It could have been the next step; the attempt gets as far or further with another event.
    Spare,
    /// An exclusion event that does not lie between its steps.
    Harmless,
    /// It came after the attempt had ended.
    After,
}

/// A unit explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What is reported.
    pub outcome: Outcome,
    /// The attempts in order of entry.
    pub attempts: Vec<Attempt>,
    /// The attempt told about, an index: the reported one; where exclusions leave none, the one that got furthest.
    pub told: Option<usize>,
    /// For each attempt, up to some number of them, the place of the event that serves each of its matches.
    pub places: Vec<Vec<usize>>,
    /// For each event the matches of the attempt told about that it serves: their steps, bit 0 for the first.
    pub serves: Vec<u64>,
    /// For each event what it was to the attempt told about.
    pub parts: Vec<Part>,
}

impl Explanation {
    pub(super) fn new(
        asked: &Definition,
        events: &[FunnelEvent],
        outcome: Outcome,
        attempts: Vec<Attempt>,
    ) -> Self {
        let told = told(asked, &outcome, &attempts);
        let wanted = |index: usize| index < TOLD_MAX || Some(index) == told;
        let places: Vec<Vec<usize>> = (attempts.iter().enumerate())
            .map(|(index, attempt)| if wanted(index) { places(asked, events, attempt) } else { Vec::new() })
            .collect();
        let mut serves = vec![0; events.len()];
        let mut parts = vec![Part::Early; events.len()];
        if let Some((attempt, places)) = told.and_then(|told| attempts.get(told).zip(places.get(told))) {
            for (matched, place) in attempt.matches.iter().zip(places) {
                if let Some(serves) = serves.get_mut(*place) {
                    *serves |= bit(matched.step);
                }
            }
            let told = Told::new(asked, events, attempt, places);
            for (place, (part, serves)) in parts.iter_mut().zip(&serves).enumerate() {
                *part = match told.part(place) {
                    Part::Excluded => Part::Excluded,
                    _ if *serves != 0 => Part::Matched,
                    part => part,
                };
            }
        } else {
            let known = |event: &FunnelEvent| is_known(asked, event);
            for (part, _) in parts.iter_mut().zip(events).filter(|(_, event)| !known(event)) {
                *part = Part::Foreign;
            }
        }
        Self { outcome, attempts, told, places, serves, parts }
    }
}

/// Whether an event matches a step or an exclusion.
fn is_known(asked: &Definition, event: &FunnelEvent) -> bool {
    event.steps & span(0, asked.steps) != 0 || event.exclusions & span(0, asked.exclusions.len()) != 0
}

/// The attempt that is told about.
fn told(asked: &Definition, outcome: &Outcome, attempts: &[Attempt]) -> Option<usize> {
    let reported = |attempt: &Attempt| !attempt.excluded && attempt.matches == outcome.matches;
    let best = |wanted: &dyn Fn(&Attempt) -> bool| {
        let rank = |attempt: &Attempt| attempt.rank(asked.order != Order::Unordered);
        let wanted = attempts.iter().enumerate().filter(|(_, attempt)| wanted(attempt));
        wanted.max_by_key(|(_, attempt)| rank(attempt)).map(|(index, _)| index)
    };
    if outcome.level == 0 { best(&|_| true) } else { best(&reported) }
}

/// The attempt told about, and when it was cut off.
struct Told<'a> {
    asked: &'a Definition,
    events: &'a [FunnelEvent],
    attempt: &'a Attempt,
    /// The events that serve its matches.
    places: &'a [usize],
    /// The instant of the first exclusion event in it.
    excluded_ms: Option<i64>,
    /// The last instant that could change it.
    end_ms: Option<i64>,
}

impl<'a> Told<'a> {
    fn new(
        asked: &'a Definition,
        events: &'a [FunnelEvent],
        attempt: &'a Attempt,
        places: &'a [usize],
    ) -> Self {
        let mut told = Self { asked, events, attempt, places, excluded_ms: None, end_ms: None };
        let is_excluded = attempt.excluded || attempt.ending == Ending::Excluded;
        let first = |hit: &dyn Fn(usize, &FunnelEvent) -> bool| {
            let mut after = events.iter().enumerate().filter(|(_, event)| event.at_ms >= attempt.entry_ms);
            after.find(|(place, event)| hit(*place, event)).map(|(_, event)| event.at_ms)
        };
        if is_excluded {
            told.excluded_ms = first(&|_, event| told.excludes(event));
        }
        told.end_ms = match attempt.ending {
            Ending::Complete => Some(attempt.last_ms()),
            Ending::Broken => first(&|_, event| told.breaks(event)),
            Ending::Repeated => first(&|place, event| told.repeats(place, event)),
            Ending::Excluded => told.excluded_ms,
            Ending::Exhausted | Ending::Window => None,
        };
        if asked.exclusion_effect == ExclusionEffect::VoidAttempt {
            told.end_ms = told.excluded_ms.or(told.end_ms);
        }
        told
    }

    /// The steps matched at an instant or before, and the last match.
    fn until(&self, at_ms: i64) -> (u64, Option<(usize, i64)>) {
        let matched = self.attempt.matches.iter().take_while(|matched| matched.at_ms <= at_ms);
        matched.fold((0, None), |(steps, _), matched| {
            (steps | bit(matched.step), Some((matched.step, matched.at_ms)))
        })
    }

    /// The steps of which one may come after a match of `last`.
    fn next(&self, last: usize) -> u64 {
        let mandatory = (last + 1..self.asked.steps).find(|step| !self.asked.is_optional(*step));
        span(last + 1, mandatory.map_or(self.asked.steps, |step| step + 1))
    }

    fn steps(&self, event: &FunnelEvent) -> u64 {
        steps_in(self.asked, self.attempt, event) & span(0, self.asked.steps)
    }

    fn excludes(&self, event: &FunnelEvent) -> bool {
        let Self { asked, attempt, .. } = self;
        let at = |step: usize| attempt.matches.iter().find(|one| one.step == step).map(|one| one.at_ms);
        let complete_ms = at(asked.steps - 1);
        let hits = |index: usize| {
            let (from_ms, to_ms) = match asked.exclusions.get(index) {
                Some(_) if asked.order == Order::Unordered => (Some(attempt.entry_ms), complete_ms),
                Some(exclusion) => (at(exclusion.from), at(exclusion.to).or(complete_ms)),
                None => return false,
            };
            from_ms.is_some_and(|from_ms| from_ms < event.at_ms)
                && to_ms.is_none_or(|to_ms| event.at_ms < to_ms)
                && asked.in_excluded_time(attempt.entry_ms, event.at_ms)
        };
        bits(event.exclusions & span(0, asked.exclusions.len())).any(hits)
    }

    fn breaks(&self, event: &FunnelEvent) -> bool {
        let (matched, last) = self.until(event.at_ms);
        let event = FunnelEvent { steps: self.steps(event), ..*event };
        last.is_some_and(|(last, last_ms)| {
            last_ms == self.attempt.last_ms()
                && last_ms < event.at_ms
                && strict::breaks(self.asked, matched, last, std::slice::from_ref(&event))
        })
    }

    fn repeats(&self, place: usize, event: &FunnelEvent) -> bool {
        let too_early =
            self.asked.ties == Ties::Arrival && self.places.last().is_some_and(|last| place < *last);
        if too_early || self.places.contains(&place) {
            return false;
        }
        let (matched, last) = self.until(event.at_ms);
        let steps = self.steps(event);
        last.is_some_and(|(last, last_ms)| {
            // At the instant of the last match a twin of it is no repeat.
            let counted = if event.at_ms == last_ms && steps & bit(last) != 0 {
                0
            } else if event.at_ms == last_ms {
                matched & !bit(last)
            } else {
                matched
            };
            last_ms == self.attempt.last_ms() && steps & counted & self.asked.repeatable != 0
        })
    }

    /// What an event that serves no step was.
    fn part(&self, place: usize) -> Part {
        let Self { asked, attempt, .. } = self;
        let Some(event) = self.events.get(place) else { return Part::Foreign };
        let at_ms = event.at_ms;
        let before = at_ms < attempt.entry_ms || asked.ties == Ties::Arrival && place < attempt.entry;
        if before {
            return if is_known(asked, event) { Part::Early } else { Part::Foreign };
        }
        if self.excluded_ms == Some(at_ms) && self.excludes(event) {
            return Part::Excluded;
        }
        match attempt.ending {
            Ending::Broken if self.end_ms == Some(at_ms) && self.breaks(event) => return Part::Broke,
            Ending::Repeated if self.end_ms == Some(at_ms) && self.repeats(place, event) => {
                return Part::Stopped;
            }
            _ => {}
        }
        if !is_known(asked, event) {
            return Part::Foreign;
        }
        if self.end_ms.is_some_and(|end_ms| end_ms < at_ms) {
            return Part::After;
        }
        let steps = self.steps(event);
        match (event.steps & span(0, asked.steps), steps) {
            (0, _) => return Part::Harmless,
            (_, 0) => return Part::OtherValue,
            _ => {}
        }
        let (matched, last) = self.until(at_ms);
        let (last, last_ms) = last.unwrap_or((0, attempt.entry_ms));
        let next = match asked.order {
            Order::Unordered => span(0, asked.steps),
            Order::Ordered | Order::Strict => self.next(last),
        };
        if !asked.in_window(attempt.entry_ms, last_ms, at_ms) {
            return if steps & next == 0 { Part::After } else { Part::Late(self.late_ms(last_ms, at_ms)) };
        }
        if asked.order == Order::Unordered {
            return Part::Repeat;
        }
        if steps & next != 0 {
            let tied = asked.ties == Ties::StrictlyIncreasing && at_ms == last_ms;
            return if tied { Part::Tied } else { Part::Spare };
        }
        if steps & matched != 0 {
            Part::Repeat
        } else if steps & span(last + 1, asked.steps) != 0 {
            Part::Ahead
        } else {
            Part::Behind
        }
    }

    /// How long after the end of the window an instant lies.
    fn late_ms(&self, last_ms: i64, at_ms: i64) -> i64 {
        let start_ms = match self.asked.window_from {
            WindowFrom::FirstStep => self.attempt.entry_ms,
            WindowFrom::PreviousStep => last_ms,
        };
        at_ms.saturating_sub(start_ms).saturating_sub(self.asked.window_ms.unwrap_or_default())
    }
}

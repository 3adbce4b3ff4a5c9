//! Unordered funnels: how many steps the events from an entry to the end of its window can fill.
//!
//! Events are looked at in order of time, and one is taken whenever it lets one more step be filled: sets of steps that
//! distinct events can fill form a matroid, so that reaches the most steps, each at the earliest time. Of events that
//! match the same steps no more are looked at than there are steps. Cost: for each entry, steps times the number of
//! different sets of steps that events match, each with one try to fill.

use std::collections::BTreeMap;

use super::collect::{Candidate, Collector, Keep};
use super::definition::{Definition, ExclusionEffect, bit, bits, span};
use super::outcome::{Attempt, Ending, Match};
use super::{EntryPolicy, EventReuse, FunnelEvent, Ties, WindowFrom};

/// The buffers of a pass.
#[derive(Debug, Clone, Default)]
pub(super) struct Unordered {
    /// For each set of steps the places of the events that match exactly it.
    places: BTreeMap<u64, Vec<usize>>,
    /// Instants of exclusion events, in order.
    exclusions: Vec<i64>,
    candidates: Vec<usize>,
    filled: Filled,
}

impl Unordered {
    /// Reads `events`.
    pub(super) fn scan(&mut self, asked: &Definition, events: &[FunnelEvent], found: &mut Collector) {
        self.load(asked, events);
        // The start of the instant, and the first place at which an attempt may be opened.
        let (mut group, mut open_from, mut at_ms) = (0, 0, None);
        for (place, event) in events.iter().enumerate() {
            if at_ms.replace(event.at_ms) != Some(event.at_ms) {
                group = place;
            }
            if place < open_from || event.steps & span(0, asked.steps) == 0 {
                continue;
            }
            let first = if asked.ties == Ties::Arrival { place } else { group.max(open_from) };
            let (attempt, end_ms) = self.attempt(asked, events, first, place);
            let candidate = Candidate {
                level: attempt.level,
                entry_ms: attempt.entry_ms,
                last_ms: attempt.last_ms(),
                steps: span(0, attempt.level),
                excluded: attempt.excluded,
            };
            let completed = attempt.level == asked.steps && !attempt.excluded;
            found.offer(asked, candidate, || attempt);
            match asked.entry_policy {
                EntryPolicy::Any => {}
                EntryPolicy::First => break,
                EntryPolicy::Sequential => {
                    let Some(end_ms) = end_ms else { break };
                    open_from = events.partition_point(|event| event.at_ms <= end_ms);
                }
            }
            if found.keep == Keep::Best && completed {
                break;
            }
        }
    }

    fn load(&mut self, asked: &Definition, events: &[FunnelEvent]) {
        self.places.clear();
        self.exclusions.clear();
        for (place, event) in events.iter().enumerate() {
            let steps = event.steps & span(0, asked.steps);
            if steps != 0 {
                self.places.entry(steps).or_default().push(place);
            }
            if event.exclusions & span(0, asked.exclusions.len()) != 0 {
                self.exclusions.push(event.at_ms);
            }
        }
    }

    /// The attempt of one entry, which takes events from place `first` on; with it the last instant at which it keeps
    /// others from being opened, `None` for ever.
    fn attempt(
        &mut self,
        asked: &Definition,
        events: &[FunnelEvent],
        first: usize,
        entry: usize,
    ) -> (Attempt, Option<i64>) {
        let entry_ms = events.get(entry).map_or(0, |event| event.at_ms);
        let excluded_at = {
            let next = self.exclusions.partition_point(|at_ms| *at_ms <= entry_ms);
            self.exclusions.get(next).copied().filter(|at_ms| asked.in_excluded_time(entry_ms, *at_ms))
        };
        self.choose(asked, events, first, entry);
        self.filled.clear(asked.steps);
        let mut matches: Vec<Match> = Vec::new();
        let mut ending = Ending::Exhausted;
        for place in &self.candidates {
            let Some(event) = events.get(*place) else { continue };
            let last_ms = matches.last().map_or(entry_ms, |last: &Match| last.at_ms);
            if matches.len() == asked.steps {
                break;
            }
            if !asked.in_window(entry_ms, last_ms, event.at_ms) {
                ending = Ending::Window;
                break;
            }
            let too_early = asked.ties == Ties::StrictlyIncreasing && event.at_ms == last_ms;
            if too_early && !matches.is_empty() {
                continue;
            }
            for _ in 0..self.filled.take(asked, event.steps) {
                matches.push(Match { step: matches.len(), at_ms: event.at_ms });
            }
        }
        let complete_ms = matches.last().filter(|_| matches.len() == asked.steps).map(|last| last.at_ms);
        let excluded_at =
            excluded_at.filter(|at_ms| complete_ms.is_none_or(|complete_ms| *at_ms < complete_ms));
        if let Some(at_ms) = excluded_at.filter(|_| asked.exclusion_effect == ExclusionEffect::EndAttempt) {
            matches.retain(|matched| matched.at_ms <= at_ms);
        }
        let cut = excluded_at.filter(|_| asked.exclusion_effect != ExclusionEffect::DropActor);
        let window_from_ms = match asked.window_from {
            WindowFrom::FirstStep => entry_ms,
            WindowFrom::PreviousStep => matches.last().map_or(entry_ms, |last| last.at_ms),
        };
        let window_end = asked.window_ms.map(|window_ms| window_from_ms.saturating_add(window_ms));
        let excluded = excluded_at.is_some() && asked.exclusion_effect != ExclusionEffect::EndAttempt;
        ending = match (cut, complete_ms) {
            (Some(_), _) => Ending::Excluded,
            (None, Some(_)) => Ending::Complete,
            (None, None) => ending,
        };
        let level = matches.len();
        (
            Attempt { entry, entry_ms, level, matches, excluded, ending, held: 0 },
            cut.or(complete_ms).or(window_end),
        )
    }

    /// Chooses the events that an attempt looks at: its entry, then as many of each kind as there are steps.
    fn choose(&mut self, asked: &Definition, events: &[FunnelEvent], first: usize, entry: usize) {
        self.candidates.clear();
        for places in self.places.values() {
            let next = places.partition_point(|place| *place < first);
            let mut last_ms = None;
            let apart = |place: &&usize| {
                let at_ms = events.get(**place).map(|event| event.at_ms);
                asked.ties != Ties::StrictlyIncreasing || std::mem::replace(&mut last_ms, at_ms) != at_ms
            };
            self.candidates
                .extend(places.get(next..).unwrap_or_default().iter().filter(apart).take(asked.steps));
        }
        // The entry comes first; it is filled in any case.
        self.candidates.retain(|place| *place != entry);
        self.candidates.sort_unstable();
        self.candidates.insert(0, entry);
    }
}

/// Which events fill which steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Filled {
    /// For each step the steps that the event that fills it matches.
    by: Vec<Option<u64>>,
}

impl Filled {
    pub(super) fn clear(&mut self, steps: usize) {
        self.by.clear();
        self.by.resize(steps, None);
    }

    /// Fills steps with an event; gives how many more are filled.
    pub(super) fn take(&mut self, asked: &Definition, steps: u64) -> usize {
        let steps = steps & span(0, asked.steps);
        if asked.event_reuse == EventReuse::Once {
            return usize::from(self.fill(steps, &mut 0));
        }
        bits(steps)
            .filter(|step| self.by.get_mut(*step).is_some_and(|by| by.replace(steps).is_none()))
            .count()
    }

    /// Fills one of `steps`, moving other events to other steps where need be; `seen` holds the steps that were tried.
    fn fill(&mut self, steps: u64, seen: &mut u64) -> bool {
        for step in bits(steps) {
            if *seen & bit(step) != 0 {
                continue;
            }
            *seen |= bit(step);
            let holder = self.by.get(step).copied().flatten();
            if holder.is_none_or(|holder| self.fill(holder, seen)) {
                if let Some(by) = self.by.get_mut(step) {
                    *by = Some(steps);
                }
                return true;
            }
        }
        false
    }
}

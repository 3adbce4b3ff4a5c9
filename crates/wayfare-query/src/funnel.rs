//! Funnels: how far one unit gets through a sequence of steps, and when.
//!
//! The automaton reads a slice of events, each with the set of steps it matches, and knows nothing of where
//! they come from. An *attempt* starts at an event of step 1; every further step takes the earliest event that
//! may follow. Many attempts may start in one stream; reported is the one of greatest level, then earliest
//! last match, then latest entry. A level is the number of the last step matched, 0 without an attempt.
//!
//! Where no window can bind, only the order of instants matters: `at_ms` may then be any number that grows
//! with time, such as the index of the first token of an instant, and one run of the automaton answers for
//! every unit of the same path.
//!
//! | file | concept |
//! | --- | --- |
//! | `definition` | what is asked |
//! | `outcome` | what is answered: an attempt, and which of several is reported |
//! | `ordered` | all attempts of an ordered or strict funnel in one pass |
//! | `unordered` | those of an unordered one |
//! | `chain` | an attempt under way |
//! | `instant` | what may happen inside one instant |
//! | `assignment` | which event of an instant serves which step |
//! | `strict` | what breaks a strict attempt |
//! | `collect` | which attempts are kept |
//! | `explain`, `places` | what each event was to the attempt that is reported |
//!
//! ```
//! use wayfare_query::funnel::{Definition, Funnel, FunnelEvent};
//!
//! let mut funnel = Funnel::try_new(Definition { window_ms: Some(60_000), ..Definition::new(2) })?;
//! let event = |at_ms, steps| FunnelEvent { at_ms, steps, ..FunnelEvent::default() };
//! let outcome = funnel.run(&[event(0, 0b01), event(5_000, 0b01), event(65_000, 0b10)]);
//! assert_eq!(outcome.level, 2);
//! assert_eq!(outcome.at_ms(0), Some(5_000));
//! # Ok::<(), wayfare_query::Error>(())
//! ```

mod assignment;
mod chain;
mod collect;
mod definition;
mod explain;
mod instant;
mod ordered;
mod outcome;
mod places;
mod strict;
mod unordered;

pub use definition::{
    Definition, EntryPolicy, EventReuse, Exclusion, ExclusionEffect, OnRepeat, Order, STEPS_MAX,
    StrictReentry, StrictRepeats, StrictScope, Strictness, Ties, WindowFrom,
};
pub use explain::{Explanation, Part};
pub use outcome::{Attempt, Ending, Match, Outcome, greatest_level};

use crate::Result;
use collect::{Collector, Keep};
use ordered::{Entries, Ordered};
use unordered::Unordered;

/// One event as a funnel sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunnelEvent {
    /// When it happened.
    pub at_ms: i64,
    /// The steps it matches, bit 0 for the first.
    pub steps: u64,
    /// The exclusions it matches, bit 0 for the first.
    pub exclusions: u64,
    /// The value that is to be held constant, by a number of its own; 0 for none.
    pub held: u32,
}

/// The automaton of one definition. Its buffers are reused from unit to unit.
#[derive(Debug, Clone)]
pub struct Funnel {
    definition: Definition,
    ordered: Ordered,
    unordered: Unordered,
    found: Collector,
    outcome: Outcome,
    held: Vec<FunnelEvent>,
}

impl Funnel {
    /// Makes the automaton of `definition`.
    ///
    /// # Errors
    ///
    /// `Invalid` when the definition has no steps, more than [`STEPS_MAX`], a negative window, or an exclusion that
    /// lies between no two steps.
    pub fn try_new(definition: Definition) -> Result<Self> {
        let definition = definition.check()?;
        Ok(Self {
            ordered: Ordered::new(&definition),
            unordered: Unordered::default(),
            definition,
            found: Collector::default(),
            outcome: Outcome::default(),
            held: Vec::new(),
        })
    }

    /// What is asked.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The reported attempt of one unit.
    ///
    /// `events` are those of the unit, sorted by time; events that match nothing may be left out, unless the funnel is
    /// strict and any event breaks it. The order of events of one instant means nothing, unless ties are `arrival`.
    pub fn run(&mut self, events: &[FunnelEvent]) -> &Outcome {
        // Where an attempt can go several ways, its best way decides whether it is excluded.
        let by_entry = self.definition.chooses() && self.definition.voids();
        self.found.clear(if by_entry { Keep::All } else { Keep::Best });
        self.read(events);
        self.found.report(&self.definition, &mut self.outcome);
        &self.outcome
    }

    /// All attempts of one unit in order of entry, one for each entry event; `events` are as for [`Self::run`].
    pub fn attempts(&mut self, events: &[FunnelEvent]) -> Vec<Attempt> {
        self.found.clear(Keep::All);
        self.read(events);
        self.found.attempts(&self.definition)
    }

    /// What each event of one unit was to the attempt that is reported; `events` are all of the unit's, in order.
    pub fn explain(&mut self, events: &[FunnelEvent]) -> Explanation {
        let outcome = self.run(events).clone();
        let attempts = self.attempts(events);
        Explanation::new(&self.definition, events, outcome, attempts)
    }

    /// Reads the events, once for each value that may be held.
    fn read(&mut self, events: &[FunnelEvent]) {
        let hold = self.definition.hold;
        if hold == 0 {
            self.scan(events);
            return self.found.close(&self.definition, 0);
        }
        let mut values: Vec<u32> =
            events.iter().filter(|event| event.steps & hold != 0).map(|event| event.held).collect();
        values.sort_unstable();
        values.dedup();
        values.retain(|value| *value != 0);
        if values.is_empty() {
            // Without any value only the steps before the first that holds one can be matched.
            values.push(u32::MAX);
        }
        let mut held = std::mem::take(&mut self.held);
        for value in values {
            held.clear();
            held.extend(events.iter().map(|event| FunnelEvent {
                steps: if event.held == value { event.steps } else { event.steps & !hold },
                ..*event
            }));
            self.scan(&held);
            self.found.close(&self.definition, value);
        }
        self.held = held;
    }

    fn scan(&mut self, events: &[FunnelEvent]) {
        let Self { definition, ordered, unordered, found, .. } = self;
        if definition.order == Order::Unordered {
            return unordered.scan(definition, events, found);
        }
        match definition.entry_policy {
            EntryPolicy::Any => {
                ordered.scan(definition, events, 0, Entries::Every, found);
            }
            EntryPolicy::First => {
                ordered.scan(definition, events, 0, Entries::First, found);
            }
            EntryPolicy::Sequential => {
                let mut from = 0;
                while from < events.len() {
                    from = ordered.scan(definition, events, from, Entries::First, found).max(from + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

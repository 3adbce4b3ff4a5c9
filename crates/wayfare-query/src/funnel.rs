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
//! | `outcome` | what is answered |
//! | `ordered` | all attempts of an ordered funnel in one pass |
//! | `instant` | what may happen inside one instant |
//! | `assignment` | which event of an instant serves which step |
//!
//! ```
//! use wayfare_query::funnel::{Definition, Funnel, FunnelEvent};
//!
//! let mut funnel = Funnel::try_new(Definition { window_ms: Some(60_000), ..Definition::new(2) })?;
//! let event = |at_ms, steps| FunnelEvent { at_ms, steps };
//! let outcome = funnel.run(&[event(0, 0b01), event(5_000, 0b01), event(65_000, 0b10)]);
//! assert_eq!(outcome.level, 2);
//! assert_eq!(outcome.at_ms(0), Some(5_000));
//! # Ok::<(), wayfare_query::Error>(())
//! ```

mod assignment;
mod definition;
mod instant;
mod ordered;
mod outcome;

pub use definition::{Definition, EntryPolicy, EventReuse, STEPS_MAX, Ties};
pub use outcome::{Match, Outcome};

use crate::Result;
use ordered::{Entries, Ordered};

/// One event as a funnel sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunnelEvent {
    /// When it happened.
    pub at_ms: i64,
    /// The steps it matches, bit 0 for the first.
    pub steps: u64,
}

/// The automaton of one definition. Its buffers are reused from unit to unit.
#[derive(Debug, Clone)]
pub struct Funnel {
    definition: Definition,
    ordered: Ordered,
    outcome: Outcome,
}

impl Funnel {
    /// Makes the automaton of `definition`.
    ///
    /// # Errors
    ///
    /// `Invalid` when the definition has no steps, more than [`STEPS_MAX`], or a negative window.
    pub fn try_new(definition: Definition) -> Result<Self> {
        let definition = definition.check()?;
        Ok(Self { ordered: Ordered::new(&definition), definition, outcome: Outcome::default() })
    }

    /// What is asked.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The reported attempt of one unit.
    ///
    /// `events` are those of the unit, sorted by time; events that match no step may be left out. The order
    /// of events of one instant means nothing, unless ties are `arrival`.
    pub fn run(&mut self, events: &[FunnelEvent]) -> &Outcome {
        self.outcome.clear();
        match self.definition.entry_policy {
            EntryPolicy::Any => self.scan(events, Entries::Every),
            EntryPolicy::First => self.scan(events, Entries::First),
            EntryPolicy::Sequential => {
                let mut rest = events;
                while !rest.is_empty() {
                    let read = self.scan(rest, Entries::First);
                    rest = rest.get(read..).unwrap_or_default();
                }
                0
            }
        };
        &self.outcome
    }

    /// Runs over `events` until nothing better can come, and says how many were read.
    fn scan(&mut self, events: &[FunnelEvent], entries: Entries) -> usize {
        let read = self.ordered.scan(&self.definition, events, entries);
        self.ordered.report(&mut self.outcome);
        read
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

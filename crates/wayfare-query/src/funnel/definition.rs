//! What a funnel asks.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The most steps that a funnel may have.
pub const STEPS_MAX: usize = 64;

/// What events at one millisecond may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// Serve in whatever order gets furthest.
    #[default]
    Any,
    /// Never follow one another.
    StrictlyIncreasing,
    /// Follow one another in the order of the slice.
    Arrival,
}

/// Whether one event may serve several steps of one attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventReuse {
    /// One step only.
    #[default]
    Once,
    /// Every step it matches, as if there were one event for each.
    Allowed,
}

/// Which events that match step 1 open an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryPolicy {
    /// Each.
    #[default]
    Any,
    /// Those of the first instant that has one.
    First,
    /// The first, and then the first that lies after the attempt before was completed or its window ended.
    Sequential,
}

/// What a funnel asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Number of steps, from 1 to [`STEPS_MAX`].
    pub steps: usize,
    /// Steps that may be left out, bit 0 for the first; an attempt always starts at step 1, so there it has no effect.
    pub optional: u64,
    /// Longest time from the entry to a matched event, inclusive; unlimited when absent.
    pub window_ms: Option<i64>,
    /// What events at one millisecond may do.
    pub ties: Ties,
    /// Whether one event may serve several steps.
    pub event_reuse: EventReuse,
    /// Which events open an attempt.
    pub entry_policy: EntryPolicy,
}

impl Definition {
    /// An ordered funnel of `steps` mandatory steps, without a window and with the defaults for the rest.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            optional: 0,
            window_ms: None,
            ties: Ties::default(),
            event_reuse: EventReuse::default(),
            entry_policy: EntryPolicy::default(),
        }
    }

    /// The definition in normal form: only existing steps after the first are optional.
    pub(super) fn check(mut self) -> Result<Self> {
        if self.steps == 0 || self.steps > STEPS_MAX {
            let message = format!("a funnel has 1 to {STEPS_MAX} steps, saw {}", self.steps);
            return Err(Error::invalid(message));
        }
        if let Some(window_ms) = self.window_ms.filter(|window_ms| *window_ms < 0) {
            return Err(Error::invalid(format!("the window of a funnel is negative: {window_ms} ms")));
        }
        self.optional &= span(1, self.steps);
        Ok(self)
    }

    /// Whether an event at `at_ms` lies in the window of an attempt that was entered at `entry_ms`.
    pub(super) fn in_window(&self, entry_ms: i64, at_ms: i64) -> bool {
        self.window_ms.is_none_or(|window_ms| at_ms.saturating_sub(entry_ms) <= window_ms)
    }

    /// Whether `step` (0-based) may be left out.
    pub(super) fn is_optional(&self, step: usize) -> bool {
        self.optional & bit(step) != 0
    }
}

/// The set of the one step `step` (0-based).
pub(super) fn bit(step: usize) -> u64 {
    1 << step
}

/// The set of the steps from `from` up to and without `to` (0-based).
pub(super) fn span(from: usize, to: usize) -> u64 {
    match to.saturating_sub(from) {
        0 => 0,
        length => (u64::MAX >> (STEPS_MAX - length)) << from,
    }
}

/// The steps of a set, in order.
pub(super) fn bits(set: u64) -> impl Iterator<Item = usize> {
    (0..STEPS_MAX)
        .skip(set.trailing_zeros() as usize)
        .take_while(move |step| set >> step != 0)
        .filter(move |step| set & bit(*step) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_steps_reach_the_last_bit() {
        assert_eq!((span(0, 0), span(0, 1), span(1, 3)), (0, 1, 0b110));
        assert_eq!((span(0, 64), span(63, 64), span(64, 64)), (u64::MAX, bit(63), 0));
    }

    #[test]
    fn the_bits_of_a_set_are_its_steps() {
        assert_eq!(bits(0).count(), 0);
        assert_eq!(bits(bit(63) | 0b1010).collect::<Vec<_>>(), [1, 3, 63]);
    }

    #[test]
    fn impossible_definitions_are_refused() {
        assert!(Definition::new(0).check().is_err());
        assert!(Definition::new(65).check().is_err());
        assert!(Definition { window_ms: Some(-1), ..Definition::new(1) }.check().is_err());
        assert_eq!(Definition { optional: u64::MAX, ..Definition::new(3) }.check().unwrap().optional, 0b110);
    }
}

//! What a funnel asks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Error, Result};

/// The most steps that a funnel may have.
pub const STEPS_MAX: usize = 64;

/// What events at one millisecond may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventReuse {
    /// One step only.
    #[default]
    Once,
    /// Every step it matches, as if there were one event for each.
    Allowed,
}

/// In which order the steps have to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// First to last, with anything in between.
    #[default]
    Ordered,
    /// First to last, with nothing in between that [`Strictness`] does not pass over.
    Strict,
    /// Any: step n is the n-th one that was filled.
    Unordered,
}

/// Where the window of a step begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowFrom {
    /// At the entry of the attempt.
    #[default]
    FirstStep,
    /// At the match of the step before.
    PreviousStep,
}

/// Which events that match step 1 open an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// What an event of a step that is matched already does to an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRepeat {
    /// Nothing.
    #[default]
    Ignore,
    /// It ends the attempt, unless it can be the next step.
    Stop,
}

/// Which events can break a strict attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrictScope {
    /// Any event.
    #[default]
    AllEvents,
    /// Only events that match some step.
    StepEvents,
}

/// Whether a strict attempt passes over further events of the step just matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrictRepeats {
    /// Yes.
    #[default]
    Tolerate,
    /// No, they break it.
    Break,
}

/// Whether a strict attempt passes over events of other steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StrictReentry {
    /// No, they break it.
    #[default]
    Break,
    /// Over those of earlier steps that are matched.
    Tolerate,
    /// Over those, and over those of later steps.
    IgnoreAhead,
}

/// What breaks an attempt of a strict funnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strictness {
    /// Which events can break it.
    pub scope: StrictScope,
    /// Whether further events of the step just matched are passed over.
    pub repeats: StrictRepeats,
    /// Whether events of other steps are passed over.
    pub reentry: StrictReentry,
}

/// What an exclusion does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExclusionEffect {
    /// The unit leaves the report, unless an attempt of its greatest level is not excluded.
    DropActor,
    /// The attempt keeps the matches made up to the exclusion event.
    #[default]
    EndAttempt,
    /// The attempt counts nothing.
    VoidAttempt,
}

/// An event that must not happen between the matches of two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The step (0-based) after which it must not happen.
    pub from: usize,
    /// The step (0-based) before which it must not happen.
    pub to: usize,
}

/// What a funnel asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Number of steps, from 1 to [`STEPS_MAX`].
    pub steps: usize,
    /// In which order they have to come.
    pub order: Order,
    /// Steps that may be left out, bit 0 for the first; an attempt always starts at step 1, so there it has no
    /// effect, and none in an unordered funnel.
    pub optional: u64,
    /// Longest time from the start of the window to a matched event, inclusive; unlimited when absent.
    pub window_ms: Option<i64>,
    /// Where the window begins.
    pub window_from: WindowFrom,
    /// What events at one millisecond may do.
    pub ties: Ties,
    /// Whether one event may serve several steps.
    pub event_reuse: EventReuse,
    /// Which events open an attempt.
    pub entry_policy: EntryPolicy,
    /// What a repeated step does.
    pub on_repeat: OnRepeat,
    /// The steps whose repetition counts, bit 0 for the first.
    pub repeatable: u64,
    /// What breaks an attempt where the order is strict.
    pub strictness: Strictness,
    /// What must not happen; bit n of [`super::FunnelEvent::exclusions`] belongs to the n-th.
    pub exclusions: Vec<Exclusion>,
    /// What an exclusion does.
    pub exclusion_effect: ExclusionEffect,
    /// Steps whose events must have one common [`super::FunnelEvent::held`] value, bit 0 for the first.
    pub hold: u64,
}

impl Definition {
    /// An ordered funnel of `steps` mandatory steps, without a window and with the defaults for the rest.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            order: Order::default(),
            optional: 0,
            window_ms: None,
            window_from: WindowFrom::default(),
            ties: Ties::default(),
            event_reuse: EventReuse::default(),
            entry_policy: EntryPolicy::default(),
            on_repeat: OnRepeat::default(),
            repeatable: u64::MAX << 1,
            strictness: Strictness::default(),
            exclusions: Vec::new(),
            exclusion_effect: ExclusionEffect::default(),
            hold: 0,
        }
    }

    /// The definition in normal form: sets hold existing steps only, and only steps after the first are optional.
    pub(super) fn check(mut self) -> Result<Self> {
        if self.steps == 0 || self.steps > STEPS_MAX {
            let message = format!("a funnel has 1 to {STEPS_MAX} steps, saw {}", self.steps);
            return Err(Error::invalid(message));
        }
        if let Some(window_ms) = self.window_ms.filter(|window_ms| *window_ms < 0) {
            return Err(Error::invalid(format!("the window of a funnel is negative: {window_ms} ms")));
        }
        if self.exclusions.len() > STEPS_MAX {
            return Err(Error::invalid(format!("a funnel has at most {STEPS_MAX} exclusions")));
        }
        if self
            .exclusions
            .iter()
            .any(|exclusion| exclusion.from >= exclusion.to || exclusion.to >= self.steps)
        {
            return Err(Error::invalid("an exclusion lies between a step and a later one"));
        }
        self.optional &= span(1, self.steps);
        self.repeatable &= span(0, self.steps);
        self.hold &= span(0, self.steps);
        if self.order == Order::Unordered {
            self.optional = 0;
        }
        Ok(self)
    }

    /// Whether an event at `at_ms` lies in the window of an attempt that was entered at `entry_ms` and whose last
    /// match was at `last_ms`.
    pub(super) fn in_window(&self, entry_ms: i64, last_ms: i64, at_ms: i64) -> bool {
        let start_ms = match self.window_from {
            WindowFrom::FirstStep => entry_ms,
            WindowFrom::PreviousStep => last_ms,
        };
        self.window_ms.is_none_or(|window_ms| at_ms.saturating_sub(start_ms) <= window_ms)
    }

    /// Whether an exclusion event at `at_ms` comes early enough to exclude an attempt entered at `entry_ms`.
    pub(super) fn in_excluded_time(&self, entry_ms: i64, at_ms: i64) -> bool {
        self.window_ms.is_none_or(|window_ms| at_ms.saturating_sub(entry_ms) <= window_ms)
    }

    /// Whether it can be better for an attempt not to take the earliest event; else only the furthest match counts.
    pub(super) fn chooses(&self) -> bool {
        self.optional != 0 || self.window_from == WindowFrom::PreviousStep
    }

    /// Whether the attempt that is best without a window is best with any that it fits into: an attempt begins at every first
    /// step, and nothing but the window's end ends one early. A window only takes attempts away, or their last steps.
    pub(crate) fn is_best_in_window(&self) -> bool {
        let starts_anywhere = self.order == Order::Ordered && self.entry_policy == EntryPolicy::Any;
        starts_anywhere
            && !self.can_be_cut()
            && !self.chooses()
            && self.exclusions.is_empty()
            && self.hold == 0
    }

    /// Whether an event between two matches can end an attempt.
    pub(super) fn can_be_cut(&self) -> bool {
        self.order == Order::Strict || self.on_repeat == OnRepeat::Stop
    }

    /// Whether an exclusion takes an attempt out altogether.
    pub(super) fn voids(&self) -> bool {
        !self.exclusions.is_empty() && self.exclusion_effect != ExclusionEffect::EndAttempt
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

//! What may happen inside one instant.
//!
//! A chain is *at* state n when step n−1 is its last match; state 0 is an attempt about to be opened. Where events
//! of one instant may come in any order and each serves once, a set of steps can be matched exactly when they can be
//! assigned to distinct events, and no order has to be tried: the sets that can be assigned form a matroid, so growing
//! one step at a time reaches the largest. Cost of that for each state: at most one try to assign for every step, each
//! linear in the events of the instant; with optional steps that many for every pair of steps.

use super::assignment::Assignment;
use super::definition::{Definition, bit, bits, span};
use super::{EventReuse, FunnelEvent, OnRepeat, Ties};

/// The events that may serve at one moment: those of an instant, or a single one where the order of arrival decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant<'a> {
    pub(super) asked: &'a Definition,
    pub(super) events: &'a [FunnelEvent],
    pub(super) at_ms: i64,
    /// Place of the first of the events.
    pub(super) place: usize,
    /// The steps that some event matches.
    pub(super) steps: u64,
}

/// Steps that a chain can match at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The last of them.
    pub(super) step: usize,
    /// All of them.
    pub(super) steps: u64,
    /// The steps that events left over match, twins of the last match aside.
    pub(super) loose: u64,
}

impl<'a> Instant<'a> {
    pub(super) fn new(asked: &'a Definition, events: &'a [FunnelEvent], place: usize) -> Self {
        let steps = events.iter().fold(0, |steps, event| steps | event.steps) & span(0, asked.steps);
        let at_ms = events.first().map_or(0, |event| event.at_ms);
        Self { asked, events, at_ms, place, steps }
    }

    fn needs_assignment(&self) -> bool {
        self.events.len() > 1
            && self.asked.ties != Ties::StrictlyIncreasing
            && self.asked.event_reuse == EventReuse::Once
    }

    /// Makes the assignment ready for [`Self::targets`].
    pub(super) fn prepare(&self, assignment: &mut Assignment) {
        if self.needs_assignment() {
            assignment.load(self.events);
        }
    }

    /// Where a chain at `state` can go; `pinned` is the event that has to serve the first step.
    pub(super) fn targets(
        &self,
        assignment: &mut Assignment,
        state: usize,
        pinned: Option<usize>,
        targets: &mut Vec<Target>,
    ) {
        targets.clear();
        let optional = span(state, self.asked.steps) & self.asked.optional != 0;
        if self.needs_assignment() {
            if optional {
                self.by_assignment_with_optional_steps(assignment, state, pinned, targets);
            } else {
                self.by_assignment(assignment, state, pinned, targets);
            }
        } else if self.asked.ties == Ties::StrictlyIncreasing || self.asked.event_reuse == EventReuse::Once {
            self.one_step(state, targets);
        } else {
            self.steps_in_a_row(state, targets);
        }
    }

    fn one_step(&self, state: usize, targets: &mut Vec<Target>) {
        for step in state..self.asked.steps {
            if self.steps & bit(step) != 0 {
                let loose = self.loose(step, |_| false);
                targets.push(Target { step, steps: bit(step), loose });
            }
            if !self.asked.is_optional(step) {
                return;
            }
        }
    }

    fn steps_in_a_row(&self, state: usize, targets: &mut Vec<Target>) {
        for step in state..self.asked.steps {
            if self.steps & bit(step) != 0 {
                if !self.asked.chooses() {
                    targets.clear();
                }
                let steps = self.steps & span(state, step + 1);
                targets.push(Target { step, steps, loose: self.loose_beside(steps, step) });
            } else if !self.asked.is_optional(step) {
                return;
            }
        }
    }

    fn by_assignment(
        &self,
        assignment: &mut Assignment,
        state: usize,
        pinned: Option<usize>,
        targets: &mut Vec<Target>,
    ) {
        assignment.clear();
        let fixed = assignment.pin(pinned);
        for step in state..self.asked.steps {
            if fixed & bit(step) == 0 && !assignment.assign(step, fixed) {
                return;
            }
            if !self.asked.chooses() {
                targets.clear();
            }
            let loose = self.loose(step, |event| assignment.serves(event));
            targets.push(Target { step, steps: span(state, step + 1), loose });
        }
    }

    fn by_assignment_with_optional_steps(
        &self,
        assignment: &mut Assignment,
        state: usize,
        pinned: Option<usize>,
        targets: &mut Vec<Target>,
    ) {
        for step in state..self.asked.steps {
            assignment.clear();
            let fixed = assignment.pin(pinned);
            let before = span(state, step);
            let needed = before & !self.asked.optional | bit(step);
            if bits(needed & !fixed).all(|step| assignment.assign(step, fixed)) {
                let more = bits(before & !needed).filter(|step| assignment.assign(*step, fixed));
                let steps = more.fold(needed, |steps, step| steps | bit(step));
                let loose = self.loose(step, |event| assignment.serves(event));
                targets.push(Target { step, steps, loose });
            } else if !self.asked.is_optional(step) {
                return;
            }
        }
    }

    /// The steps of events that are left over after a match of `step`. Its twins are not, whatever else they match.
    fn loose(&self, step: usize, serves: impl Fn(usize) -> bool) -> u64 {
        if self.asked.on_repeat == OnRepeat::Ignore {
            return 0;
        }
        let left = self.events.iter().enumerate();
        let left = left.filter(|(index, event)| event.steps & bit(step) == 0 && !serves(*index));
        left.fold(0, |loose, (_, event)| loose | event.steps)
    }

    /// As [`Self::loose`], where one event may serve several steps: each step is served by its first event.
    fn loose_beside(&self, steps: u64, step: usize) -> u64 {
        let mut open = steps;
        let used: Vec<bool> = self
            .events
            .iter()
            .map(|event| {
                let serves = event.steps & open != 0;
                open &= !event.steps;
                serves
            })
            .collect();
        self.loose(step, |event| used.get(event).copied().unwrap_or_default())
    }
}

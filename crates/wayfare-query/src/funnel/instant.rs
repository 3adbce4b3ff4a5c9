//! What may happen inside one instant.
//!
//! States: a chain is *at* state n when n steps are behind it, matched or left out; state 0 is an attempt
//! about to be opened. Where events of one instant may come in any order and each serves once, a set of steps
//! can be matched exactly when they can be assigned to distinct events, and no order has to be tried: the sets
//! that can be assigned form a matroid, so growing one step at a time reaches the largest. Cost of that:
//! at most two tries to assign for every step, each linear in the events of the instant; with optional steps
//! that many for every pair of steps.

use super::FunnelEvent;
use super::definition::{Definition, bit, bits, span};
use super::ordered::{Chain, Ordered};

/// The events of one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant<'a> {
    pub(super) asked: &'a Definition,
    pub(super) events: &'a [FunnelEvent],
    pub(super) at_ms: i64,
    /// The steps that some event matches.
    pub(super) steps: u64,
    /// Whether an attempt may be opened here.
    pub(super) may_open: bool,
}

impl<'a> Instant<'a> {
    pub(super) fn new(asked: &'a Definition, events: &'a [FunnelEvent], at_ms: i64, may_open: bool) -> Self {
        let steps = events.iter().fold(0, |steps, event| steps | event.steps) & span(0, asked.steps);
        Self { asked, events, at_ms, steps, may_open }
    }

    /// Whether an attempt is opened here.
    pub(super) fn opens(&self) -> bool {
        self.may_open && self.steps & 1 != 0
    }
}

impl Ordered {
    /// Every chain may grow by one step.
    pub(super) fn one_step(&mut self, instant: &Instant<'_>) {
        // From the last step down, so that no chain grows twice.
        for step in (0..instant.asked.steps).rev().filter(|step| instant.steps & bit(*step) != 0) {
            self.grow(instant, step);
        }
    }

    /// Every chain may grow by as many steps as some event matches.
    pub(super) fn steps_in_a_row(&mut self, instant: &Instant<'_>) {
        for step in bits(instant.steps) {
            self.grow(instant, step);
        }
    }

    /// Lets the best chain after which `step` may come match it.
    fn grow(&mut self, instant: &Instant<'_>, step: usize) {
        let mut best: Option<Chain> = None;
        let mut state = step;
        loop {
            if let Some(chain) = self.chain_at(instant, state)
                && best.is_none_or(|best| chain.rank() > best.rank())
            {
                best = Some(chain);
            }
            // A state is left out with the optional step that leads to it.
            match state.checked_sub(1) {
                Some(before) if instant.asked.is_optional(before) => state = before,
                _ => break,
            }
        }
        if let Some(chain) = best {
            self.extend(instant, chain, bit(step), step);
        }
    }

    /// Every chain may grow by as many steps as distinct events can serve.
    ///
    /// The reach of a state never falls behind that of the state before, so one window of assigned steps is
    /// moved over them.
    pub(super) fn distinct_events(&mut self, instant: &Instant<'_>) {
        self.assignment.load(instant.events);
        let (mut released, mut reach) = (0, 0);
        for state in 0..instant.asked.steps {
            let Some(chain) = self.chain_at(instant, state) else { continue };
            while released < state {
                self.assignment.release(released);
                released += 1;
            }
            reach = reach.max(state);
            while reach < instant.asked.steps && self.assignment.assign(reach) {
                reach += 1;
            }
            for step in state..reach {
                self.propose(chain, span(state, step + 1), step);
            }
        }
        self.accept(instant);
    }

    /// As [`Self::distinct_events`], with steps that may be left out.
    pub(super) fn distinct_events_with_optional_steps(&mut self, instant: &Instant<'_>) {
        self.assignment.load(instant.events);
        for state in 0..instant.asked.steps {
            let Some(chain) = self.chain_at(instant, state) else { continue };
            for step in state..instant.asked.steps {
                let mandatory = span(state, step) & !instant.asked.optional;
                let steps = self.assign_all(mandatory | bit(step), span(state, step));
                match steps {
                    Some(steps) => self.propose(chain, steps, step),
                    None if instant.asked.is_optional(step) => {}
                    None => break,
                }
            }
        }
        self.accept(instant);
    }

    /// Assigns all of `needed` to distinct events, and of `wanted` what then still can be, first steps first.
    fn assign_all(&mut self, needed: u64, wanted: u64) -> Option<u64> {
        self.assignment.clear();
        if bits(needed).any(|step| !self.assignment.assign(step)) {
            return None;
        }
        let more = bits(wanted & !needed).filter(|step| self.assignment.assign(*step));
        Some(more.fold(needed, |steps, step| steps | bit(step)))
    }
}

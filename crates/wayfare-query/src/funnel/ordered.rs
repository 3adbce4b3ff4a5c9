//! Ordered funnels: every attempt of a stream in one pass.
//!
//! For each step the pass keeps one chain of matches that reaches it: that of the latest entry. No other can
//! become better, for what may follow a step depends on the chain only through the end of its window, and of
//! two attempts that reach a step at one instant the later entry is reported. Of chains of one entry, which
//! differ only in the optional steps, the one with more steps stays, then the one with the earlier of them,
//! then the one that was there first. The first instant at which a level is reached fixes its last match.
//!
//! Cost: linear in the steps that the events match; inside an instant see `instant`.

use std::cmp::Reverse;

use super::assignment::Assignment;
use super::definition::Definition;
use super::instant::Instant;
use super::outcome::{Match, Outcome};
use super::{EventReuse, FunnelEvent, Ties};

/// Which events open an attempt in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// All that match step 1.
    Every,
    /// Those of the first instant that has one; the pass ends with their window.
    First,
}

/// A sequence of matches, the last of them in `history`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    pub(super) entry_ms: i64,
    /// The steps matched.
    pub(super) steps: u64,
    last: Option<usize>,
}

impl Chain {
    pub(super) fn opened(entry_ms: i64) -> Self {
        Self { entry_ms, steps: 0, last: None }
    }

    /// Greater for the chain to keep: later entry, more steps, earlier optional steps.
    pub(super) fn rank(&self) -> (i64, u32, u64) {
        (self.entry_ms, self.steps.count_ones(), self.steps.reverse_bits())
    }
}

/// Steps matched at one instant, and what was matched before.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: Option<usize>,
    steps: u64,
    at_ms: i64,
}

/// The chains of a pass and its buffers.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    /// The chain that reaches the n-th step, at index n − 1.
    chains: Vec<Option<Chain>>,
    history: Vec<Link>,
    best: Option<(usize, Chain)>,
    proposed: Vec<Option<(Chain, u64)>>,
    pub(super) assignment: Assignment,
}

impl Ordered {
    pub(super) fn new(definition: &Definition) -> Self {
        Self {
            chains: vec![None; definition.steps],
            history: Vec::new(),
            best: None,
            proposed: vec![None; definition.steps],
            assignment: Assignment::new(definition.steps),
        }
    }

    /// Reads `events` until no better attempt can come; says how many it took to complete the best, else how
    /// many were read.
    pub(super) fn scan(&mut self, asked: &Definition, events: &[FunnelEvent], entries: Entries) -> usize {
        self.chains.fill(None);
        self.history.clear();
        self.best = None;
        let (mut opened_at, mut completed) = (None, None);
        let mut read = 0;
        while let Some(first) = events.get(read) {
            let at_ms = first.at_ms;
            let rest = events.get(read..).unwrap_or_default();
            let length = match asked.ties {
                Ties::Arrival => 1,
                _ => rest.iter().take_while(|event| event.at_ms == at_ms).count(),
            };
            let events = rest.get(..length).unwrap_or_default();
            let may_open = entries == Entries::Every || opened_at.is_none();
            if !may_open && opened_at.is_some_and(|entry_ms| !asked.in_window(entry_ms, at_ms)) {
                break;
            }
            read += length;
            let instant = Instant::new(asked, events, at_ms, may_open);
            if may_open && instant.opens() {
                opened_at = Some(at_ms);
            }
            let before = self.history.len();
            self.take(asked, &instant);
            let best = self.best.filter(|(level, _)| *level == asked.steps);
            if best.is_some_and(|(_, chain)| chain.last >= Some(before)) {
                completed = Some(read);
            }
            // What comes later ends later; by arrival, one instant goes on.
            if completed.is_some() && rest.get(length).is_none_or(|event| event.at_ms != at_ms) {
                break;
            }
        }
        completed.unwrap_or(read)
    }

    fn take(&mut self, asked: &Definition, instant: &Instant<'_>) {
        match (asked.ties, asked.event_reuse) {
            _ if instant.steps == 0 => {}
            (Ties::StrictlyIncreasing, _) => self.one_step(instant),
            (_, EventReuse::Allowed) => self.steps_in_a_row(instant),
            (_, EventReuse::Once) if instant.events.len() == 1 => self.one_step(instant),
            (_, EventReuse::Once) if asked.optional == 0 => self.distinct_events(instant),
            (_, EventReuse::Once) => self.distinct_events_with_optional_steps(instant),
        }
    }

    /// The chain after which step `state` (0-based) may come, if its window is open.
    pub(super) fn chain_at(&self, instant: &Instant<'_>, state: usize) -> Option<Chain> {
        match state.checked_sub(1) {
            None => instant.may_open.then(|| Chain::opened(instant.at_ms)),
            Some(step) => {
                let chain = self.chains.get(step).copied().flatten();
                chain.filter(|chain| instant.asked.in_window(chain.entry_ms, instant.at_ms))
            }
        }
    }

    /// Lets `chain` match `steps`, the last of them `step`, unless a better chain is there already.
    pub(super) fn extend(&mut self, instant: &Instant<'_>, chain: Chain, steps: u64, step: usize) {
        let longer = Chain { steps: chain.steps | steps, ..chain };
        let Some(slot) = self.chains.get_mut(step) else { return };
        if slot.is_some_and(|present| present.rank() >= longer.rank()) {
            return;
        }
        let longer = Chain { last: Some(self.history.len()), ..longer };
        self.history.push(Link { before: chain.last, steps, at_ms: instant.at_ms });
        *slot = Some(longer);
        let level = step + 1;
        let better = self.best.is_none_or(|(best, present)| {
            best < level || (best == level && self.history_at(present) == Some(instant.at_ms))
        });
        if better {
            self.best = Some((level, longer));
        }
    }

    /// Notes that `chain` can match `steps`, the last of them `step`; it grows only in [`Self::accept`], so
    /// that the events of the instant are not given away twice. Of equal ones the later noted stays.
    pub(super) fn propose(&mut self, chain: Chain, steps: u64, step: usize) {
        let Some(slot) = self.proposed.get_mut(step) else { return };
        let rank = |chain: Chain, steps: u64| Chain { steps: chain.steps | steps, ..chain }.rank();
        if slot.is_none_or(|(other, others)| rank(other, others) <= rank(chain, steps)) {
            *slot = Some((chain, steps));
        }
    }

    /// Grows the chains as proposed.
    pub(super) fn accept(&mut self, instant: &Instant<'_>) {
        for step in 0..self.proposed.len() {
            if let Some((chain, steps)) = self.proposed.get_mut(step).and_then(Option::take) {
                self.extend(instant, chain, steps, step);
            }
        }
    }

    fn history_at(&self, chain: Chain) -> Option<i64> {
        self.history.get(chain.last?).map(|link| link.at_ms)
    }

    /// Puts the best attempt of the pass into `outcome`, unless that holds a better one.
    pub(super) fn report(&self, outcome: &mut Outcome) {
        let Some((level, chain)) = self.best else { return };
        if (level, Reverse(self.history_at(chain)), Some(chain.entry_ms)) <= outcome.rank() {
            return;
        }
        outcome.level = level;
        outcome.matches.clear();
        let mut next = chain.last;
        while let Some(link) = next.and_then(|next| self.history.get(next)) {
            let mut steps = link.steps;
            while let Some(step) = steps.checked_ilog2() {
                steps ^= 1 << step;
                outcome.matches.push(Match { step: step as usize, at_ms: link.at_ms });
            }
            next = link.before;
        }
        outcome.matches.reverse();
    }
}

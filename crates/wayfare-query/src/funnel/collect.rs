//! What is kept of the attempts of a unit: the reported one, or all.

use super::definition::{Definition, ExclusionEffect, Order};
use super::outcome::{Attempt, Outcome, Rank, rank};

/// What is wanted of a unit's attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Keep {
    /// The one that is reported.
    #[default]
    Best,
    /// The best of each entry.
    All,
}

/// The attempts of one unit, as far as they are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Collector {
    pub(super) keep: Keep,
    /// The greatest level of all attempts, excluded ones included.
    top: usize,
    best: Option<Attempt>,
    all: Vec<Attempt>,
    /// How many of `all` are of values held before, each the best of its entry and value.
    closed: usize,
}

/// What decides whether an attempt is wanted, before its matches are put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) level: usize,
    pub(super) entry_ms: i64,
    pub(super) last_ms: i64,
    pub(super) steps: u64,
    pub(super) excluded: bool,
}

impl Candidate {
    fn rank(&self, asked: &Definition) -> Rank {
        rank(self.level, self.last_ms, self.entry_ms, self.steps, asked.order != Order::Unordered)
    }
}

impl Collector {
    pub(super) fn clear(&mut self, keep: Keep) {
        self.keep = keep;
        self.top = 0;
        self.best = None;
        self.all.clear();
        self.closed = 0;
    }

    /// Takes an attempt if it is wanted; `attempt` puts it together.
    pub(super) fn offer(
        &mut self,
        asked: &Definition,
        candidate: Candidate,
        attempt: impl FnOnce() -> Attempt,
    ) {
        if self.keep == Keep::All {
            self.all.push(attempt());
            return;
        }
        self.top = self.top.max(candidate.level);
        let better = |best: &Attempt| candidate.rank(asked) > best.rank(asked.order != Order::Unordered);
        if !candidate.excluded && self.best.as_ref().is_none_or(better) {
            self.best = Some(attempt());
        }
    }

    /// Moves the reported attempt to `outcome`.
    pub(super) fn report(&mut self, asked: &Definition, outcome: &mut Outcome) {
        if self.keep == Keep::All {
            for attempt in std::mem::take(&mut self.all) {
                self.top = self.top.max(attempt.level);
                let latest_entry = asked.order != Order::Unordered;
                let better = |best: &Attempt| attempt.rank(latest_entry) > best.rank(latest_entry);
                if !attempt.excluded && self.best.as_ref().is_none_or(better) {
                    self.best = Some(attempt);
                }
            }
        }
        let best = self.best.take();
        let kept = best.as_ref().map_or(0, |best| best.level);
        *outcome = Outcome::default();
        if asked.exclusion_effect == ExclusionEffect::DropActor && kept < self.top {
            outcome.dropped = true;
        } else if let Some(best) = best {
            outcome.level = best.level;
            outcome.matches = best.matches;
        }
    }

    /// Ends the attempts that hold one value: of those that an entry has, being several ways of one, the best stays, and of
    /// equals the one that is not excluded.
    pub(super) fn close(&mut self, asked: &Definition, held: u32) {
        let mut ways = self.all.split_off(self.closed);
        for attempt in &mut ways {
            attempt.held = held;
        }
        let latest_entry = asked.order != Order::Unordered;
        best_of_each_entry(&mut ways, |attempt| (attempt.rank(latest_entry), !attempt.excluded));
        self.all.append(&mut ways);
        self.closed = self.all.len();
    }

    /// The best attempt of each entry, in order of entry. Of values that may be held the best counts: a voided attempt
    /// only where there is no other, and of equals the one that is not excluded.
    pub(super) fn attempts(&mut self, asked: &Definition) -> Vec<Attempt> {
        let mut all = std::mem::take(&mut self.all);
        let voids = asked.exclusion_effect == ExclusionEffect::VoidAttempt;
        best_of_each_entry(&mut all, |attempt| {
            let rank = attempt.rank(asked.order != Order::Unordered);
            (!(voids && attempt.excluded), rank, !attempt.excluded)
        });
        all
    }
}

/// Sorts attempts by entry and keeps of each entry the one of the greatest key.
fn best_of_each_entry<K: Ord>(attempts: &mut Vec<Attempt>, key: impl Fn(&Attempt) -> K) {
    attempts.sort_by(|left, right| left.entry.cmp(&right.entry).then_with(|| key(right).cmp(&key(left))));
    attempts.dedup_by_key(|attempt| attempt.entry);
}

//! Chains of matches and the lanes in which they wait for their next step.

use std::collections::VecDeque;

use super::definition::Definition;
use super::outcome::{Attempt, Ending, Match};

/// A sequence of matches, the last of them in the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// Place of the entry event.
    pub(super) entry: usize,
    pub(super) entry_ms: i64,
    pub(super) last_ms: i64,
    /// The steps matched.
    pub(super) steps: u64,
    /// Steps that it went on to, while it waits here for another one.
    pub(super) branched: u64,
    pub(super) excluded: bool,
    ending: Ending,
    link: Option<usize>,
}

impl Chain {
    pub(super) fn opened(entry: usize, entry_ms: i64) -> Self {
        Self {
            entry,
            entry_ms,
            last_ms: entry_ms,
            steps: 0,
            branched: 0,
            excluded: false,
            ending: Ending::default(),
            link: None,
        }
    }

    /// The chain of an attempt in which an exclusion event lies.
    pub(super) fn into_excluded(self) -> Self {
        Self { excluded: true, ..self }
    }

    /// The chain of an attempt that was ended so.
    pub(super) fn ended_by(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// The chain that went on to `steps` when its last match was made.
    pub(super) fn gone_on_to(self, steps: u64) -> Self {
        Self { branched: steps, ..self }
    }

    /// The last step matched.
    pub(super) fn last(&self) -> usize {
        self.steps.checked_ilog2().unwrap_or_default() as usize
    }

    /// Greater for the chain that can do all that the other one can, where both wait for the same step: later entry, more
    /// steps, earlier optional steps. What would cut a chain off has not cut off the one that came last.
    pub(super) fn promise(&self, asked: &Definition) -> (i64, i64, u32, u64) {
        let last_ms = if asked.can_be_cut() { self.last_ms } else { 0 };
        (self.entry_ms, last_ms, self.steps.count_ones(), self.steps.reverse_bits())
    }
}

/// Steps matched at one instant, and what was matched before.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: Option<usize>,
    steps: u64,
    at_ms: i64,
}

/// All matches of a pass.
#[derive(Debug, Clone, Default)]
pub(super) struct History(Vec<Link>);

impl History {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The chain with `steps` matched after it at `at_ms`.
    pub(super) fn extend(&mut self, chain: Chain, steps: u64, at_ms: i64) -> Chain {
        let link = self.0.len();
        self.0.push(Link { before: chain.link, steps, at_ms });
        Chain { last_ms: at_ms, steps: chain.steps | steps, branched: 0, link: Some(link), ..chain }
    }

    /// The steps that a chain matched before `at_ms`.
    pub(super) fn steps_before(&self, chain: &Chain, at_ms: i64) -> u64 {
        let now = self.links(chain).take_while(|link| link.at_ms == at_ms);
        chain.steps & !now.fold(0, |steps, link| steps | link.steps)
    }

    pub(super) fn attempt(&self, chain: &Chain) -> Attempt {
        let mut matches = Vec::with_capacity(chain.steps.count_ones() as usize);
        for link in self.links(chain) {
            let mut steps = link.steps;
            while let Some(step) = steps.checked_ilog2() {
                steps ^= 1 << step;
                matches.push(Match { step: step as usize, at_ms: link.at_ms });
            }
        }
        matches.reverse();
        Attempt {
            entry: chain.entry,
            entry_ms: chain.entry_ms,
            level: chain.last() + 1,
            matches,
            excluded: chain.excluded,
            ending: chain.ending,
            held: 0,
        }
    }

    /// The links of a chain, the last one first.
    fn links(&self, chain: &Chain) -> impl Iterator<Item = &Link> {
        let at = |link: usize| self.0.get(link);
        std::iter::successors(chain.link.and_then(at), move |link| link.before.and_then(at))
    }
}

/// The chains whose last match is one and the same step. Excluded ones wait apart, so that no exclusion has to look at
/// them again.
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    pub(super) clean: VecDeque<Chain>,
    pub(super) excluded: VecDeque<Chain>,
    /// Chains that cannot go on and can still be excluded.
    pub(super) spent: VecDeque<Chain>,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.clean.is_empty() && self.excluded.is_empty() && self.spent.is_empty()
    }

    /// Whether no chain waits for its next step.
    pub(super) fn is_idle(&self) -> bool {
        self.clean.is_empty() && self.excluded.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.clean.clear();
        self.excluded.clear();
        self.spent.clear();
    }

    /// The queue that a chain belongs to.
    pub(super) fn queue_of(&mut self, chain: &Chain) -> &mut VecDeque<Chain> {
        if chain.excluded { &mut self.excluded } else { &mut self.clean }
    }

    /// The queues of the chains that wait for their next step.
    pub(super) fn waiting(&mut self) -> [&mut VecDeque<Chain>; 2] {
        [&mut self.clean, &mut self.excluded]
    }
}

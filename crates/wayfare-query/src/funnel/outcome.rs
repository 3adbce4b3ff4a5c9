//! What a funnel answers for one unit.

use std::cmp::Reverse;

/// One step of an attempt and when it was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The step, 0-based.
    pub step: usize,
    /// When.
    pub at_ms: i64,
}

/// The reported attempt of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of the last step matched, 1 for the first; 0 without an attempt.
    pub level: usize,
    /// The steps matched, in order; optional steps that were left out are absent.
    pub matches: Vec<Match>,
}

impl Outcome {
    /// When `step` (0-based) was matched.
    pub fn at_ms(&self, step: usize) -> Option<i64> {
        self.matches.iter().find(|matched| matched.step == step).map(|matched| matched.at_ms)
    }

    /// From the matched step before to `step` (0-based); null for the first step and where it was not matched.
    pub fn since_previous_ms(&self, step: usize) -> Option<i64> {
        let pair = self.matches.windows(2).find_map(|pair| match pair {
            [before, matched] if matched.step == step => Some((before.at_ms, matched.at_ms)),
            _ => None,
        });
        pair.map(|(before, at_ms)| at_ms.saturating_sub(before))
    }

    pub(super) fn clear(&mut self) {
        self.level = 0;
        self.matches.clear();
    }

    /// Greater for the attempt to report: level, then earlier last match, then later entry.
    pub(super) fn rank(&self) -> Rank {
        let first = self.matches.first().map(|matched| matched.at_ms);
        let last = self.matches.last().map(|matched| matched.at_ms);
        (self.level, Reverse(last), first)
    }
}

/// The order of attempts, see [`Outcome::rank`].
pub(super) type Rank = (usize, Reverse<Option<i64>>, Option<i64>);

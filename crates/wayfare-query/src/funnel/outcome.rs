//! What a funnel answers for one unit.

use std::cmp::Reverse;

use super::definition::ExclusionEffect;

/// One step of an attempt and when it was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The step, 0-based.
    pub step: usize,
    /// When.
    pub at_ms: i64,
}

/// An attempt: the reported one of a unit, or one of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of the last step matched, 1 for the first; 0 without an attempt.
    pub level: usize,
    /// The steps matched, in order; optional steps that were left out are absent.
    pub matches: Vec<Match>,
    /// Whether an exclusion takes the unit out of the report; level and matches are then empty.
    pub dropped: bool,
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
}

/// What ended an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// The events: none followed that could be its next step.
    #[default]
    Exhausted,
    /// The match of its last step.
    Complete,
    /// The end of its window.
    Window,
    /// An event that a strict funnel does not pass over.
    Broken,
    /// An event of a step that it had matched.
    Repeated,
    /// An exclusion event.
    Excluded,
}

/// One attempt of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Place of the event that opened it, in the slice of events.
    pub entry: usize,
    /// When it was opened.
    pub entry_ms: i64,
    /// Number of the last step matched.
    pub level: usize,
    /// The steps matched, in order.
    pub matches: Vec<Match>,
    /// Whether an exclusion event lies in it.
    pub excluded: bool,
    /// What ended it.
    pub ending: Ending,
    /// The value that its events hold constant; 0 where none is held.
    pub held: u32,
}

impl Attempt {
    /// Greater for the attempt that is reported of several of one unit.
    pub(super) fn rank(&self, latest_entry: bool) -> Rank {
        rank(self.level, self.last_ms(), self.entry_ms, self.steps(), latest_entry)
    }

    pub(super) fn last_ms(&self) -> i64 {
        self.matches.last().map_or(self.entry_ms, |matched| matched.at_ms)
    }

    fn steps(&self) -> u64 {
        self.matches.iter().fold(0, |steps, matched| steps | 1 << matched.step)
    }
}

/// The order of attempts: level; then, where attempts are ordered, earlier last match, later entry, more steps, earlier
/// optional steps; where they are not, earlier entry.
pub(super) type Rank = (usize, Reverse<i64>, i64, u32, u64);

pub(super) fn rank(level: usize, last_ms: i64, entry_ms: i64, steps: u64, latest_entry: bool) -> Rank {
    if latest_entry {
        (level, Reverse(last_ms), entry_ms, steps.count_ones(), steps.reverse_bits())
    } else {
        (level, Reverse(entry_ms), 0, 0, 0)
    }
}

/// The greatest level among attempts, by the rule of the exclusions; `None` where they take the unit out of the report.
pub fn greatest_level<'a>(
    attempts: impl IntoIterator<Item = &'a Attempt>,
    effect: ExclusionEffect,
) -> Option<usize> {
    let (mut top, mut kept) = (0, 0);
    for attempt in attempts {
        top = top.max(attempt.level);
        if !attempt.excluded {
            kept = kept.max(attempt.level);
        }
    }
    match effect {
        ExclusionEffect::DropActor if kept < top => None,
        _ => Some(kept),
    }
}

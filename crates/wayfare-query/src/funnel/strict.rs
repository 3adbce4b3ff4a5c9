//! What breaks an attempt of a strict funnel.

use super::FunnelEvent;
use super::definition::{Definition, StrictReentry, StrictRepeats, StrictScope, bit, span};

/// Whether one of `events` breaks an attempt that waits after the match of `last`, having matched `matched`.
pub(super) fn breaks(asked: &Definition, matched: u64, last: usize, events: &[FunnelEvent]) -> bool {
    let rules = asked.strictness;
    let mut passed_over = match rules.reentry {
        StrictReentry::Break => 0,
        StrictReentry::Tolerate => matched & !bit(last),
        StrictReentry::IgnoreAhead => matched & !bit(last) | span(last + 1, asked.steps),
    };
    if rules.repeats == StrictRepeats::Tolerate {
        passed_over |= bit(last);
    }
    let any = span(0, asked.steps);
    events.iter().any(|event| match event.steps & any {
        0 => rules.scope == StrictScope::AllEvents,
        steps => steps & passed_over == 0,
    })
}

//! Events waiting for their place in the output: the output is in order of arrival, and runs overlap.
//!
//! A calendar queue: time is cut into slots, each slot keeps its lines as bytes and where they begin, and a slot
//! is sorted once when its time has come. Memory holds the events still to come, not the whole output.

use std::collections::VecDeque;

use super::line::Line;
use super::random::Random;

/// Time is cut into quarters of an hour.
pub(super) const SLOT_MS: u64 = 15 * 60_000;

/// One event in this many permille is late: its stream was held up.
const LATE_PERMILLE: u64 = 20;
/// Half of the late events come within this time.
const LATE_MEDIAN_MS: u64 = 20 * 60_000;

/// The events on their way.
#[derive(Debug)]
pub(super) struct Arrivals {
    start_ms: u64,
    end_ms: u64,
    events_max: u64,
    taken: u64,
    slots: VecDeque<Slot>,
    /// Events put in so far.
    pub(super) events: u64,
}

#[derive(Debug, Default)]
struct Slot {
    bytes: Vec<u8>,
    /// Arrival, begin and end of each line.
    lines: Vec<(u64, usize, usize)>,
}

impl Arrivals {
    /// Begins at `start_ms`; nothing happens from `end_ms` on, nor when there are `events_max` events.
    pub(super) fn new(start_ms: u64, end_ms: u64, events_max: u64) -> Self {
        Self { start_ms, end_ms, events_max, taken: 0, slots: VecDeque::new(), events: 0 }
    }

    /// Puts in one event of instant `at_ms`, unless that lies behind the end or there are enough.
    pub(super) fn put(&mut self, random: &mut Random, at_ms: u64, write: impl FnOnce(&mut Line<'_>)) {
        if at_ms >= self.end_ms || self.events >= self.events_max {
            return;
        }
        let delay_ms = if random.chance(LATE_PERMILLE) { random.around(LATE_MEDIAN_MS) } else { 0 };
        let arrival_ms = at_ms + delay_ms;
        let ahead = (arrival_ms.saturating_sub(self.start_ms) / SLOT_MS).saturating_sub(self.taken);
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
        while self.slots.len() <= ahead {
            self.slots.push_back(Slot::default());
        }
        if let Some(slot) = self.slots.get_mut(ahead) {
            let begin = slot.bytes.len();
            write(&mut Line(&mut slot.bytes));
            slot.bytes.push(b'\n');
            slot.lines.push((arrival_ms, begin, slot.bytes.len()));
            self.events += 1;
        }
    }

    /// Takes the lines of the next slot of time; none when nothing is waiting.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let mut slot = self.slots.pop_front()?;
        self.taken += 1;
        slot.lines.sort_by_key(|&(arrival_ms, begin, _)| (arrival_ms, begin));
        let mut block = Vec::with_capacity(slot.bytes.len());
        for (_, begin, end) in slot.lines {
            block.extend_from_slice(slot.bytes.get(begin..end).unwrap_or_default());
        }
        Some(block)
    }

    /// Opens the next slot of time even if nothing waits in it.
    pub(super) fn open(&mut self) {
        if self.slots.is_empty() {
            self.slots.push_back(Slot::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_by_arrival_up_to_the_end_and_the_limit() {
        let mut arrivals = Arrivals::new(0, 10 * SLOT_MS, 5);
        let mut random = Random::new(1, 1);
        for at in [5, 3 * SLOT_MS, 4, 11 * SLOT_MS, SLOT_MS, 3, 2] {
            arrivals.put(&mut random, at, |line| {
                line.digits(at);
            });
        }
        assert_eq!(arrivals.events, 5);
        let mut out = Vec::new();
        while let Some(block) = arrivals.take() {
            out.extend(block);
        }
        assert_eq!(String::from_utf8(out).unwrap(), "3\n4\n5\n900000\n2700000\n");
    }
}

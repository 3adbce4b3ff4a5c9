//! When people come: more on weekdays, more by day, and a little more each week.

use super::arrivals::SLOT_MS;
use super::line::DAY_MS;

/// Weight of each hour, in UTC: Europe's morning to America's night.
const HOURS: [u64; 24] = [
    46, 34, 26, 22, 24, 34, 56, 84, 106, 118, 120, 116, 112, 118, 124, 128, 130, 128, 124, 120, 112, 100, 84,
    66,
];

/// Weight of each day of the week, from Monday.
const DAYS: [u64; 7] = [108, 112, 110, 106, 102, 70, 62];

/// A day's weight grows by this many permille a day.
const GROWTH_PERMILLE: u64 = 6;

/// The last slot gets at least this many events, so that even a small output has runs on their way when it ends; but
/// never more than a twentieth of all.
const LAST_EVENTS_MIN: u64 = 250;

const SLOTS_A_DAY: u64 = DAY_MS / SLOT_MS;

/// The share of the events that each slot of time gets.
#[derive(Debug)]
pub(super) struct Waves {
    /// Sums of the weights up to and with each slot.
    sums: Vec<u64>,
    events: u64,
}

impl Waves {
    pub(super) fn new(start_ms: u64, days: u64, events: u64) -> Self {
        let mut sum = 0;
        let weights = (0..days * SLOTS_A_DAY).map(|slot| {
            sum += weight(start_ms + slot * SLOT_MS, slot / SLOTS_A_DAY);
            sum
        });
        Self { sums: weights.collect(), events }
    }

    pub(super) fn slots(&self) -> u64 {
        self.sums.len() as u64
    }

    /// How many events there should be once `slot` is filled: all of them after the last.
    pub(super) fn events_until(&self, slot: u64) -> u64 {
        let total = self.sums.last().copied().unwrap_or(1);
        if slot + 1 == self.slots() {
            return self.events;
        }
        let shared = self.events - LAST_EVENTS_MIN.min(self.events / 20);
        let sum = usize::try_from(slot).ok().and_then(|slot| self.sums.get(slot)).copied().unwrap_or(total);
        u64::try_from(u128::from(shared) * u128::from(sum) / u128::from(total)).unwrap_or(shared)
    }
}

/// Whether administrators are at work.
pub(super) fn office_hours(at_ms: u64) -> bool {
    (7..17).contains(&hour(at_ms)) && weekday(at_ms) < 5
}

fn weight(at_ms: u64, day: u64) -> u64 {
    let of =
        |table: &[u64], position: u64| usize::try_from(position).ok().and_then(|p| table.get(p)).copied();
    let (hour, weekday) = (of(&HOURS, hour(at_ms)), of(&DAYS, weekday(at_ms)));
    hour.unwrap_or(1) * weekday.unwrap_or(1) * (1000 + GROWTH_PERMILLE * day)
}

fn hour(at_ms: u64) -> u64 {
    at_ms % DAY_MS / 3_600_000
}

/// 0 is Monday; 1970-01-01 was a Thursday.
fn weekday(at_ms: u64) -> u64 {
    (at_ms / DAY_MS + 3) % 7
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01, a Sunday.
    const SUNDAY: u64 = 1_772_323_200_000;

    #[test]
    fn the_last_slot_has_all_events_and_none_goes_back() {
        let waves = Waves::new(SUNDAY, 3, 1_000);
        assert_eq!(waves.slots(), 3 * 96);
        assert_eq!(waves.events_until(3 * 96 - 1), 1_000);
        assert!((1..waves.slots()).all(|slot| waves.events_until(slot - 1) <= waves.events_until(slot)));
    }

    #[test]
    fn administrators_work_on_weekdays() {
        assert!(!office_hours(SUNDAY + 10 * 3_600_000));
        assert!(office_hours(SUNDAY + DAY_MS + 10 * 3_600_000));
        assert!(!office_hours(SUNDAY + DAY_MS + 3 * 3_600_000));
    }
}

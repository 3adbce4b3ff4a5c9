//! Which times an event can have: a clock that was never set, or runs far ahead, moves every report.

use chrono::DateTime;

use crate::limits::Limits;
use crate::{Event, Mapping, Reason};

/// The times between which events are taken in, in microseconds since 1970; both count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plausible {
    first_us: Option<i64>,
    last_us: i64,
}

impl Plausible {
    /// The times that the limits allow to an ingest at `now_ms`. A log with a mapping of its own may be of any past: its
    /// clock may well begin at zero.
    pub(super) fn at(now_ms: i64, limits: &Limits, mapping: &Mapping) -> Self {
        Self {
            first_us: mapping.is_of_the_platform().then(|| limits.event_min_ms.saturating_mul(1_000)),
            last_us: now_ms.saturating_add(limits.event_ahead_max_ms).saturating_mul(1_000),
        }
    }

    /// Says why an event goes into quarantine, if it does.
    pub(super) fn check(&self, event: &Event<'_>) -> Result<(), (Reason, String)> {
        let at_us = event.timestamp_us;
        if self.first_us.is_none_or(|first_us| first_us <= at_us) && at_us <= self.last_us {
            return Ok(());
        }
        let from = self.first_us.map(|first_us| format!(" from {}", shown(first_us))).unwrap_or_default();
        let detail = format!("expected a time{from} up to {}, saw {}", shown(self.last_us), shown(at_us));
        Err((Reason::WildTimestamp, detail))
    }
}

fn shown(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(|| format!("{micros} \u{b5}s"), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, Value};

    /// What becomes of an event at a time, by a mapping.
    fn check(mapping: &Mapping, now_ms: i64, at_ms: i64) -> Result<(), (Reason, String)> {
        let at = at_ms.to_string();
        let fields =
            vec![("activity".into(), Value::Text("x".into())), ("timestamp".into(), Value::Json(&at))];
        let record = Record { fields };
        let mapper = mapping.clone().compile(None);
        let event = mapper.map(&record).unwrap();
        Plausible::at(now_ms, &Limits::default(), mapping).check(&event)
    }

    #[test]
    fn a_day_ahead_is_the_most() {
        let now_ms = 1_774_000_000_000;
        let check = |at_ms: i64| check(&Mapping::mosaic().unwrap(), now_ms, at_ms);
        assert_eq!(check(now_ms), Ok(()));
        assert_eq!(check(now_ms + 86_400_000), Ok(()));
        let (reason, detail) = check(now_ms + 86_400_001).unwrap_err();
        assert_eq!(reason, Reason::WildTimestamp);
        assert!(detail.contains("a time from 2000-01-01T00:00:00Z up to 2026-03-21T"), "{detail}");
        assert_eq!(check(946_684_800_000), Ok(()));
        assert_eq!(check(946_684_799_999).unwrap_err().0, Reason::WildTimestamp);
    }

    #[test]
    fn a_log_of_its_own_has_no_beginning() {
        let text = "[columns]\nactivity = \"activity\"\ntimestamp = \"timestamp\"\n";
        let own = Mapping::parse(text, "log.toml").unwrap();
        assert_eq!(check(&own, 1_774_000_000_000, 631_152_000_000), Ok(()));
        let (_, detail) = check(&own, 1_774_000_000_000, 1_775_000_000_000).unwrap_err();
        assert_eq!(detail, "expected a time up to 2026-03-21T09:46:40Z, saw 2026-03-31T23:33:20Z");
    }
}

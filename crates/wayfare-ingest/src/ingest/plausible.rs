//! Which times an event can have: a clock that was never set, or runs far ahead, moves every report.

use chrono::DateTime;

use crate::limits::Limits;
use crate::{Event, Mapping, Reason};

/// The times between which events are taken in, in microseconds since 1970; both count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plausible {
    first_us: i64,
    last_us: i64,
}

impl Plausible {
    /// The times that the limits allow to an ingest at `now_ms`. A log with a mapping of its own may be of any past: its
    /// clock may well begin at zero.
    pub(super) fn at(now_ms: i64, limits: &Limits, mapping: &Mapping) -> Self {
        let first_ms = if mapping.is_of_the_platform() { limits.event_min_ms } else { i64::MIN };
        Self {
            first_us: first_ms.saturating_mul(1_000),
            last_us: now_ms.saturating_add(limits.event_ahead_max_ms).saturating_mul(1_000),
        }
    }

    /// Passes an event on, or says why it goes into quarantine.
    pub(super) fn check<'e>(&self, event: Event<'e>) -> Result<Event<'e>, (Reason, String)> {
        if (self.first_us..=self.last_us).contains(&event.timestamp_us) {
            return Ok(event);
        }
        let detail = format!(
            "expected a time from {} to {}, saw {}",
            shown(self.first_us),
            shown(self.last_us),
            shown(event.timestamp_us)
        );
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

    #[test]
    fn a_day_ahead_is_the_most() {
        let now_ms = 1_774_000_000_000;
        let plausible = Plausible::at(now_ms, &Limits::default(), &Mapping::mosaic().unwrap());
        let mapper = Mapping::mosaic().unwrap().compile(None);
        let check = |at_ms: i64| {
            let at = at_ms.to_string();
            let fields =
                vec![("activity".into(), Value::Text("x".into())), ("timestamp".into(), Value::Json(&at))];
            let record = Record { fields };
            let event = mapper.map(&record).unwrap();
            plausible.check(event).map(drop)
        };
        assert_eq!(check(now_ms), Ok(()));
        assert_eq!(check(now_ms + 86_400_000), Ok(()));
        let (reason, detail) = check(now_ms + 86_400_001).unwrap_err();
        assert_eq!(reason, Reason::WildTimestamp);
        assert!(detail.contains("2000-01-01T00:00:00Z to 2026-03-21T"), "{detail}");
        assert_eq!(check(946_684_800_000), Ok(()));
        assert_eq!(check(946_684_799_999).unwrap_err().0, Reason::WildTimestamp);
    }
}

//! Where a page of events ended, as text that the caller passes back.
//!
//! A list is ordered by time and event id, which never change, so "behind this event" means the same whatever was
//! stored meanwhile: no event is skipped and none repeated. So that a walk through all pages gives the events of its
//! first page's moment and no others, a cursor also carries that moment: what counted as now, and the latest
//! batch that was stored. A digest of the question keeps a cursor from being used with another one.

use std::fmt;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, col, lit};

use crate::Result;
use crate::runs::instant;
use crate::spec::{ActivitySpec, Scope};

use crate::report::place;

/// Hexadecimal digits of the question's digest.
const DIGEST_DIGITS: usize = 8;

/// The place behind an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    as_of_ms: i64,
    stored_us: i64,
    digest: String,
    at_us: i64,
    event_id: Vec<u8>,
}

impl Cursor {
    pub(super) fn new(
        spec: &ActivitySpec,
        as_of_ms: i64,
        stored_us: i64,
        (at_us, event_id): (i64, Vec<u8>),
    ) -> Self {
        Self { as_of_ms, stored_us, digest: digest(spec), at_us, event_id }
    }

    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// `Invalid` for any other text, and for the cursor of another question.
    pub(super) fn parse(text: &str, spec: &ActivitySpec) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let &[as_of_ms, stored_us, digest_seen, at_us, id] = parts.as_slice() else {
            return Err(place::wrong(&format!("{text:?}")));
        };
        let number = |text: &str| text.parse::<i64>().ok();
        let numbers = number(as_of_ms).zip(number(stored_us)).zip(number(at_us)).zip(from_hex(id));
        let Some((((as_of_ms, stored_us), at_us), event_id)) = numbers else {
            return Err(place::wrong(&format!("{text:?}")));
        };
        let digest = digest(spec);
        if digest_seen != digest {
            return Err(place::wrong("that of another question"));
        }
        Ok(Self { as_of_ms, stored_us, digest, at_us, event_id })
    }

    /// The same walk, behind another event.
    pub(super) fn moved(&self, (at_us, event_id): (i64, Vec<u8>)) -> Self {
        Self { at_us, event_id, ..self.clone() }
    }

    /// What counted as now when the walk began.
    pub(super) fn as_of(&self) -> String {
        let instant = chrono::DateTime::from_timestamp_millis(self.as_of_ms).unwrap_or_default();
        instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// Whether an event was stored when the walk began.
    pub(super) fn was_there(&self) -> Expr {
        col("ingested_at").lt_eq(lit(instant(self.stored_us)))
    }

    /// The event's time and id.
    pub(super) fn place(&self) -> (i64, Vec<u8>) {
        (self.at_us, self.event_id.clone())
    }
}

/// Whether an event stands behind another in the list; `happened_at` is its time.
pub(super) fn behind((at_us, event_id): &(i64, Vec<u8>), oldest_first: bool) -> Expr {
    let at = || lit(instant(*at_us));
    let id = lit(ScalarValue::BinaryView(Some(event_id.clone())));
    let time = || col("timestamp");
    let later = if oldest_first { time().gt(at()) } else { time().lt(at()) };
    // the first half prunes files, the second one decides
    let near = if oldest_first { time().gt_eq(at()) } else { time().lt_eq(at()) };
    near.and(later.or(col("event_id").gt(id)))
}

/// Of everything that decides which events are in the list and in which order.
fn digest(spec: &ActivitySpec) -> String {
    let scope = Scope { limit: None, ..spec.scope.clone() };
    let question = ActivitySpec { scope, after: None, ..spec.clone() };
    // a spec has JSON, or it could not have been asked
    let text = serde_json::to_string(&question).unwrap_or_default();
    let hex = blake3::hash(text.as_bytes()).to_hex();
    hex.chars().take(DIGEST_DIGITS).collect()
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_of_ms, stored_us, digest, at_us, event_id } = self;
        write!(f, "{as_of_ms}.{stored_us}.{digest}.{at_us}.")?;
        event_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Bytes written as pairs of hexadecimal digits.
pub(in crate::report) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Log;

    #[test]
    fn a_cursor_is_read_back_and_belongs_to_its_question() {
        let spec = ActivitySpec::new(Log::Admin);
        let cursor = Cursor::new(&spec, 1_775_000_000_000, 42, (-7, vec![0, 255]));
        let text = cursor.to_string();
        assert_eq!(Cursor::parse(&text, &spec).unwrap(), cursor);
        let shorter = ActivitySpec { scope: Scope { limit: Some(3), ..Scope::default() }, ..spec.clone() };
        assert_eq!(Cursor::parse(&text, &shorter).unwrap(), cursor);
        let other = ActivitySpec { search: Some("x".to_owned()), ..spec.clone() };
        assert!(Cursor::parse(&text, &other).unwrap_err().to_string().contains("another question"));
        for text in ["", "x", "1.2.3.4", "1.2.abcdefgh.4.0", "1.2.abcdefgh.4.zz"] {
            assert!(Cursor::parse(text, &spec).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        assert_eq!((from_hex("0"), from_hex("0g"), from_hex("")), (None, None, Some(vec![])));
    }
}

//! Reads timestamps: ISO-8601 with a zone, or epoch milliseconds. Everything becomes microseconds UTC.

mod civil;

use civil::{Civil, micros_of};

/// Epoch numbers below this (March 1973 in milliseconds) are seconds or dates in disguise, never an event's instant.
const EPOCH_MS_MIN: i64 = 100_000_000_000;
const EPOCH_MS_MAX: i64 = 9_214_646_400_000; // 2262-01-01
const SHOWN_BYTES_MAX: usize = 60;

/// Reads a timestamp given as text: ISO-8601, or epoch milliseconds in digits.
///
/// `zone_s` is the offset from UTC in seconds of timestamps that carry none; without it they are refused.
pub(crate) fn parse_text(text: &str, zone_s: Option<i64>) -> Result<i64, String> {
    if let Some(micros) = fast(text.as_bytes()) {
        return Ok(micros);
    }
    let text = text.trim_ascii();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return parse_number(text);
    }
    let Some((civil, zone)) = Scanner { rest: text.as_bytes() }.instant() else {
        return Err(format!("expected ISO-8601 or epoch milliseconds, saw {}", shown(text)));
    };
    let offset_s = match zone {
        Zone::Offset(offset_s) => Some(offset_s),
        Zone::Absent => zone_s,
    };
    let Some(offset_s) = offset_s else {
        return Err(format!(
            "timestamp has no zone, saw {}: expected Z or an offset at its end, or `zone` in the mapping or the store's settings",
            shown(text)
        ));
    };
    match micros_of(&civil) {
        Some(local) if (1970..=2261).contains(&civil.year) => {
            let micros = local - offset_s * 1_000_000;
            if micros < 0 { Err(out_of_range(text)) } else { Ok(micros) }
        }
        Some(_) => Err(out_of_range(text)),
        None => Err(format!("there is no such date or time: {}", shown(text))),
    }
}

/// Reads epoch milliseconds, a fraction allowed.
pub(crate) fn parse_number(raw: &str) -> Result<i64, String> {
    let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
    let Ok(millis) = whole.parse::<i64>() else {
        return Err(format!("expected epoch milliseconds, saw {}", shown(raw)));
    };
    if millis < EPOCH_MS_MIN {
        return Err(format!(
            "expected epoch milliseconds, saw {}: too small, seconds must be multiplied by 1000",
            shown(raw)
        ));
    }
    if millis >= EPOCH_MS_MAX {
        return Err(format!(
            "expected epoch milliseconds, saw {}: too large, microseconds must be divided by 1000",
            shown(raw)
        ));
    }
    let mut micros = 0;
    for (place, digit) in [100, 10, 1].iter().zip(fraction.bytes()) {
        micros += place * i64::from(digit.wrapping_sub(b'0').min(9));
    }
    if fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(millis * 1000 + micros)
    } else {
        Err(format!("expected epoch milliseconds, saw {}", shown(raw)))
    }
}

/// Reads a zone without daylight saving, `UTC`, `Z` or `+02:00`, as seconds east of UTC.
pub(crate) fn parse_zone(text: &str) -> Option<i64> {
    let mut scanner = Scanner { rest: text.trim_ascii().as_bytes() };
    match scanner.zone()? {
        Zone::Offset(offset_s) if scanner.rest.is_empty() => Some(offset_s),
        _ => None,
    }
}

fn shown(text: &str) -> String {
    format!("{:?}", crate::record::excerpt(text.as_bytes(), SHOWN_BYTES_MAX))
}

fn out_of_range(text: &str) -> String {
    format!("expected a time in the years 1970 to 2261, saw {}", shown(text))
}

/// The common form, `2026-03-04T09:15:27.418Z`, without a general scan.
fn fast(bytes: &[u8]) -> Option<i64> {
    let &[
        y0,
        y1,
        y2,
        y3,
        b'-',
        mo0,
        mo1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        b'Z',
    ] = bytes
    else {
        return None;
    };
    let civil = Civil {
        year: digits(&[y0, y1, y2, y3])?,
        month: digits(&[mo0, mo1])?,
        day: digits(&[d0, d1])?,
        hour: digits(&[h0, h1])?,
        minute: digits(&[mi0, mi1])?,
        second: digits(&[s0, s1])?,
        micros: digits(&[f0, f1, f2])? * 1000,
    };
    if (1970..=2261).contains(&civil.year) { micros_of(&civil) } else { None }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// The zone at the end of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    Absent,
    /// Seconds east of UTC.
    Offset(i64),
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    /// Date, then optionally time and zone, then the end.
    fn instant(mut self) -> Option<(Civil, Zone)> {
        let mut civil = Civil { year: self.number(4)?, ..Civil::default() };
        self.take(b"-")?;
        civil.month = self.number(2)?;
        self.take(b"-")?;
        civil.day = self.number(2)?;
        if self.rest.is_empty() {
            return Some((civil, Zone::Absent));
        }
        self.take(b"Tt ")?;
        civil.hour = self.number(2)?;
        self.take(b":")?;
        civil.minute = self.number(2)?;
        if self.take(b":").is_some() {
            civil.second = self.number(2)?;
            if self.take(b".,").is_some() {
                civil.micros = self.fraction()?;
            }
        }
        let zone = self.zone()?;
        self.rest.is_empty().then_some((civil, zone))
    }

    fn zone(&mut self) -> Option<Zone> {
        if self.rest.is_empty() {
            return Some(Zone::Absent);
        }
        while self.take(b" ").is_some() {}
        if self.take(b"Zz").is_some() {
            return Some(Zone::Offset(0));
        }
        if let Some(rest) = self.rest.strip_prefix(b"UTC").or_else(|| self.rest.strip_prefix(b"GMT")) {
            self.rest = rest;
            return Some(Zone::Offset(0));
        }
        let sign = if self.take(b"-").is_some() { -1 } else { self.take(b"+").map(|()| 1)? };
        let hours = self.number(2)?;
        let colon = self.take(b":").is_some();
        let minutes = if colon || !self.rest.is_empty() { self.number(2)? } else { 0 };
        (hours < 24 && minutes < 60).then_some(Zone::Offset(sign * (hours * 3600 + minutes * 60)))
    }

    fn number(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits(head)
    }

    /// One to nine digits after the point; what lies below a microsecond is cut off.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        let mut micros = 0;
        for place in 0..6 {
            micros = micros * 10 + head.get(place).map_or(0, |byte| i64::from(byte - b'0'));
        }
        (1..=9).contains(&count).then_some(micros)
    }

    fn take(&mut self, any_of: &[u8]) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        any_of.contains(first).then(|| self.rest = rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_one_instant_is_the_same() {
        let instant = 1_772_615_727_418_000;
        for text in [
            "2026-03-04T09:15:27.418Z",
            "2026-03-04 09:15:27.418Z",
            "2026-03-04t09:15:27,418z",
            "2026-03-04T09:15:27.418000+00:00",
            "2026-03-04T11:15:27.418+02:00",
            "2026-03-04T11:15:27.418+0200",
            "2026-03-04 11:15:27.418 +02",
            "2026-03-04T04:45:27.418-04:30",
            "2026-03-04 09:15:27.418 UTC",
            "1772615727418",
            "1772615727418.0",
        ] {
            assert_eq!(parse_text(text, None), Ok(instant), "{text}");
        }
        assert_eq!(parse_text("2026-03-04 10:15:27.418", Some(3600)), Ok(instant));
        assert_eq!(parse_text("2026-03-04T09:15:27.418123456Z", None), Ok(instant + 123));
        assert_eq!(parse_text("2026-03-04T09:15Z", None), Ok(1_772_615_700_000_000));
        assert_eq!(parse_text("2026-03-04", Some(0)), Ok(1_772_582_400_000_000));
        assert_eq!(parse_number("1772615727418.25"), Ok(instant + 250));
    }

    #[test]
    fn what_is_no_instant_says_why() {
        for (text, part) in [
            ("2026-03-04T09:15:27", "no zone"),
            ("2026-02-30T09:15:27Z", "no such date"),
            ("2026-13-01T09:15:27.000Z", "no such date"),
            ("2026-01-01T24:00:00Z", "no such date"),
            ("1969-12-31T23:59:59Z", "1970 to 2261"),
            ("1970-01-01T00:00:00+01:00", "1970 to 2261"),
            ("2300-01-01T00:00:00Z", "1970 to 2261"),
            ("1772615727", "too small"),
            ("1772615727418000", "too large"),
            ("yesterday", "expected ISO-8601"),
            ("", "expected ISO-8601"),
            ("2026-03-04T09:15:27.Z", "expected ISO-8601"),
            ("2026-03-04T09:15:27.418Zx", "expected ISO-8601"),
            ("2026-03-04T09:15:27 CET", "expected ISO-8601"),
            ("1.2.3", "too small"),
            ("1772615727418.2.3", "expected epoch"),
        ] {
            let message = parse_text(text, None).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        assert!(parse_number("-1").unwrap_err().contains("too small"));
        assert!(parse_number("1.7e12").unwrap_err().contains("too small"));
        assert!(parse_number("1e12").unwrap_err().contains("expected epoch"));
    }

    #[test]
    fn zones_are_fixed_offsets() {
        assert_eq!(parse_zone("UTC"), Some(0));
        assert_eq!(parse_zone("-05:30"), Some(-19_800));
        assert_eq!(parse_zone("Europe/Berlin"), None);
        assert_eq!(parse_zone(""), None);
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(micros in 0_i64..9_214_646_399_999_999, offset_min in -839_i32..840) {
            let zone = chrono::FixedOffset::east_opt(offset_min * 60).unwrap();
            let instant = DateTime::from_timestamp_micros(micros).unwrap();
            let local = instant.with_timezone(&zone);
            prop_assume!(local.naive_local().format("%Y").to_string().parse::<i64>().is_ok_and(|y| (1970..=2261).contains(&y)));
            prop_assert_eq!(parse_text(&local.to_rfc3339(), None), Ok(micros));
            let millis = instant.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            prop_assert_eq!(parse_text(&millis, None), Ok(micros / 1000 * 1000));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            drop(parse_text(&text, None));
            drop(parse_number(&text));
            let _zone = parse_zone(&text);
        }
    }
}

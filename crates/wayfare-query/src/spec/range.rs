//! Instants and ranges of time as people write them.
//!
//! Times without a zone of their own are read in the report's zone. A local time that a change of clocks
//! skips or repeats stands for the earliest instant that is valid: the end of the gap, the first pass of
//! the repeated hour.

use chrono::{
    Days, Duration, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
    Timelike as _,
};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::parse_duration_ms;
use crate::words::instant_in;
use crate::{Error, Result};
use wayfare_ingest::nearest;

const WORDS: [&str; 3] = ["now", "today", "yesterday"];
const EXPECTED: &str = "expected an instant such as 2026-03-01, 2026-03-01T10:00, 2026-03-01T10:00:00Z, now, today, \
                        yesterday, -7d or 1767225600000";

/// Digits of an instant in milliseconds since 1970: 1973 to 5138. With fewer it could be a year, a date, or in seconds.
const EPOCH_DIGITS: std::ops::RangeInclusive<usize> = 12..=14;

/// Digits of an instant in seconds since 1970, by which people are told what is meant.
const EPOCH_SECONDS_DIGITS: usize = 10;

/// A half-open range of instants: from the first inclusive, to the second exclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// The first instant inside, UTC milliseconds; unlimited when absent.
    pub from_ms: Option<i64>,
    /// The first instant after it, UTC milliseconds; unlimited when absent.
    pub to_ms: Option<i64>,
}

impl Range {
    /// Reads the two ends of a range, see [`parse_instant_ms`].
    ///
    /// # Errors
    ///
    /// `Invalid` when an end is no instant, or `from` is not before `to`.
    pub fn parse(from: Option<&str>, to: Option<&str>, tz: Tz, as_of_ms: i64) -> Result<Self> {
        let end = |name, text: Option<&str>| {
            let instant = text.map(|text| parse_instant_ms(text, tz, as_of_ms)).transpose();
            instant.map_err(|error| error.with("in", name))
        };
        let (from_ms, to_ms) = (end("from", from)?, end("to", to)?);
        if let (Some(from_ms), Some(to_ms)) = (from_ms, to_ms)
            && from_ms >= to_ms
        {
            let shown = |text: Option<&str>, at_ms| {
                format!("{}, that is {}", text.unwrap_or_default(), instant_in(at_ms, tz))
            };
            let error =
                Error::invalid("the start of a range must lie before its end, which it does not include");
            return Err(error.with("from", shown(from, from_ms)).with("to", shown(to, to_ms)));
        }
        Ok(Self { from_ms, to_ms })
    }

    /// Whether an instant lies in the range.
    pub fn contains(&self, at_ms: i64) -> bool {
        self.from_ms.is_none_or(|from_ms| from_ms <= at_ms) && self.to_ms.is_none_or(|to_ms| at_ms < to_ms)
    }
}

/// Reads the name of an IANA time zone, letter case ignored.
///
/// # Errors
///
/// `Invalid` when there is none of that name, with the nearest one as a hint.
pub fn parse_tz(name: &str) -> Result<Tz> {
    let name = name.trim();
    if let Some(tz) = TZ_VARIANTS.iter().find(|tz| tz.name().eq_ignore_ascii_case(name)) {
        return Ok(*tz);
    }
    let error =
        Error::invalid(format!("expected the name of a time zone such as Europe/Berlin, saw {name:?}"));
    let names = || TZ_VARIANTS.iter().map(|tz| tz.name());
    let city = |zone: &&str| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    let near = names().find(city).or_else(|| nearest(name, names()));
    Err(match near {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    })
}

/// Reads an instant: ISO-8601 with or without a zone, a date (its first instant), `now`, `today`,
/// `yesterday`, a duration back from as-of such as `-7d`, or milliseconds since 1970 UTC. UTC milliseconds.
///
/// # Errors
///
/// `Invalid` when the text is none of these.
pub fn parse_instant_ms(text: &str, tz: Tz, as_of_ms: i64) -> Result<i64> {
    let text = text.trim();
    let refuse = || Error::invalid(format!("{EXPECTED}; saw {text:?}"));
    let days_back = match text.to_lowercase().as_str() {
        "now" => return Ok(as_of_ms),
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => None,
    };
    if let Some(days_back) = days_back {
        let now = tz.timestamp_millis_opt(as_of_ms).single().ok_or_else(refuse)?;
        let date = now.date_naive().checked_sub_days(Days::new(days_back)).ok_or_else(refuse)?;
        return earliest_ms(&tz, date.and_time(NaiveTime::MIN)).ok_or_else(refuse);
    }
    if let Some(duration) = text.strip_prefix('-') {
        let duration_ms = parse_duration_ms(duration)?;
        return as_of_ms.checked_sub(duration_ms).ok_or_else(refuse);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(at_ms) if EPOCH_DIGITS.contains(&text.len()) => Ok(at_ms),
            _ if text.len() == EPOCH_SECONDS_DIGITS => {
                Err(refuse().hint(format!("digits alone are milliseconds since 1970: {text}000")))
            }
            _ => Err(refuse()),
        };
    }
    if let Some(instant) = calendar_ms(text, tz) {
        return Ok(instant);
    }
    Err(match nearest(text, WORDS) {
        Some(near) => refuse().hint(format!("did you mean {near}?")),
        None => refuse(),
    })
}

/// A date, or a date and time with or without an offset.
fn calendar_ms(text: &str, tz: Tz) -> Option<i64> {
    let (date, time) = match text.split_once(['T', 't', ' ']) {
        None => (text, None),
        Some((date, time)) => (date, Some(time.trim())),
    };
    // The library would also take years of any length and one-digit months.
    if date.len() != 10 {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let Some(time) = time else { return earliest_ms(&tz, date.and_time(NaiveTime::MIN)) };
    let (time, offset) = split_offset(time)?;
    let formats = ["%H:%M", "%H:%M:%S%.f"];
    let time = formats.iter().find_map(|format| NaiveTime::parse_from_str(time, format).ok())?;
    let local = date.and_time(time);
    match offset {
        Some(offset) => earliest_ms(&offset, local),
        None => earliest_ms(&tz, local),
    }
}

/// Splits `Z`, `+02`, `+0200` or `+02:00` off a time.
fn split_offset(time: &str) -> Option<(&str, Option<FixedOffset>)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, FixedOffset::east_opt(0)));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, None)) };
    let (time, offset) = time.split_at_checked(at)?;
    let digits = offset.get(1..)?.replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 =
        digits.get(2..).filter(|minutes| !minutes.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let seconds = (hours * 60 + minutes) * 60;
    let offset = FixedOffset::east_opt(if offset.starts_with('-') { -seconds } else { seconds })?;
    Some((time, Some(offset)))
}

/// The longest gap that is looked through: Samoa left out the whole of 30 December 2011.
const GAP_MINUTES_MAX: i64 = 25 * 60;

/// The earliest instant that is `local` in a zone; in a gap, the instant at which the gap ends.
fn earliest_ms<Z: TimeZone>(zone: &Z, local: NaiveDateTime) -> Option<i64> {
    let valid = |local: NaiveDateTime| match zone.from_local_datetime(&local) {
        MappedLocalTime::None => None,
        MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => {
            Some(instant.timestamp_millis())
        }
    };
    if let Some(instant) = valid(local) {
        return Some(instant);
    }
    let after = |from: NaiveDateTime, step: fn(i64) -> Duration, most: i64| {
        (1..=most).filter_map(|n| from.checked_add_signed(step(n))).find(|local| valid(*local).is_some())
    };
    let minute = after(local.with_second(0)?.with_nanosecond(0)?, Duration::minutes, GAP_MINUTES_MAX)?;
    let before = minute.checked_sub_signed(Duration::minutes(1))?;
    after(before, Duration::seconds, 60).and_then(valid)
}

#[cfg(test)]
mod tests;

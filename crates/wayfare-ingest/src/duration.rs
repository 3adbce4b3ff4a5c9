//! Durations as people write them: `500ms`, `30s`, `15m`, `1h`, `7d`, `2w`, `1h30m`.
//!
//! A day is 24 h and a week 7 days in every zone; calendar units (months, years) are no durations.

use std::fmt::Write as _;

use crate::{Error, Result};

/// The units from large to small: name, milliseconds.
pub(crate) const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const EXPECTED: &str = "expected a duration such as 500ms, 30s, 15m, 24h, 7d, 2w or 1h30m";

/// Reads a duration in milliseconds.
///
/// # Errors
///
/// `Invalid` when the text is no duration or too long to count.
pub fn parse_duration_ms(text: &str) -> Result<i64> {
    let refuse = |why: &str| Error::invalid(format!("{EXPECTED}, saw {text:?}{why}"));
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(refuse(""));
    }
    let mut total: i64 = 0;
    let mut smallest = i64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits).unwrap_or((rest, ""));
        if number.is_empty() {
            return Err(refuse(""));
        }
        let letters = after.len() - after.trim_start_matches(char::is_alphabetic).len();
        let (unit, after) = after.split_at_checked(letters).unwrap_or((after, ""));
        let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(match unit {
                "" => refuse(": the unit is missing"),
                _ => refuse(&format!(": there is no unit {unit}")).hint("units are w, d, h, m, s and ms"),
            });
        };
        if *unit_ms >= smallest {
            return Err(refuse(": units go from large to small, each once"));
        }
        smallest = *unit_ms;
        let part = number.parse::<i64>().ok().and_then(|number| number.checked_mul(*unit_ms));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(|| refuse(": too long"))?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// Writes a duration in the largest units that hold it exactly, weeks as days: `1h30m`, `60d`, `0ms`.
pub fn format_duration_ms(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0ms".to_owned();
    }
    let mut text = String::from(if duration_ms < 0 { "-" } else { "" });
    let mut left = duration_ms.unsigned_abs();
    for (name, unit_ms) in UNITS.iter().skip(1) {
        let unit_ms = unit_ms.unsigned_abs();
        if left >= unit_ms {
            // Writing into a String cannot fail.
            let _written = write!(text, "{}{name}", left / unit_ms);
            left %= unit_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        let cases = [
            ("500ms", 500),
            ("30s", 30_000),
            ("15m", 900_000),
            ("1h", 3_600_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("1h30m", 5_400_000),
            (" 1d 2h 3m 4s 5ms ", 93_784_005),
            ("0s", 0),
        ];
        for (text, duration_ms) in cases {
            assert_eq!(parse_duration_ms(text).unwrap(), duration_ms, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "h", "1", "1x", "1M", "-1h", "1.5h", "30m1h", "1h1h", "1h30", "99999999999999999999d", "1h!"]
        {
            let error = parse_duration_ms(text).expect_err(text);
            assert!(error.message().starts_with(EXPECTED), "{error}");
        }
    }

    #[test]
    fn durations_are_written_in_large_units() {
        assert_eq!(format_duration_ms(5_400_000), "1h30m");
        assert_eq!(format_duration_ms(5_184_000_000), "60d");
        assert_eq!(format_duration_ms(0), "0ms");
        assert_eq!(format_duration_ms(-90_000), "-1m30s");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(duration_ms in 0..i64::MAX) {
            prop_assert_eq!(parse_duration_ms(&format_duration_ms(duration_ms)).unwrap(), duration_ms);
        }
    }
}

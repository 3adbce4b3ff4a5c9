//! Values as people read them: counts, durations and instants in titles, remarks and tables.
//!
//! Machines get exact values; what stands here is rounded and has one spelling wherever a person meets it.

use chrono::{DateTime, SecondsFormat, TimeZone as _, Utc};
use chrono_tz::Tz;

/// A whole number with thousands separators: `70,727`.
pub fn count(number: impl TryInto<u64>) -> String {
    grouped(&number.try_into().unwrap_or(u64::MAX).to_string())
}

/// A number of things: `1 run`, `70,727 runs`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = count(number);
    if number == "1" { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The digits of a whole number, possibly negative, with thousands separators.
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the two units that matter: `850 ms`, `1.4 s`, `3 m 12 s`, `2 h 5 m`, `2 d 3 h`.
pub fn duration(ms: f64) -> String {
    let sign = if ms < 0.0 { "-" } else { "" };
    let ms = ms.abs();
    // rounded before the unit is chosen, so that 59.96 s is 1 m 0 s and never 60.0 s
    let (tenths, seconds, minutes, hours) =
        ((ms / 100.0).round(), (ms / 1e3).round(), (ms / 6e4).round(), (ms / 3.6e6).round());
    if ms < 9.95 && ms.fract() > 0.0 {
        format!("{sign}{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{sign}{ms:.0} ms")
    } else if tenths < 600.0 {
        format!("{sign}{:.1} s", tenths / 10.0)
    } else if seconds < 3600.0 {
        two(sign, seconds, 60.0, 'm', 's')
    } else if minutes < 1440.0 {
        two(sign, minutes, 60.0, 'h', 'm')
    } else {
        two(sign, hours, 24.0, 'd', 'h')
    }
}

fn two(sign: &str, amount: f64, base: f64, large: char, small: char) -> String {
    format!("{sign}{:.0} {large} {:.0} {small}", (amount / base).floor(), amount % base)
}

/// An instant on the clock of a zone, which is named elsewhere: `2026-03-01 10:00:00.250`, without a fraction where
/// there is none.
pub fn instant(at: DateTime<Utc>, zone: Tz) -> String {
    let digits = if at.timestamp_subsec_millis() == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    let length = if at.timestamp_subsec_millis() == 0 { 19 } else { 23 };
    let text = at.with_timezone(&zone).to_rfc3339_opts(digits, false);
    text.chars().take(length).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// An instant with its zone: `2026-03-01 10:00:00 Europe/Berlin`.
pub fn instant_in(at_ms: i64, zone: Tz) -> String {
    match Utc.timestamp_millis_opt(at_ms).single() {
        Some(at) => format!("{} {zone}", instant(at, zone)),
        None => format!("{at_ms} ms after 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_and_never_sixty_of_one() {
        for (ms, text) in [
            (0.0, "0 ms"),
            (0.25, "0.2 ms"),
            (850.0, "850 ms"),
            (999.4, "999 ms"),
            (999.6, "1.0 s"),
            (1400.0, "1.4 s"),
            (59_960.0, "1 m 0 s"),
            (192_000.0, "3 m 12 s"),
            (3_599_700.0, "1 h 0 m"),
            (7_500_000.0, "2 h 5 m"),
            (86_399_000.0, "1 d 0 h"),
            (183_600_000.0, "2 d 3 h"),
            (-1400.0, "-1.4 s"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(
            (count(0_u64), count(999_u64), count(70_727_u64)),
            ("0".into(), "999".into(), "70,727".into())
        );
        assert_eq!(grouped("-1234567"), "-1,234,567");
        assert_eq!((counted(1_i64, "run"), counted(1_191_i64, "run")), ("1 run".into(), "1,191 runs".into()));
    }

    #[test]
    fn instants_are_on_the_clock_of_the_zone() {
        let at = DateTime::from_timestamp_millis(1_767_225_600_123).unwrap();
        assert_eq!(instant(at, Tz::UTC), "2026-01-01 00:00:00.123");
        assert_eq!(instant_in(0, chrono_tz::Europe::Berlin), "1970-01-01 01:00:00 Europe/Berlin");
    }
}

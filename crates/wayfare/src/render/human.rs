//! Values for people: rounded, with units.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Timelike as _, Utc};
use chrono_tz::Tz;

/// A whole number with thousands separators.
pub(crate) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// A size in bytes, decimal units.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let amount = bytes as f64;
    match units.into_iter().find(|(factor, _)| amount >= *factor) {
        Some((factor, unit)) => format!("{:.1} {unit}", amount / factor),
        None => format!("{bytes} B"),
    }
}

/// A duration in the two units that matter: `850 ms`, `1.4 s`, `3 m 12 s`, `2 h 5 m`, `2 d 3 h`.
pub(crate) fn duration(ms: f64) -> String {
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

/// A part of one as a percentage; what is nearly all or nearly nothing is not shown as all or nothing.
pub(super) fn percent(rate: f64) -> String {
    if rate > 0.0 && rate < 0.0005 {
        "< 0.1 %".to_owned()
    } else if (0.9995..1.0).contains(&rate) {
        "> 99.9 %".to_owned()
    } else {
        format!("{:.1} %", rate * 100.0)
    }
}

/// A whole number, possibly negative, with thousands separators.
pub(super) fn grouped(digits: &str) -> String {
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

/// A number of double precision with at most three decimals.
pub(super) fn decimal(number: f64) -> String {
    let text = format!("{number:.3}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { grouped(whole) } else { format!("{}.{fraction}", grouped(whole)) }
}

/// A probability to three decimals; a smaller one is not 0.
pub(super) fn probability(p: f64) -> String {
    if p < 0.000_5 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// A difference of two parts of one, in percentage points.
pub(super) fn points(difference: f64) -> String {
    let text = format!("{:+.1} pp", difference * 100.0);
    if text == "-0.0 pp" { "+0.0 pp".to_owned() } else { text }
}

/// An instant on the clock of a time zone.
pub(super) fn instant(at: DateTime<Utc>, zone: Tz) -> String {
    let digits = if at.nanosecond() < 1_000_000 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    // `2026-01-31T12:00:00.123+01:00`: the zone stands in the heading
    let text = at.with_timezone(&zone).to_rfc3339_opts(digits, false);
    let length = if at.nanosecond() < 1_000_000 { 19 } else { 23 };
    text.chars().take(length).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// A bar of `cells` characters for a part of one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8 times cells")]
#[expect(clippy::cast_precision_loss, reason = "a handful of cells")]
pub(super) fn bar(rate: f64, cells: usize, unicode: bool) -> String {
    let rate = rate.clamp(0.0, 1.0);
    if !unicode {
        return "#".repeat((rate * cells as f64).round() as usize);
    }
    let eighths = (rate * cells as f64 * 8.0).round() as usize;
    let mut text = "█".repeat(eighths / 8);
    text.extend(['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1)));
    text
}

/// Text on one line, without anything that could move the cursor or turn the writing direction.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => write!(line, "{}", c.escape_default()).unwrap_or_default(),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                write!(line, "{}", c.escape_unicode()).unwrap_or_default();
            }
            c if c.is_control() => write!(line, "{}", c.escape_unicode()).unwrap_or_default(),
            c => line.push(c),
        }
    }
    line
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
    fn percentages_do_not_round_to_all_or_nothing() {
        for (rate, text) in
            [(0.0, "0.0 %"), (0.0001, "< 0.1 %"), (0.934, "93.4 %"), (0.9999, "> 99.9 %"), (1.0, "100.0 %")]
        {
            assert_eq!(percent(rate), text, "{rate}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(70_727), "70,727");
        assert_eq!(grouped("-1234567"), "-1,234,567");
        assert_eq!(decimal(1234.5), "1,234.5");
        assert_eq!(decimal(2.0), "2");
    }

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(3_400_000), "3.4 MB");
    }

    #[test]
    fn instants_are_on_the_clock_of_the_zone() {
        let at = DateTime::from_timestamp_millis(1_767_225_600_123).unwrap();
        assert_eq!(instant(at, Tz::UTC), "2026-01-01 00:00:00.123");
        assert_eq!(instant(DateTime::UNIX_EPOCH, chrono_tz::Europe::Berlin), "1970-01-01 01:00:00");
    }

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(0.5, 4, true), "██");
        assert_eq!(bar(0.53, 4, true), "██▏");
        assert_eq!(bar(1.0, 4, true), "████");
        assert_eq!(bar(2.0, 4, true), "████");
        assert_eq!(bar(0.0, 4, true), "");
        assert_eq!(bar(0.5, 4, false), "##");
    }

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
        assert_eq!(one_line("a\nb\u{1b}[31m\u{202e}"), "a\\nb\\u{1b}[31m\\u{202e}");
        assert_eq!(one_line("grün"), "grün");
    }
}

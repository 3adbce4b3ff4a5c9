//! Values for people that only a screen needs: sizes, percentages, bars; the rest is `wayfare_query::words`.

use std::fmt::Write as _;

use wayfare_query::words::grouped;

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
    fn percentages_do_not_round_to_all_or_nothing() {
        for (rate, text) in
            [(0.0, "0.0 %"), (0.0001, "< 0.1 %"), (0.934, "93.4 %"), (0.9999, "> 99.9 %"), (1.0, "100.0 %")]
        {
            assert_eq!(percent(rate), text, "{rate}");
        }
    }

    #[test]
    fn decimals_are_few_and_grouped() {
        assert_eq!(decimal(1234.5), "1,234.5");
        assert_eq!(decimal(2.0), "2");
    }

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(3_400_000), "3.4 MB");
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

//! Turns found texts into what their columns hold.

use crate::catalogue::Source;
use crate::record::Value;

/// A number as a column keeps it, and whether that is all there was to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Integer {
    Exact(i64),
    /// Rounded half away from zero: the original text says more.
    Rounded(i64),
}

/// Reads digits with an optional sign and fraction.
pub(super) fn integer(text: &str) -> Option<Integer> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number: i64 = whole.parse().ok()?;
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if fraction.bytes().all(|byte| byte == b'0') {
        return Some(Integer::Exact(number));
    }
    let away = i64::from(fraction.as_bytes().first().is_some_and(|digit| *digit >= b'5'));
    let rounded = if whole.starts_with('-') { number.checked_sub(away) } else { number.checked_add(away) };
    rounded.map(Integer::Rounded)
}

/// Reads the name of a source, letter case ignored.
pub(super) fn source(text: &str) -> Option<Source> {
    let text = text.trim();
    Source::ALL.into_iter().find(|source| source.as_str().eq_ignore_ascii_case(text))
}

/// Whether a value is a JSON number: a status code is no outcome.
pub(super) fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Json(raw) if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_and_rounded() {
        for (text, number) in [
            ("42", Some(Integer::Exact(42))),
            (" -7 ", Some(Integer::Exact(-7))),
            ("200.0", Some(Integer::Exact(200))),
            ("12.7", Some(Integer::Rounded(13))),
            ("-0.5", Some(Integer::Rounded(-1))),
            ("12.49", Some(Integer::Rounded(12))),
            ("abc", None),
            ("1e3", None),
            ("12.", None),
            ("", None),
            ("9223372036854775808", None),
            ("9223372036854775807.9", None),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
    }
}

//! How long one run of a journey may last.

use std::fmt;

/// The longest time between the first and the last event of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Runs of any length.
    Unlimited,
    /// So many milliseconds.
    Millis(i64),
}

impl Lifetime {
    /// Reads `"24h"`, `"30d"`, `"90m"`, `"45s"`, `"2w"` or `"unlimited"`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "unlimited" {
            return Some(Self::Unlimited);
        }
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit_ms = match text.strip_prefix(digits)? {
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        let millis = digits.parse::<i64>().ok()?.checked_mul(unit_ms)?;
        (millis > 0).then_some(Self::Millis(millis))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Millis(millis) => write!(f, "{millis} ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_have_units() {
        assert_eq!(Lifetime::parse("24h"), Some(Lifetime::Millis(86_400_000)));
        assert_eq!(Lifetime::parse("2w"), Some(Lifetime::Millis(1_209_600_000)));
        assert_eq!(Lifetime::parse("unlimited"), Some(Lifetime::Unlimited));
        for text in ["", "24", "h", "0d", "-1d", "1.5d", "24 h", "1y", "99999999999999999d"] {
            assert_eq!(Lifetime::parse(text), None, "{text}");
        }
    }
}

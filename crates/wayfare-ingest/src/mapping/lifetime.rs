//! How long one run of a journey may last.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::duration::{UNITS, parse_duration_ms};

const DAY_MS: i64 = 86_400_000;

/// The longest time between the first and the last event of one run. Any number of milliseconds is less than
/// `Unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lifetime {
    /// So many milliseconds.
    Millis(i64),
    /// Runs of any length.
    Unlimited,
}

impl Default for Lifetime {
    /// A day: longer than any interactive journey.
    fn default() -> Self {
        Self::Millis(DAY_MS)
    }
}

impl Lifetime {
    /// Reads `"24h"`, `"30d"`, `"90m"`, `"1h30m"`, `"2w"` or `"unlimited"`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "unlimited" {
            return Some(Self::Unlimited);
        }
        parse_duration_ms(text).ok().filter(|millis| *millis > 0).map(Self::Millis)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Millis(millis) = *self else { return f.write_str("unlimited") };
        // One day is written `24h`, several as days: nobody counts in weeks or hundreds of hours.
        let largest = if millis > DAY_MS { 1 } else { 2 };
        let plain = UNITS.iter().skip(largest).find(|(_, unit_ms)| millis % unit_ms == 0);
        let (name, unit_ms) = plain.copied().unwrap_or(("ms", 1));
        write!(f, "{}{name}", millis / unit_ms)
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

impl TryFrom<String> for Lifetime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("expected a time such as 24h, or unlimited, saw {text:?}"))
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

    #[test]
    fn a_lifetime_is_written_as_it_is_read() {
        for text in ["24h", "60d", "36h", "90m", "1500ms", "45s", "unlimited"] {
            assert_eq!(Lifetime::parse(text).unwrap().to_string(), text);
        }
        assert!(Lifetime::Unlimited > Lifetime::Millis(i64::MAX));
    }
}

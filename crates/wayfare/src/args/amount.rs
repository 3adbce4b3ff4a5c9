//! Amounts as people write them: `1GB` of memory, `1%` of the records.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a size such as 512MB or 2GiB, saw `{text}`");
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "t" | "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return Err(expected()),
        };
        let number = number.replace('_', "");
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let whole: u64 = whole.parse().ok().ok_or_else(expected)?;
        // three decimals are enough for anyone who writes 1.5GB
        let thousandths: u64 = match fraction.len() {
            0 => 0,
            1..=3 => format!("{fraction:0<3}").parse().ok().ok_or_else(expected)?,
            _ => return Err(expected()),
        };
        let bytes = whole.checked_mul(factor).and_then(|b| b.checked_add(factor / 1000 * thousandths));
        bytes.filter(|bytes| *bytes > 0).map(Self).ok_or_else(expected)
    }
}

/// How many rejected records a job puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxRejects {
    /// So many records.
    Count(u64),
    /// So many thousandths of a percent of all records read.
    Share(u64),
}

impl MaxRejects {
    /// Tells whether `rejected` of `read` records are within it.
    pub(crate) fn allows(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Count(most) => rejected <= most,
            Self::Share(most) => u128::from(rejected) * 100_000 <= u128::from(read) * u128::from(most),
        }
    }
}

impl FromStr for MaxRejects {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a number of records or a share such as 1%, saw `{text}`");
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Count).ok().ok_or_else(expected);
        };
        let (whole, fraction) = percent.trim().split_once('.').unwrap_or((percent.trim(), ""));
        if whole.is_empty() || fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(expected());
        }
        let thousandths: u64 = format!("{whole}{fraction:0<3}").parse().ok().ok_or_else(expected)?;
        if thousandths > 100_000 { Err(expected()) } else { Ok(Self::Share(thousandths)) }
    }
}

impl fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            Self::Share(most) => {
                let text = format!("{}.{:03}", most / 1000, most % 1000);
                write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("1GB", 1_000_000_000),
            ("1.5 gb", 1_500_000_000),
            ("512MiB", 512 << 20),
            ("2g", 2_000_000_000),
            ("1_000", 1000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "GB", "1XB", "-1GB", "0", "1.2345GB", "99999999999TB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn rejects_are_a_number_or_a_share() {
        assert!("0".parse::<MaxRejects>().unwrap().allows(0, 10));
        assert!(!"0".parse::<MaxRejects>().unwrap().allows(1, 10));
        let one_percent: MaxRejects = "1%".parse().unwrap();
        assert!(one_percent.allows(1, 100));
        assert!(!one_percent.allows(2, 100));
        assert!(!one_percent.allows(1, 99));
        assert!("0%".parse::<MaxRejects>().unwrap().allows(0, 0));
        for text in ["", "x", "-1", "101%", "1.2345%", "%"] {
            assert!(text.parse::<MaxRejects>().is_err(), "{text}");
        }
        for text in ["0", "17", "1%", "0.5%", "0.001%"] {
            assert_eq!(text.parse::<MaxRejects>().unwrap().to_string(), text);
        }
    }
}

//! One event as a line of JSON, written straight into a buffer.
//!
//! Every text written here is from the generator's own tables and needs no escape; a test reads each line back.

/// A line under construction: a growing buffer with JSON's shapes.
#[derive(Debug)]
pub(super) struct Line<'a>(pub(super) &'a mut Vec<u8>);

impl Line<'_> {
    /// Appends text as it is.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a member with a text value, a comma before it.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name).raw("\"").raw(value).raw("\"")
    }

    /// Appends a member with a number, a comma before it.
    pub(super) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name).digits(value)
    }

    /// Appends a member with true or false, a comma before it.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name).raw(if value { "true" } else { "false" })
    }

    /// Appends a member with a list of texts, a comma before it.
    pub(super) fn list(&mut self, name: &str, values: &[&str]) -> &mut Self {
        self.name(name).raw("[");
        for (position, value) in values.iter().enumerate() {
            self.raw(if position == 0 { "\"" } else { ",\"" }).raw(value).raw("\"");
        }
        self.raw("]")
    }

    /// Appends a number.
    pub(super) fn digits(&mut self, value: u64) -> &mut Self {
        let mut place = 1;
        while value / place >= 10 {
            place *= 10;
        }
        while place > 0 {
            self.0.push(digit(value / place));
            place /= 10;
        }
        self
    }

    /// Appends an instant as ISO 8601 in UTC, with milliseconds.
    pub(super) fn instant(&mut self, ms: u64) -> &mut Self {
        let (days, of_day) = (ms / DAY_MS, ms % DAY_MS);
        let (year, month, day) = civil(days);
        let fields = [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (of_day / 3_600_000, 2, b':'),
            (of_day / 60_000 % 60, 2, b':'),
            (of_day / 1000 % 60, 2, b'.'),
            (of_day % 1000, 3, b'Z'),
        ];
        for (value, width, end) in fields {
            for place in (0..width).rev() {
                self.0.push(digit(value / 10_u64.pow(place)));
            }
            self.0.push(end);
        }
        self
    }

    /// Appends the lowest `count` hexadecimal digits of a number.
    pub(super) fn hex(&mut self, value: u64, count: u32) -> &mut Self {
        for place in (0..count).rev() {
            let nibble = u8::try_from(value >> (4 * place) & 15).unwrap_or(0);
            self.0.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
        }
        self
    }

    /// Appends a random UUID (version 4) made of two numbers.
    pub(super) fn uuid(&mut self, upper: u64, lower: u64) -> &mut Self {
        self.hex(upper >> 32, 8).raw("-").hex(upper >> 16, 4).raw("-4").hex(upper, 3).raw("-");
        self.hex(8 | lower >> 60 & 3, 1).hex(lower >> 48, 3).raw("-").hex(lower, 12)
    }

    fn name(&mut self, name: &str) -> &mut Self {
        self.raw(",\"").raw(name).raw("\":")
    }
}

pub(super) const DAY_MS: u64 = 86_400_000;

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

/// Year, month and day of a number of days since 1970-01-01 (Hinnant, chrono-compatible low-level date algorithms,
/// `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Line(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn instants_read_as_iso_8601() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_005, "2000-02-29T12:34:56.005Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(
                written(|line| {
                    line.instant(ms);
                }),
                text
            );
        }
    }

    #[test]
    fn numbers_and_ids_have_all_their_digits() {
        assert_eq!(
            written(|line| {
                line.digits(0).raw(" ").digits(1_000_203);
            }),
            "0 1000203"
        );
        assert_eq!(
            written(|line| {
                line.digits(u64::MAX);
            }),
            u64::MAX.to_string()
        );
        let id = written(|line| {
            line.uuid(0x0123_4567_89ab_cdef, 0xf123_4567_89ab_cdef);
        });
        assert_eq!(id, "01234567-89ab-4def-b123-456789abcdef");
    }

    #[test]
    fn members_are_json() {
        let text = written(|line| {
            line.raw("{\"a\":1")
                .text("b", "c")
                .number("d", 2)
                .flag("e", true)
                .list("f", &["g", "h"])
                .raw("}");
        });
        assert_eq!(text, r#"{"a":1,"b":"c","d":2,"e":true,"f":["g","h"]}"#);
    }
}

//! Reads the usual object at the speed of memory: names and strings without escapes, numbers, literals.
//!
//! Nearly all lines of a log are of that kind. Anything else, good or bad, is left to the full parser, which knows
//! escapes and says what is wrong: nothing is refused here, and nothing is taken in that the full parser would refuse.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::names::Names;
use super::{Fields, may_repeat};
use crate::record::Value;

/// Reads the members of an object's text into `members`, which are empty, nulls left out; nothing when the text needs the
/// full parser.
pub(super) fn read<'a>(text: &'a str, names: &mut Names<'a>, members: &mut Fields<'a>) -> Option<()> {
    let mut reader = Reader { text, at: 0 };
    let mut nulls = false;
    names.begin();
    reader.space();
    reader.take(b'{')?;
    reader.space();
    if reader.take(b'}').is_none() {
        loop {
            reader.space();
            let name = reader.name(names)?;
            reader.space();
            match reader.value()? {
                Raw::Text(text) => members.push((Cow::Borrowed(name), Value::Text(Cow::Borrowed(text)))),
                Raw::Json(raw) => {
                    nulls |= raw == NULL;
                    members.push((Cow::Borrowed(name), Value::Json(raw)));
                }
            }
            reader.space();
            if reader.take(b',').is_none() {
                reader.take(b'}')?;
                break;
            }
        }
    }
    reader.space();
    if reader.at < text.len() || names.may_repeat() && may_repeat(members) {
        return None;
    }
    if nulls {
        members.retain(|(_, value)| *value != Value::Json(NULL));
    }
    Some(())
}

const NULL: &str = "null";

/// A value as it is read: small enough for registers, where a [`Value`] would go through memory piece by piece.
enum Raw<'a> {
    Text(&'a str),
    Json(&'a str),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        // most bytes are larger than all of these
        while self.byte().is_some_and(|byte| byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.byte()? == wanted).then(|| self.at += 1)
    }

    /// The text from `start` to the place that was reached.
    fn since(&self, start: usize) -> Option<&'a str> {
        self.text.get(start..self.at)
    }

    /// A name with its colon.
    fn name(&mut self, names: &mut Names<'a>) -> Option<&'a str> {
        if let Some((name, length)) = names.expected(self.rest()) {
            self.at += length;
            return Some(name);
        }
        let start = self.at;
        let name = self.string()?;
        self.space();
        self.take(b':')?;
        names.note(name, self.since(start)?);
        Some(name)
    }

    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        self.at += plain_bytes(self.rest());
        let text = self.since(start);
        self.take(b'"')?;
        text
    }

    #[inline]
    fn value(&mut self) -> Option<Raw<'a>> {
        let start = self.at;
        match self.byte()? {
            b'"' => return self.string().map(Raw::Text),
            b'{' | b'[' => {
                let mut values =
                    serde_json::Deserializer::from_str(self.text.get(start..)?).into_iter::<&RawValue>();
                let raw = values.next()?.ok()?;
                self.at += raw.get().len();
                return Some(Raw::Json(raw.get()));
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        self.since(start).map(Raw::Json)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Option<()> {
        let _minus = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if self.take(b'e').or_else(|| self.take(b'E')).is_some() {
            let _sign = self.take(b'+').or_else(|| self.take(b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

const LOW_BITS: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// How many bytes come before the first quote, backslash or control character. Looks at eight at once: the lowest
/// marked byte is always a true one (S. E. Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n").
fn plain_bytes(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zero = |word: u64| word.wrapping_sub(LOW_BITS) & !word;
        let quote = zero(word ^ (LOW_BITS * u64::from(b'"')));
        let escape = zero(word ^ (LOW_BITS * u64::from(b'\\')));
        let control = word.wrapping_sub(LOW_BITS * 0x20) & !word;
        let marked = (quote | escape | control) & HIGH_BITS;
        if marked != 0 {
            return index * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(text: &str) -> Option<Fields<'_>> {
        let mut members = Fields::default();
        read(text, &mut Names::default(), &mut members).map(|()| members)
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing(
            objects in proptest::collection::vec("\\{(\"([a-c]|ab|aab|abab)\" ?: ?[1-9], ?){0,6}\"[a-c]\":null\\}", 0..30)
        ) {
            let mut names = Names::default();
            for text in &objects {
                let mut members = Fields::default();
                let seen = read(text, &mut names, &mut members).map(|()| members);
                prop_assert_eq!(&seen, &fields(text));
                if let Some(seen) = seen {
                    prop_assert_eq!(seen, super::super::all_fields(text).unwrap());
                }
            }
        }

        #[test]
        fn many_names_are_read_as_few(names in proptest::collection::vec("[a-f]{1,3}", 0..200), count in 1_usize..100) {
            let objects: Vec<_> = names.chunks(count).collect();
            let text = |names: &&[String]| {
                let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":1")).collect();
                format!("{{{}}}", members.join(","))
            };
            let texts: Vec<_> = objects.iter().map(text).collect();
            let mut known = Names::default();
            for (names, text) in objects.iter().zip(&texts) {
                let mut members = Fields::default();
                let seen = read(text, &mut known, &mut members);
                let repeats = (1..names.len()).any(|at| names[..at].contains(&names[at]));
                prop_assert_eq!(seen.is_none(), repeats);
                if !repeats {
                    prop_assert_eq!(members, super::super::all_fields(text).unwrap());
                }
            }
        }

        #[test]
        fn what_is_read_is_what_the_full_parser_reads(text in "[ \t]?\\{(\"[a-c\\\\é\u{1}]{0,9}\" ?: ?(-?[0-9.e+]{1,4}|null|true|\"[a-z\\\\\"\u{0}日]{0,20}\"|\\[1,?\\]|\\{\\}),? ?){0,4}\\}?.?") {
            if let Some(quick) = fields(&text) {
                prop_assert_eq!(quick, super::super::all_fields(&text).unwrap());
            }
        }

        #[test]
        fn the_usual_object_is_read(values in proptest::collection::vec("[ -!#-\\[\\]-~é日]{0,40}", 0..30), number in any::<i32>()) {
            let members: Vec<_> = values.iter().enumerate().map(|(i, value)| format!("\"f{i}\":\"{value}\"")).collect();
            let text = format!("{{{}}}", [members, vec![format!("\"n\": {number}"), "\"x\":null".into()]].concat().join(","));
            let quick = fields(&text).expect("a usual object");
            prop_assert_eq!(quick.len(), values.len() + 1);
            prop_assert_eq!(quick, super::super::all_fields(&text).unwrap());
        }
    }

    #[test]
    fn what_needs_more_is_left_to_the_full_parser() {
        for text in [
            r#"{"a":"\n"}"#,
            r#"{"a":1,"a":2}"#,
            "{\"a\":\"\u{1}\"}",
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":nul}"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{"a":1}x"#,
            r#"{"a":[1}"#,
            r#"{"a"}"#,
            "{",
            "",
        ] {
            assert_eq!(fields(text), None, "{text}");
        }
    }
}

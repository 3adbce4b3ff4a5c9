//! A record without plain values.
//!
//! Replaced are: the values of fields that name a person; those same values wherever else in the record they stand as words;
//! addresses of hosts; and whatever looks like an e-mail address.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Pseudonyms, is_address, is_pseudonym};
use crate::erase::is_word;
use crate::record::{Record, Value};

/// A value shorter than this is replaced in its field, and not looked for elsewhere.
const WORD_BYTES_MIN: usize = 4;

/// A value of a changed record.
#[derive(Debug)]
pub(crate) enum Owned {
    Text(String),
    Json(String),
}

impl Pseudonyms {
    /// The values of a record, in the order of its fields, without plain ones.
    pub(crate) fn values(&self, record: &Record<'_>) -> Vec<Owned> {
        let mut plain = BTreeSet::new();
        for (name, value) in &record.fields {
            let (Value::Text(Cow::Borrowed(raw)) | Value::Json(raw)) = value else {
                if self.names_a_person(name) {
                    plain.extend(value.scalar().map(str::to_owned));
                }
                continue;
            };
            let gather = &mut |name: &str, text: &str| {
                if self.names_a_person(name) {
                    plain.insert(text.to_owned());
                }
                None
            };
            if is_structure(value) {
                walk(name, raw, gather);
            } else {
                gather(name, raw);
            }
        }
        // longer ones first: one may be the beginning of another
        let mut plain: Vec<String> =
            plain.into_iter().filter(|value| value.len() >= WORD_BYTES_MIN).collect();
        plain.sort_by_key(|value| std::cmp::Reverse(value.len()));
        record.fields.iter().map(|(name, value)| self.value(name, value, &plain)).collect()
    }

    fn value(&self, name: &str, value: &Value<'_>, plain: &[String]) -> Owned {
        let change = &mut |name: &str, text: &str| {
            let changed = self.text(name, text, plain);
            (changed != text).then_some(changed)
        };
        match value {
            Value::Json(raw) if is_structure(value) => Owned::Json(walk(name, raw, change)),
            Value::Text(text) if is_structure(value) => Owned::Text(walk(name, text, change)),
            Value::Text(text) => Owned::Text(self.text(name, text, plain)),
            Value::Json(raw) if self.names_a_person(name) => Owned::Text(self.of_value(raw)),
            Value::Json(raw) => Owned::Json((*raw).to_owned()),
        }
    }

    fn text(&self, name: &str, text: &str, plain: &[String]) -> String {
        if text.trim().is_empty() || is_pseudonym(text) {
            return text.to_owned();
        }
        if self.names_a_person(name) || is_address(text.trim()) {
            return self.of_value(text);
        }
        let known = plain.iter().fold(Cow::Borrowed(text), |text, value| self.without(text, value));
        self.without_mail(&known)
    }

    /// Replaces a value where it stands as a word.
    fn without<'t>(&self, text: Cow<'t, str>, value: &str) -> Cow<'t, str> {
        if is_pseudonym(value) || !text.contains(value) {
            return text;
        }
        let (mut changed, mut done) = (String::with_capacity(text.len()), 0);
        for (at, _) in text.match_indices(value) {
            if is_word(&text, at, value.len()) {
                changed.push_str(text.get(done..at).unwrap_or_default());
                changed.push_str(&self.of_value(value));
                done = at + value.len();
            }
        }
        changed.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(changed)
    }

    /// Replaces whatever looks like an e-mail address.
    fn without_mail(&self, text: &str) -> String {
        let (mut changed, mut done) = (String::with_capacity(text.len()), 0);
        for (at, _) in text.match_indices('@') {
            let (before, after) =
                (text.get(done..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            let local = before.len() - before.trim_end_matches(is_local).len();
            let host = after.find(|letter| !is_host(letter)).unwrap_or(after.len());
            let host = after.get(..host).unwrap_or_default().trim_end_matches(['.', '-']);
            if local == 0 || !host.contains('.') {
                continue;
            }
            let (start, end) = (at - local, at + 1 + host.len());
            changed.push_str(text.get(done..start).unwrap_or_default());
            changed.push_str(&self.of_value(text.get(start..end).unwrap_or_default()));
            done = end;
        }
        changed.push_str(text.get(done..).unwrap_or_default());
        changed
    }
}

fn is_local(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '_' | '%' | '+' | '-')
}

fn is_host(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '-')
}

/// Whether a value is a JSON object or array, as itself or as text.
fn is_structure(value: &Value<'_>) -> bool {
    let raw = match value {
        Value::Json(raw) => raw,
        Value::Text(text) => text.trim_ascii(),
    };
    raw.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(raw).is_ok()
}

/// Goes through valid JSON: `change` hears of every text and number with the name it stands under, and may give another text
/// for it. All else stays as it is, to the letter.
fn walk(name: &str, raw: &str, change: &mut dyn FnMut(&str, &str) -> Option<String>) -> String {
    let mut changed = String::with_capacity(raw.len() + 64);
    let mut names = vec![name.to_owned()];
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '"' => string_bytes(rest),
            '-' | '0'..='9' => rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(token).unwrap_or((rest, ""));
        rest = after;
        let top = names.last().cloned().unwrap_or_default();
        let replaced = match first {
            '{' | '[' => {
                names.push(top);
                None
            }
            '}' | ']' => {
                names.pop();
                None
            }
            '"' => {
                let text: String = serde_json::from_str(token).unwrap_or_default();
                if after.trim_ascii_start().starts_with(':') {
                    if let Some(name) = names.last_mut() {
                        *name = text;
                    }
                    None
                } else {
                    change(&top, &text)
                }
            }
            // a number is no text: only what stands under such a name is replaced
            '-' | '0'..='9' => change(&top, token),
            _ => None,
        };
        match replaced.map(|text| serde_json::to_string(&text)) {
            Some(Ok(text)) => changed.push_str(&text),
            _ => changed.push_str(token),
        }
    }
    changed
}

/// The length of the string that a text begins with, its quotes included.
fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, byte)| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => *byte == b'"',
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

impl Owned {
    /// The value as a record has it.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Json(raw) => Value::Json(raw),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FIELDS, Key};
    use super::*;
    use crate::decode::object;

    fn pseudonyms() -> Pseudonyms {
        let fields = FIELDS.iter().map(|name| (*name).to_owned()).collect();
        Pseudonyms { key: Key { secret: [7; 32], id: String::new() }, fields }
    }

    fn rewritten(line: &str) -> String {
        let record = Record { fields: object::fields(line).unwrap() };
        pseudonyms().values(&record).into_iter().fold(String::new(), |all, value| match value {
            Owned::Text(text) | Owned::Json(text) => all + &text + "\n",
        })
    }

    #[test]
    fn plain_values_are_nowhere_and_the_rest_is_as_it_was() {
        let text = rewritten(
            r#"{"activity":"step_completed","user_id":"u-1001","ip":"10.1.2.3","device_id":77001122,
            "note":"u-1001 wrote to Ann.Lee+x@mail.example.com; and bob@host","amount":1.50,"big":{"n":12345678901234567890123},
            "additional_params":{"journey_id":"login","claimed_user_id":"u-1001x","geo":{"addr":"2001:db8::1"},
            "who":["u-1001"],"text":"device 77001122 of u-1001x","email":null,"http_status":200}}"#,
        );
        for plain in ["u-1001", "10.1.2.3", "77001122", "Ann", "example.com", "2001:db8"] {
            assert!(!text.contains(plain), "{plain} is in {text}");
        }
        for kept in [
            "step_completed",
            "bob@host",
            "1.50",
            "12345678901234567890123",
            "\"journey_id\":\"login\"",
            "200",
            "null",
        ] {
            assert!(text.contains(kept), "{kept} is not in {text}");
        }
    }

    #[test]
    fn the_same_value_has_the_same_pseudonym_and_another_key_another_one() {
        let one = pseudonyms();
        let name = one.of_value("u-1001");
        assert!(is_pseudonym(&name), "{name}");
        assert_eq!(one.of_value("u-1001"), name);
        assert_eq!(one.of_value(&name), name);
        assert_ne!(one.of_value("u-1002"), name);
        let other = Pseudonyms { key: Key { secret: [8; 32], id: String::new() }, fields: Vec::new() };
        assert_ne!(other.of_value("u-1001"), name);
    }
}

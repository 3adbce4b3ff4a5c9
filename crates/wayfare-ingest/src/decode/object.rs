//! Reads a JSON object one level deep: names and raw values, nothing below is taken apart.

mod names;
mod quick;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use names::{PLACES, place};

use crate::record::Value;
use crate::{Limits, Reason, Record, json_fault};

/// From this number of fields on, repeated names are found by hashing.
const FEW_FIELDS: usize = 32;

/// The fields of an object, nulls left out; of a repeated name the last one counts.
pub(crate) type Fields<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Room for the members of a usual record.
const MEMBERS: usize = 24;

/// Reads the records of a text one after the other, and remembers their names.
#[derive(Debug, Default)]
pub(super) struct Records<'a> {
    names: names::Names<'a>,
    record: Record<'a>,
}

impl<'a> Records<'a> {
    /// Reads one JSON record from its bytes.
    pub(super) fn read(&mut self, text: &'a [u8], limits: &Limits) -> Result<&Record<'a>, (Reason, String)> {
        let text = std::str::from_utf8(text).map_err(|error| {
            (Reason::BadUtf8, format!("expected UTF-8, saw other bytes at byte {}", error.valid_up_to() + 1))
        })?;
        let fields = &mut self.record.fields;
        fields.clear();
        let is_quick = quick::read(text, &mut self.names, fields).is_some();
        let is_flat = is_quick && fields.iter().all(|(_, value)| value.scalar().is_some());
        if !is_flat && depth_exceeds(text.as_bytes(), limits.depth_max) {
            return Err((Reason::TooDeep, format!("expected at most {} levels, saw more", limits.depth_max)));
        }
        if !is_quick {
            if !text.starts_with('{') {
                return Err(not_an_object(text));
            }
            *fields = all_fields(text).map_err(|error| (Reason::BadJson, json_fault(&error, text)))?;
        }
        Ok(&self.record)
    }
}

/// Reads the members of an object's JSON text.
pub(crate) fn fields(text: &str) -> Result<Fields<'_>, serde_json::Error> {
    let mut members = Vec::with_capacity(MEMBERS);
    match quick::read(text, &mut names::Names::default(), &mut members) {
        Some(()) => Ok(members),
        None => all_fields(text),
    }
}

/// Reads the members of any object.
fn all_fields(text: &str) -> Result<Fields<'_>, serde_json::Error> {
    let Members(mut members) = serde_json::from_str(text)?;
    last_wins(&mut members);
    let mut values = Vec::with_capacity(members.len());
    for (name, raw) in members {
        if let Some(value) = value(raw)? {
            values.push((name, value));
        }
    }
    Ok(values)
}

/// The names of an object's members, those of nulls too.
pub(crate) fn names(text: &str) -> Result<Vec<Cow<'_, str>>, serde_json::Error> {
    let Members(members) = serde_json::from_str(text)?;
    Ok(members.into_iter().map(|(name, _)| name).collect())
}

fn value(raw: &str) -> Result<Option<Value<'_>>, serde_json::Error> {
    match raw.as_bytes() {
        b"null" => Ok(None),
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            let text = raw.get(1..raw.len() - 1).unwrap_or_default();
            Ok(Some(Value::Text(Cow::Borrowed(text))))
        }
        [b'"', ..] => Ok(Some(Value::Text(Cow::Owned(unescape(raw)?)))),
        _ => Ok(Some(Value::Json(raw))),
    }
}

/// Undoes the escapes of a JSON string. Half a surrogate pair (a text cut in the middle of an emoji) becomes
/// the replacement character: no reason to lose the event.
fn unescape(raw: &str) -> Result<String, serde_json::Error> {
    struct Lossy;
    impl Visitor<'_> for Lossy {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
    match serde_json::from_str(raw) {
        Ok(text) => Ok(text),
        Err(_) => serde_json::Deserializer::from_str(raw).deserialize_bytes(Lossy),
    }
}

/// Drops all but the last of the fields with one name.
fn last_wins(members: &mut Vec<(Cow<'_, str>, &str)>) {
    if members.len() > FEW_FIELDS {
        let last: HashMap<String, usize> =
            members.iter().enumerate().map(|(index, (name, _))| (name.to_string(), index)).collect();
        let mut index = 0;
        members.retain(|(name, _)| {
            index += 1;
            last.get(name.as_ref()) == Some(&(index - 1))
        });
        return;
    }
    if !may_repeat(members) {
        return;
    }
    let mut at = 0;
    while let Some(((name, _), rest)) = members.get(at..).and_then(<[_]>::split_first) {
        if rest.iter().any(|(other, _)| other == name) {
            members.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Whether a name occurs twice. Names are only compared when length and edges are alike.
fn may_repeat<T>(members: &[(Cow<'_, str>, T)]) -> bool {
    let mut seen = [0_u64; PLACES / 64];
    members.iter().enumerate().any(|(index, (name, _))| {
        let place = place(name);
        let bit = 1 << (place % 64);
        let Some(word) = seen.get_mut(place / 64) else { return true };
        let known = *word & bit != 0;
        *word |= bit;
        known && members.iter().take(index).any(|(other, _)| other == name)
    })
}

/// Whether objects and arrays are nested deeper than `depth_max`.
fn depth_exceeds(text: &[u8], depth_max: usize) -> bool {
    // The number of opening brackets bounds the depth, and counting is much faster than following strings.
    // The two brackets differ in one bit.
    if super::count(text, |byte| byte | 0x20 == b'{') <= depth_max {
        return false;
    }
    let (mut depth, mut string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            b'{' | b'[' if !string => depth += 1,
            b'}' | b']' if !string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return true;
        }
    }
    false
}

fn not_an_object(text: &str) -> (Reason, String) {
    let seen = match serde_json::from_str::<&RawValue>(text).map(RawValue::get) {
        Ok(raw) if raw.starts_with('[') => "an array",
        Ok(raw) if raw.starts_with('"') => "a string",
        Ok("null") => "null",
        Ok("true" | "false") => "a boolean",
        Ok(_) => "a number",
        Err(error) => return (Reason::BadJson, json_fault(&error, text)),
    };
    (Reason::NotAnObject, format!("expected a JSON object, saw {seen}"))
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(Name(name)) = map.next_key()? {
                    let raw: &'de RawValue = map.next_value()?;
                    members.push((name, raw.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// A name, borrowed from the text unless it holds escapes (serde's own `Cow` never borrows).
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(text: &'a [u8], limits: &Limits) -> Result<Record<'a>, (Reason, String)> {
        Records::default().read(text, limits).cloned()
    }

    fn read(text: &str) -> Result<Record<'_>, (Reason, String)> {
        record(text.as_bytes(), &Limits { depth_max: 4, ..Limits::default() })
    }

    #[test]
    fn values_keep_their_text() {
        let record = read(r#"{"a":"x","b":1.50,"c":null,"d":{"e": [1]},"f":"\u00e9\n","a":"last"}"#).unwrap();
        let text = |text: &str| Value::Text(Cow::Owned(text.to_owned()));
        let expected = [
            ("b", Value::Json("1.50")),
            ("d", Value::Json(r#"{"e": [1]}"#)),
            ("f", text("é\n")),
            ("a", text("last")),
        ];
        let fields: Vec<_> =
            record.fields.iter().map(|(name, value)| (name.as_ref(), value.clone())).collect();
        assert_eq!(fields, expected);
    }

    #[test]
    fn half_a_surrogate_pair_does_not_lose_the_record() {
        let record = read(r#"{"ua":"cut \ud83d"}"#).unwrap();
        assert!(record.get("ua").unwrap().scalar().unwrap().starts_with("cut \u{fffd}"));
    }

    #[test]
    fn of_many_repeated_names_the_last_counts() {
        let members: Vec<_> = (0..100).map(|i| format!("\"k{}\":{i}", i % 50)).collect();
        let text = format!("{{{}}}", members.join(","));
        let record = read(&text).unwrap();
        assert_eq!(record.fields.len(), 50);
        assert_eq!(record.get("k7"), Some(&Value::Json("57")));
    }

    #[test]
    fn defects_have_reasons() {
        for (text, reason, part) in [
            ("[1]", Reason::NotAnObject, "an array"),
            ("\"x\"", Reason::NotAnObject, "a string"),
            ("12", Reason::NotAnObject, "a number"),
            ("{\"a\":}", Reason::BadJson, "expected a value, saw } at column 6"),
            ("{\"a\":1", Reason::BadJson, "saw the end inside an object"),
            ("{\"a\":1} x", Reason::BadJson, "expected nothing after the end"),
            ("nonsense", Reason::BadJson, "saw nonsense at column 1"),
            ("{\"a\":[[[[1]]]]}", Reason::TooDeep, "at most 4"),
        ] {
            let (seen, detail) = read(text).unwrap_err();
            assert_eq!(seen, reason, "{text}");
            assert!(detail.contains(part), "{text}: {detail}");
        }
        assert_eq!(record(b"{\"a\":\"\xff\"}", &Limits::default()).unwrap_err().0, Reason::BadUtf8);
        assert!(read(r#"{"a":"[[[[[[[[","b":[[[1]]]}"#).is_ok(), "brackets in strings do not count");
    }
}

//! Who an event is: the id it brings, or a digest of its content.

use uuid::Uuid;

use crate::catalogue::Source;
use crate::decode::count;
use crate::record::{Record, Value};

/// The id that an event brings: a UUID's own bytes, of any other text a digest.
pub(super) fn explicit_id(text: &str) -> ([u8; 16], IdText) {
    match Uuid::try_parse(text.trim()) {
        Ok(uuid) => (*uuid.as_bytes(), IdText::Uuid),
        Err(_) => (digest(text.as_bytes()), IdText::Other),
    }
}

/// Whether the 16 bytes of an id say all that its text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdText {
    Uuid,
    Other,
}

/// A digest of the source and all fields of a record. The order of fields and the white space between the
/// tokens of a JSON value do not count: the same event read from another export is the same.
pub(super) fn content_hash(source: Source, record: &Record<'_>) -> [u8; 16] {
    let mut fields: Vec<_> = record.fields.iter().collect();
    fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut content = Vec::with_capacity(1024);
    let mut value_text = Vec::new();
    part(&mut content, source.as_str().as_bytes());
    for (name, value) in fields {
        part(&mut content, name.as_bytes());
        value_text.clear();
        match value {
            Value::Text(text) => {
                content.push(b't');
                value_text.extend_from_slice(text.as_bytes());
            }
            Value::Json(raw) => {
                content.push(b'j');
                without_space(raw, &mut value_text);
            }
        }
        part(&mut content, &value_text);
    }
    digest(&content)
}

/// Adds bytes behind their length, seven bits of it a byte: most lengths take one.
fn part(content: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length > 0x7f {
        content.push(0x80 | low_bits(length));
        length >>= 7;
    }
    content.push(low_bits(length));
    content.extend_from_slice(bytes);
}

fn low_bits(length: usize) -> u8 {
    u8::try_from(length & 0x7f).unwrap_or_default()
}

/// Copies JSON text without the white space between its tokens.
fn without_space(raw: &str, out: &mut Vec<u8>) {
    let bytes = raw.as_bytes();
    // Counting is much faster than following strings, and most JSON that machines write has no white space at all.
    if count(bytes, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) == 0 {
        out.extend_from_slice(bytes);
        return;
    }
    let (mut string, mut escaped, mut from) = (false, false, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            b' ' | b'\t' | b'\r' | b'\n' if !string => {
                out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(blake3::hash(bytes).as_bytes()) {
        *to = *from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::object::fields;

    fn hash(text: &str) -> [u8; 16] {
        content_hash(Source::Cis, &Record { fields: fields(text).unwrap() })
    }

    #[test]
    fn order_and_white_space_do_not_count_but_content_does() {
        let id = hash(r#"{"a":"1","b":{"c":"x \" y","d":[1,2]}}"#);
        assert_eq!(hash(r#"{ "b": { "c": "x \" y", "d": [1, 2] }, "a": "1" }"#), id);
        for other in [
            r#"{"a":"1","b":{"c":"x \"  y","d":[1,2]}}"#,
            r#"{"a":1,"b":{"c":"x \" y","d":[1,2]}}"#,
            r#"{"a":"1","b":{"c":"x \" y","d":[12]}}"#,
        ] {
            assert_ne!(hash(other), id, "{other}");
        }
        let fields = fields("{}").unwrap();
        let record = Record { fields };
        assert_ne!(content_hash(Source::Cis, &record), content_hash(Source::Risk, &record));
    }

    #[test]
    fn explicit_ids_are_uuids_or_digests() {
        let (id, text) = explicit_id("0b8b7a1e-3f52-4f0e-9f3c-2d1c7e5a9b10");
        assert_eq!((id[0], id[15], text), (0x0b, 0x10, IdText::Uuid));
        assert_eq!(explicit_id("0B8B7A1E3F524F0E9F3C2D1C7E5A9B10").0, id);
        assert_eq!(explicit_id("event-1").1, IdText::Other);
        assert_ne!(explicit_id("event-1").0, explicit_id("event-2").0);
    }
}

//! Puts an event's parameters together: what the record called its parameters, and every field that no
//! column took, with their raw values.

use std::borrow::Cow;

use crate::decode::object;
use crate::record::{Record, Value};

/// The parameters as JSON text, or `None` when there are none.
///
/// `taken` says which fields of the record stand in columns. A field whose name the parameters already use is
/// kept as `event.NAME`.
pub(super) fn params<'r>(
    record: &'r Record<'_>,
    taken: &[bool],
    base: Option<Cow<'r, str>>,
) -> Option<Cow<'r, str>> {
    let mut extras = record.fields.iter().zip(taken).filter(|(_, taken)| !**taken).map(|(field, _)| field);
    let Some(first) = extras.next() else {
        return base;
    };
    let base = base.as_deref().unwrap_or_default();
    // most events bring no parameters
    let names = if base.is_empty() { Vec::new() } else { object::names(base).unwrap_or_default() };
    let members =
        base.trim_ascii().trim_start_matches('{').strip_suffix('}').unwrap_or_default().trim_ascii();
    let mut text = String::with_capacity(base.len() + 128);
    text.push('{');
    text.push_str(members);
    for (name, value) in std::iter::once(first).chain(extras) {
        if text.len() > 1 {
            text.push(',');
        }
        if names.contains(name) {
            let mut free = format!("event.{name}");
            while names.iter().any(|name| *name == free) {
                free.push('_');
            }
            push_string(&mut text, &free);
        } else {
            push_string(&mut text, name);
        }
        text.push(':');
        match value {
            Value::Text(value) => push_string(&mut text, value),
            Value::Json(raw) => text.push_str(raw),
        }
    }
    text.push('}');
    Some(Cow::Owned(text))
}

fn push_string(text: &mut String, value: &str) {
    if value.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // A string always has a JSON text.
        text.push_str(&serde_json::to_string(value).unwrap_or_default());
    } else {
        text.push('"');
        text.push_str(value);
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assemble(record: &str, taken: &[bool], base: Option<&str>) -> Option<String> {
        let record = Record { fields: object::fields(record).unwrap() };
        params(&record, taken, base.map(Cow::Borrowed)).map(Cow::into_owned)
    }

    #[test]
    fn what_no_column_took_is_merged_in() {
        let record = r#"{"a":"say \"hi\"","b":{"c":1.50},"d":2}"#;
        assert_eq!(assemble(record, &[true; 3], None), None);
        assert_eq!(assemble(record, &[true; 3], Some("{ \"x\":1 }")).unwrap(), "{ \"x\":1 }");
        let merged = assemble(record, &[false, false, true], Some(" { \"x\":1 } ")).unwrap();
        assert_eq!(merged, r#"{"x":1,"a":"say \"hi\"","b":{"c":1.50}}"#);
        assert_eq!(assemble(record, &[true, true, false], Some("{}")).unwrap(), r#"{"d":2}"#);
        assert_eq!(assemble(record, &[true, true, false], None).unwrap(), r#"{"d":2}"#);
    }

    #[test]
    fn a_used_name_gets_a_prefix() {
        let merged = assemble(r#"{"d":2}"#, &[false], Some(r#"{"d":null,"event.d":3}"#)).unwrap();
        assert_eq!(merged, r#"{"d":null,"event.d":3,"event.d_":2}"#);
    }
}

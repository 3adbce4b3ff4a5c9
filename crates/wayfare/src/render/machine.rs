//! Values for machines: nothing is rounded, nothing depends on the reader.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use arrow::array::{Array as _, RecordBatch, StructArray};
use chrono::{DateTime, SecondsFormat, Timelike as _, Utc};
use serde_json::value::RawValue;

use super::cell::{Cell, cell};

/// ISO-8601 with milliseconds, and with more digits only where there is more to say.
pub(super) fn instant(at: DateTime<Utc>, zoned: bool) -> String {
    let digits = match at.nanosecond() {
        nanos if nanos % 1_000_000 == 0 => SecondsFormat::Millis,
        nanos if nanos % 1_000 == 0 => SecondsFormat::Micros,
        _ => SecondsFormat::Nanos,
    };
    let mut text = at.to_rfc3339_opts(digits, true);
    if !zoned {
        text.truncate(text.len() - 1);
    }
    text
}

/// The value as a field of text; null is empty.
pub(super) fn text<'a>(value: &Cell<'a>) -> Cow<'a, str> {
    match value {
        Cell::Null => "".into(),
        Cell::Text(text) => text.clone(),
        Cell::Bool(flag) => if *flag { "true" } else { "false" }.into(),
        Cell::Int(number) => number.to_string().into(),
        Cell::UInt(number) => number.to_string().into(),
        Cell::Bytes(bytes) => hex(bytes).into(),
        Cell::Date(date) => date.to_string().into(),
        Cell::Instant { at, zoned } => instant(*at, *zoned).into(),
        Cell::Float(number) if !number.is_finite() => "".into(),
        Cell::Single(number) if !number.is_finite() => "".into(),
        Cell::Float(_) | Cell::Single(_) | Cell::List(_) | Cell::Struct(..) => json_text(value).into(),
    }
}

/// The value as JSON text.
pub(super) fn json_text(value: &Cell<'_>) -> String {
    let mut bytes = Vec::new();
    // a vector takes every byte
    json(value, &mut bytes).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Writes the value as JSON.
pub(super) fn json(value: &Cell<'_>, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Cell::Null => out.write_all(b"null"),
        Cell::Bool(flag) => write!(out, "{flag}"),
        Cell::Int(number) => write!(out, "{number}"),
        Cell::UInt(number) => write!(out, "{number}"),
        // the shortest text that reads back as the same number; NaN and infinities are null
        Cell::Float(number) => Ok(serde_json::to_writer(out, number)?),
        Cell::Single(number) => Ok(serde_json::to_writer(out, number)?),
        Cell::Text(text) => Ok(serde_json::to_writer(out, text)?),
        Cell::Bytes(_) | Cell::Date(_) | Cell::Instant { .. } => write!(out, "\"{}\"", text(value)),
        Cell::List(values) => {
            out.write_all(b"[")?;
            for row in 0..values.len() {
                separate(row, out)?;
                json(&cell(values.as_ref(), row), out)?;
            }
            out.write_all(b"]")
        }
        Cell::Struct(values, row) => json_struct(values, *row, out),
    }
}

/// Writes a row as a JSON object, fields in the order of the columns.
pub(super) fn json_row(batch: &RecordBatch, row: usize, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (index, (field, column)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
        separate(index, out)?;
        serde_json::to_writer(&mut *out, field.name())?;
        out.write_all(b":")?;
        match cell(column.as_ref(), row) {
            Cell::Text(text) if field.extension_type_name() == Some(JSON) => embedded(&text, out)?,
            value => json(&value, out)?,
        }
    }
    out.write_all(b"}")
}

/// The canonical extension type of texts that are JSON.
const JSON: &str = "arrow.json";

/// Writes a text that is JSON as what it is, in one line; one that is not, as a text.
fn embedded(text: &str, out: &mut dyn Write) -> io::Result<()> {
    match serde_json::from_str::<&RawValue>(text) {
        // line ends can only stand between its parts
        Ok(value) => out.write_all(value.get().replace(['\n', '\r'], " ").as_bytes()),
        Err(_) => Ok(serde_json::to_writer(out, text)?),
    }
}

fn json_struct(values: &StructArray, row: usize, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{")?;
    for (index, (field, column)) in values.fields().iter().zip(values.columns()).enumerate() {
        separate(index, out)?;
        serde_json::to_writer(&mut *out, field.name())?;
        out.write_all(b":")?;
        json(&cell(column.as_ref(), row), out)?;
    }
    out.write_all(b"}")
}

fn separate(index: usize, out: &mut dyn Write) -> io::Result<()> {
    if index > 0 { out.write_all(b",") } else { Ok(()) }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_milliseconds_and_more_only_if_needed() {
        let at = |micros| instant(DateTime::from_timestamp_micros(micros).unwrap(), true);
        assert_eq!(at(1_000_000), "1970-01-01T00:00:01.000Z");
        assert_eq!(at(1_000_500), "1970-01-01T00:00:01.000500Z");
        assert_eq!(instant(DateTime::UNIX_EPOCH, false), "1970-01-01T00:00:00.000");
    }

    #[test]
    fn numbers_read_back_as_they_were() {
        assert_eq!(text(&Cell::Float(0.1 + 0.2)), "0.30000000000000004");
        assert_eq!(text(&Cell::Single(0.1)), "0.1");
        assert_eq!(json_text(&Cell::Float(f64::NAN)), "null");
        assert_eq!(text(&Cell::Float(f64::INFINITY)), "");
        assert_eq!(json_text(&Cell::UInt(u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn text_is_escaped_and_bytes_are_hexadecimal() {
        assert_eq!(json_text(&Cell::Text("a\"\n\u{1}".into())), r#""a\"\n\u0001""#);
        assert_eq!(json_text(&Cell::Bytes(&[0, 255])), r#""00ff""#);
    }
}

//! `csv`: RFC 4180 with a header line. Null is an empty field, an empty text is `""`.
//!
//! That difference is why a library's writer will not do: it decides on quotes without knowing about null.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use wayfare_query::Report;

use super::Encoder;
use super::cell::{Cell, cell};
use super::machine::text;

/// Writes header and records.
pub(super) struct Csv<'a> {
    out: &'a mut (dyn Write + Send),
}

impl<'a> Csv<'a> {
    pub(super) fn begin(head: &Report, out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        for (index, field) in head.batch.schema_ref().fields().iter().enumerate() {
            separate(index, out)?;
            write_field(field.name(), out)?;
        }
        out.write_all(b"\r\n")?;
        Ok(Self { out })
    }
}

impl Encoder for Csv<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                separate(index, self.out)?;
                let value = cell(column.as_ref(), row);
                let field = text(&value);
                // what has no value is left empty; alone in its line it would be a line that readers skip
                let none = field.is_empty() && !matches!(value, Cell::Text(_) | Cell::Bytes(_));
                if !none || batch.num_columns() == 1 {
                    write_field(&field, self.out)?;
                }
            }
            self.out.write_all(b"\r\n")?;
        }
        Ok(())
    }

    fn end(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

fn separate(index: usize, out: &mut dyn Write) -> io::Result<()> {
    if index > 0 { out.write_all(b",") } else { Ok(()) }
}

fn write_field(field: &str, out: &mut dyn Write) -> io::Result<()> {
    let special = |byte| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    let padded = field.starts_with(' ') || field.ends_with(' ');
    if !field.is_empty() && !padded && !field.bytes().any(special) {
        return out.write_all(field.as_bytes());
    }
    out.write_all(b"\"")?;
    for (index, part) in field.split('"').enumerate() {
        if index > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part.as_bytes())?;
    }
    out.write_all(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> String {
        let mut bytes = Vec::new();
        write_field(text, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn quotes_stand_where_they_must() {
        assert_eq!(field("plain text"), "plain text");
        assert_eq!(field(""), "\"\"");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("say \"hi\"\n"), "\"say \"\"hi\"\"\n\"");
        assert_eq!(field(" padded"), "\" padded\"");
    }
}

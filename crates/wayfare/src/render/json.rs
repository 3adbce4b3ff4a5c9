//! `json`: one object with the question, the snapshot and all rows, one row a line.

use std::io::{self, Write};

use arrow::array::RecordBatch;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, to_string};
use wayfare_query::Report;

use super::machine::json_row;
use super::{Encoder, SCHEMA_VERSION};

/// What a report is about, as JSON text: the fields that stand before the rows.
pub(super) fn about(head: &Report) -> io::Result<String> {
    Ok(to_string(&head_fields(head))?)
}

fn head_fields(head: &Report) -> Map<String, Value> {
    let as_of = head.as_of_ms.and_then(DateTime::from_timestamp_millis);
    let as_of = as_of.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    add("schema_version", SCHEMA_VERSION.into());
    add("report", head.name.into());
    add("spec", head.spec.clone());
    add("snapshot", head.snapshot.into());
    add("as_of", as_of.into());
    if let Some(total) = head.rows_total {
        add("rows_total", total.into());
    }
    if let Some(next) = &head.next {
        add("next", next.as_str().into());
    }
    if !head.notes.is_empty() {
        add("notes", head.notes.clone().into());
    }
    fields
}

/// Writes the object.
pub(super) struct Json<'a> {
    out: &'a mut (dyn Write + Send),
    is_empty: bool,
}

impl<'a> Json<'a> {
    pub(super) fn begin(head: &Report, out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        out.write_all(b"{\n")?;
        for (name, value) in head_fields(head) {
            writeln!(out, "  \"{name}\": {value},")?;
        }
        out.write_all(b"  \"rows\": [")?;
        Ok(Self { out, is_empty: true })
    }
}

impl Encoder for Json<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            self.out.write_all(if self.is_empty { b"\n    " } else { b",\n    " })?;
            self.is_empty = false;
            json_row(batch, row, self.out)?;
        }
        Ok(())
    }

    fn end(self: Box<Self>) -> io::Result<()> {
        self.out.write_all(if self.is_empty { b"]\n}\n" } else { b"\n  ]\n}\n" })
    }
}

//! `json`: one object with the question, the snapshot and all rows, one row a line.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};
use serde_json::to_writer;
use wayfare_query::Report;

use super::SCHEMA_VERSION;
use super::machine::json_row;

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{{\n  \"schema_version\": {SCHEMA_VERSION},\n  \"report\": \"{}\",", report.name)?;
    out.write_all(b"  \"spec\": ")?;
    to_writer(&mut *out, &report.spec)?;
    writeln!(out, ",\n  \"snapshot\": {},", report.snapshot)?;
    let as_of = report.as_of_ms.and_then(DateTime::from_timestamp_millis);
    out.write_all(b"  \"as_of\": ")?;
    to_writer(&mut *out, &as_of.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)))?;
    out.write_all(b",\n")?;
    if let Some(total) = report.rows_total {
        writeln!(out, "  \"rows_total\": {total},")?;
    }
    if !report.notes.is_empty() {
        out.write_all(b"  \"notes\": ")?;
        to_writer(&mut *out, &report.notes)?;
        out.write_all(b",\n")?;
    }
    out.write_all(b"  \"rows\": [")?;
    for row in 0..report.batch.num_rows() {
        out.write_all(if row == 0 { b"\n    " } else { b",\n    " })?;
        json_row(&report.batch, row, out)?;
    }
    out.write_all(if report.batch.num_rows() == 0 { b"]\n}\n" } else { b"\n  ]\n}\n" })
}

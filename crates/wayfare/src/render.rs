//! Writes a report in one of the formats. Nothing here computes: columns say by name and type what they hold.
//!
//! Rows are written one by one; the only thing that grows with a report is the width of a table's columns. `json`,
//! `ndjson`, `csv`, `parquet` and `arrow` give every column and full precision, and can be written while rows still
//! come; `table` and `markdown` round and leave out what stands beside a rate.

mod cell;
mod column;
mod columnar;
mod csv;
mod event;
mod facts;
mod human;
mod json;
mod machine;
mod markdown;
mod ndjson;
mod table;

use std::io::{self, Write};
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use clap::ValueEnum;
use wayfare_query::Report;

pub(crate) use self::facts::more;
pub(crate) use self::human::size;

/// Version of the JSON objects' shape; grows when a field changes its meaning or goes away.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// One object with the spec, the snapshot and all rows
    Json,
    /// One JSON object a row, one row a line
    Ndjson,
    /// RFC 4180 with a header line; an empty field is null
    Csv,
    /// A pipe table for documents
    Markdown,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

impl Format {
    /// The format that a file's extension stands for.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "md" | "markdown" => Some(Self::Markdown),
            "txt" => Some(Self::Table),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// Whether it is nothing for a screen.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Whether rows can be written as they come, without knowing those that follow.
    pub(crate) fn streams(self) -> bool {
        !matches!(self, Self::Table | Self::Markdown)
    }
}

/// What the reader of a table can see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Whether to colour.
    pub(crate) color: bool,
    /// Characters in a line; `None` for lines of any length.
    pub(crate) width: Option<usize>,
    /// Whether characters beyond ASCII may be used for lines, bars and marks.
    pub(crate) unicode: bool,
}

/// Writes a report.
///
/// # Errors
///
/// Those of `out`, and of a type that the format has no place for.
pub(crate) fn render(
    report: &Report,
    format: Format,
    look: &Look,
    out: &mut (dyn Write + Send),
) -> io::Result<()> {
    match format {
        Format::Table if report.name == "event" => event::render(report, out),
        Format::Table => table::render(report, look, out),
        Format::Markdown => markdown::render(report, out),
        Format::Json | Format::Ndjson | Format::Csv | Format::Parquet | Format::Arrow => {
            let mut encoder = encoder(report, format, out)?;
            encoder.batch(&report.batch)?;
            encoder.end()
        }
    }
}

/// Writes rows as they come. What was written is whole after [`Encoder::end`] only.
pub(crate) trait Encoder: Send {
    /// Writes some rows.
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Writes what stands behind the rows.
    fn end(self: Box<Self>) -> io::Result<()>;
}

/// Begins to write a report whose rows follow: `head` has the rows' schema, and everything else that is known ahead.
/// A format that does not stream is written as `ndjson`.
pub(crate) fn encoder<'a>(
    head: &Report,
    format: Format,
    out: &'a mut (dyn Write + Send),
) -> io::Result<Box<dyn Encoder + 'a>> {
    Ok(match format {
        Format::Json => Box::new(json::Json::begin(head, out)?),
        Format::Csv => Box::new(csv::Csv::begin(head, out)?),
        Format::Parquet => Box::new(columnar::Parquet::begin(head, out)?),
        Format::Arrow => Box::new(columnar::Ipc::begin(head, out)?),
        Format::Ndjson | Format::Table | Format::Markdown => Box::new(ndjson::Ndjson { out }),
    })
}

/// One value as plain text; null is empty.
pub(crate) fn text_of(array: &dyn Array, row: usize) -> String {
    machine::text(&cell::cell(array, row)).into_owned()
}

#[cfg(test)]
pub(crate) mod golden;

//! Writes a report in one of the formats. Nothing here computes: columns say by name and type what they hold.
//!
//! Rows are written one by one; the only thing that grows with a report is the width of a table's columns. `json`,
//! `ndjson` and `csv` give every column and full precision, `table` and `markdown` round and leave out what stands
//! beside a rate.

mod cell;
mod column;
mod csv;
mod facts;
mod human;
mod json;
mod machine;
mod markdown;
mod ndjson;
mod table;

use std::io::{self, Write};
use std::path::Path;

use arrow::array::Array;
use clap::ValueEnum;
use wayfare_query::Report;

pub(crate) use self::human::{count, duration, size};

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
            _ => None,
        }
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
/// Only those of `out`.
pub(crate) fn render(report: &Report, format: Format, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::render(report, look, out),
        Format::Json => json::render(report, out),
        Format::Ndjson => ndjson::render(report, out),
        Format::Csv => csv::render(report, out),
        Format::Markdown => markdown::render(report, out),
    }
}

/// One value as plain text; null is empty.
pub(crate) fn text_of(array: &dyn Array, row: usize) -> String {
    machine::text(&cell::cell(array, row)).into_owned()
}

#[cfg(test)]
pub(crate) mod golden;

//! CSV with a header, as RFC 4180 writes it; the separator is a comma, a semicolon or a tab.
//!
//! Rows are found twice: here by a small automaton that only knows quotes, so that blocks are cut between
//! rows and a quote that is never closed costs one line and not the rest of the file; in the block by the
//! `csv` crate, which gives the cells. Both treat quotes alike.

use std::borrow::Cow;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::block::Body;
use super::bytes::Bytes;
use super::{Piece, newlines};
use crate::record::{Value, excerpt};
use crate::{Error, Limits, Reason, Record, Result};

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// What all rows of a file share.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) header: Vec<String>,
    separator: u8,
}

/// Cuts blocks between rows.
#[derive(Debug)]
pub(super) struct Rows {
    layout: Arc<Layout>,
    line: u64,
    edge: Edge,
}

impl Rows {
    /// Reads the header.
    pub(super) fn open(bytes: &mut Bytes, limits: &Limits) -> Result<Self> {
        let mut line = 1;
        let mut edge = Edge::new(SEPARATORS);
        let end = loop {
            let blank = bytes.as_slice().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            line += newlines(bytes.as_slice().get(..blank).unwrap_or_default());
            bytes.skip(blank);
            match edge.first_row(bytes.as_slice()) {
                Some(end) => break end,
                None if bytes.ended_well() => break bytes.len(),
                None if bytes.at_end() => {
                    let damage = bytes.take_damage();
                    return Err(damage.unwrap_or_else(|| Error::invalid("expected a CSV header")));
                }
                None if bytes.len() > limits.line_bytes_max => {
                    let message = format!("expected a CSV header of at most {} bytes", limits.line_bytes_max);
                    return Err(Error::invalid(message).with("line", line));
                }
                None => bytes.fill(bytes.len() + 1),
            }
        };
        let row = bytes.split(end);
        let separator = separator_of(&row);
        let header = header_of(&row, separator).map_err(|error| error.with("line", line))?;
        line += newlines(&row);
        Ok(Self { layout: Arc::new(Layout { header, separator }), line, edge: Edge::new([separator; 3]) })
    }

    pub(super) fn header(&self) -> &[String] {
        &self.layout.header
    }

    /// The line that comes next.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn next(&mut self, bytes: &mut Bytes, limits: &Limits) -> Option<Piece> {
        bytes.fill(limits.block_bytes);
        loop {
            let too_long = self.edge.scan(bytes.as_slice(), limits.line_bytes_max);
            let rows = self.edge.rows;
            if rows > 0 && (too_long || bytes.len() >= limits.block_bytes || bytes.at_end()) {
                return Some(self.cut(bytes, rows));
            }
            if too_long || (bytes.ended_well() && self.edge.state == State::Quoted) {
                return Some(self.refuse_line(bytes, limits));
            }
            if bytes.at_end() {
                let last = bytes.ended_well() && bytes.len() > 0;
                return last.then(|| self.cut(bytes, bytes.len()));
            }
            bytes.fill(bytes.len() + 1);
        }
    }

    /// Splits rows off. What is left, part of a row, is scanned again.
    fn cut(&mut self, bytes: &mut Bytes, count: usize) -> Piece {
        self.edge = Edge::new([self.layout.separator; 3]);
        let head = bytes.split(count);
        let first_line = self.line;
        self.line += newlines(&head);
        Piece { first_line, bytes: head, body: Body::Rows(Arc::clone(&self.layout)) }
    }

    /// The row at the start has no end in sight: gives up its first line only, so that the lines which an
    /// unclosed quote has swallowed are read as rows again.
    fn refuse_line(&mut self, bytes: &mut Bytes, limits: &Limits) -> Piece {
        self.edge = Edge::new([self.layout.separator; 3]);
        let newline = bytes.as_slice().iter().position(|byte| *byte == b'\n');
        let first_line = self.line;
        self.line += 1;
        match newline.map_or(bytes.len(), |at| at + 1) {
            length if length > limits.line_bytes_max => super::block::too_long(first_line, bytes, limits),
            length => {
                let detail =
                    format!("a quote opens and is not closed within {} bytes", limits.line_bytes_max);
                let head = bytes.split(length).trim_ascii_end().to_vec();
                Piece { first_line, bytes: head, body: Body::Refused(Reason::BadCsv, detail) }
            }
        }
    }
}

/// Finds the edges of rows.
#[derive(Debug)]
struct Edge {
    /// The characters that end a cell: before the header is read, any that may turn out to.
    separators: [u8; 3],
    state: State,
    at: usize,
    /// Where the last whole row ends.
    rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Cell,
    Quoted,
    QuoteInQuoted,
}

impl Edge {
    fn new(separators: [u8; 3]) -> Self {
        Self { separators, state: State::CellStart, at: 0, rows: 0 }
    }

    fn step(&mut self, byte: u8) {
        self.at += 1;
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::CellStart | State::QuoteInQuoted, b'"') => State::Quoted,
            (_, b'\n') => {
                self.rows = self.at;
                State::CellStart
            }
            (_, b'\r') => State::CellStart,
            (_, byte) if self.separators.contains(&byte) => State::CellStart,
            _ => State::Cell,
        };
    }

    /// Scans on to the end of `bytes`; stops and gives true at a row that is longer than `row_bytes_max`.
    fn scan(&mut self, bytes: &[u8], row_bytes_max: usize) -> bool {
        while let Some(byte) = bytes.get(self.at) {
            self.step(*byte);
            if self.at - self.rows > row_bytes_max {
                return true;
            }
        }
        false
    }

    /// The end of the first row, if it is there.
    fn first_row(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.rows == 0 {
            self.step(*bytes.get(self.at)?);
        }
        Some(self.rows)
    }
}

/// Calls `f` with the line, the text and the record of every row.
pub(super) fn each(
    bytes: &[u8],
    first_line: u64,
    layout: &Layout,
    mut f: impl FnMut(u64, &[u8], Result<&Record<'_>, (Reason, String)>),
) {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(layout.separator).from_reader(bytes);
    let mut row = ByteRecord::new();
    let mut line = first_line;
    let mut from = 0;
    // Reading from memory cannot fail, and byte records take any bytes.
    while reader.read_byte_record(&mut row).unwrap_or(false) {
        let to = usize::try_from(reader.position().byte()).unwrap_or(bytes.len());
        let text = bytes.get(from..to).unwrap_or_default();
        // The reader's own position counts the blank lines before a row, and half a CRLF, to the row.
        let blank = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (blank, text) = text.split_at_checked(blank).unwrap_or_default();
        line += newlines(blank);
        f(line, text.trim_ascii_end(), record(&row, &layout.header).as_ref().map_err(Clone::clone));
        line += newlines(text);
        from = to;
    }
}

fn record<'a>(row: &'a ByteRecord, header: &'a [String]) -> Result<Record<'a>, (Reason, String)> {
    if row.len() != header.len() {
        let detail = format!("expected {} cells as in the header, saw {}", header.len(), row.len());
        return Err((Reason::ColumnCount, detail));
    }
    let mut fields = Vec::with_capacity(row.len());
    for (name, cell) in header.iter().zip(row) {
        let cell = std::str::from_utf8(cell).map_err(|_not_utf8| {
            (Reason::BadUtf8, format!("expected UTF-8 in column {name}, saw other bytes"))
        })?;
        if !cell.is_empty() {
            fields.push((Cow::Borrowed(name.as_str()), Value::Text(Cow::Borrowed(cell))));
        }
    }
    Ok(Record { fields })
}

/// The separator that occurs most often in the header outside quotes.
fn separator_of(row: &[u8]) -> u8 {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut quoted = false;
    for byte in row {
        quoted ^= *byte == b'"';
        for (separator, count) in SEPARATORS.iter().zip(&mut counts) {
            *count += usize::from(!quoted && separator == byte);
        }
    }
    let mut best = (b',', 0);
    for (separator, count) in SEPARATORS.iter().zip(counts) {
        if count > best.1 {
            best = (*separator, count);
        }
    }
    best.0
}

/// The names of the columns: trimmed, numbered where they are empty or repeated.
fn header_of(row: &[u8], separator: u8) -> Result<Vec<String>> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(row);
    let mut cells = ByteRecord::new();
    reader
        .read_byte_record(&mut cells)
        .map_err(|cause| Error::invalid("expected a CSV header").because(cause))?;
    let mut header: Vec<String> = Vec::with_capacity(cells.len());
    let mut seen = std::collections::HashSet::new();
    for (index, cell) in cells.iter().enumerate() {
        let Ok(name) = std::str::from_utf8(cell) else {
            let shown = excerpt(cell, 80);
            return Err(Error::invalid(format!("expected a CSV header in UTF-8, saw {shown:?}")));
        };
        let name = match name.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        };
        let mut unique = name.clone();
        let mut number = 2;
        while !seen.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        header.push(unique);
    }
    Ok(header)
}

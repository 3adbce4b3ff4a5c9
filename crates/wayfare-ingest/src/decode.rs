//! Turns an input's bytes into records: NDJSON, a JSON array or CSV, packed by gzip or zstd or not at all,
//! all recognised by content.
//!
//! The [`Decoder`] runs on one thread and does only what needs the bytes in order: unpacking and cutting into
//! blocks at the edges of records. A [`Block`] goes to any thread and is parsed there. Memory is bounded by
//! [`Limits::block_bytes`] and [`Limits::line_bytes_max`], and which records come out does not depend on where
//! blocks are cut.

mod block;
mod bytes;
mod compression;
mod elements;
mod lines;
pub(crate) mod object;
mod rows;
mod sniff;

use std::io::Read;
use std::sync::Arc;

pub use block::{Block, Defect};

use crate::{Error, Limits, Result};
use block::Body;
use bytes::Bytes;
use sniff::Format;

/// Cuts one input into blocks of records.
///
/// As an iterator it gives the blocks in order. After an error it is finished; every record that lies whole
/// before the damage has been given by then.
#[derive(Debug)]
pub struct Decoder {
    file: Arc<str>,
    bytes: Bytes,
    cutter: Cutter,
    limits: Limits,
    finished: bool,
}

/// A run of whole records, or one record that is already known to be bad.
struct Piece {
    first_line: u64,
    bytes: Vec<u8>,
    body: Body,
}

#[derive(Debug)]
enum Cutter {
    Lines(lines::Lines),
    Elements(elements::Elements),
    Rows(rows::Rows),
}

impl Decoder {
    /// Opens an input: recognises packing and format, and reads a CSV's header.
    ///
    /// An empty input is an input without records.
    ///
    /// # Errors
    /// `Invalid` when the content is no text that can hold events, or a CSV header cannot be read;
    /// `Unavailable` when the first bytes cannot be read.
    pub fn open(name: Arc<str>, raw: Box<dyn Read + Send>, limits: &Limits) -> Result<Self> {
        let placed = |error: Error| error.with("file", &name);
        let mut bytes = Bytes::open(raw, limits).map_err(placed)?;
        let cutter = match sniff::format(&mut bytes).map_err(placed)? {
            Format::Lines => Cutter::Lines(lines::Lines::new()),
            Format::Elements => Cutter::Elements(elements::Elements::new()),
            Format::Rows => Cutter::Rows(rows::Rows::open(&mut bytes, limits).map_err(placed)?),
        };
        Ok(Self { file: name, bytes, cutter, limits: *limits, finished: false })
    }

    /// The column names of a CSV; `None` for JSON.
    pub fn header(&self) -> Option<&[String]> {
        match &self.cutter {
            Cutter::Rows(rows) => Some(rows.header()),
            _ => None,
        }
    }

    /// The input's name.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    fn piece(&mut self) -> Result<Option<Piece>> {
        let piece = match &mut self.cutter {
            Cutter::Lines(lines) => lines.next(&mut self.bytes, &self.limits),
            Cutter::Elements(elements) => elements.next(&mut self.bytes, &self.limits)?,
            Cutter::Rows(rows) => rows.next(&mut self.bytes, &self.limits),
        };
        match (piece, self.bytes.take_damage()) {
            (Some(piece), damage) => {
                // Still records to give: the damage comes up again after them.
                self.bytes.restore_damage(damage);
                Ok(Some(piece))
            }
            (None, Some(damage)) => Err(damage),
            (None, None) => Ok(None),
        }
    }

    fn line(&self) -> u64 {
        match &self.cutter {
            Cutter::Lines(lines) => lines.line(),
            Cutter::Elements(elements) => elements.line(),
            Cutter::Rows(rows) => rows.line(),
        }
    }
}

impl Iterator for Decoder {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        if self.finished {
            return None;
        }
        match self.piece() {
            Ok(Some(piece)) => Some(Ok(Block::new(
                Arc::clone(&self.file),
                piece,
                self.limits,
                Arc::clone(self.bytes.spares()),
            ))),
            Ok(None) => {
                self.finished = true;
                None
            }
            Err(error) => {
                self.finished = true;
                Some(Err(error.with("file", &self.file).with("line", self.line())))
            }
        }
    }
}

/// Counts the newlines of a slice.
fn newlines(bytes: &[u8]) -> u64 {
    count(bytes, |byte| byte == b'\n') as u64
}

/// Counts bytes. Sums of short pieces fit a byte, which the compiler turns into wide instructions.
pub(crate) fn count(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> usize {
    let pieces = bytes.chunks(u8::MAX.into());
    pieces.map(|piece| usize::from(piece.iter().map(|byte| u8::from(is_one(*byte))).sum::<u8>())).sum()
}

#[cfg(test)]
mod tests;

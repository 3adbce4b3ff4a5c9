//! JSON arrays of objects, one after the other, and objects that span lines: cut at the edges of the elements.

use super::Piece;
use super::block::Body;
use super::bytes::Bytes;
use crate::{Error, Limits, Result};

/// Where an element lies in a block's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) line: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The element is over the limit; the bytes are its beginning.
    pub(super) too_long: bool,
}

/// Cuts blocks at the edges of elements.
#[derive(Debug)]
pub(super) struct Elements {
    scanner: Scanner,
    first_line: u64,
}

impl Elements {
    pub(super) fn new() -> Self {
        Self { scanner: Scanner::new(1), first_line: 1 }
    }

    /// The line of the element being read.
    pub(super) fn line(&self) -> u64 {
        self.scanner.open.as_ref().map_or(self.scanner.line, |open| open.line)
    }

    pub(super) fn next(&mut self, bytes: &mut Bytes, limits: &Limits) -> Result<Option<Piece>> {
        loop {
            bytes.fill(bytes.len() + 1);
            self.scanner.scan(bytes.as_slice(), limits);
            if bytes.ended_well() {
                self.scanner.finish_scalar(limits);
            }
            self.forget_excess(bytes, limits);
            let enough = bytes.len() >= limits.block_bytes || bytes.at_end();
            if enough && !self.scanner.found.is_empty() {
                let elements = self.scanner.take();
                let keep = self.scanner.rebase();
                let next_line = self.line();
                let first_line = std::mem::replace(&mut self.first_line, next_line);
                return Ok(Some(Piece {
                    first_line,
                    bytes: bytes.split(keep),
                    body: Body::Elements(elements),
                }));
            }
            if self.scanner.found.is_empty() {
                bytes.skip(self.scanner.rebase());
            }
            if bytes.at_end() {
                return if bytes.ended_well() { self.end() } else { Ok(None) };
            }
        }
    }

    /// Drops the bytes of an element that is already too long, but for what is shown of it.
    fn forget_excess(&mut self, bytes: &mut Bytes, limits: &Limits) {
        if let Some(open) = &mut self.scanner.open
            && bytes.len() - open.start > limits.line_bytes_max
        {
            open.too_long = true;
        }
        if let Some(open) = &self.scanner.open
            && open.too_long
        {
            bytes.truncate(open.start + limits.reject_text_bytes_max);
            self.scanner.at = bytes.len();
        }
    }

    fn end(&self) -> Result<Option<Piece>> {
        if self.scanner.open.is_some() {
            Err(Error::invalid("expected the end of a JSON value, saw the end of the file"))
        } else if self.scanner.inside {
            Err(Error::invalid("expected the end of the JSON array, saw the end of the file"))
        } else {
            Ok(None)
        }
    }
}

/// Follows brackets and strings, and notes where elements lie. Values are not checked: a damaged element is
/// found when it is parsed.
#[derive(Debug)]
pub(super) struct Scanner {
    line: u64,
    at: usize,
    inside: bool,
    open: Option<Open>,
    /// After a string that was never closed: everything is skipped up to a line that starts an element.
    lost: bool,
    line_start: bool,
    found: Vec<Element>,
}

#[derive(Debug)]
struct Open {
    start: usize,
    line: u64,
    depth: usize,
    string: bool,
    escaped: bool,
    too_long: bool,
}

impl Scanner {
    pub(super) fn new(line: u64) -> Self {
        Self { line, at: 0, inside: false, open: None, lost: false, line_start: true, found: Vec::new() }
    }

    /// Scans on to the end of `bytes`, which starts where it started at the last call.
    pub(super) fn scan(&mut self, bytes: &[u8], limits: &Limits) {
        while let Some(byte) = bytes.get(self.at) {
            if self.open.is_some() {
                self.within(*byte, limits);
            } else {
                self.between(*byte);
            }
        }
    }

    /// Gives the elements found so far.
    pub(super) fn take(&mut self) -> Vec<Element> {
        std::mem::take(&mut self.found)
    }

    /// Whether no array and no element is open.
    pub(super) fn is_between_arrays(&self) -> bool {
        !self.inside && self.open.is_none()
    }

    /// Forgets what lies before the open element, or everything scanned; gives how many bytes that is.
    fn rebase(&mut self) -> usize {
        let keep = self.open.as_ref().map_or(self.at, |open| open.start);
        self.at -= keep;
        if let Some(open) = &mut self.open {
            open.start = 0;
        }
        keep
    }

    fn between(&mut self, byte: u8) {
        let line_start = std::mem::replace(&mut self.line_start, false);
        match byte {
            b'\n' => {
                self.line += 1;
                self.line_start = true;
            }
            b' ' | b'\t' | b'\r' => self.line_start = line_start,
            _ if self.lost && !(line_start && matches!(byte, b'{' | b'[' | b']')) => {}
            b',' => {}
            b'[' if !self.inside => (self.inside, self.lost) = (true, false),
            b']' => (self.inside, self.lost) = (false, false),
            _ => {
                self.lost = false;
                self.open = Some(Open {
                    start: self.at,
                    line: self.line,
                    depth: 0,
                    string: false,
                    escaped: false,
                    too_long: false,
                });
                return;
            }
        }
        self.at += 1;
    }

    fn within(&mut self, byte: u8, limits: &Limits) {
        let Some(open) = &mut self.open else { return };
        let mut ends = false;
        if open.string {
            match byte {
                b'\n' => {
                    // JSON strings hold no raw newline: a quote is missing somewhere before.
                    self.lost = true;
                    return self.finish(limits);
                }
                _ if open.escaped => open.escaped = false,
                b'\\' => open.escaped = true,
                b'"' => {
                    open.string = false;
                    ends = open.depth == 0;
                }
                _ => {}
            }
        } else {
            match byte {
                b'"' => open.string = true,
                b'{' | b'[' => open.depth += 1,
                b'}' | b']' if open.depth == 0 && self.at > open.start => return self.finish(limits),
                b'}' | b']' => {
                    open.depth = open.depth.saturating_sub(1);
                    ends = open.depth == 0;
                }
                b',' | b' ' | b'\t' | b'\r' | b'\n' if open.depth == 0 => return self.finish(limits),
                b'\n' => self.line += 1,
                _ => {}
            }
        }
        self.at += 1;
        if ends {
            self.finish(limits);
        }
    }

    /// Ends a number or a word that stands at the end of the file.
    fn finish_scalar(&mut self, limits: &Limits) {
        if self.open.as_ref().is_some_and(|open| open.depth == 0 && !open.string) {
            self.finish(limits);
        }
    }

    fn finish(&mut self, limits: &Limits) {
        if let Some(Open { start, line, too_long, .. }) = self.open.take() {
            let too_long = too_long || self.at - start > limits.line_bytes_max;
            let end = if too_long { self.at.min(start + limits.reject_text_bytes_max) } else { self.at };
            self.found.push(Element { line, start, end, too_long });
        }
    }
}

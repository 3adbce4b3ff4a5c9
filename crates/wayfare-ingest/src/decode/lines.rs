//! NDJSON: one object a line.

use memchr::{memchr, memrchr};

use super::block::Body;
use super::bytes::Bytes;
use super::{Piece, newlines};
use crate::{Limits, Reason};

/// Cuts blocks at newlines.
#[derive(Debug)]
pub(super) struct Lines {
    line: u64,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { line: 1 }
    }

    /// The line that comes next.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn next(&mut self, bytes: &mut Bytes, limits: &Limits) -> Option<Piece> {
        bytes.fill(limits.block_bytes);
        let mut searched = 0;
        loop {
            let fresh = bytes.as_slice().get(searched..).unwrap_or_default();
            let newline = memrchr(b'\n', fresh);
            if let Some(at) = newline {
                return Some(self.cut(bytes, searched + at + 1));
            }
            searched = bytes.len();
            if searched > limits.line_bytes_max {
                return Some(self.too_long(bytes, limits));
            }
            if bytes.at_end() {
                let last = bytes.ended_well() && searched > 0;
                return last.then(|| self.cut(bytes, searched));
            }
            bytes.fill(searched + 1);
        }
    }

    fn cut(&mut self, bytes: &mut Bytes, count: usize) -> Piece {
        let head = bytes.split(count);
        let first_line = self.line;
        self.line += newlines(&head);
        Piece { first_line, bytes: head, body: Body::Lines }
    }

    fn too_long(&mut self, bytes: &mut Bytes, limits: &Limits) -> Piece {
        let piece = super::block::too_long(self.line, bytes, limits);
        self.line += 1;
        piece
    }
}

/// Walks the lines of a slice with their numbers.
pub(super) fn each<'a>(mut rest: &'a [u8], mut line: u64, mut f: impl FnMut(u64, &'a [u8])) {
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let (text, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        f(line, text);
        rest = tail.split_first().map_or(&[][..], |(_newline, tail)| tail);
        line += 1;
    }
}

/// Says that a record is too long.
pub(super) fn too_long_detail(limits: &Limits) -> (Reason, String) {
    (Reason::LineTooLong, format!("expected at most {} bytes, saw more", limits.line_bytes_max))
}

//! A piece of an input that any thread can parse.

use std::fmt;
use std::sync::Arc;

use super::bytes::Bytes;
use super::elements::{Element, Scanner};
use super::object::Records;
use super::rows::Layout;
use super::{Piece, lines, rows};
use crate::record::excerpt;
use crate::spares::Spares;
use crate::{Limits, Reason, Record, Reject};

/// What is wrong with a record.
pub type Defect = (Reason, String);

/// About a mebibyte of whole records.
pub struct Block {
    file: Arc<str>,
    first_line: u64,
    bytes: Vec<u8>,
    body: Body,
    limits: Limits,
    spares: Arc<Spares<Vec<u8>>>,
}

/// How the records lie in a block's bytes.
#[derive(Debug)]
pub(super) enum Body {
    Lines,
    Elements(Vec<Element>),
    Rows(Arc<Layout>),
    /// One record that was refused while cutting; the bytes are its beginning.
    Refused(Reason, String),
}

impl Block {
    pub(super) fn new(file: Arc<str>, piece: Piece, limits: Limits, spares: Arc<Spares<Vec<u8>>>) -> Self {
        Self { file, first_line: piece.first_line, bytes: piece.bytes, body: piece.body, limits, spares }
    }

    /// The input's name.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The line at which the block starts, from 1.
    pub fn first_line(&self) -> u64 {
        self.first_line
    }

    /// The size of the block's text in bytes.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The column names of a CSV; `None` for JSON.
    pub fn header(&self) -> Option<&[String]> {
        match &self.body {
            Body::Rows(layout) => Some(&layout.header),
            _ => None,
        }
    }

    /// Hands every record to `accept`, in order, and the account of every one that is none, or that `accept`
    /// refuses, to `refuse`. Gives the number of records.
    pub fn for_each(
        &self,
        mut accept: impl FnMut(u64, &Record<'_>) -> Result<(), Defect>,
        mut refuse: impl FnMut(Reject),
    ) -> u64 {
        let mut read = 0;
        self.each(&mut |line, text, record| {
            read += 1;
            if let Err(defect) = record.and_then(|record| accept(line, record)) {
                refuse(self.reject(line, defect, text));
            }
        });
        read
    }

    fn each(&self, f: &mut impl FnMut(u64, &[u8], Result<&Record<'_>, Defect>)) {
        let mut records = Records::default();
        match &self.body {
            Body::Lines => lines::each(&self.bytes, self.first_line, |line, text| {
                if text.len() > self.limits.line_bytes_max {
                    f(line, text, Err(lines::too_long_detail(&self.limits)));
                    return;
                }
                match text.trim_ascii() {
                    [] => {}
                    array @ [b'[', ..] => self.array_line(line, array, &mut records, f),
                    text => f(line, text, records.read(text, &self.limits)),
                }
            }),
            Body::Elements(elements) => {
                for element in elements {
                    let text = self.bytes.get(element.start..element.end).unwrap_or_default();
                    let record = if element.too_long {
                        Err(lines::too_long_detail(&self.limits))
                    } else {
                        records.read(text, &self.limits)
                    };
                    f(element.line, text, record);
                }
            }
            Body::Rows(layout) => rows::each(&self.bytes, self.first_line, layout, f),
            Body::Refused(reason, detail) => {
                f(self.first_line, &self.bytes, Err((*reason, detail.clone())));
            }
        }
    }

    /// A whole array on one line of NDJSON, as polled batches are appended to a file.
    fn array_line<'a>(
        &self,
        line: u64,
        text: &'a [u8],
        records: &mut Records<'a>,
        f: &mut impl FnMut(u64, &[u8], Result<&Record<'_>, Defect>),
    ) {
        let mut scanner = Scanner::new(line);
        scanner.scan(text, &self.limits);
        for element in scanner.take() {
            let text = text.get(element.start..element.end).unwrap_or_default();
            f(line, text, records.read(text, &self.limits));
        }
        if !scanner.is_between_arrays() {
            f(line, text, Err((Reason::BadJson, "the array is not closed".into())));
        }
    }

    fn reject(&self, line: u64, (reason, detail): Defect, text: &[u8]) -> Reject {
        let text = excerpt(text, self.limits.reject_text_bytes_max);
        Reject { file: Arc::clone(&self.file), line, reason, detail, text }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        // A long line is no reason to keep much memory.
        if bytes.capacity() <= 2 * self.limits.block_bytes {
            bytes.clear();
            self.spares.give(bytes);
        }
    }
}

/// Skips a line that is too long without keeping it whole, and gives the account of it.
pub(super) fn too_long(line: u64, bytes: &mut Bytes, limits: &Limits) -> Piece {
    let shown = bytes.as_slice().get(..limits.reject_text_bytes_max).unwrap_or(bytes.as_slice()).to_vec();
    bytes.skip_line();
    let (reason, detail) = lines::too_long_detail(limits);
    Piece { first_line: line, bytes: shown, body: Body::Refused(reason, detail) }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("file", &self.file)
            .field("first_line", &self.first_line)
            .field("size_bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

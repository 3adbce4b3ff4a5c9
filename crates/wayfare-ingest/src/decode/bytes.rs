//! The window over an input's unpacked bytes from which records are cut.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use super::compression::{Packing, unpack};
use crate::spares::Spares;
use crate::{Error, Limits, Result};

/// How much is asked of the reader at once. A damaged stream loses at most this much of what came before the
/// damage, so it is small.
const READ_BYTES: usize = 32 << 10;

/// A buffer that is filled at its end and split off at its start.
pub(super) struct Bytes {
    reader: Box<dyn Read + Send>,
    packing: Packing,
    buffer: Vec<u8>,
    /// Buffers of blocks that were read.
    spares: Arc<Spares<Vec<u8>>>,
    at_end: bool,
    damage: Option<Error>,
}

impl Bytes {
    pub(super) fn open(raw: Box<dyn Read + Send>, limits: &Limits) -> Result<Self> {
        let (packing, reader) = unpack(raw, limits)?;
        Ok(Self { reader, packing, buffer: Vec::new(), spares: Arc::default(), at_end: false, damage: None })
    }

    /// The bytes read and not yet split off.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Reads until `want` bytes are there or the input is at its end.
    pub(super) fn fill(&mut self, want: usize) {
        while self.buffer.len() < want && !self.at_end {
            let goal = self.buffer.len() + READ_BYTES;
            // A source may hand out less at a time, and another time differently. Where blocks end must not depend on
            // it: an interrupted ingest goes on there.
            while self.buffer.len() < goal && !self.at_end {
                self.read(goal);
            }
        }
    }

    /// Reads once, until `goal` bytes are there at most.
    fn read(&mut self, goal: usize) {
        let filled = self.buffer.len();
        self.buffer.resize(goal, 0);
        let read = self.reader.read(self.buffer.get_mut(filled..).unwrap_or_default());
        self.buffer.truncate(filled + read.as_ref().map_or(0, |count| *count));
        match read {
            Ok(0) => self.at_end = true,
            Err(cause) if cause.kind() != std::io::ErrorKind::Interrupted => {
                self.at_end = true;
                // A plain file's failure was wrapped by the layer below, too.
                self.damage = Some(match cause.downcast::<Error>() {
                    Ok(error) => error,
                    Err(cause) => self.packing.damage(cause),
                });
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Whether nothing more will be read, be it for the end or for damage.
    pub(super) fn at_end(&self) -> bool {
        self.at_end
    }

    /// Whether the input ended as it should: what is left is a whole last record.
    pub(super) fn ended_well(&self) -> bool {
        self.at_end && self.damage.is_none()
    }

    pub(super) fn take_damage(&mut self) -> Option<Error> {
        self.damage.take()
    }

    pub(super) fn restore_damage(&mut self, damage: Option<Error>) {
        self.damage = damage;
    }

    /// Takes the first `count` bytes out; the rest stays.
    pub(super) fn split(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.get(count..).unwrap_or_default();
        let mut next = self.spares.take();
        next.reserve(rest.len().max(count) + READ_BYTES);
        next.extend_from_slice(rest);
        let mut head = std::mem::replace(&mut self.buffer, next);
        head.truncate(count);
        head
    }

    /// Where the bytes of blocks go back to.
    pub(super) fn spares(&self) -> &Arc<Spares<Vec<u8>>> {
        &self.spares
    }

    /// Drops the first `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        self.buffer.drain(..count.min(self.buffer.len()));
    }

    /// Drops what lies beyond the first `count` bytes.
    pub(super) fn truncate(&mut self, count: usize) {
        self.buffer.truncate(count);
    }

    /// Drops everything up to and with the next newline, reading on without keeping.
    pub(super) fn skip_line(&mut self) {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return self.skip(at + 1);
            }
            self.buffer.clear();
            if self.at_end {
                return;
            }
            self.fill(1);
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bytes")
            .field("packing", &self.packing)
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

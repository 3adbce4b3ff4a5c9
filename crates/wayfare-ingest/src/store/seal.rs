//! Seals: what the bytes of a file must be, told by the file itself.
//!
//! The Parquet writer leaves page checksums out, and one changed bit in a number, a dictionary or a log entry gives
//! another number without any complaint. So every file of a table carries a seal, and the store's file access
//! ([`super::guard`]) checks each byte against it before anybody decodes it.
//!
//! * A Parquet file is cut into blocks of [`BLOCK_BYTES`]. Their checksums stand between its data and its footer, where
//!   no reader of Parquet looks, and after them a digest over checksums, footer and the file's path in the store. A read
//!   checks the blocks it touches; a file in another's place does not fit.
//! * An entry of a log carries a digest of its bytes and its path in its own `commitInfo`.
//!
//! Checksums are the first 8 bytes of BLAKE3, digests all 32: the aim is damage, not forgery.

use std::ops::Range;

use bytes::Bytes;

mod log;

pub(super) use log::{check_log, seal_log};

/// Bytes of one block: what a read of a single byte has to check.
const BLOCK_BYTES: u64 = 32 << 10;
/// Bytes of one checksum.
const SUM_BYTES: usize = 8;
/// What stands after the checksums and tells a sealed file.
const MARK: &[u8; 8] = b"WAYSEAL1";
/// The number of checksums, the digest and the mark.
const TRAILER_BYTES: usize = 4 + 32 + MARK.len();
/// The footer's length and Parquet's mark, with which a file ends.
const END_BYTES: usize = 8;
/// The least bytes that can hold a seal and a footer.
const FILE_BYTES_MIN: u64 = (TRAILER_BYTES + END_BYTES) as u64;

/// Why bytes do not fit their seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// There is no seal, or no file that could hold one.
    NoSeal,
    /// The seal or the footer is not as written, or is another file's.
    Seal,
    /// The bytes from here on are not as written.
    Block(u64),
    /// The entry of a log is not as written, or is another version's.
    Entry,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSeal => f.write_str("the file is cut off, or was not written by wayfare: it has no seal"),
            Self::Seal => f.write_str("the file's footer is not as it was written, or is another file's"),
            Self::Block(at) => write!(f, "the bytes from {at} on are not as they were written"),
            Self::Entry => f.write_str("the log entry is not as it was written"),
        }
    }
}

/// The seal of a Parquet file, read and found true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    size: u64,
    data_bytes: u64,
    blocks: Vec<u8>,
    tail: [u8; SUM_BYTES],
}

/// Puts a seal into a Parquet file that will have the path `name`. What is no Parquet file stays as it is.
pub(super) fn seal_parquet(bytes: Bytes, name: &str) -> Bytes {
    let Some(data_bytes) = footer_start(&bytes) else { return bytes };
    let mut sealed = Vec::from(bytes);
    let footer = sealed.split_off(data_bytes);
    let mut sums = Vec::new();
    for block in sealed.chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX)) {
        sums.extend_from_slice(&sum(block));
    }
    let count = u32::try_from(sums.len() / SUM_BYTES).unwrap_or(u32::MAX);
    let digest = digest(name, data_bytes as u64, &sums, &footer);
    sealed.extend_from_slice(&sums);
    sealed.extend_from_slice(&count.to_le_bytes());
    sealed.extend_from_slice(&digest);
    sealed.extend_from_slice(MARK);
    sealed.extend_from_slice(&footer);
    sealed.into()
}

impl Seal {
    /// Where the seal begins, told by the last bytes of a file, or how many of them tell it.
    pub(super) fn tail_bytes(end: &[u8], size: u64) -> Result<u64, Flaw> {
        if size < FILE_BYTES_MIN {
            return Err(Flaw::NoSeal);
        }
        let footer_bytes = footer_bytes(end).ok_or(Flaw::NoSeal)?;
        let with_trailer = footer_bytes + TRAILER_BYTES;
        if with_trailer as u64 > size {
            return Err(Flaw::NoSeal);
        }
        let Some(trailer) = end.len().checked_sub(with_trailer).and_then(|at| end.get(at..)) else {
            return Ok(with_trailer as u64);
        };
        if trailer.get(TRAILER_BYTES - MARK.len()..TRAILER_BYTES) != Some(MARK) {
            return Err(Flaw::NoSeal);
        }
        let count = trailer.first_chunk().map_or(0, |count| u32::from_le_bytes(*count));
        let tail = u64::from(count) * SUM_BYTES as u64 + with_trailer as u64;
        if tail > size { Err(Flaw::NoSeal) } else { Ok(tail) }
    }

    /// Reads the seal of a file of `size` bytes that end in `tail`.
    pub(super) fn open(tail: &[u8], size: u64, name: &str) -> Result<Self, Flaw> {
        let data_bytes = size.checked_sub(tail.len() as u64).ok_or(Flaw::NoSeal)?;
        let footer_bytes = footer_bytes(tail).ok_or(Flaw::NoSeal)?;
        let (front, footer) = tail
            .len()
            .checked_sub(footer_bytes)
            .and_then(|at| tail.split_at_checked(at))
            .ok_or(Flaw::NoSeal)?;
        let (sums, trailer) = front
            .len()
            .checked_sub(TRAILER_BYTES)
            .and_then(|at| front.split_at_checked(at))
            .ok_or(Flaw::NoSeal)?;
        let stated = trailer.get(4..TRAILER_BYTES - MARK.len()).unwrap_or_default();
        let blocks = data_bytes.div_ceil(BLOCK_BYTES);
        if sums.len() as u64 != blocks * SUM_BYTES as u64 || stated != digest(name, data_bytes, sums, footer)
        {
            return Err(Flaw::Seal);
        }
        Ok(Self { size, data_bytes, blocks: sums.to_vec(), tail: sum(tail) })
    }

    /// The file's size.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes that have to be read to check those of `range`: whole blocks, or the whole tail.
    pub(super) fn cover(&self, range: &Range<u64>) -> Range<u64> {
        let start = if range.start >= self.data_bytes {
            self.data_bytes
        } else {
            range.start - range.start % BLOCK_BYTES
        };
        let end = if range.end > self.data_bytes {
            self.size
        } else {
            range.end.next_multiple_of(BLOCK_BYTES).min(self.data_bytes)
        };
        start..end
    }

    /// Checks bytes that were read at `start`, which are what [`Seal::cover`] asked for.
    pub(super) fn check(&self, start: u64, bytes: &[u8]) -> Result<(), Flaw> {
        let in_data = usize::try_from(self.data_bytes.saturating_sub(start)).unwrap_or(usize::MAX);
        let (data, tail) = bytes.split_at_checked(in_data).unwrap_or((bytes, &[]));
        let first = usize::try_from(start / BLOCK_BYTES).unwrap_or(usize::MAX);
        let sums = self.blocks.chunks_exact(SUM_BYTES).skip(first);
        let mut at = start;
        for (block, expected) in data.chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX)).zip(sums) {
            if sum(block) != *expected {
                return Err(Flaw::Block(at));
            }
            at += block.len() as u64;
        }
        if !tail.is_empty() && sum(tail) != self.tail {
            return Err(Flaw::Seal);
        }
        Ok(())
    }
}

fn footer_start(bytes: &[u8]) -> Option<usize> {
    bytes.len().checked_sub(footer_bytes(bytes)?)
}

/// The length of a footer with its end, of bytes that end a Parquet file.
fn footer_bytes(end: &[u8]) -> Option<usize> {
    let last: &[u8; END_BYTES] = end.last_chunk()?;
    let [a, b, c, d, b'P', b'A', b'R', b'1'] = *last else { return None };
    usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?.checked_add(END_BYTES)
}

fn sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let digest = blake3::hash(bytes);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn digest(name: &str, data_bytes: u64, sums: &[u8], footer: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    hasher.update(&data_bytes.to_le_bytes()).update(sums).update(footer);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests;

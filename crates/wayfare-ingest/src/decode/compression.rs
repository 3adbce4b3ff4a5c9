//! Unpacks gzip and zstd, recognised by their first bytes, and guards against bombs.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::{Error, Limits, Result};

/// How an input is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        match *head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before it.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// Explains a failed read of the unpacked bytes.
    pub(super) fn damage(self, cause: io::Error) -> Error {
        let name = match self {
            Self::Plain => return Error::io("cannot read the file", cause),
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        };
        let cut = cause.kind() == io::ErrorKind::UnexpectedEof;
        // Limits and failures below the unpacking travel through it as they are.
        match cause.downcast::<Error>() {
            Ok(error) => error,
            Err(cause) if cut => {
                Error::invalid(format!("the {name} stream is cut short: its end is missing")).because(cause)
            }
            Err(cause) => Error::invalid(format!("the {name} stream is damaged")).because(cause),
        }
    }
}

/// Opens the unpacked bytes of `raw`.
pub(super) fn unpack(
    mut raw: Box<dyn Read + Send>,
    limits: &Limits,
) -> Result<(Packing, Box<dyn Read + Send>)> {
    let mut head = Vec::new();
    (&mut raw).take(4).read_to_end(&mut head).map_err(|cause| Error::io("cannot read the file", cause))?;
    let packing = Packing::of(&head);
    let packed_bytes = Arc::new(AtomicU64::new(0));
    let packed = Packed { reader: Cursor::new(head).chain(raw), bytes: Arc::clone(&packed_bytes) };
    let unpacked: Box<dyn Read + Send> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Packing::Zstd => {
            let decoder = zstd::stream::read::Decoder::new(packed);
            Box::new(decoder.map_err(|cause| packing.damage(cause))?)
        }
    };
    Ok((packing, Box::new(Guard { reader: unpacked, bytes: 0, packed_bytes, limits: *limits })))
}

/// Counts packed bytes, and marks failures of the file itself so that they are not taken for a damaged stream.
struct Packed<R> {
    reader: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(count) => {
                self.bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => Err(cause),
            Err(cause) => Err(io::Error::other(Error::io("cannot read the file", cause))),
        }
    }
}

/// Stops when the unpacked bytes pass a limit.
struct Guard {
    reader: Box<dyn Read + Send>,
    bytes: u64,
    packed_bytes: Arc<AtomicU64>,
    limits: Limits,
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        let Limits { decompressed_bytes_max, decompression_ratio_max, ratio_free_bytes, .. } = self.limits;
        if self.bytes > decompressed_bytes_max {
            let message =
                format!("expected at most {decompressed_bytes_max} bytes of unpacked input, saw more");
            return Err(io::Error::other(Error::limit(message)));
        }
        let packed_bytes = self.packed_bytes.load(Ordering::Relaxed);
        if self.bytes > ratio_free_bytes && self.bytes / decompression_ratio_max > packed_bytes {
            let message = format!(
                "expected at most {decompression_ratio_max} unpacked bytes for a packed one, saw {} from {packed_bytes}",
                self.bytes
            );
            return Err(io::Error::other(Error::limit(message)));
        }
        Ok(count)
    }
}

//! Packs the pages of columns that are not left to Parquet's own writer.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Compressor;

/// What packs pages, set up once a file.
pub(super) struct Packer {
    zstd: Compressor<'static>,
    snappy: snap::raw::Encoder,
}

impl Packer {
    /// Packs with zstd by its level.
    ///
    /// # Errors
    /// When zstd has no such level.
    pub(super) fn try_new(zstd_level: i32) -> std::io::Result<Self> {
        Ok(Self { zstd: Compressor::new(zstd_level)?, snappy: snap::raw::Encoder::new() })
    }

    /// Whether it can pack that way.
    pub(super) fn knows(how: Compression) -> bool {
        matches!(how, Compression::ZSTD(_) | Compression::SNAPPY)
    }

    /// Packs a page.
    ///
    /// # Errors
    /// When it does not know how, or the page is larger than the format allows.
    pub(super) fn pack(&mut self, page: &[u8], how: Compression) -> Result<Bytes> {
        let packed = match how {
            Compression::ZSTD(_) => self.zstd.compress(page)?,
            Compression::SNAPPY => {
                self.snappy.compress_vec(page).map_err(|cause| ParquetError::External(Box::new(cause)))?
            }
            other => return Err(ParquetError::NYI(format!("packing with {other}"))),
        };
        Ok(packed.into())
    }
}

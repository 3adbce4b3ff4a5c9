//! What stands in a data file, read whole and checked.

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
};

use super::guard::damage;
use super::{DataFile, Store};
use crate::{Error, ErrorKind, Result};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 8_192;

/// The checked bytes of a data file.
#[derive(Debug)]
pub struct Contents {
    file: String,
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
}

impl Store {
    /// Reads a data file.
    ///
    /// # Errors
    /// `Corrupt` when it is not there or not what was written, `Unavailable` when it cannot be read.
    pub async fn contents(&self, file: &DataFile) -> Result<Contents> {
        let read = async { self.access().get(&file.location).await?.bytes().await };
        let bytes = read.await.map_err(|cause| {
            damage(&cause).unwrap_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot read a data file")
                    .with("file", &file.path)
                    .because(cause)
            })
        })?;
        Contents::open(bytes, &file.path)
    }
}

impl Contents {
    pub(super) fn open(bytes: Bytes, file: &str) -> Result<Self> {
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).map_err(|cause| {
            Error::corrupt("the file's footer cannot be understood").with("file", file).because(cause)
        })?;
        Ok(Self { file: file.to_owned(), bytes, metadata })
    }

    /// The footer.
    pub(crate) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    /// Number of row groups. The rows of each are in order.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The footer with all that it says of pages, and with page indexes.
    ///
    /// # Errors
    /// `Corrupt` when they cannot be understood.
    pub(super) fn footer(&self) -> Result<ParquetMetaData> {
        let whole = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let reader = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_metadata_options(Some(whole));
        reader.parse_and_finish(&self.bytes).map_err(|cause| self.cannot_decode(cause))
    }

    /// Size in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Decodes the rows, of all columns or of those named.
    ///
    /// # Errors
    /// `Corrupt` when they cannot be decoded.
    pub fn batches(&self, columns: Option<&[&str]>) -> Result<Batches<'_>> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
                .with_batch_size(BATCH_ROWS);
        let mask = columns.map_or_else(ProjectionMask::all, |columns| {
            ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied())
        });
        let reader = builder.with_projection(mask).build().map_err(|cause| self.cannot_decode(cause))?;
        Ok(Batches { contents: self, reader })
    }

    pub(super) fn cannot_decode(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::corrupt("the file's rows cannot be decoded").with("file", &self.file).because(cause)
    }
}

/// The rows of a data file, batch after batch.
pub struct Batches<'a> {
    contents: &'a Contents,
    reader: ParquetRecordBatchReader,
}

impl std::fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("file", &self.contents.file).finish_non_exhaustive()
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<arrow::array::RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|cause| self.contents.cannot_decode(cause)))
    }
}

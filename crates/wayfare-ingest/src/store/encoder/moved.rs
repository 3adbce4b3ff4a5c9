//! Row groups of one file put into another: their pages, filters and indexes as they are.

use bytes::Bytes;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::writer::SerializedFileWriter;

/// Appends all row groups of the file that `bytes` are.
///
/// # Errors
/// When it has other columns, or is not as its footer says.
pub(super) fn append(
    file: &mut SerializedFileWriter<Vec<u8>>,
    bytes: &Bytes,
    footer: &ParquetMetaData,
) -> Result<()> {
    for (number, group) in footer.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).map_err(|cause| ParquetError::External(cause.into()))?;
        let column_index = footer.column_index().and_then(|of_groups| of_groups.get(number));
        let offset_index = footer.offset_index().and_then(|of_groups| of_groups.get(number));
        let mut written = file.next_row_group()?;
        for (place, chunk) in group.columns().iter().enumerate() {
            let column_index = column_index.and_then(|of_columns| of_columns.get(place)).cloned();
            let close = ColumnCloseResult {
                bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or_default(),
                rows_written: rows,
                bloom_filter: Sbbf::read_from_column_chunk(chunk, bytes)?,
                column_index: column_index.filter(|index| !matches!(index, ColumnIndexMetaData::NONE)),
                offset_index: offset_index.and_then(|of_columns| of_columns.get(place)).cloned(),
                metadata: chunk.clone(),
            };
            written.append_column(bytes, close)?;
        }
        written.close()?;
    }
    Ok(())
}

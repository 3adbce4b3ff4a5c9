//! Rows into a Parquet file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
};
use parquet::schema::types::ColumnPath;

use super::data_file::{APPENDIX_TAG, EncodedFile};
use super::layout::FileLayout;
use super::statistics::Seen;
use crate::{Error, Result};

/// Rows of one row group: small enough that two cores get work from one day's file and that a selective
/// query skips most of it, large enough for dictionaries to pay.
const ROW_GROUP_ROWS_MAX: usize = 131_072;

/// Rows that a row group of a file that is grouped by a column should have: what smaller ones saved in reading they
/// would cost in footers.
const ROW_GROUP_ROWS_MIN: usize = 8_192;

/// Rows of one page where pages have an index: for the few rows of a run, a look-up unpacks a page of each column.
const INDEXED_PAGE_ROWS_MAX: usize = 8_192;

/// A dictionary may grow to this size before a column falls back to plain values. Paths and ids repeat
/// across a whole row group, so the default of 1 MiB would give up too early.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// The share of values that a bloom filter lets pass although they are not there: a look-up asks some hundred filters, and
/// opens a file for each that is wrong.
const FILTER_FALSE_SHARE: f64 = 0.001;

/// Encodes sorted rows as one Parquet file, batch after batch. The file stays in memory until it is put into the store.
pub struct Encoder {
    writer: ArrowWriter<Vec<u8>>,
    seen: Seen,
    tags: BTreeMap<String, String>,
    grouped_by: Option<&'static str>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("rows", &self.seen.rows()).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Begins a file.
    ///
    /// # Errors
    /// `Internal` when the schema has no Parquet form.
    pub fn try_new(schema: &SchemaRef, layout: FileLayout) -> Result<Self> {
        // readers tell the types from the file's own, so that a text may come as a view and is a text all the same
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema, layout)?)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(schema), options);
        let writer = writer.map_err(not_encoded)?;
        let seen = Seen::of(layout.ranges_of);
        Ok(Self { writer, seen, tags: BTreeMap::new(), grouped_by: layout.grouped_by })
    }

    /// Adds rows, which go on where the rows before ended in the sort order.
    ///
    /// # Errors
    /// `Internal` when the rows do not fit the schema.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.seen.add(rows);
        let Some(column) = self.grouped_by.and_then(|name| rows.column_by_name(name)) else {
            return self.writer.write(rows).map_err(not_encoded);
        };
        for group in row_groups(rows, column).map_err(not_encoded)? {
            self.writer.write(&group).and_then(|()| self.writer.flush()).map_err(not_encoded)?;
        }
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.seen.rows()
    }

    /// Adds a text to the file's entry in the log, where readers of a snapshot see it.
    pub fn tag(&mut self, name: &str, text: String) {
        self.tags.insert(name.to_owned(), text);
    }

    /// Ends the rows and adds bytes that no reader of Parquet looks at; `DataFile::appendix` reads them.
    ///
    /// # Errors
    /// `Internal` when the rows do not fit the schema.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.flush().map_err(not_encoded)?;
        let start = self.writer.bytes_written();
        self.writer
            .write_all(bytes)
            .map_err(|cause| Error::internal("cannot encode a data file").because(cause))?;
        self.tag(APPENDIX_TAG, format!("{start}+{}", bytes.len()));
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Internal` when the rows do not fit the schema.
    pub fn finish(self) -> Result<EncodedFile> {
        let rows = self.seen.rows();
        let statistics = self.seen.to_text()?;
        let bytes = self.writer.into_inner().map_err(not_encoded)?;
        Ok(EncodedFile { bytes: bytes.into(), rows, statistics, tags: self.tags })
    }
}

/// Encodes sorted rows as one Parquet file.
///
/// # Errors
/// `Internal` when the rows do not fit the schema.
pub fn encode(rows: &RecordBatch, layout: FileLayout) -> Result<EncodedFile> {
    let mut encoder = Encoder::try_new(&rows.schema(), layout)?;
    encoder.write(rows)?;
    encoder.finish()
}

fn properties(schema: &SchemaRef, layout: FileLayout) -> Result<WriterProperties> {
    let sorting = layout
        .sorted_by
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .filter_map(|index| i32::try_from(index).ok())
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(
            ZstdLevel::try_new(layout.zstd_level)
                .map_err(|cause| Error::internal("zstd level").because(cause))?,
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(match layout.grouped_by {
            // A row group is a page or two: an index of them would say nothing new.
            Some(_) => EnabledStatistics::Chunk,
            None => EnabledStatistics::Page,
        })
        .set_sorting_columns(Some(sorting))
        // together, so that one read gets those of all row groups
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_created_by(concat!("wayfare ", env!("CARGO_PKG_VERSION")).to_owned());
    if layout.grouped_by.is_none() {
        properties = properties.set_data_page_row_count_limit(INDEXED_PAGE_ROWS_MAX);
    }
    for &name in layout.plain {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for &name in layout.unranked {
        properties =
            properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for &name in layout.packed {
        properties = as_it_is(properties, name, Encoding::DELTA_BINARY_PACKED);
    }
    for &name in layout.raw {
        properties = as_it_is(properties, name, Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for &name in layout.prefixed {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BYTE_ARRAY);
    }
    for &name in layout.shared {
        properties = properties.set_column_dictionary_page_size_limit(ColumnPath::from(name), usize::MAX);
    }
    for &name in layout.hot {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::SNAPPY);
    }
    for &name in layout.filtered {
        // A filter is sized for a whole row group of different values and then folded to what its values need.
        properties = properties.set_column_bloom_filter_fpp(ColumnPath::from(name), FILTER_FALSE_SHARE);
    }
    Ok(properties.build())
}

fn not_encoded(cause: ParquetError) -> Error {
    Error::internal("cannot encode a data file").because(cause)
}

/// A column in an encoding that needs no further packing.
fn as_it_is(properties: WriterPropertiesBuilder, name: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(name);
    properties
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column.clone(), encoding)
        .set_column_compression(column, Compression::UNCOMPRESSED)
}

/// Cuts sorted rows where a column changes, into pieces of [`ROW_GROUP_ROWS_MIN`] rows and more as far as it goes.
fn row_groups(rows: &RecordBatch, column: &ArrayRef) -> parquet::errors::Result<Vec<RecordBatch>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for value in partition(std::slice::from_ref(column))?.ranges() {
        match groups.last_mut() {
            Some(last) if last.len() < ROW_GROUP_ROWS_MIN && value.len() < ROW_GROUP_ROWS_MIN => {
                last.end = value.end;
            }
            _ => groups.push(value),
        }
    }
    Ok(groups.into_iter().map(|group| rows.slice(group.start, group.len())).collect())
}

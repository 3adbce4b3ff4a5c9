//! One Parquet file of a table: how it is written, and what the log knows of it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::partition;
use arrow::datatypes::{DataType, Field, SchemaRef};
use bytes::Bytes;
use deltalake_core::kernel::{Add, LogicalFileView};
use object_store::path::Path as StorePath;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use uuid::Uuid;

use super::files::Files;
use super::seal::seal_parquet;
use super::statistics::{self, Statistics};
use super::table::Table;
use crate::{Error, Result};

/// Rows of one row group: small enough that two cores get work from one day's file and that a selective
/// query skips most of it, large enough for dictionaries to pay.
const ROW_GROUP_ROWS_MAX: usize = 131_072;

/// Rows that a row group of a file that is grouped by a column should have: what smaller ones saved in reading they
/// would cost in footers.
const ROW_GROUP_ROWS_MIN: usize = 8_192;

/// A dictionary may grow to this size before a column falls back to plain values. Paths and ids repeat
/// across a whole row group, so the default of 1 MiB would give up too early.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// The level at which zstd's gain in size flattens on event text, while writing stays cheap.
const ZSTD_LEVEL: i32 = 3;

/// One data file as the log of a snapshot tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Path inside the table's folder.
    pub path: String,
    /// Absolute path for the store's file access.
    pub location: StorePath,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Partition values by column.
    pub partition: BTreeMap<String, String>,
    /// Rows and value ranges.
    pub statistics: Statistics,
}

impl DataFile {
    pub(super) fn of_view(view: &LogicalFileView, folder: &StorePath) -> Result<Self> {
        let path = view.path().into_owned();
        let partition = view
            .partition_values_map()
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let statistics = match view.stats() {
            Some(text) => statistics::parse(&text).map_err(|error| error.with("file", &path))?,
            None => return Err(Error::corrupt("the log has no statistics of a file").with("file", path)),
        };
        let size_bytes = u64::try_from(view.size()).map_err(|cause| {
            Error::corrupt("the log has a negative file size").with("file", &path).because(cause)
        })?;
        let location = inside(folder, &path)?;
        Ok(Self { path, location, size_bytes, partition, statistics })
    }

    /// The value of a partition column.
    pub fn partition_value(&self, column: &str) -> Option<&str> {
        self.partition.get(column).map(String::as_str)
    }
}

/// A data file that is written and not yet committed.
#[derive(Debug)]
pub struct NewFile {
    pub(super) add: Add,
    rows: u64,
}

impl NewFile {
    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.add.size).unwrap_or_default()
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// A Parquet file in memory, ready to be put into the store.
#[derive(Debug)]
pub struct EncodedFile {
    bytes: Bytes,
    rows: u64,
    statistics: String,
}

/// What the files of a table are written with.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// The columns that rows are sorted by.
    pub sorted_by: &'static [&'static str],
    /// The columns that the log keeps value ranges of.
    pub ranges_of: &'static [&'static str],
    /// The columns without a dictionary, since their values do not repeat.
    pub plain: &'static [&'static str],
    /// The columns of numbers that are kept as differences from row to row, packed by bits and not otherwise.
    pub packed: &'static [&'static str],
    /// The columns that are read so often that quick unpacking counts for more than size.
    pub hot: &'static [&'static str],
    /// The column, first in the sort order, by which rows are looked for: row groups end where it changes, so that
    /// the rows of a value are a few row groups and those row groups hold little else.
    pub grouped_by: Option<&'static str>,
}

impl FileLayout {
    /// Without a sort order and with the same encoding for all columns.
    pub const PLAIN: Self =
        Self { sorted_by: &[], ranges_of: &[], plain: &[], packed: &[], hot: &[], grouped_by: None };
}

/// Encodes sorted rows as one Parquet file.
///
/// # Errors
/// `Internal` when the rows do not fit the schema.
pub fn encode(rows: &RecordBatch, layout: FileLayout) -> Result<EncodedFile> {
    let schema = rows.schema();
    let sorting = layout
        .sorted_by
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .filter_map(|index| i32::try_from(index).ok())
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(
            ZstdLevel::try_new(ZSTD_LEVEL).map_err(|cause| Error::internal("zstd level").because(cause))?,
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(match layout.grouped_by {
            // A row group is a page or two: an index of them would say nothing new.
            Some(_) => EnabledStatistics::Chunk,
            None => EnabledStatistics::Page,
        })
        .set_sorting_columns(Some(sorting))
        .set_created_by(concat!("wayfare ", env!("CARGO_PKG_VERSION")).to_owned());
    for &name in layout.plain {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    for &name in layout.packed {
        let column = column_path(&schema, name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_compression(column, Compression::UNCOMPRESSED);
    }
    for &name in layout.hot {
        properties = properties.set_column_compression(column_path(&schema, name), Compression::SNAPPY);
    }
    let encode = || -> parquet::errors::Result<Vec<u8>> {
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.build()))?;
        for rows in row_groups(rows, layout.grouped_by)? {
            writer.write(&rows)?;
            writer.flush()?;
        }
        writer.into_inner()
    };
    let bytes = encode().map_err(|cause| Error::internal("cannot encode a data file").because(cause))?;
    Ok(EncodedFile {
        bytes: bytes.into(),
        rows: rows.num_rows() as u64,
        statistics: statistics::of_rows(rows, layout.ranges_of)?,
    })
}

/// The path of a column's values, which lie one level deeper in a list.
fn column_path(schema: &SchemaRef, name: &str) -> ColumnPath {
    match schema.field_with_name(name).map(Field::data_type) {
        Ok(DataType::List(element)) => {
            ColumnPath::new(vec![name.to_owned(), "list".to_owned(), element.name().clone()])
        }
        _ => ColumnPath::from(name),
    }
}

/// Cuts sorted rows where a column changes, into pieces of [`ROW_GROUP_ROWS_MIN`] rows and more as far as it goes.
fn row_groups(rows: &RecordBatch, grouped_by: Option<&str>) -> parquet::errors::Result<Vec<RecordBatch>> {
    let Some(column) = grouped_by.and_then(|name| rows.column_by_name(name)) else {
        return Ok(vec![rows.clone()]);
    };
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

impl Table {
    /// Puts an encoded file into the table's folder; it is part of the table once committed.
    ///
    /// `partition` gives the partition columns in order; `stem` begins the file's name.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be written.
    pub async fn put(
        &self,
        encoded: EncodedFile,
        partition: &[(&str, String)],
        stem: &str,
        written_at_ms: i64,
    ) -> Result<NewFile> {
        let mut files = self.put_all(vec![(encoded, partition.to_vec())], stem, written_at_ms).await?;
        files.pop().ok_or_else(|| Error::internal("a file was not written"))
    }

    /// The same for several files, which are written and synced together.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be written; then none is left.
    pub async fn put_all(
        &self,
        encoded: Vec<(EncodedFile, Vec<(&str, String)>)>,
        stem: &str,
        written_at_ms: i64,
    ) -> Result<Vec<NewFile>> {
        let mut files = Vec::with_capacity(encoded.len());
        let mut contents = Vec::with_capacity(encoded.len());
        for (mut encoded, partition) in encoded {
            let mut parts: Vec<String> =
                partition.iter().map(|(name, value)| format!("{name}={value}")).collect();
            parts.push(format!("{stem}-{}.parquet", Uuid::new_v4().simple()));
            let path = parts.join("/");
            encoded.bytes = seal_parquet(encoded.bytes, &format!("{}/{path}", self.name()));
            let place = self.files().path_of(&inside(self.folder(), &path)?);
            let place = place.map_err(|cause| Error::internal("a data file's path").because(cause))?;
            contents.push((place, encoded.bytes.clone()));
            files.push(encoded.into_new_file(path, &partition, written_at_ms));
        }
        let write = move |files: &Files| {
            files
                .write_all(&contents)
                .inspect_err(|_| contents.iter().for_each(|(path, _)| files.forget(path)))
        };
        let written = self.files().blocking(write).await;
        written.map_err(|cause| Error::io("cannot write a data file", cause).with("table", self.name()))?;
        Ok(files)
    }
}

impl EncodedFile {
    fn into_new_file(self, path: String, partition: &[(&str, String)], written_at_ms: i64) -> NewFile {
        let partition_values: HashMap<_, _> =
            partition.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect();
        NewFile {
            rows: self.rows,
            add: Add {
                path,
                partition_values,
                size: i64::try_from(self.bytes.len()).unwrap_or(i64::MAX),
                modification_time: written_at_ms,
                data_change: true,
                stats: Some(self.statistics),
                tags: None,
                deletion_vector: None,
                base_row_id: None,
                default_row_commit_version: None,
                clustering_provider: None,
            },
        }
    }
}

/// The absolute path of a file of a table.
fn inside(folder: &StorePath, path: &str) -> Result<StorePath> {
    StorePath::parse(format!("{folder}/{path}")).map_err(|cause| {
        Error::corrupt("a data file's path cannot be used").with("file", path).because(cause)
    })
}

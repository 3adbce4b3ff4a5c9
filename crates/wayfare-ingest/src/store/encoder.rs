//! Rows into a Parquet file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, ArrowWriterOptions};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use self::column::Column;
use self::packer::Packer;
use self::properties::{ROW_GROUP_ROWS_MAX, properties};
use self::text_chunk::TextChunk;
use super::contents::Contents;
use super::data_file::{APPENDIX_TAG, EncodedFile};
use super::layout::FileLayout;
use super::statistics::{Seen, Statistics};
use crate::{Error, Result};

mod bound;
mod column;
mod distinct;
mod hybrid;
mod moved;
mod packer;
mod pages;
mod properties;
mod ranges;
#[cfg(test)]
mod tests;
mod text_chunk;

/// Rows that a row group of a file that is grouped by a column should have: what smaller ones saved in reading they
/// would cost in footers.
const ROW_GROUP_ROWS_MIN: usize = 8_192;

/// Encodes sorted rows as one Parquet file, batch after batch. The file stays in memory until it is put into the store.
pub struct Encoder {
    file: SerializedFileWriter<Vec<u8>>,
    schema: SchemaRef,
    /// Makes Parquet's own writers of all columns, for those of texts that grow too large.
    writers: ArrowRowGroupWriterFactory,
    /// Makes Parquet's own writers of the columns that are not of texts.
    writers_of_others: ArrowRowGroupWriterFactory,
    /// The row group that is not full yet.
    group: Option<RowGroup>,
    packer: Packer,
    seen: Seen,
    tags: BTreeMap<String, String>,
    grouped_by: Option<&'static str>,
}

struct RowGroup {
    columns: Vec<Column>,
    rows: usize,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("rows", &self.seen.rows()).finish_non_exhaustive()
    }
}

impl Encoder {
    /// Begins a file of flat columns.
    ///
    /// # Errors
    /// `Internal` when the schema has no Parquet form.
    pub fn try_new(schema: &SchemaRef, layout: FileLayout) -> Result<Self> {
        // readers tell the types from the file's own, so that a text may come as a view and is a text all the same
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema, layout)?)
            .with_skip_arrow_metadata(true);
        let begin = |schema: SchemaRef| {
            ArrowWriter::try_new_with_options(Vec::new(), schema, options.clone())
                .and_then(ArrowWriter::into_serialized_writer)
                .map_err(not_encoded)
        };
        let (file, writers) = begin(Arc::clone(schema))?;
        let columns = schema.fields().iter().zip(file.schema_descr().columns());
        let others =
            columns.filter(|(field, about)| !TextChunk::fits(field.data_type(), about, file.properties()));
        let others: Fields = others.map(|(field, _)| Arc::clone(field)).collect();
        let (_, writers_of_others) = begin(Arc::new(Schema::new(others)))?;
        let packer = Packer::try_new(layout.zstd_level)
            .map_err(|cause| Error::internal("zstd level").because(cause))?;
        Ok(Self {
            file,
            schema: Arc::clone(schema),
            writers,
            writers_of_others,
            group: None,
            packer,
            seen: Seen::of(schema, layout.ranges_of),
            tags: BTreeMap::new(),
            grouped_by: layout.grouped_by,
        })
    }

    /// Adds rows, which go on where the rows before ended in the sort order.
    ///
    /// # Errors
    /// `Internal` when the rows do not fit the schema.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.seen.add(rows);
        let Some(column) = self.grouped_by.and_then(|name| rows.column_by_name(name)) else {
            return self.add(rows).map_err(not_encoded);
        };
        for group in row_groups(rows, column).map_err(not_encoded)? {
            self.add(&group).and_then(|()| self.end_group()).map_err(not_encoded)?;
        }
        Ok(())
    }

    /// Adds rows, to a further row group where one is full.
    fn add(&mut self, rows: &RecordBatch) -> parquet::errors::Result<()> {
        let mut start = 0;
        while start < rows.num_rows() {
            let group = match self.group.take() {
                Some(group) => group,
                None => self.new_group()?,
            };
            let group = self.group.insert(group);
            let count = (ROW_GROUP_ROWS_MAX - group.rows).min(rows.num_rows() - start);
            let part = rows.slice(start, count);
            let fields = self.schema.fields().iter().zip(part.columns()).enumerate();
            for (column, (place, (field, values))) in group.columns.iter_mut().zip(fields) {
                column.write(field, values, || {
                    let mut writers =
                        self.writers.create_column_writers(self.file.flushed_row_groups().len())?;
                    Ok(writers.swap_remove(place))
                })?;
            }
            group.rows += count;
            start += count;
            if group.rows == ROW_GROUP_ROWS_MAX {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn new_group(&self) -> parquet::errors::Result<RowGroup> {
        let others = self.writers_of_others.create_column_writers(self.file.flushed_row_groups().len())?;
        let mut others = others.into_iter();
        let about = self.file.schema_descr().columns();
        let columns =
            self.schema.fields().iter().zip(about).filter_map(|(field, about)| {
                match TextChunk::of(field.data_type(), about, self.file.properties()) {
                    Some(texts) => Some(Column::Texts(Box::new(texts))),
                    None => others.next().map(|writer| Column::Others(Box::new(writer))),
                }
            });
        Ok(RowGroup { columns: columns.collect(), rows: 0 })
    }

    fn end_group(&mut self) -> parquet::errors::Result<()> {
        let Some(RowGroup { columns, .. }) = self.group.take() else { return Ok(()) };
        let mut group = self.file.next_row_group()?;
        for column in columns {
            column.append_to(&mut group, &mut self.packer)?;
        }
        group.close()?;
        Ok(())
    }

    /// Adds the row groups of a data file as they are, without looking at a row; `statistics` is what the log says of them.
    /// Each stays in order for itself, whatever was written before.
    ///
    /// # Errors
    /// `Corrupt` when the file's footer cannot be understood or tells of other columns.
    pub fn append_file(&mut self, contents: &Contents, statistics: &Statistics) -> Result<()> {
        self.end_group().map_err(not_encoded)?;
        let footer = contents.footer()?;
        self.file.inner_mut().reserve(contents.bytes().len());
        moved::append(&mut self.file, contents.bytes(), &footer)
            .map_err(|cause| contents.cannot_decode(cause))?;
        self.seen.add_file(statistics);
        Ok(())
    }

    /// Whether a file has the columns of this one.
    pub fn fits(&self, contents: &Contents) -> bool {
        let of_file = contents.metadata().metadata().file_metadata().schema_descr();
        of_file.columns() == self.file.schema_descr().columns()
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
        self.end_group().map_err(not_encoded)?;
        let start = self.file.bytes_written();
        self.file
            .write_all(bytes)
            .map_err(|cause| Error::internal("cannot encode a data file").because(cause))?;
        self.tag(APPENDIX_TAG, format!("{start}+{}", bytes.len()));
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Internal` when the rows do not fit the schema.
    pub fn finish(mut self) -> Result<EncodedFile> {
        self.end_group().map_err(not_encoded)?;
        let rows = self.seen.rows();
        let statistics = self.seen.to_text()?;
        let bytes = self.file.into_inner().map_err(not_encoded)?;
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

fn not_encoded(cause: ParquetError) -> Error {
    Error::internal("cannot encode a data file").because(cause)
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

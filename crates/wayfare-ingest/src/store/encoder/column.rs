//! One column of one row group on its way into a file.

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::text_chunk::TextChunk;

/// The rows of a column.
pub(super) struct Column {
    /// Those of texts, as long as their dictionary is not too large.
    texts: Option<TextChunk>,
    /// All others.
    others: ArrowColumnWriter,
}

impl Column {
    /// An empty column, for which Parquet's own writer is `others`.
    pub(super) fn new(
        field: &Field,
        about: &ColumnDescPtr,
        properties: &WriterPropertiesPtr,
        others: ArrowColumnWriter,
    ) -> Self {
        Self { texts: TextChunk::of(field.data_type(), about, properties), others }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they do not fit the field.
    pub(super) fn write(&mut self, field: &Field, rows: &ArrayRef) -> Result<()> {
        let Some(texts) = &mut self.texts else { return self.write_others(field, rows) };
        texts.add(rows)?;
        match self.texts.take_if(|texts| texts.is_full()) {
            Some(texts) => self.write_others(field, &texts.into_array()?),
            None => Ok(()),
        }
    }

    fn write_others(&mut self, field: &Field, rows: &ArrayRef) -> Result<()> {
        compute_leaves(field, rows)?.iter().try_for_each(|leaf| self.others.write(leaf))
    }

    /// Writes the rows into a row group.
    ///
    /// # Errors
    /// When it has another column at this place.
    pub(super) fn append_to(
        self,
        group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
        packer: &mut Compressor<'static>,
    ) -> Result<()> {
        let Some(texts) = self.texts else { return self.others.close()?.append_to_row_group(group) };
        let (bytes, close) = texts.finish(packer)?;
        group.append_column(&bytes, close)
    }
}

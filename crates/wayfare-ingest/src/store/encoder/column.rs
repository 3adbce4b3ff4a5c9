//! One column of one row group on its way into a file.

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, compute_leaves};
use parquet::errors::Result;
use parquet::file::writer::SerializedRowGroupWriter;

use super::packer::Packer;
use super::text_chunk::TextChunk;

/// The rows of a column.
pub(super) enum Column {
    /// Those of texts, as long as their dictionary is not too large.
    Texts(Box<TextChunk>),
    /// All others, in Parquet's own writer.
    Others(Box<ArrowColumnWriter>),
}

impl Column {
    /// Adds rows. Texts that have become too many go on in a new writer.
    ///
    /// # Errors
    /// When they do not fit the field.
    pub(super) fn write(
        &mut self,
        field: &Field,
        rows: &ArrayRef,
        new_writer: impl FnOnce() -> Result<ArrowColumnWriter>,
    ) -> Result<()> {
        match self {
            Self::Others(writer) => write(writer, field, rows),
            Self::Texts(texts) => {
                texts.add(rows)?;
                if texts.is_full() {
                    let mut writer = new_writer()?;
                    write(&mut writer, field, &texts.to_array()?)?;
                    *self = Self::Others(Box::new(writer));
                }
                Ok(())
            }
        }
    }

    /// Writes the rows into a row group.
    ///
    /// # Errors
    /// When it has another column at this place.
    pub(super) fn append_to(
        self,
        group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
        packer: &mut Packer,
    ) -> Result<()> {
        match self {
            Self::Others(writer) => writer.close()?.append_to_row_group(group),
            Self::Texts(texts) => {
                let (bytes, close) = texts.finish(packer)?;
                group.append_column(&bytes, close)
            }
        }
    }
}

fn write(writer: &mut ArrowColumnWriter, field: &Field, rows: &ArrayRef) -> Result<()> {
    compute_leaves(field, rows)?.iter().try_for_each(|leaf| writer.write(leaf))
}

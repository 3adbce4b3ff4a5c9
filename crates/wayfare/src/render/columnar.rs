//! `parquet` and `arrow`: the rows with their types, for other engines.
//!
//! What a report is about lies beside the schema under one key, [`METADATA_KEY`]: the same JSON object as in
//! `--format json`, without the rows. View types become plain ones, which every reader knows.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use wayfare_query::Report;

use super::{Encoder, json};

/// The key in the schema's metadata (Parquet: in the file's).
const METADATA_KEY: &str = "wayfare";

/// Rows of a row group, which is what is held in memory before it is written.
const GROUP_ROWS: usize = 128 * 1024;

/// Writes Parquet.
pub(super) struct Parquet<'a> {
    schema: SchemaRef,
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> Parquet<'a> {
    pub(super) fn begin(head: &Report, out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        let schema = plain_schema(&head.batch);
        let about = KeyValue::new(METADATA_KEY.to_owned(), json::about(head)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_key_value_metadata(Some(vec![about]))
            .build();
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(of_parquet)?;
        Ok(Self { schema, writer })
    }
}

impl Encoder for Parquet<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(&plain(batch, &self.schema)?).map_err(of_parquet)
    }

    fn end(self: Box<Self>) -> io::Result<()> {
        self.writer.close().map_err(of_parquet)?;
        Ok(())
    }
}

/// Writes an Arrow IPC stream.
pub(super) struct Ipc<'a> {
    schema: SchemaRef,
    writer: StreamWriter<&'a mut (dyn Write + Send)>,
}

impl<'a> Ipc<'a> {
    pub(super) fn begin(head: &Report, out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        let about = HashMap::from([(METADATA_KEY.to_owned(), json::about(head)?)]);
        let plain = plain_schema(&head.batch);
        let schema = Arc::new(Schema::new_with_metadata(plain.fields().clone(), about));
        let writer = StreamWriter::try_new(out, &schema).map_err(of_arrow)?;
        Ok(Self { schema, writer })
    }
}

impl Encoder for Ipc<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(&plain(batch, &self.schema)?).map_err(of_arrow)
    }

    fn end(mut self: Box<Self>) -> io::Result<()> {
        self.writer.finish().map_err(of_arrow)?;
        self.writer.get_mut().flush()
    }
}

fn plain_schema(batch: &RecordBatch) -> SchemaRef {
    let schema = batch.schema_ref();
    Arc::new(Schema::new(schema.fields().iter().map(plain_field).collect::<Vec<_>>()))
}

fn plain(batch: &RecordBatch, schema: &SchemaRef) -> io::Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>();
    columns.and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns)).map_err(of_arrow)
}

fn plain_field(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_data_type(plain_type(field.data_type())))
}

fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(element) | DataType::ListView(element) => DataType::List(plain_field(element)),
        DataType::LargeList(element) => DataType::LargeList(plain_field(element)),
        DataType::FixedSizeList(element, size) => DataType::FixedSizeList(plain_field(element), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Dictionary(_, values) => plain_type(values),
        other => other.clone(),
    }
}

/// The write that failed below keeps its kind: a closed pipe has to be told from a full disk.
fn of_parquet(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        other => io::Error::other(other),
    }
}

fn of_arrow(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn views_are_made_plain_at_any_depth() {
        let part = Field::new("a", DataType::Utf8View, true);
        let list = DataType::List(Arc::new(Field::new("item", DataType::Struct(vec![part].into()), true)));
        let plain = plain_type(&list).to_string();
        assert!(!plain.contains("View"), "{plain}");
    }
}

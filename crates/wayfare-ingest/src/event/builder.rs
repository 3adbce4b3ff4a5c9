//! Collects events into Arrow columns.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryArray, Date32Builder, Int64Builder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Event, INTEGER_COLUMNS, TEXT_COLUMNS};
use crate::columns::events_file_schema;
use crate::{Error, Result};

const DAY_US: i64 = 86_400_000_000;

/// The schema of a batch of events: the partition columns `source` and `date`, then the columns of a data file.
pub fn event_batch_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let partition = [
            Arc::new(Field::new("source", DataType::Utf8, false)),
            Arc::new(Field::new("date", DataType::Date32, false)),
        ];
        let file = events_file_schema();
        Arc::new(Schema::new(partition.into_iter().chain(file.fields().iter().cloned()).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// Who the event in a row is, before twins are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The id that the record brought, else the digest of its content.
    pub id: [u8; 16],
    /// Whether the record brought it: then two rows with one id are one event sent twice.
    pub is_explicit: bool,
}

/// Collects events row by row and gives them as one record batch.
#[derive(Debug)]
pub struct EventBuilder {
    identities: Vec<Identity>,
    timestamps: Vec<i64>,
    source: StringBuilder,
    date: Date32Builder,
    activity: StringBuilder,
    text: [StringBuilder; TEXT_COLUMNS],
    integers: [Int64Builder; INTEGER_COLUMNS],
    additional_params: StringBuilder,
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBuilder {
    /// Makes an empty builder.
    pub fn new() -> Self {
        Self {
            identities: Vec::new(),
            timestamps: Vec::new(),
            source: StringBuilder::new(),
            date: Date32Builder::new(),
            activity: StringBuilder::new(),
            text: std::array::from_fn(|_| StringBuilder::new()),
            integers: std::array::from_fn(|_| Int64Builder::new()),
            additional_params: StringBuilder::new(),
        }
    }

    /// Adds a row.
    pub fn append(&mut self, event: &Event<'_>) {
        self.identities.push(event.identity);
        self.timestamps.push(event.timestamp_us);
        self.source.append_value(event.source.as_str());
        // Timestamps lie between 1970 and 2261, so the day fits.
        self.date.append_value(i32::try_from(event.timestamp_us.div_euclid(DAY_US)).unwrap_or(i32::MAX));
        self.activity.append_value(&event.activity);
        for (column, value) in self.text.iter_mut().zip(&event.text) {
            column.append_option(value.as_deref());
        }
        for (column, value) in self.integers.iter_mut().zip(&event.integers) {
            column.append_option(*value);
        }
        self.additional_params.append_option(event.additional_params.as_deref());
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// Who the rows are, in order.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Gives the rows as a batch of [`event_batch_schema`], with the final ids of the rows.
    ///
    /// # Errors
    /// `Internal` when there is not one id for every row.
    pub fn finish(mut self, ids: &[[u8; 16]], batch_id: &str, ingested_at_us: i64) -> Result<RecordBatch> {
        let rows = self.len();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.source.finish()),
            Arc::new(self.date.finish()),
            Arc::new(BinaryArray::from_iter_values(ids)),
            Arc::new(self.activity.finish()),
            Arc::new(TimestampMicrosecondArray::from(self.timestamps).with_timezone("UTC")),
        ];
        columns.extend(self.text.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.extend(self.integers.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.push(Arc::new(self.additional_params.finish()));
        columns.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(batch_id, rows))));
        let ingested_at = TimestampMicrosecondArray::from_value(ingested_at_us, rows);
        columns.push(Arc::new(ingested_at.with_timezone("UTC")));
        RecordBatch::try_new(event_batch_schema(), columns)
            .map_err(|cause| Error::internal("the columns of a batch do not fit together").because(cause))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use arrow::array::AsArray as _;
    use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};

    use super::*;
    use crate::ErrorKind;
    use crate::catalogue::Source;

    fn event(timestamp_us: i64, explicit_id: Option<[u8; 16]>) -> Event<'static> {
        let mut text = std::array::from_fn(|_| None);
        text[0] = Some(Cow::Borrowed("tenant"));
        Event {
            source: Source::Risk,
            activity: "x".into(),
            timestamp_us,
            identity: Identity { id: explicit_id.unwrap_or([7; 16]), is_explicit: explicit_id.is_some() },
            text,
            integers: [None, Some(200), None],
            additional_params: None,
        }
    }

    #[test]
    fn rows_become_columns() {
        let mut builder = EventBuilder::new();
        builder.append(&event(DAY_US - 1, None));
        builder.append(&event(DAY_US, Some([9; 16])));
        let ids: Vec<_> = builder.identities().iter().map(|identity| identity.id).collect();
        assert_eq!(ids, [[7; 16], [9; 16]]);
        assert_eq!(builder.identities().iter().map(|i| i.is_explicit).collect::<Vec<_>>(), [false, true]);
        let batch = builder.finish(&ids, "b1", 42).unwrap();
        assert_eq!(batch.schema(), event_batch_schema());
        let column = |name: &str| batch.column_by_name(name).unwrap();
        assert_eq!(column("date").as_primitive::<Date32Type>().values(), &[0, 1]);
        assert_eq!(column("source").as_string::<i32>().value(0), "risk");
        assert_eq!(column("event_id").as_binary::<i32>().value(1), [9; 16]);
        assert_eq!(column("timestamp").as_primitive::<TimestampMicrosecondType>().value(1), DAY_US);
        assert_eq!(column("tenant_id").as_string::<i32>().value(1), "tenant");
        assert_eq!(column("country").null_count(), 2);
        assert_eq!(column("http_status").as_primitive::<Int64Type>().value(0), 200);
        assert_eq!(column("additional_params").null_count(), 2);
        assert_eq!(column("batch_id").as_string::<i32>().value(0), "b1");
        assert_eq!(column("ingested_at").as_primitive::<TimestampMicrosecondType>().value(0), 42);
    }

    #[test]
    fn ids_must_fit_the_rows() {
        let mut builder = EventBuilder::new();
        builder.append(&event(0, None));
        assert_eq!(builder.finish(&[], "b1", 42).unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(EventBuilder::new().finish(&[], "b1", 42).unwrap().num_rows(), 0);
    }
}

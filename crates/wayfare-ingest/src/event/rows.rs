//! Events to be sorted and taken out as rows of data files.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::texts::{TextColumn, Texts, repeated};
use super::{EventBuilder, INTEGER_COLUMNS, Identity, text_place};
use crate::catalogue::Source;
use crate::columns::events_file_schema;
use crate::{Error, Result};

const DAY_US: i64 = 86_400_000_000;

/// The rows of one commit, in the order in which they came.
#[derive(Debug)]
pub(crate) struct EventRows {
    ids: Vec<Option<[u8; 16]>>,
    identities: Vec<Identity>,
    timestamps: Vec<i64>,
    sources: Vec<Source>,
    activity: TextColumn,
    text: Vec<TextColumn>,
    integers: [Vec<Option<i64>>; INTEGER_COLUMNS],
    additional_params: TextColumn,
}

impl EventRows {
    /// Ends the columns. A row without an id repeats another.
    ///
    /// # Errors
    /// `Internal` when the texts of a column are more than an array can hold.
    pub(super) fn try_new(ids: Vec<Option<[u8; 16]>>, events: EventBuilder) -> Result<Self> {
        let EventBuilder { identities, timestamps, sources, activity, text, integers, additional_params } =
            events;
        let text = text.into_iter().map(Texts::finish).collect::<Result<_, _>>().map_err(not_columns)?;
        Ok(Self {
            ids,
            identities,
            timestamps,
            sources,
            activity: activity.finish().map_err(not_columns)?,
            text,
            integers,
            additional_params: additional_params.finish().map_err(not_columns)?,
        })
    }

    /// An empty builder in the room of these rows.
    pub(crate) fn into_empty_builder(self) -> EventBuilder {
        let mut events = EventBuilder {
            identities: self.identities,
            timestamps: self.timestamps,
            sources: self.sources,
            activity: self.activity.into_texts(),
            text: self.text.into_iter().map(TextColumn::into_texts).collect(),
            integers: self.integers,
            additional_params: self.additional_params.into_texts(),
        };
        events.clear();
        events
    }

    /// The rows that have an id, by number.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.ids).filter_map(|(row, id)| id.map(|_| row))
    }

    /// A row's id.
    pub(crate) fn id(&self, row: u32) -> Option<&[u8; 16]> {
        self.ids.get(row as usize)?.as_ref()
    }

    /// A row's time, in microseconds since 1970.
    pub(crate) fn timestamp_us(&self, row: u32) -> i64 {
        self.timestamps.get(row as usize).copied().unwrap_or_default()
    }

    /// The source and the day, counted from 1970, that a row's file is of.
    pub(crate) fn partition(&self, row: u32) -> (Source, u32) {
        let source = self.sources.get(row as usize).copied().unwrap_or(Source::Cis);
        // Timestamps lie between 1970 and 2261, so the day fits.
        (source, u32::try_from(self.timestamp_us(row).div_euclid(DAY_US)).unwrap_or_default())
    }

    /// Numbers of the rows that sort like a text column, no text first.
    pub(crate) fn ranks_of(&self, column: &str) -> impl Fn(u32) -> u32 {
        let column = text_place(column).and_then(|place| self.text.get(place)).map(TextColumn::row_ranks);
        move |row| column.as_ref().map_or(0, |rank| rank(row))
    }

    /// Some rows as a data file has them, of a batch that is taken in now. Texts are dictionaries that
    /// share their values.
    ///
    /// # Errors
    /// `Internal` when columns do not fit together.
    pub(crate) fn take(&self, rows: &[u32], batch_id: &str, ingested_at_us: i64) -> Result<RecordBatch> {
        self.try_take(rows, batch_id, ingested_at_us).map_err(not_columns)
    }

    fn try_take(&self, rows: &[u32], batch_id: &str, ingested_at_us: i64) -> Result<RecordBatch, ArrowError> {
        let ids = rows.iter().map(|row| self.id(*row).map_or(&[][..], <[u8; 16]>::as_slice));
        let times = rows.iter().map(|row| self.timestamp_us(*row)).collect::<Vec<_>>();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(BinaryArray::from_iter_values(ids)),
            self.activity.take(rows)?,
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
        ];
        for column in &self.text {
            columns.push(column.take(rows)?);
        }
        for column in &self.integers {
            let value = |row: &u32| column.get(*row as usize).copied().flatten();
            columns.push(Arc::new(rows.iter().map(value).collect::<Int64Array>()));
        }
        columns.push(self.additional_params.take(rows)?);
        columns.push(repeated(batch_id, rows.len())?);
        let ingested_at = TimestampMicrosecondArray::from_value(ingested_at_us, rows.len());
        columns.push(Arc::new(ingested_at.with_timezone("UTC")));
        RecordBatch::try_new(schema_of(&columns), columns)
    }
}

/// The schema of a data file, with the types that columns have in memory.
fn schema_of(columns: &[ArrayRef]) -> SchemaRef {
    let file = events_file_schema();
    let of = |(field, column): (&Arc<Field>, &ArrayRef)| {
        Arc::new(field.as_ref().clone().with_data_type(column.data_type().clone()))
    };
    Arc::new(Schema::new(file.fields().iter().zip(columns).map(of).collect::<Vec<_>>()))
}

fn not_columns(cause: ArrowError) -> Error {
    Error::internal("the columns of events do not fit together").because(cause)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};
    use arrow::compute::cast;
    use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};

    use super::super::Event;
    use super::*;

    fn event(timestamp_us: i64, explicit_id: Option<[u8; 16]>) -> Event<'static> {
        let mut text = std::array::from_fn(|_| None);
        text[0] = Some("tenant".into());
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
        let (mut first, mut second) = (EventBuilder::default(), EventBuilder::default());
        first.append(&event(DAY_US - 1, None));
        second.append(&event(DAY_US, Some([9; 16])));
        second.append(&event(5, Some([9; 16])));
        let mut all = EventBuilder::default();
        all.extend(&first);
        all.extend(&second);
        assert_eq!(all.identities().iter().map(|i| i.is_explicit).collect::<Vec<_>>(), [false, true, true]);
        let rows = all.finish(vec![Some([7; 16]), Some([9; 16]), None]).unwrap();
        assert_eq!(rows.numbers().collect::<Vec<_>>(), [0, 1]);
        assert_eq!((rows.partition(0), rows.partition(1)), ((Source::Risk, 0), (Source::Risk, 1)));
        let batch = rows.take(&[1, 0], "b1", 42).unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let text = |name: &str| {
            let plain = cast(column(name), &DataType::Utf8).unwrap();
            plain.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(column("event_id").as_binary::<i32>().value(0), [9; 16]);
        assert_eq!(column("timestamp").as_primitive::<TimestampMicrosecondType>().value(0), DAY_US);
        assert_eq!(text("activity"), ["x", "x"]);
        assert_eq!(text("tenant_id"), ["tenant", "tenant"]);
        assert_eq!(column("country").null_count(), 2);
        assert_eq!(column("http_status").as_primitive::<Int64Type>().value(0), 200);
        assert_eq!(column("additional_params").null_count(), 2);
        assert_eq!(text("batch_id"), ["b1", "b1"]);
        assert_eq!(column("ingested_at").as_primitive::<TimestampMicrosecondType>().value(0), 42);
        drop(batch);
        let mut again = rows.into_empty_builder();
        again.append(&event(1, None));
        let rows = again.finish(vec![Some([7; 16])]).unwrap();
        assert_eq!(rows.take(&[0], "b2", 42).unwrap().num_rows(), 1);
    }
}

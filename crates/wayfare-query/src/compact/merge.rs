//! Merges the sorted row groups of event files into one sorted stream, a batch of each row group in memory at a time.
//!
//! Most runs lie in one row group, so what is compared is a run with the next runs of the others, and then all its rows
//! are taken at once. Only where row groups share a run their rows are compared one by one.
//! Cost: two texts for each run and row group, whatever its number of rows.
//!
//! Texts are keys from file to file: what is handed out has those of the files, moved to where each file's texts lie among those of all
//! (`texts`).

mod texts;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryViewArray, MutableArrayData, RecordBatch, TimestampMicrosecondArray,
    make_array, new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;

use self::texts::TextsOfAll;
use crate::error::of_datafusion;
use crate::keyed::{Keyed, Rows};
use crate::provider::SnapshotTable;
use crate::{Error, Result};

/// Rows of a batch: as many rows of each row group are in memory at once, and fewer of very many.
const BATCH_ROWS: RangeInclusive<usize> = 256..=4096;

/// Rows of all row groups in memory at once, about.
const HELD_ROWS: usize = 128 << 10;

/// Rows handed out at once.
const MERGED_ROWS: usize = 8192;

/// The rows of event files of one partition, in their common order: by journey, run, time and id.
pub(super) struct Merged {
    schema: SchemaRef,
    cursors: Vec<Cursor>,
    /// The batches that rows are picked from; those of the cursors among them.
    held: Vec<RecordBatch>,
    /// What is handed out next.
    picked: Picked,
    /// The texts of each column that has keys.
    texts: Vec<TextsOfAll>,
}

/// Rows of a batch that follow one another.
#[derive(Debug)]
struct Piece {
    /// The batch's number among those held.
    batch: usize,
    rows: Range<usize>,
}

/// Rows of several batches, in the order in which they are handed out.
#[derive(Debug, Default)]
struct Picked {
    pieces: Vec<Piece>,
    rows: usize,
}

impl Picked {
    fn push(&mut self, batch: usize, rows: Range<usize>) {
        self.rows += rows.len();
        match self.pieces.last_mut() {
            Some(last) if last.batch == batch && last.rows.end == rows.start => last.rows.end = rows.end,
            _ => self.pieces.push(Piece { batch, rows }),
        }
    }
}

impl Merged {
    /// Opens the row groups of a table's files; each text column with a dictionary has keys, other texts and bytes are views.
    pub(super) async fn open(context: &SessionContext, files: &SnapshotTable) -> Result<Self> {
        let batch_rows =
            |groups: usize| (HELD_ROWS / groups.max(1)).clamp(*BATCH_ROWS.start(), *BATCH_ROWS.end());
        let streams = files.streams(context, batch_rows).await;
        let streams = streams.map_err(|cause| of_datafusion("cannot merge event files", cause))?;
        Self::of(&files.file_schema(), streams).await
    }

    /// Merges streams that are in order.
    async fn of(schema: &SchemaRef, streams: Vec<SendableRecordBatchStream>) -> Result<Self> {
        let mut merged = Self {
            schema: Arc::clone(schema),
            cursors: Vec::new(),
            held: Vec::new(),
            picked: Picked::default(),
            texts: schema.fields().iter().map(|_| TextsOfAll::default()).collect(),
        };
        for mut rows in streams {
            if let Some(batch) = next_of(&mut rows).await? {
                merged.cursors.push(Cursor::of(rows, &batch, merged.held.len())?);
                merged.held.push(batch);
            }
        }
        Ok(merged)
    }

    /// The next rows; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.picked.rows < MERGED_ROWS && !self.cursors.is_empty() {
            let first = self.first();
            let Some(&index) = first.first() else { break };
            if first.len() == 1 {
                if let Some(cursor) = self.cursors.get_mut(index) {
                    cursor.take_run(&mut self.picked);
                }
            } else {
                self.take_in_turn(&first);
            }
            self.refill().await?;
        }
        let Picked { pieces, rows } = std::mem::take(&mut self.picked);
        if rows == 0 {
            return Ok(None);
        }
        let Self { schema, held, texts, .. } = self;
        let columns = schema.fields().iter().zip(texts).enumerate();
        let columns = columns.map(|(index, (field, texts))| {
            let held: Vec<&ArrayRef> = held.iter().map(|batch| batch.column(index)).collect();
            column(field.data_type(), &held, texts, &pieces, rows)
        });
        let rows = columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
            .map_err(|cause| Error::internal("cannot merge event files").because(cause))?;
        self.drop_passed();
        Ok(Some(rows))
    }

    /// The cursors at the first run of all.
    fn first(&self) -> Vec<usize> {
        let mut first: Vec<usize> = Vec::new();
        let mut least = None;
        for (index, cursor) in self.cursors.iter().enumerate() {
            let run = cursor.run();
            if least.is_none_or(|least| run < least) {
                first.clear();
                least = Some(run);
            }
            if least == Some(run) {
                first.push(index);
            }
        }
        first
    }

    /// Takes rows of one run from several files, until one of them is at its end or at the end of its batch.
    fn take_in_turn(&mut self, cursors: &[usize]) {
        loop {
            let place = |&index: &usize| Some((self.cursors.get(index)?.place(), index));
            let Some((_, index)) = cursors.iter().filter_map(place).min() else { return };
            let Some(cursor) = self.cursors.get_mut(index) else { return };
            if !cursor.take_row(&mut self.picked) {
                return;
            }
        }
    }

    /// Gives cursors at the end of their batch the next one, and ends those without.
    async fn refill(&mut self) -> Result<()> {
        let mut index = 0;
        while let Some(cursor) = self.cursors.get_mut(index) {
            if cursor.row < cursor.rows() {
                index += 1;
                continue;
            }
            match next_of(&mut cursor.stream).await? {
                Some(batch) => {
                    cursor.turn_to(&batch, self.held.len())?;
                    self.held.push(batch);
                }
                None => drop(self.cursors.remove(index)),
            }
        }
        Ok(())
    }

    /// Lets go of batches that no cursor is in.
    fn drop_passed(&mut self) {
        let mut kept = Vec::with_capacity(self.cursors.len());
        for cursor in &mut self.cursors {
            if let Some(batch) = self.held.get(cursor.batch) {
                kept.push(batch.clone());
                cursor.batch = kept.len() - 1;
            }
        }
        self.held = kept;
    }
}

/// The picked rows of a column. Many columns have no values at all, and need not be looked at row by row.
fn column(
    kind: &DataType,
    held: &[&ArrayRef],
    texts: &mut TextsOfAll,
    pieces: &[Piece],
    rows: usize,
) -> Result<ArrayRef, ArrowError> {
    if held.iter().all(|batch| batch.null_count() == batch.len()) {
        return Ok(new_null_array(kind, rows));
    }
    let keyed: Option<Vec<&Keyed>> = held.iter().map(|batch| batch.as_dictionary_opt()).collect();
    if let Some(keyed) = keyed {
        return texts.rows(&keyed, pieces, rows);
    }
    let data: Vec<_> = held.iter().map(Array::to_data).collect();
    let mut column = MutableArrayData::new(data.iter().collect(), false, rows);
    for piece in pieces {
        column.try_extend(piece.batch, piece.rows.start, piece.rows.end)?;
    }
    Ok(make_array(column.freeze()))
}

/// The place in one row group.
struct Cursor {
    stream: SendableRecordBatchStream,
    /// The number of the batch among those held, and what its rows are sorted by.
    batch: usize,
    keys: Keys,
    row: usize,
    /// Where the run of the row ends in the batch.
    run_end: usize,
}

impl Cursor {
    fn of(stream: SendableRecordBatchStream, rows: &RecordBatch, batch: usize) -> Result<Self> {
        let keys = Keys::of(rows)?;
        let run_end = keys.run_end(0);
        Ok(Self { stream, batch, keys, row: 0, run_end })
    }

    fn turn_to(&mut self, rows: &RecordBatch, batch: usize) -> Result<()> {
        self.keys = Keys::of(rows)?;
        (self.batch, self.row, self.run_end) = (batch, 0, self.keys.run_end(0));
        Ok(())
    }

    fn rows(&self) -> usize {
        self.keys.times.len()
    }

    fn run(&self) -> (Option<&str>, Option<&str>) {
        self.keys.run(self.row)
    }

    /// What rows of one run are sorted by.
    fn place(&self) -> (i64, &[u8]) {
        (self.keys.times.value(self.row), self.keys.ids.value(self.row))
    }

    fn take_run(&mut self, picked: &mut Picked) {
        picked.push(self.batch, self.row..self.run_end);
        self.row = self.run_end;
        self.run_end = self.keys.run_end(self.row);
    }

    /// Takes one row; tells whether the next one is of the same run.
    fn take_row(&mut self, picked: &mut Picked) -> bool {
        picked.push(self.batch, self.row..self.row + 1);
        self.row += 1;
        let goes_on = self.row < self.run_end;
        if !goes_on {
            self.run_end = self.keys.run_end(self.row);
        }
        goes_on
    }
}

/// The columns that event files are sorted by.
struct Keys {
    journeys: Rows,
    runs: Rows,
    times: TimestampMicrosecondArray,
    ids: BinaryViewArray,
}

impl Keys {
    fn of(rows: &RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            let found = rows.column_by_name(name);
            found.ok_or_else(|| Error::internal("events have no order").with("column", name))
        };
        let texts = |name: &str| {
            Rows::of(column(name)?).ok_or_else(|| Error::internal("no keys").with("column", name))
        };
        Ok(Self {
            journeys: texts("journey_id")?,
            runs: texts("invocation_id")?,
            times: column("timestamp")?.as_primitive::<TimestampMicrosecondType>().clone(),
            ids: column("event_id")?.as_binary_view().clone(),
        })
    }

    fn run(&self, row: usize) -> (Option<&str>, Option<&str>) {
        (self.journeys.at(row), self.runs.at(row))
    }

    /// The first row from `row` on that belongs to another run. Where a dictionary has a text twice it may come too early,
    /// and the rest of the run is taken as the next one.
    fn run_end(&self, row: usize) -> usize {
        let rows = self.times.len();
        if row >= rows {
            return rows;
        }
        let is_of_run =
            |next: &usize| self.runs.has_same_key(row, *next) && self.journeys.has_same_key(row, *next);
        (row + 1..rows).find(|next| !is_of_run(next)).unwrap_or(rows)
    }
}

async fn next_of(stream: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>> {
    loop {
        let batch =
            stream.try_next().await.map_err(|cause| of_datafusion("cannot merge event files", cause))?;
        if batch.as_ref().is_none_or(|batch| batch.num_rows() > 0) {
            return Ok(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{StringArray, StringViewArray};
    use arrow::compute::cast;
    use arrow::datatypes::{Field, Schema, TimeUnit};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;
    use crate::keyed::keyed_type;

    /// Journey, run, time, id and file of an event.
    type Event = (Option<u8>, Option<u8>, i64, u8, usize);

    const FILES: usize = 4;

    fn name(number: u8) -> String {
        format!("{number}-is-longer-than-a-view-holds")
    }

    fn batch(schema: &SchemaRef, events: &[Event]) -> RecordBatch {
        let text = |pick: fn(&Event) -> Option<u8>| -> ArrayRef {
            let texts: StringArray = events.iter().map(|event| pick(event).map(name)).collect();
            cast(&texts, &keyed_type()).unwrap()
        };
        let times = TimestampMicrosecondArray::from_iter_values(events.iter().map(|event| event.2));
        let ids = BinaryViewArray::from_iter_values(events.iter().map(|event| [event.3]));
        let columns: Vec<ArrayRef> = vec![
            text(|event| event.0),
            text(|event| event.1),
            Arc::new(times.with_timezone("UTC")),
            Arc::new(ids),
            text(|event| u8::try_from(event.4).ok()),
            text(|_| None),
            Arc::new(events.iter().map(|event| event.0.map(name)).collect::<StringViewArray>()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
    }

    fn schema() -> SchemaRef {
        let text = |name| Field::new(name, keyed_type(), true);
        Arc::new(Schema::new(vec![
            text("journey_id"),
            text("invocation_id"),
            Field::new("timestamp", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
            Field::new("event_id", DataType::BinaryView, false),
            text("file"),
            text("nothing"),
            Field::new("view", DataType::Utf8View, true),
        ]))
    }

    /// Rows with texts instead of keys: equal rows may have different keys.
    fn plain(rows: &RecordBatch) -> Vec<ArrayRef> {
        let kind = |column: &ArrayRef| match column.data_type() {
            DataType::Dictionary(..) => DataType::Utf8,
            other => other.clone(),
        };
        rows.columns().iter().map(|column| cast(column, &kind(column)).unwrap()).collect()
    }

    /// What is handed out, in one piece.
    async fn merge(events: &[Event], rows: usize) -> RecordBatch {
        let schema = schema();
        let streams = (0..FILES).map(|file| {
            let of_file: Vec<Event> = events.iter().filter(|event| event.4 == file).copied().collect();
            let batches: Vec<_> = of_file.chunks(rows).map(|rows| Ok(batch(&schema, rows))).collect();
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter(batches))) as _
        });
        let mut merged = Merged::of(&schema, streams.collect()).await.unwrap();
        let mut all = Vec::new();
        while let Some(rows) = merged.next().await.unwrap() {
            all.push(rows);
        }
        arrow::compute::concat_batches(&schema, &all).unwrap()
    }

    proptest! {
        #[test]
        fn merged_files_are_all_their_rows_in_order(
            mut events in proptest::collection::vec(
                (proptest::option::of(0_u8..3), proptest::option::of(0_u8..4), 0_i64..5, any::<u8>(), 0..FILES), 0..200,
            ),
            rows in 1_usize..20,
        ) {
            events.sort();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let merged = runtime.block_on(merge(&events, rows));
            prop_assert_eq!(plain(&merged), plain(&batch(&schema(), &events)));
        }
    }
}

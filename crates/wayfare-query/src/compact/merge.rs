//! Merges sorted event files into one sorted stream, a batch of each file in memory at a time.
//!
//! Most runs lie in one file, so what is compared is a run with the next runs of the other files, and then all its rows
//! are taken at once. Only where files share a run their rows are compared one by one.
//! Cost: two texts for each run and file, whatever its number of rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryViewArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::compute::interleave;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::DateTime;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan as _;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;
use object_store::ObjectMeta;
use wayfare_ingest::DataFile;

use crate::error::of_datafusion;
use crate::provider::STORE_URL;
use crate::{Error, Result};

/// Rows of a batch: as many rows of each file are in memory at once.
const BATCH_ROWS: usize = 4096;

/// Rows handed out at once.
const MERGED_ROWS: usize = 8192;

/// The rows of event files of one partition, in their common order: by journey, run, time and id.
pub(super) struct Merged {
    schema: SchemaRef,
    cursors: Vec<Cursor>,
    /// The batches that rows are picked from; those of the cursors among them.
    held: Vec<RecordBatch>,
    /// Batch and row of what is handed out next.
    picked: Vec<(usize, usize)>,
}

impl Merged {
    /// Opens the files; their columns are those of `schema`, text and bytes as views.
    pub(super) async fn open(
        context: &SessionContext,
        schema: &SchemaRef,
        files: &[DataFile],
    ) -> Result<Self> {
        Self::of(schema, streams(context, schema, files)?).await
    }

    /// Merges streams that are in order.
    async fn of(schema: &SchemaRef, streams: Vec<SendableRecordBatchStream>) -> Result<Self> {
        let (cursors, held, picked) = (Vec::new(), Vec::new(), Vec::new());
        let mut merged = Self { schema: Arc::clone(schema), cursors, held, picked };
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
        while self.picked.len() < MERGED_ROWS && !self.cursors.is_empty() {
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
        if self.picked.is_empty() {
            return Ok(None);
        }
        let columns = (0..self.schema.fields().len()).map(|column| self.column(column));
        let rows = columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns))
            .map_err(|cause| Error::internal("cannot merge event files").because(cause))?;
        self.picked.clear();
        self.drop_passed();
        Ok(Some(rows))
    }

    /// The picked rows of a column. Many columns have no values at all, and need not be looked at row by row.
    fn column(&self, index: usize) -> Result<ArrayRef, ArrowError> {
        let pieces: Vec<&dyn Array> = self.held.iter().map(|batch| batch.column(index).as_ref()).collect();
        if pieces.iter().all(|piece| piece.null_count() == piece.len()) {
            return Ok(new_null_array(self.schema.field(index).data_type(), self.picked.len()));
        }
        interleave(&pieces, &self.picked)
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

/// The place in one file.
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
        self.keys.runs.len()
    }

    fn run(&self) -> (Option<&str>, Option<&str>) {
        self.keys.run(self.row)
    }

    /// What rows of one run are sorted by.
    fn place(&self) -> (i64, &[u8]) {
        (self.keys.times.value(self.row), self.keys.ids.value(self.row))
    }

    fn take_run(&mut self, picked: &mut Vec<(usize, usize)>) {
        picked.extend((self.row..self.run_end).map(|row| (self.batch, row)));
        self.row = self.run_end;
        self.run_end = self.keys.run_end(self.row);
    }

    /// Takes one row; tells whether the next one is of the same run.
    fn take_row(&mut self, picked: &mut Vec<(usize, usize)>) -> bool {
        picked.push((self.batch, self.row));
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
    journeys: StringViewArray,
    runs: StringViewArray,
    times: TimestampMicrosecondArray,
    ids: BinaryViewArray,
}

impl Keys {
    fn of(rows: &RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            let found = rows.column_by_name(name);
            found.ok_or_else(|| Error::internal("events have no order").with("column", name))
        };
        Ok(Self {
            journeys: column("journey_id")?.as_string_view().clone(),
            runs: column("invocation_id")?.as_string_view().clone(),
            times: column("timestamp")?.as_primitive::<TimestampMicrosecondType>().clone(),
            ids: column("event_id")?.as_binary_view().clone(),
        })
    }

    fn run(&self, row: usize) -> (Option<&str>, Option<&str>) {
        (text_at(&self.journeys, row), text_at(&self.runs, row))
    }

    /// The first row from `row` on that belongs to another run.
    fn run_end(&self, row: usize) -> usize {
        let rows = self.runs.len();
        if row >= rows {
            return rows;
        }
        let run = self.run(row);
        (row + 1..rows).find(|&next| self.run(next) != run).unwrap_or(rows)
    }
}

fn text_at(column: &StringViewArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
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

/// A stream for each file.
fn streams(
    context: &SessionContext,
    schema: &SchemaRef,
    files: &[DataFile],
) -> Result<Vec<SendableRecordBatchStream>> {
    let failed = |cause| of_datafusion("cannot merge event files", cause);
    let table = TableSchema::builder(Arc::clone(schema)).build();
    let url = ObjectStoreUrl::parse(STORE_URL).map_err(failed)?;
    let groups = files.iter().map(|file| FileGroup::new(vec![whole(file)])).collect();
    let scan =
        FileScanConfigBuilder::new(url, Arc::new(ParquetSource::new(table))).with_file_groups(groups).build();
    let scan = DataSourceExec::from_data_source(scan);
    let config = context.copied_config().with_batch_size(BATCH_ROWS);
    let task = TaskContext::default().with_session_config(config).with_runtime(context.runtime_env());
    let task = Arc::new(task);
    (0..files.len()).map(|file| scan.execute(file, Arc::clone(&task)).map_err(failed)).collect()
}

fn whole(file: &DataFile) -> PartitionedFile {
    PartitionedFile::new_from_meta(ObjectMeta {
        location: file.location.clone(),
        last_modified: DateTime::UNIX_EPOCH,
        size: file.size_bytes,
        e_tag: None,
        version: None,
    })
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::stream;
    use proptest::prelude::*;

    use super::*;

    /// Journey, run, time, id and file of an event.
    type Event = (Option<u8>, Option<u8>, i64, u8, usize);

    const FILES: usize = 4;

    fn name(number: u8) -> String {
        format!("{number}-is-longer-than-a-view-holds")
    }

    fn batch(schema: &SchemaRef, events: &[Event]) -> RecordBatch {
        let text = |pick: fn(&Event) -> Option<u8>| -> ArrayRef {
            Arc::new(events.iter().map(|event| pick(event).map(name)).collect::<StringViewArray>())
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
        ];
        RecordBatch::try_new(Arc::clone(schema), columns).unwrap()
    }

    fn schema() -> SchemaRef {
        let text = |name| Field::new(name, DataType::Utf8View, true);
        Arc::new(Schema::new(vec![
            text("journey_id"),
            text("invocation_id"),
            Field::new("timestamp", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
            Field::new("event_id", DataType::BinaryView, false),
            text("file"),
            text("nothing"),
        ]))
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
            prop_assert_eq!(merged, batch(&schema(), &events));
        }
    }
}

//! Parts into data files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, Duration};

use super::IngestOptions;
use super::batch_id::BatchId;
use super::order::Order;
use super::part::Part;
use crate::columns;
use crate::record::Reject;
use crate::store::{EVENTS_LAYOUT, EncodedFile, FileLayout, NewFile, Store, encode};
use crate::{Error, Result};

/// Lines of a batch that is sent again are counted: the log tells which files hold them.
const QUARANTINE_LAYOUT: FileLayout = FileLayout { ranges_of: &["batch_id"], ..FileLayout::PLAIN };

/// Sorts a part and writes one file for each source and date.
pub(super) async fn events(
    store: &Store,
    part: Part,
    batch: &BatchId,
    options: &IngestOptions,
) -> Result<Vec<NewFile>> {
    let threads = options.threads.max(1);
    let encoded = tokio::task::spawn_blocking(move || encode_part(&part, threads))
        .await
        .map_err(|cause| Error::internal("a writer thread broke off").because(cause))??;
    let placed = encoded
        .into_iter()
        .map(|Partitioned { source, date, file }| (file, vec![("source", source), ("date", date)]));
    let stem = format!("part-{}", batch.short());
    store.events().put_all(placed.collect(), &stem, options.now_ms).await
}

/// A file and where it belongs.
struct Partitioned {
    source: String,
    date: String,
    file: EncodedFile,
}

fn encode_part(part: &Part, threads: usize) -> Result<Vec<Partitioned>> {
    let order = Order::of(&part.batches)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Partitioned)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(range) = order.files.get(index) else { return Ok(done) };
            done.push((index, encode_file(&order.rows(&part.batches, range)?)?));
        }
    };
    let mut files = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(order.files.len())).map(|_| scope.spawn(work)).collect();
        let mut files = Vec::with_capacity(order.files.len());
        for worker in workers {
            let done = worker.join().map_err(|_panic| Error::internal("a writer thread panicked"))?;
            files.extend(done?);
        }
        Ok::<_, Error>(files)
    })?;
    files.sort_unstable_by_key(|&(index, _)| index);
    Ok(files.into_iter().map(|(_, file)| file).collect())
}

fn encode_file(rows: &RecordBatch) -> Result<Partitioned> {
    let source = rows.column(0).as_string::<i32>().value(0).to_owned();
    let date = date_text(rows.column(1).as_primitive::<Date32Type>().value(0))?;
    let schema = columns::events_file_schema();
    let columns = rows.columns().iter().skip(2).cloned().collect();
    let rows = RecordBatch::try_new(schema, columns)
        .map_err(|cause| Error::internal("rows do not fit the events table").because(cause))?;
    Ok(Partitioned { source, date, file: encode(&rows, EVENTS_LAYOUT)? })
}

/// A date partition's text, `2026-03-01`.
fn date_text(days_since_1970: i32) -> Result<String> {
    DateTime::UNIX_EPOCH
        .date_naive()
        .checked_add_signed(Duration::days(days_since_1970.into()))
        .map(|date| date.to_string())
        .ok_or_else(|| Error::internal("a date is out of range"))
}

/// Writes the refused lines of a part.
pub(super) async fn quarantine(
    store: &Store,
    rejects: &[Reject],
    batch: &BatchId,
    now_ms: i64,
) -> Result<Vec<NewFile>> {
    let text = |get: &dyn Fn(&Reject) -> &str| -> ArrayRef {
        Arc::new(rejects.iter().map(|reject| Some(get(reject))).collect::<StringArray>())
    };
    let lines: Int64Array = rejects.iter().map(|reject| i64::try_from(reject.line).ok()).collect();
    let count = rejects.len();
    let times =
        TimestampMicrosecondArray::from(vec![now_ms.saturating_mul(1_000); count]).with_timezone("UTC");
    let rows = RecordBatch::try_new(
        columns::quarantine_file_schema(),
        vec![
            text(&|reject| &reject.file),
            Arc::new(lines),
            text(&|reject| reject.reason.as_str()),
            text(&|reject| &reject.detail),
            text(&|reject| &reject.text),
            Arc::new(StringArray::from(vec![batch.as_str(); count])),
            Arc::new(times),
        ],
    )
    .map_err(|cause| Error::internal("rejects do not fit the quarantine table").because(cause))?;
    let file = encode(&rows, QUARANTINE_LAYOUT)?;
    Ok(vec![store.quarantine().put(file, &[], "part", now_ms).await?])
}

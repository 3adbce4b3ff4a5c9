//! Parts into data files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use chrono::{DateTime, Duration};

use super::IngestOptions;
use super::batch_id::BatchId;
use super::order::{self, FileRows};
use super::part::Part;
use crate::columns;
use crate::record::Reject;
use crate::store::{
    EVENTS_LAYOUT, EncodedFile, Encoder, FileLayout, NewFile, QUARANTINE_LAYOUT, Store, encode,
};
use crate::{Error, Result};

/// Files of `events` as they come in. Compaction writes them again and takes its time: higher levels of zstd also
/// keep more memory for each column.
const ARRIVALS_LAYOUT: FileLayout = FileLayout { zstd_level: 1, ..EVENTS_LAYOUT };

/// Sorts a part and writes one file for each source and date.
pub(super) async fn events(
    store: &Store,
    part: Part,
    batch: &BatchId,
    options: &IngestOptions,
) -> Result<Vec<NewFile>> {
    let how = Options { threads: options.threads.max(1), now_us: options.now_ms.saturating_mul(1_000) };
    let batch_id = batch.as_str().to_owned();
    let encoded = tokio::task::spawn_blocking(move || encode_part(part, &batch_id, &how))
        .await
        .map_err(|cause| Error::internal("a writer thread broke off").because(cause))??;
    let placed = encoded
        .into_iter()
        .map(|Partitioned { source, date, file }| (file, vec![("source", source), ("date", date)]));
    let stem = format!("part-{}", batch.short());
    store.events().put_all(placed.collect(), &stem, options.now_ms).await
}

/// What the encoding of a part needs to know.
struct Options {
    threads: usize,
    now_us: i64,
}

/// A file and where it belongs.
struct Partitioned {
    source: String,
    date: String,
    file: EncodedFile,
}

fn encode_part(part: Part, batch_id: &str, options: &Options) -> Result<Vec<Partitioned>> {
    let events = part.events.finish(part.ids)?;
    let files = order::files(&events);
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Partitioned)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else { return Ok(done) };
            let rows = events.take(&file.rows, batch_id, options.now_us)?;
            done.push((index, encode_file(file, &rows)?));
        }
    };
    let mut encoded = thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads.min(files.len())).map(|_| scope.spawn(work)).collect();
        let mut encoded = Vec::with_capacity(files.len());
        for worker in workers {
            let done = worker.join().map_err(|_panic| Error::internal("a writer thread panicked"))?;
            encoded.extend(done?);
        }
        Ok::<_, Error>(encoded)
    })?;
    part.spares.give(events.into_empty_builder());
    encoded.sort_unstable_by_key(|&(index, _)| index);
    Ok(encoded.into_iter().map(|(_, file)| file).collect())
}

fn encode_file(file: &FileRows, rows: &RecordBatch) -> Result<Partitioned> {
    let mut encoder = Encoder::try_new(&columns::events_file_schema(), ARRIVALS_LAYOUT)?;
    encoder.write(rows)?;
    let (source, date) = (file.source.as_str().to_owned(), date_text(file.date)?);
    Ok(Partitioned { source, date, file: encoder.finish()? })
}

/// A date partition's text, `2026-03-01`.
fn date_text(days_since_1970: u32) -> Result<String> {
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

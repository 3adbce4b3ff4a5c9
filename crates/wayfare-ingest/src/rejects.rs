//! The files of rejected records: those of one day, and many small ones merged.
//!
//! Each part of an ingest with a bad line brings a file. Merged are files of one day of ingest only, by which
//! [`crate::retain`] removes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, max, take_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDate};

use crate::store::{Commit, CommitKind, DataFile, QUARANTINE_LAYOUT, Store, encode};
use crate::{Error, Result};

/// Small files of one day from which on merging pays.
const FILES_MIN: usize = 8;

/// Records of one merged file, which are in memory meanwhile: with the longest texts about 150 MB.
const RECORDS_MAX: u64 = 65_536;

/// Merges the small files of rejected records, day by day. A merged file is sorted by input and line. Nothing happens where there are few.
///
/// # Errors
/// `Conflict` when somebody else merged the same files, `Corrupt` when a file cannot be understood, `Unavailable` when the store
/// cannot be read or written.
pub async fn merge_rejects(store: &Store, now_ms: i64) -> Result<()> {
    let mut days: BTreeMap<Option<NaiveDate>, Vec<DataFile>> = BTreeMap::new();
    let mut small = store.quarantine().snapshot().await?.files;
    small.retain(|file| file.statistics.rows <= RECORDS_MAX / 2);
    if small.len() < FILES_MIN {
        return Ok(());
    }
    for file in small {
        days.entry(youngest_day(store, &file).await?).or_default().push(file);
    }
    for files in days.into_values().filter(|files| files.len() >= FILES_MIN) {
        for group in groups(files) {
            merge(store, group, now_ms).await?;
        }
    }
    Ok(())
}

/// The day on which the youngest record of a file was read.
///
/// # Errors
/// `Corrupt` when the file cannot be understood, `Unavailable` when it cannot be read.
pub(crate) async fn youngest_day(store: &Store, file: &DataFile) -> Result<Option<NaiveDate>> {
    let contents = store.contents(file).await?;
    let mut youngest = None;
    for batch in contents.batches(Some(&["ingested_at"]))? {
        let batch = batch?;
        let read = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>();
        youngest = youngest.max(read.and_then(max));
    }
    Ok(youngest.and_then(DateTime::from_timestamp_micros).map(|instant| instant.date_naive()))
}

/// Files that fit into one, as they come.
fn groups(files: Vec<DataFile>) -> Vec<Vec<DataFile>> {
    let mut groups: Vec<(u64, Vec<DataFile>)> = Vec::new();
    for file in files {
        let rows = file.statistics.rows;
        match groups.last_mut() {
            Some((sum, group)) if *sum + rows <= RECORDS_MAX => {
                *sum += rows;
                group.push(file);
            }
            _ => groups.push((rows, vec![file])),
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| group.len() > 1).collect()
}

async fn merge(store: &Store, group: Vec<DataFile>, now_ms: i64) -> Result<()> {
    let mut batches = Vec::new();
    for file in &group {
        for batch in store.contents(file).await?.batches(None)? {
            batches.push(batch?);
        }
    }
    let sorted = sorted(&batches)
        .map_err(|cause| Error::internal("rejected records do not fit together").because(cause))?;
    let encoded = encode(&sorted, QUARANTINE_LAYOUT)?;
    let add = vec![store.quarantine().put(encoded, &[], "merged", now_ms).await?];
    let commit = Commit { add, remove: group, kind: CommitKind::Layout, ..Commit::default() };
    store.quarantine().commit(commit).await.map(drop)
}

/// All records, by input and line.
fn sorted(batches: &[RecordBatch]) -> std::result::Result<RecordBatch, ArrowError> {
    let schema = batches.first().map_or_else(crate::columns::quarantine_file_schema, RecordBatch::schema);
    let all = concat_batches(&schema, batches)?;
    let keys = ["file", "line"].iter().filter_map(|name| all.column_by_name(name));
    let keys: Vec<_> = keys.map(|values| SortColumn { values: Arc::clone(values), options: None }).collect();
    take_record_batch(&all, &lexsort_to_indices(&keys, None)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;
    use crate::columns::quarantine_file_schema;

    const DAY_US: i64 = 86_400_000_000;

    /// A record: day of ingest, input and line.
    type Row = (i64, String, i64);

    /// Records of input `number`, in the order of falling lines.
    fn records(number: usize, day: i64, rows: i64) -> RecordBatch {
        let text =
            |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..rows).map(|_| text))) };
        let times = TimestampMicrosecondArray::from_iter_values((0..rows).map(|row| day * DAY_US + row));
        let columns: Vec<ArrayRef> = vec![
            text(&format!("file-{number}")),
            Arc::new(Int64Array::from_iter_values((0..rows).rev())),
            text("bad_json"),
            text("no value"),
            text("{"),
            text(&format!("batch-{number}")),
            Arc::new(times.with_timezone("UTC")),
        ];
        RecordBatch::try_new(quarantine_file_schema(), columns).unwrap()
    }

    async fn fill(store: &Store, files: &[(i64, i64)]) {
        let mut commit = Commit::default();
        for (number, (day, rows)) in files.iter().enumerate() {
            let encoded = encode(&records(number, *day, *rows), QUARANTINE_LAYOUT).unwrap();
            commit.add.push(store.quarantine().put(encoded, &[], "part", 0).await.unwrap());
        }
        store.quarantine().commit(commit).await.unwrap();
    }

    /// The records of each file, in order.
    async fn files_of(store: &Store) -> Vec<Vec<Row>> {
        let mut files = Vec::new();
        for file in store.quarantine().snapshot().await.unwrap().files {
            let mut rows = Vec::new();
            for batch in store.contents(&file).await.unwrap().batches(None).unwrap() {
                let batch = batch.unwrap();
                let column = |name: &str| batch.column_by_name(name).unwrap();
                let lines = column("line").as_primitive::<Int64Type>().values();
                let times = column("ingested_at").as_primitive::<TimestampMicrosecondType>().values();
                let inputs = column("file").as_string::<i32>().iter();
                rows.extend(
                    inputs
                        .zip(lines)
                        .zip(times)
                        .map(|((input, line), time)| (time / DAY_US, input.unwrap().to_owned(), *line)),
                );
            }
            files.push(rows);
        }
        files
    }

    fn all(files: &[Vec<Row>]) -> Vec<Row> {
        let mut rows = files.concat();
        rows.sort_unstable();
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn merging_keeps_every_record_and_days_apart(
            files in proptest::collection::vec((0_i64..3, 1_i64..5), 1..40)
        ) {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let folder = tempfile::tempdir().unwrap();
                let store = Store::open_or_create(folder.path()).await.unwrap();
                fill(&store, &files).await;
                let before = files_of(&store).await;
                merge_rejects(&store, 0).await.unwrap();
                let merged = files_of(&store).await;
                assert_eq!(all(&merged), all(&before));
                for day in 0..3 {
                    let of_day = |rows: &&Vec<Row>| rows.iter().any(|row| row.0 == day);
                    let had = before.iter().filter(of_day).count();
                    let has = merged.iter().filter(of_day).count();
                    assert_eq!(has, if had < FILES_MIN { had } else { 1 }, "{had} files of a day");
                }
                for rows in merged.iter().filter(|rows| !before.contains(rows)) {
                    assert!(rows.iter().all(|row| row.0 == rows[0].0), "two days in {rows:?}");
                    assert!(rows.is_sorted_by_key(|row| (&row.1, row.2)), "{rows:?}");
                }
                let version = store.quarantine().snapshot().await.unwrap().version;
                merge_rejects(&store, 0).await.unwrap();
                assert_eq!(store.quarantine().snapshot().await.unwrap().version, version);
            });
        }
    }

    #[test]
    fn a_merged_file_is_no_larger_than_fits_into_memory() {
        let file = |rows| crate::store::FileEntry {
            path: String::new(),
            location: object_store::path::Path::default(),
            size_bytes: 0,
            written_at_ms: 0,
            partition: BTreeMap::new(),
            statistics: crate::store::Statistics { rows, ..Default::default() },
            tags: BTreeMap::new(),
        };
        let sizes = |rows: &[u64]| -> Vec<Vec<u64>> {
            let groups = groups(rows.iter().map(|rows| file(*rows).into()).collect());
            groups.iter().map(|group| group.iter().map(|file| file.statistics.rows).collect()).collect()
        };
        let half = RECORDS_MAX / 2;
        assert_eq!(sizes(&[half, half, 1, 2, half]), [vec![half, half], vec![1, 2, half]]);
        assert_eq!(sizes(&[half, 1, half]), [vec![half, 1]], "one file alone stays");
    }
}

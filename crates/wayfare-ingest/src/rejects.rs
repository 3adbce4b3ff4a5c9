//! The files of rejected records: those of one day, and many small ones merged.
//!
//! Each part of an ingest with a bad line brings a file. Merged are files of one day of ingest only, by which
//! [`crate::retain`] removes them.

use std::collections::BTreeMap;

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
    let keys: Vec<_> = keys.map(|values| SortColumn { values: values.clone(), options: None }).collect();
    take_record_batch(&all, &lexsort_to_indices(&keys, None)?)
}

//! Which event files a merge takes as they are.
//!
//! To unpack and pack rows anew is most of what merging costs, and of a file of large row groups a question would read
//! hardly less afterwards: each row group is in order for itself. So such files are only put one behind the other,
//! unless an event of theirs is stored twice.

use std::collections::HashSet;

use arrow::array::AsArray as _;
use arrow::datatypes::SchemaRef;
use wayfare_ingest::{Contents, DataFile, EVENTS_LAYOUT, Encoder, Store};

use crate::{Error, Result};

/// Rows of a file's row groups, on average, from which on it is moved: the half of a full one. Tests have small files.
const MOVED_ROWS_MIN: u64 = if cfg!(test) { 8 } else { 64 << 10 };

/// Ids of events that are compared at once; of more, each share is read for itself.
const IDS_AT_ONCE: u64 = 8 << 20;

/// Files that are taken as they are, and files whose rows are merged.
#[derive(Debug, Default)]
pub(super) struct Parted {
    pub(super) moved: Vec<DataFile>,
    pub(super) merged: Vec<DataFile>,
}

/// Parts the files of a partition, which are to have the columns of `schema`.
pub(super) async fn part(store: &Store, schema: &SchemaRef, files: &[DataFile]) -> Result<Parted> {
    if files.iter().all(|file| file.statistics.rows < MOVED_ROWS_MIN) {
        return Ok(Parted { moved: Vec::new(), merged: files.to_vec() });
    }
    let rows: u64 = files.iter().map(|file| file.statistics.rows).sum();
    let shares = rows.div_ceil(IDS_AT_ONCE).max(1);
    let encoder = Encoder::try_new(schema, EVENTS_LAYOUT)?;
    let mut merged: HashSet<usize> = HashSet::new();
    for share in 0..shares {
        let mut ids = Vec::with_capacity(usize::try_from(rows / shares).unwrap_or_default());
        for (number, file) in files.iter().enumerate() {
            let contents = store.contents(file).await?;
            each_id(&contents, |id| ids.extend((id % shares == share).then_some(id)))?;
            let groups = u64::try_from(contents.row_groups()).unwrap_or(u64::MAX);
            if file.statistics.rows < groups.saturating_mul(MOVED_ROWS_MIN) || !encoder.fits(&contents) {
                merged.insert(number);
            }
        }
        ids.sort_unstable();
        let repeated = ids.chunk_by(|left, right| left == right).filter(|same| same.len() > 1);
        let repeated: HashSet<u64> = repeated.filter_map(|same| same.first().copied()).collect();
        for (number, file) in files.iter().enumerate().filter(|_| !repeated.is_empty()) {
            each_id(&store.contents(file).await?, |id| {
                merged.extend(repeated.contains(&id).then_some(number));
            })?;
        }
    }
    let mut parted = Parted::default();
    for (number, file) in files.iter().enumerate() {
        let part = if merged.contains(&number) { &mut parted.merged } else { &mut parted.moved };
        part.push(file.clone());
    }
    Ok(parted)
}

/// Goes through the ids of a file, each as its first eight bytes: two that begin alike count as one id twice.
fn each_id(contents: &Contents, mut each: impl FnMut(u64)) -> Result<()> {
    for batch in contents.batches(Some(&["event_id"]))? {
        let batch = batch?;
        let column = batch.columns().first().and_then(|column| column.as_binary_opt::<i32>());
        let column = column.ok_or_else(|| Error::internal("events without ids"))?;
        column.iter().flatten().map(beginning).for_each(&mut each);
    }
    Ok(())
}

fn beginning(id: &[u8]) -> u64 {
    match id.first_chunk() {
        Some(beginning) => u64::from_be_bytes(*beginning),
        None => id.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

//! Merges the event files of each source and date, and leaves repeated events out.
//!
//! A partition is merged when it has files that were not written by one merge: then the id of every event of it is looked at,
//! so that an event stands in a partition once. Files of large row groups are put into the new file as they are ([`moved`]),
//! the rows of all others are merged behind them. Each thread merges a partition of its own; its memory is bounded by a
//! batch of each merged file, a moved one, and two encoded files, of which one is being written.
//!
//! [`moved`]: super::moved

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::prelude::SessionContext;
use futures::{StreamExt as _, stream};
use tokio::runtime::Handle;
use wayfare_ingest::{Commit, CommitKind, DataFile, EVENTS_LAYOUT, EncodedFile, Encoder, NewFile, Store};

use super::merge::Merged;
use super::moved::{Parted, part};
use super::repeats::Repeats;
use super::{CompactProgress, CompactStage, MergeSummary};
use crate::cache::{Content, merge_of, merged_stem};
use crate::provider::SnapshotTable;
use crate::{Error, Result};

/// Rows of one merged file: about 100 MB of events, encoded in memory before it is written.
const FILE_ROWS_MAX: u64 = 2 << 20;

/// Files merged at once, as long as the small ones among them are many.
const FILES_AT_ONCE_MAX: usize = 32;

/// Events merged before they are committed together with those of other partitions.
const COMMIT_ROWS: u64 = 4 << 20;

/// Files replaced by one commit, about.
const COMMIT_FILES: usize = 256;

/// Merges until nothing is left to merge.
pub(super) async fn merge_all(
    store: &Arc<Store>,
    context: &SessionContext,
    now_ms: i64,
    progress: &CompactProgress,
    summary: &mut MergeSummary,
) -> Result<()> {
    loop {
        let files = store.events().snapshot().await?.files;
        if summary.files_before == 0 {
            summary.files_before = files.len() as u64;
        }
        summary.files_after = files.len() as u64;
        let groups = groups(files);
        let all: u64 = groups.iter().flatten().map(|file| file.statistics.rows).sum();
        if groups.is_empty() {
            return Ok(());
        }
        let mut pending = Pending::default();
        let mut done = 0;
        let threads = context.copied_config().target_partitions().max(1);
        let merges = groups.into_iter().map(|group| {
            let merge = merge(Arc::clone(store), context.clone(), group, now_ms);
            // a merge computes nearly all the time, so it gets a thread of its own
            let merge = |runtime: Handle| SpawnedTask::spawn_blocking(move || runtime.block_on(merge));
            async { merge(Handle::current()).join().await }
        });
        let merges = stream::iter(merges).buffer_unordered(threads).map(|merge| async {
            let merge = merge.map_err(|cause| Error::internal("a merge broke off").because(cause))??;
            merge.put_last(store, now_ms).await
        });
        // while files are written and synced others are merged
        let mut merges = merges.buffer_unordered(threads);
        while let Some(merge) = merges.next().await {
            let merge = merge?;
            let rows: u64 = merge.merged.iter().map(|file| file.statistics.rows).sum();
            pending.rows += rows;
            pending.repeats += merge.repeats;
            pending.add.extend(merge.files);
            pending.remove.extend(merge.merged);
            done += rows;
            if pending.rows >= COMMIT_ROWS || pending.remove.len() >= COMMIT_FILES {
                std::mem::take(&mut pending).commit(store, summary).await?;
            }
            progress(CompactStage::Events, done, all);
        }
        if !pending.remove.is_empty() {
            pending.commit(store, summary).await?;
        }
    }
}

/// Merges that wait for their common commit.
#[derive(Default)]
struct Pending {
    add: Vec<NewFile>,
    remove: Vec<DataFile>,
    rows: u64,
    repeats: u64,
}

impl Pending {
    /// Commits, and counts what is done then.
    async fn commit(self, store: &Store, summary: &mut MergeSummary) -> Result<()> {
        let Self { add, remove, rows, repeats } = self;
        let bytes = add.iter().map(NewFile::size_bytes).sum::<u64>();
        let kind = if repeats > 0 { CommitKind::Data } else { CommitKind::Layout };
        store.events().commit(Commit { add, remove, kind, ..Commit::default() }).await?;
        summary.merged += rows;
        summary.repeats += repeats;
        summary.bytes += bytes;
        Ok(())
    }
}

/// Groups of files to be merged, each of one partition.
fn groups(files: Vec<DataFile>) -> Vec<Vec<DataFile>> {
    let mut partitions: BTreeMap<BTreeMap<String, String>, Vec<DataFile>> = BTreeMap::new();
    for file in files {
        partitions.entry(file.partition.clone()).or_default().push(file);
    }
    partitions.into_values().filter(|files| is_worth_merging(files)).map(group_of).collect()
}

/// Whether files of a partition come from more than one merge or ingest.
fn is_worth_merging(files: &[DataFile]) -> bool {
    let Some((first, others)) = files.split_first() else { return false };
    let merge = merge_of(first);
    !others.is_empty() && (merge.is_none() || others.iter().any(|file| merge_of(file) != merge))
}

/// The files of a partition that are merged next: all, or of very many the smallest.
fn group_of(mut files: Vec<DataFile>) -> Vec<DataFile> {
    if files.len() <= FILES_AT_ONCE_MAX {
        return files;
    }
    files.sort_by_key(|file| file.statistics.rows);
    let mut rows = 0;
    let fits = |file: &&DataFile| {
        rows += file.statistics.rows;
        rows <= FILE_ROWS_MAX
    };
    let small = files.iter().take(FILES_AT_ONCE_MAX).take_while(fits).count();
    if small > 1 {
        files.truncate(small);
    }
    files
}

/// What came of merging a group.
struct Merge {
    merged: Vec<DataFile>,
    files: Vec<NewFile>,
    repeats: u64,
    /// The file that is still to be written, with the beginning of its name.
    last: Option<(EncodedFile, String)>,
}

impl Merge {
    /// Writes the last file.
    async fn put_last(mut self, store: &Store, now_ms: i64) -> Result<Self> {
        if let Some((file, stem)) = self.last.take() {
            self.files.push(store.events().put(file, &partition_of(&self.merged), &stem, now_ms).await?);
        }
        Ok(self)
    }
}

/// The partition of a group of files.
fn partition_of(group: &[DataFile]) -> Vec<(&'static str, String)> {
    let value = |name: &'static str| Some((name, group.first()?.partition_value(name)?.to_owned()));
    ["source", "date"].into_iter().filter_map(value).collect()
}

async fn merge(
    store: Arc<Store>,
    context: SessionContext,
    group: Vec<DataFile>,
    now_ms: i64,
) -> Result<Merge> {
    let table = SnapshotTable::new(store.events(), Vec::new()).keyed();
    let Parted { moved, merged } = part(&store, &table.file_schema(), &group).await?;
    let mut out = Out::new(&store, &table, &group, now_ms)?;
    for file in &moved {
        let contents = store.contents(file).await?;
        out.make_room(file.statistics.rows).await?;
        out.encoder.append_file(&contents, &file.statistics)?;
    }
    let table = SnapshotTable::new(store.events(), merged).keyed();
    let mut repeats = Repeats::of(&out.schema)?;
    let mut merged = Merged::open(&context, &table).await?;
    while let Some(rows) = merged.next().await? {
        out.make_room(rows.num_rows() as u64).await?;
        out.encoder.write(&repeats.filter(rows)?)?;
    }
    out.finish(group, repeats.dropped)
}

/// The files that a merge writes.
struct Out<'a> {
    store: &'a Store,
    now_ms: i64,
    partition: Vec<(&'static str, String)>,
    schema: SchemaRef,
    /// What is left of the content of the merged files for the last one.
    content: Content,
    id: String,
    encoder: Encoder,
    files: Vec<NewFile>,
}

impl<'a> Out<'a> {
    fn new(store: &'a Store, table: &SnapshotTable, group: &[DataFile], now_ms: i64) -> Result<Self> {
        let (schema, content) = (table.file_schema(), Content::of(group));
        Ok(Self {
            store,
            now_ms,
            partition: partition_of(group),
            encoder: Encoder::try_new(&schema, EVENTS_LAYOUT)?,
            schema,
            id: content.merge_id(),
            content,
            files: Vec::new(),
        })
    }

    /// Begins a new file where the one at hand would get too large by so many rows.
    async fn make_room(&mut self, rows: u64) -> Result<()> {
        let before = self.encoder.rows();
        if before == 0 || before + rows <= FILE_ROWS_MAX {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.encoder, Encoder::try_new(&self.schema, EVENTS_LAYOUT)?);
        let share = self.content.take_share(&self.id, self.files.len());
        let stem = merged_stem(&self.id, Some(share));
        let put = self.store.events().put(full.finish()?, &self.partition, &stem, self.now_ms);
        self.files.push(put.await?);
        Ok(())
    }

    fn finish(self, merged: Vec<DataFile>, repeats: u64) -> Result<Merge> {
        let stem = merged_stem(&self.id, (repeats == 0).then_some(self.content));
        let last = Some((self.encoder.finish()?, stem));
        Ok(Merge { merged, files: self.files, repeats, last })
    }
}

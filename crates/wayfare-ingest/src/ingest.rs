//! Takes event files in: decode, map, resolve repeats, sort, write, commit.
//!
//! One thread splits the input into blocks, workers turn blocks into columns, and the collector puts
//! them together, in input order, into *parts* of a bounded number of rows. A part is one commit. Where
//! a part ends depends on the input alone, so an ingest that was interrupted goes on behind the last
//! part that its batch id has in the log, with the same result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalogue::Source;
use crate::input::Input;
use crate::limits::Limits;
use crate::mapping::{Lifetime, Mapping};
use crate::record::{Reason, Reject};
use crate::store::{AppTransaction, Commit, NewFile, Settings, Store};
use crate::{Error, Result};

mod batch_id;
mod collect;
mod parse;
mod part;
mod repeats;
mod write;

use batch_id::{BatchId, Spool};
use collect::Collector;

/// How events are taken in.
#[derive(Debug)]
pub struct IngestOptions {
    /// The source of all events; told by each event when absent.
    pub source: Option<Source>,
    /// How records become events.
    pub mapping: Mapping,
    /// Bounds on what the input may hold.
    pub limits: Limits,
    /// Records of one commit, to the next block's end.
    pub part_records: u64,
    /// Threads that parse and encode.
    pub threads: usize,
    /// The time of ingest, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Rejected records that a summary shows; all of them are in quarantine.
pub const REJECTS_SHOWN_MAX: usize = 10;

/// Records of one commit unless said otherwise: large enough for good files, small enough to be sorted in memory.
const PART_RECORDS_DEFAULT: u64 = 500_000;

impl IngestOptions {
    /// Options with the defaults for everything but the mapping and the time.
    pub fn new(mapping: Mapping, now_ms: i64) -> Self {
        Self {
            source: None,
            mapping,
            limits: Limits::default(),
            part_records: PART_RECORDS_DEFAULT,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            now_ms,
        }
    }
}

/// Hears how far an ingest has come, from any of its threads.
pub trait IngestProgress: Send + Sync {
    /// So many more bytes of the input were read, compressed as they came.
    fn bytes(&self, count: u64);
    /// So many more records were taken in or refused.
    fn records(&self, count: u64);
}

impl IngestProgress for () {
    fn bytes(&self, _count: u64) {}
    fn records(&self, _count: u64) {}
}

/// What became of one input: `read = accepted + duplicates + rejected`.
#[derive(Debug, Default)]
pub struct InputSummary {
    /// The input's name.
    pub file: String,
    /// Records read.
    pub read: u64,
    /// Events stored by this call.
    pub accepted: u64,
    /// Events left out since they are in the store already, or repeat an event id of the same part.
    pub duplicates: u64,
    /// Records that went into quarantine.
    pub rejected: u64,
    /// The whole input was in the store already, so it was not read again.
    pub already_stored: bool,
    /// Why the input could not be read to its end; what came before is stored.
    pub damage: Option<Error>,
}

/// What became of all inputs.
#[derive(Debug, Default)]
pub struct IngestSummary {
    /// One entry an input, in the order given.
    pub inputs: Vec<InputSummary>,
    /// Rejected records by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// The first rejected records, at most [`REJECTS_SHOWN_MAX`].
    pub rejects: Vec<Reject>,
    /// Commits made.
    pub commits: u64,
    /// Data files written.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// The mapping's lifetime of runs is longer than the store's journey lifetime was, which is now the same.
    pub lifetime_raised: Option<LifetimeRaised>,
}

/// A journey lifetime that grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifetimeRaised {
    /// What it was.
    pub from: Lifetime,
    /// What it is.
    pub to: Lifetime,
}

impl IngestSummary {
    /// Sums one counter over all inputs.
    pub fn total(&self, counter: impl Fn(&InputSummary) -> u64) -> u64 {
        self.inputs.iter().map(counter).sum()
    }
}

/// Takes the inputs in, one after the other, and returns once everything accepted is committed.
///
/// # Errors
/// `Invalid` when an input or a mapping cannot be used at all, `Unavailable` when the store cannot be written,
/// `Conflict` when other writers kept winning. Inputs before the failing one stay stored. An input that breaks
/// off midway is no error of the call: see [`InputSummary::damage`].
pub async fn ingest(
    store: &Store,
    inputs: &[Input],
    options: &IngestOptions,
    progress: &Arc<dyn IngestProgress>,
) -> Result<IngestSummary> {
    let lifetime_raised = raise_lifetime(store, options.mapping.lifetime())?;
    let mut summary = IngestSummary { lifetime_raised, ..IngestSummary::default() };
    for input in inputs {
        let one = ingest_one(store, input, options, progress, &mut summary).await?;
        summary.inputs.push(one);
    }
    Ok(summary)
}

/// Makes the store's journey lifetime cover `wanted`; says whether it had to grow.
fn raise_lifetime(store: &Store, wanted: Lifetime) -> Result<Option<LifetimeRaised>> {
    let from = store.settings().journey_lifetime;
    if wanted <= from {
        return Ok(None);
    }
    store.change_settings(Settings { journey_lifetime: wanted, ..store.settings() })?;
    Ok(Some(LifetimeRaised { from, to: wanted }))
}

async fn ingest_one(
    store: &Store,
    input: &Input,
    options: &IngestOptions,
    progress: &Arc<dyn IngestProgress>,
    summary: &mut IngestSummary,
) -> Result<InputSummary> {
    let spool = Spool::of(input, store.root())?;
    let batch = BatchId::of(&spool, options)?;
    let mut one = InputSummary { file: input.name.to_string(), ..InputSummary::default() };
    if store.events().transaction_version(&batch.done_app()).await?.is_some() {
        one.already_stored = true;
        return Ok(one);
    }
    let stored_parts = store.events().transaction_version(&batch.parts_app()).await?.unwrap_or(0);
    let mut collector = Collector::start(&spool, &batch, options, progress, &store.settings())?;
    let mut number = 0;
    while let Some(part) = collector.next_part()? {
        number += 1;
        one.read += part.read;
        progress.records(part.read);
        one.rejected += part.rejects.len() as u64;
        one.duplicates += part.duplicates;
        for reject in &part.rejects {
            *summary.reasons.entry(reject.reason).or_default() += 1;
        }
        let room = REJECTS_SHOWN_MAX.saturating_sub(summary.rejects.len());
        summary.rejects.extend(part.rejects.iter().take(room).cloned());
        if number <= stored_parts {
            one.duplicates += part.rows() as u64;
            continue;
        }
        one.accepted += part.rows() as u64;
        commit_part(store, part, number, &batch, options, summary).await?;
    }
    one.damage = collector.damage();
    if one.damage.is_none() {
        let done = AppTransaction { app_id: batch.done_app(), version: number.max(1) };
        store.events().commit(Commit { transactions: vec![done], ..Commit::default() }).await?;
    }
    Ok(one)
}

async fn commit_part(
    store: &Store,
    part: part::Part,
    number: i64,
    batch: &BatchId,
    options: &IngestOptions,
    summary: &mut IngestSummary,
) -> Result<()> {
    let this_part = || AppTransaction { app_id: batch.parts_app(), version: number };
    // Quarantine first: when the events' commit is then lost, the part is read again and this one is skipped.
    let refused = store.quarantine().transaction_version(&batch.parts_app()).await?.unwrap_or(0);
    if !part.rejects.is_empty() && refused < number {
        let add = write::quarantine(store, &part.rejects, batch, options.now_ms).await?;
        store
            .quarantine()
            .commit(Commit { add, transactions: vec![this_part()], ..Commit::default() })
            .await?;
    }
    let add = write::events(store, part, batch, options).await?;
    summary.files += add.len() as u64;
    summary.bytes += add.iter().map(NewFile::size_bytes).sum::<u64>();
    summary.commits += 1;
    store.events().commit(Commit { add, transactions: vec![this_part()], ..Commit::default() }).await?;
    Ok(())
}

/// A file's path, kept beside its readers so that a spooled one lives as long as they do.
type SharedPath = Arc<PathBuf>;

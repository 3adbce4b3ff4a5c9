//! Takes event files in: decode, map, resolve repeats, sort, write, commit.
//!
//! One thread splits the input into blocks, workers turn blocks into columns, and the collector puts
//! them together, in input order, into *parts* of a bounded number of rows. A part is one commit, which
//! says how many records of the batch are in the store with it. Where blocks end depends on the input alone, so an
//! ingest that was interrupted goes on behind that number, with the same result, and of two ingests of the
//! same batch at once only one stores a part.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalogue::Source;
use crate::input::{Input, Origin};
use crate::limits::Limits;
use crate::mapping::{Lifetime, Mapping};
use crate::pseudonym::Pseudonyms;
use crate::record::{Reason, Reject};
use crate::store::{Settings, Store};
use crate::{Error, Result};

mod batch_id;
mod checkpoint;
mod collect;
mod digest;
mod order;
mod parse;
mod part;
mod plausible;
mod repeats;
mod spool;
#[cfg(test)]
mod tests;
mod write;

pub use batch_id::BATCH_ID_BYTES_MAX;
use batch_id::BatchId;
use checkpoint::Checkpoint;
use collect::Collector;
use spool::Spool;

/// How events are taken in.
#[derive(Debug)]
pub struct IngestOptions {
    /// The source of all events; told by each event when absent.
    pub source: Option<Source>,
    /// How records become events.
    pub mapping: Mapping,
    /// Bounds on what the input may hold.
    pub limits: Limits,
    /// The caller's name for the one input of the call, at most [`BATCH_ID_BYTES_MAX`] bytes; a digest of its bytes
    /// and of how they are read when absent.
    pub batch_id: Option<String>,
    /// Inputs that are in the store are stored again: their events count once, so this brings back those that were lost.
    pub again: bool,
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
const PART_RECORDS_DEFAULT: u64 = 250_000;

impl IngestOptions {
    /// Options with the defaults for everything but the mapping and the time.
    pub fn new(mapping: Mapping, now_ms: i64) -> Self {
        Self {
            source: None,
            batch_id: None,
            again: false,
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
    /// Records that were read when the input was stored.
    pub read_before: u64,
    /// Records that went into quarantine then.
    pub rejected_before: u64,
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

/// Takes the inputs in, one after the other, and returns once everything accepted is committed and would survive a
/// power cut.
///
/// # Errors
/// `Invalid` when an input, a mapping or the batch id cannot be used at all, `Unavailable` when the store cannot be
/// written, `Conflict` when other writers kept winning or the batch id was used for other content. Inputs before the
/// failing one stay stored, and of the failing one what was committed: the same call again goes on behind that. An
/// input that breaks off midway is no error of the call: see [`InputSummary::damage`].
pub async fn ingest(
    store: &Store,
    inputs: &[Input],
    options: &IngestOptions,
    progress: &Arc<dyn IngestProgress>,
) -> Result<IngestSummary> {
    if let Some(given) = &options.batch_id {
        BatchId::check(given, inputs.len())?;
    }
    let _turn = store.turn_with_others().await?;
    let lifetime_raised = raise_lifetime(store, options.mapping.lifetime()).await?;
    let pseudonyms = Pseudonyms::of(store)?.map(Arc::new);
    if let Some(pseudonyms) = &pseudonyms {
        pseudonyms.note_key(store).await?;
    }
    let mut summary = IngestSummary { lifetime_raised, ..IngestSummary::default() };
    for input in inputs {
        let one = ingest_one(store, input, options, pseudonyms.as_ref(), progress, &mut summary).await?;
        summary.inputs.push(one);
    }
    Ok(summary)
}

/// Makes the store's journey lifetime cover `wanted`; says whether it had to grow.
async fn raise_lifetime(store: &Store, wanted: Lifetime) -> Result<Option<LifetimeRaised>> {
    let from = store.settings().journey_lifetime;
    if wanted <= from {
        return Ok(None);
    }
    let raise = |now: Settings| Settings { journey_lifetime: wanted.max(now.journey_lifetime), ..now };
    store.change_settings(raise).await?;
    Ok(Some(LifetimeRaised { from, to: wanted }))
}

async fn ingest_one(
    store: &Store,
    input: &Input,
    options: &IngestOptions,
    pseudonyms: Option<&Arc<Pseudonyms>>,
    progress: &Arc<dyn IngestProgress>,
    summary: &mut IngestSummary,
) -> Result<InputSummary> {
    if pseudonyms.is_some() && matches!(input.origin, Origin::Stdin) {
        return Err(Error::invalid("a store that keeps pseudonyms takes no standard input")
            .hint("a copy of it would be on disk in plain: give a file"));
    }
    let spool = Spool::of(input, store)?;
    let mut batch = BatchId::of(&spool, options)?;
    if options.again && batch.is_done(store.events()).await? {
        batch.begin_again(options.now_ms);
    }
    let mut one = InputSummary { file: input.name.to_string(), ..InputSummary::default() };
    let mut checkpoint = Checkpoint::of(store, &batch).await?;
    if checkpoint.is_done() {
        one.already_stored = true;
        (one.read_before, one.rejected_before) = checkpoint.before().await?;
        checkpoint.settle().await?;
        return Ok(one);
    }
    let ends = checkpoint.ends();
    let reading = (&store.settings(), pseudonyms);
    let mut collector = Collector::start(&spool, options, progress, reading, ends)?;
    while let Some(part) = collector.next_part() {
        one.read += part.read;
        progress.records(part.read);
        one.rejected += part.rejects.len() as u64;
        one.duplicates += part.duplicates;
        for reject in &part.rejects {
            *summary.reasons.entry(reject.reason).or_default() += 1;
        }
        let room = REJECTS_SHOWN_MAX.saturating_sub(summary.rejects.len());
        summary.rejects.extend(part.rejects.iter().take(room).cloned());
        let rows = part.rows();
        match checkpoint.store(part, one.read, options, summary).await? {
            Stored::Now => one.accepted += rows,
            Stored::Before => one.duplicates += rows,
        }
    }
    one.damage = collector.damage();
    if one.damage.is_none() {
        checkpoint.finish().await?;
    }
    checkpoint.settle().await?;
    Ok(one)
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// This call committed it.
    Now,
    /// It was in the store, from an interrupted call or from another one at the same time.
    Before,
}

/// A file's path, kept beside its readers so that a spooled one lives as long as they do.
type SharedPath = Arc<PathBuf>;

//! Everything the front end asks of the engine.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use wayfare_query::spec::Spec;
use wayfare_query::{Error, Report, Result};

use crate::progress::Progress;

// what the engine will call while it works
const _: [fn(&Progress, u64); 3] = [Progress::expect_bytes, Progress::bytes, Progress::events];

/// Where a store is and what may be used for it.
#[derive(Debug)]
pub(crate) struct StoreOptions {
    /// The store's folder.
    pub(crate) path: PathBuf,
    /// What to do when there is none.
    pub(crate) missing: OnMissing,
    /// Most threads; one for each core when absent.
    pub(crate) threads: Option<NonZeroUsize>,
    /// Most memory for a query.
    pub(crate) memory_bytes: Option<u64>,
}

/// What to do when there is no store at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnMissing {
    /// Make one.
    Create,
    /// Fail with `NotFound`.
    Fail,
}

/// What to take in, and how to read it.
#[derive(Debug)]
#[expect(dead_code, reason = "the engine is not connected")]
pub(crate) struct IngestOptions {
    /// Files, globs, folders, or `-`.
    pub(crate) inputs: Vec<String>,
    /// The source of all records (`cis`, `verify`, `risk`, `admin`); told by each record when absent.
    pub(crate) source: Option<String>,
    /// A mapping file; the built-in mapping of the vendor's events when absent.
    pub(crate) mapping: Option<PathBuf>,
    /// Candidate JSON paths of promoted columns, from the settings file.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
}

/// What came of taking files in.
#[derive(Debug, Default)]
pub(crate) struct IngestSummary {
    /// Inputs read.
    pub(crate) files: u64,
    /// Bytes read, as stored (compressed).
    pub(crate) bytes: u64,
    /// Records read; the sum of the next three.
    pub(crate) read: u64,
    /// New events in the store.
    pub(crate) accepted: u64,
    /// Records that the store had already.
    pub(crate) duplicates: u64,
    /// Records in quarantine.
    pub(crate) rejected: u64,
    /// Rejected records by reason, most frequent first.
    pub(crate) reasons: Vec<(String, u64)>,
    /// The first rejected records.
    pub(crate) first_rejects: Vec<RejectedAt>,
    /// Inputs that could not be read to their end; what was good before is stored.
    pub(crate) failures: Vec<Error>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Where and why a record was rejected.
#[derive(Debug)]
pub(crate) struct RejectedAt {
    /// The input's name.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: u64,
    /// The reason's stable name.
    pub(crate) reason: String,
    /// The reason in words.
    pub(crate) detail: String,
}

/// What came of compacting.
#[derive(Debug, Default)]
pub(crate) struct CompactSummary {
    /// Start dates whose runs were folded anew.
    pub(crate) dates_folded: u64,
    /// Start dates that were up to date.
    pub(crate) dates_kept: u64,
    /// Runs written.
    pub(crate) invocations: u64,
    /// Bytes written.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Which sample events to make.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "the engine is not connected")]
pub(crate) struct GenerateOptions {
    /// How many events.
    pub(crate) events: u64,
    /// The seed: the same seed makes the same bytes.
    pub(crate) seed: u64,
    /// Over how many days.
    pub(crate) days: u32,
    /// The first day, UTC.
    pub(crate) start: chrono::NaiveDate,
}

/// An open store.
#[derive(Debug)]
pub(crate) struct Store;

/// Opens a store.
#[expect(clippy::unused_async, reason = "the engine opens a store asynchronously")]
pub(crate) async fn open(options: StoreOptions) -> Result<Store> {
    let StoreOptions { path, missing, threads, memory_bytes } = options;
    let _: (Option<NonZeroUsize>, Option<u64>) = (threads, memory_bytes);
    if missing == OnMissing::Fail && !path.exists() {
        return Err(Error::not_found("expected a store, saw nothing").with("store", path.display()));
    }
    Err(not_connected())
}

/// Answers a question.
#[expect(clippy::unused_async, reason = "the engine answers asynchronously")]
pub(crate) async fn run(_store: &Store, _spec: Spec) -> Result<Report> {
    Err(not_connected())
}

/// Takes files in.
#[expect(clippy::unused_async, reason = "the engine commits asynchronously")]
pub(crate) async fn ingest(
    _store: &Store,
    _options: IngestOptions,
    _progress: &Progress,
) -> Result<IngestSummary> {
    Err(not_connected())
}

/// Takes sample events in; a second time changes nothing.
#[expect(clippy::unused_async, reason = "the engine commits asynchronously")]
pub(crate) async fn ingest_sample(
    _store: &Store,
    _options: GenerateOptions,
    _progress: &Progress,
) -> Result<IngestSummary> {
    Err(not_connected())
}

/// Folds what is not folded yet.
#[expect(clippy::unused_async, reason = "the engine commits asynchronously")]
pub(crate) async fn compact(_store: &Store, _progress: &Progress) -> Result<CompactSummary> {
    Err(not_connected())
}

/// Writes sample events as NDJSON and counts them; `Unavailable` with the cause when a write fails.
pub(crate) fn generate(
    _options: &GenerateOptions,
    _out: &mut dyn Write,
    _progress: &Progress,
) -> Result<u64> {
    Err(not_connected())
}

fn not_connected() -> Error {
    Error::internal("not connected")
}

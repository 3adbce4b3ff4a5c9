//! Everything the front end asks of the engine.

pub(crate) mod upkeep;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use wayfare_ingest::{
    Decoder, GenerateSpec, Generator, IngestProgress, Input, Limits, Mapping, Origin, Scratch, Source, Swept,
    VacuumAction, VacuumOptions, expand,
};
use wayfare_query::spec::Spec;
use wayfare_query::{CompactStage, Engine, EngineOptions, Error, KeepRuns, Report, ReportStream, Result};

use crate::clock;
use crate::progress::Progress;

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
    /// Shows how far a question has come that has much to fold.
    pub(crate) folding: Progress,
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
pub(crate) struct IngestOptions {
    /// Files, globs, folders, or `-`.
    pub(crate) inputs: Vec<String>,
    /// The source of all records (`cis`, `verify`, `risk`, `admin`); told by each record when absent.
    pub(crate) source: Option<String>,
    /// A mapping file; the built-in mapping of the vendor's events when absent.
    pub(crate) mapping: Option<PathBuf>,
    /// File with the key for pseudonyms, for a store that is to keep no plain values.
    pub(crate) pseudonyms: Option<PathBuf>,
    /// Candidate JSON paths of promoted columns, from the settings file.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// The caller's name for the one input; told by its content when absent.
    pub(crate) batch_id: Option<String>,
    /// Store again what is in the store.
    pub(crate) again: bool,
}

/// What came of taking files in.
#[derive(Debug, Default)]
pub(crate) struct IngestSummary {
    /// Inputs read.
    pub(crate) files: u64,
    /// Inputs that the store had already, as a whole.
    pub(crate) files_known: u64,
    /// Bytes read, as stored (compressed).
    pub(crate) bytes: u64,
    /// Records read; the sum of the next three.
    pub(crate) read: u64,
    /// New events in the store.
    pub(crate) accepted: u64,
    /// Records that the store had already.
    pub(crate) duplicates: u64,
    /// Of inputs that the store had already: records read when they were taken in.
    pub(crate) read_before: u64,
    /// Of those, records that were rejected then.
    pub(crate) rejected_before: u64,
    /// Records in quarantine.
    pub(crate) rejected: u64,
    /// Rejected records by reason, most frequent first.
    pub(crate) reasons: Vec<(String, u64)>,
    /// The first rejected records.
    pub(crate) first_rejects: Vec<RejectedAt>,
    /// Inputs that could not be read to their end; what was good before is stored.
    pub(crate) failures: Vec<Error>,
    /// What the store's journey lifetime was and is, where the mapping raised it.
    pub(crate) lifetime_raised: Option<(String, String)>,
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
    /// Event files before.
    pub(crate) event_files_before: u64,
    /// Event files afterwards.
    pub(crate) event_files_after: u64,
    /// Events that were rewritten.
    pub(crate) events_merged: u64,
    /// Events removed, since the same event stood in another file.
    pub(crate) events_removed: u64,
    /// Start dates whose runs were folded anew.
    pub(crate) dates_folded: u64,
    /// Start dates that were up to date.
    pub(crate) dates_kept: u64,
    /// Runs written.
    pub(crate) invocations: u64,
    /// Runs among them that outlast the store's journey lifetime.
    pub(crate) long_invocations: u64,
    /// That lifetime.
    pub(crate) journey_lifetime: String,
    /// Bytes written, of events and of runs.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// What a clean-up removed, or would remove.
#[derive(Debug, Default)]
pub(crate) struct VacuumSummary {
    /// Paths inside the store's folder.
    pub(crate) files: Vec<String>,
    /// Their size.
    pub(crate) bytes: u64,
    /// Log entries removed.
    pub(crate) log_entries: u64,
    /// Nothing was removed, it was only looked for.
    pub(crate) dry_run: bool,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// Which sample events to make.
#[derive(Debug, Clone)]
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

/// What settles an answer, beside the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Version of the events.
    pub(crate) snapshot: i64,
    /// The store's settings, as text.
    pub(crate) settings: String,
}

/// An open store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    files: Arc<wayfare_query::Store>,
    engine: Engine,
    threads: Option<NonZeroUsize>,
}

/// Opens a store.
pub(crate) async fn open(options: StoreOptions) -> Result<Store> {
    let store = match options.missing {
        OnMissing::Create => wayfare_query::Store::open_or_create(&options.path).await?,
        OnMissing::Fail => return open_present(&options),
    };
    Ok(opened(store, &options))
}

/// Opens a store that is there.
pub(crate) fn open_present(options: &StoreOptions) -> Result<Store> {
    Ok(opened(wayfare_query::Store::open(&options.path)?, options))
}

fn opened(store: wayfare_query::Store, options: &StoreOptions) -> Store {
    let StoreOptions { threads, memory_bytes, .. } = *options;
    let folding = options.folding.clone();
    let hear = move |_: CompactStage, done: u64, all: u64| {
        folding.share("folding runs, once for all questions", "dates", done, all);
        if done == all {
            folding.clear();
        }
    };
    let keep_runs = Some(KeepRuns { progress: Arc::new(hear), ..KeepRuns::by(clock::now_ms) });
    let mut engine = EngineOptions { keep_runs, ..EngineOptions::default() };
    if let Some(threads) = threads {
        engine.threads = threads.get();
    }
    if let Some(memory_bytes) = memory_bytes {
        engine.memory_bytes = usize::try_from(memory_bytes).unwrap_or(usize::MAX);
    }
    let store = Arc::new(store);
    Store { engine: Engine::new(Arc::clone(&store), engine), files: store, threads }
}

impl Store {
    /// The store's folder.
    pub(crate) fn root(&self) -> &Path {
        self.files.root()
    }

    /// Whether plain ids must not reach the disk.
    pub(crate) fn keeps_pseudonyms(&self) -> bool {
        self.files.settings().pseudonyms.is_some()
    }

    /// The same store with the rows of one tenant only.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self { engine: self.engine.of_tenant(tenant), ..self.clone() }
    }

    /// Reads the settings again: another process may have changed them.
    pub(crate) fn refresh(&self) -> Result<()> {
        self.files.reload_settings()
    }

    /// What settles an answer now.
    pub(crate) async fn version(&self) -> Result<Version> {
        let snapshot = self.files.events().snapshot().await?.version;
        Ok(self.version_at(snapshot))
    }

    /// What settled an answer from that version of the events.
    pub(crate) fn version_at(&self, snapshot: i64) -> Version {
        Version { snapshot, settings: format!("{:?}", self.files.settings()) }
    }
}

/// Answers a question.
pub(crate) async fn run(store: &Store, spec: Spec) -> Result<Report> {
    store.engine.run(&spec).await
}

/// Answers a question whose rows are written as they come.
pub(crate) async fn stream(store: &Store, spec: Spec) -> Result<ReportStream> {
    store.engine.stream(&spec).await
}

/// Inputs that are there and a mapping that can be used.
#[derive(Debug)]
pub(crate) struct Prepared {
    inputs: Vec<Input>,
    mapping: Mapping,
    source: Option<Source>,
    batch_id: Option<String>,
    again: bool,
    pseudonyms: Option<PathBuf>,
}

/// Looks at what an ingest was given, before there has to be a store.
pub(crate) fn prepare(options: &IngestOptions) -> Result<Prepared> {
    let limits = Limits::default();
    let inputs = expand(&options.inputs, &limits)?;
    let mapping = mapping(options.mapping.as_deref(), &options.columns)?;
    let source = options.source.as_deref().map(str::parse::<Source>).transpose()?;
    let pseudonyms = options.pseudonyms.as_deref().map(key_file).transpose()?;
    let batch_id = options.batch_id.clone();
    Ok(Prepared { inputs, mapping, source, batch_id, again: options.again, pseudonyms })
}

/// Takes files in.
pub(crate) async fn ingest(store: &Store, prepared: Prepared, progress: &Progress) -> Result<IngestSummary> {
    take_in(store, prepared, progress).await
}

/// A batch of events that came over the network and lies in a file.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The file; it is gone when the batch is in.
    pub(crate) file: Scratch,
    /// The name under which the quarantine remembers it.
    pub(crate) name: String,
    /// How records are read.
    pub(crate) mapping: Mapping,
    /// The source of all records; told by each record when absent.
    pub(crate) source: Option<String>,
    /// The tenant that all events belong to, whatever they say.
    pub(crate) tenant: Option<String>,
    /// The client's name for the batch; told by its content when absent.
    pub(crate) batch_id: Option<String>,
    /// Most bytes of the batch once it is unpacked.
    pub(crate) unpacked_bytes_max: u64,
}

/// Takes a batch in: all of it, or nothing if it is damaged or too large.
pub(crate) async fn upload(store: &Store, upload: Upload) -> Result<IngestSummary> {
    let Upload { file, name, mut mapping, source, tenant, batch_id, unpacked_bytes_max } = upload;
    if let Some(tenant) = tenant {
        let text = format!("[columns]\ntenant_id = {{ constant = \"{tenant}\" }}\n");
        mapping = mapping.override_columns(&text, "the token's tenant")?;
    }
    let limits = Limits { decompressed_bytes_max: unpacked_bytes_max, ..Limits::default() };
    // to its end before anything is stored, so that half a batch never is
    let read = File::open(file.path()).map_err(|cause| Error::io("cannot read the batch", cause))?;
    for block in Decoder::open(name.as_str().into(), Box::new(read), &limits)? {
        block?;
    }
    let source = source.as_deref().map(str::parse::<Source>).transpose()?;
    let input = Input { name: name.into(), origin: Origin::File(file.path().to_path_buf()) };
    let prepared =
        Prepared { inputs: vec![input], mapping, source, batch_id, again: false, pseudonyms: None };
    take_in(store, prepared, &Progress::hidden()).await
}

/// Reads the mapping that a file says, or the built-in one.
pub(crate) fn mapping(path: Option<&Path>, columns: &BTreeMap<String, Vec<String>>) -> Result<Mapping> {
    let mapping = match path {
        Some(path) => read_mapping(path)?,
        None => Mapping::mosaic()?,
    };
    mapping.override_columns(&columns_text(columns), "the settings")
}

/// Takes sample events in; a second time changes nothing.
pub(crate) async fn ingest_sample(
    store: &Store,
    options: GenerateOptions,
    progress: &Progress,
) -> Result<IngestSummary> {
    let mut file = scratch(store)?;
    let mut out = BufWriter::new(&mut file);
    generate(&options, &mut out, &Progress::hidden())?;
    out.flush().map_err(|cause| Error::io("cannot write the sample", cause))?;
    drop(out);
    let input = Input { name: "sample".into(), origin: Origin::File(file.path().to_path_buf()) };
    let prepared = Prepared {
        inputs: vec![input],
        mapping: Mapping::mosaic()?,
        source: None,
        batch_id: None,
        again: false,
        pseudonyms: None,
    };
    take_in(store, prepared, progress).await
}

/// A file that is gone when its use is over.
pub(crate) fn scratch(store: &Store) -> Result<Scratch> {
    store.files.scratch()
}

async fn take_in(store: &Store, prepared: Prepared, progress: &Progress) -> Result<IngestSummary> {
    let Prepared { inputs, mapping, source, batch_id, again, pseudonyms } = prepared;
    let started = Instant::now();
    if let Some(key_file) = pseudonyms {
        store.files.keep_pseudonyms(&key_file).await?;
    }
    let sizes: Option<Vec<u64>> = inputs.iter().map(Input::size_bytes).collect();
    let bytes = sizes.map(|sizes| sizes.iter().sum());
    if let Some(bytes) = bytes {
        progress.expect_bytes(bytes);
    }
    let mut options = wayfare_ingest::IngestOptions::new(mapping, clock::now_ms());
    options.source = source;
    options.batch_id = batch_id;
    options.again = again;
    if let Some(threads) = store.threads {
        options.threads = threads.get();
    }
    let listener: Arc<dyn IngestProgress> = Arc::new(progress.clone());
    let done = wayfare_ingest::ingest(&store.files, &inputs, &options, &listener).await?;
    let mut reasons: Vec<(String, u64)> =
        done.reasons.iter().map(|(reason, &count)| (reason.as_str().to_owned(), count)).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(IngestSummary {
        files: done.inputs.len() as u64,
        files_known: done.total(|input| u64::from(input.already_stored)),
        bytes: bytes.unwrap_or_else(|| progress.bytes_counted()),
        read: done.total(|input| input.read),
        accepted: done.total(|input| input.accepted),
        duplicates: done.total(|input| input.duplicates),
        rejected: done.total(|input| input.rejected),
        read_before: done.total(|input| input.read_before),
        rejected_before: done.total(|input| input.rejected_before),
        reasons,
        first_rejects: done
            .rejects
            .into_iter()
            .map(|reject| RejectedAt {
                file: reject.file.to_string(),
                line: reject.line,
                reason: reject.reason.as_str().to_owned(),
                detail: reject.detail,
            })
            .collect(),
        lifetime_raised: done.lifetime_raised.map(|raised| (raised.from.to_string(), raised.to.to_string())),
        failures: done.inputs.into_iter().filter_map(|input| input.damage).collect(),
        elapsed: started.elapsed(),
    })
}

/// The key's path as it can be used from any folder.
fn key_file(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|cause| {
        Error::io("cannot read the key", cause)
            .with("file", path.display())
            .hint("make one with `head -c 32 /dev/urandom > FILE`, and keep a copy of it")
    })
}

fn read_mapping(path: &Path) -> Result<Mapping> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|cause| Error::io("cannot read the mapping", cause).with("file", &name))?;
    Mapping::parse(&text, &name)
}

/// The `[columns]` table of the settings as the text of a settings file.
fn columns_text(columns: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = "[columns]\n".to_owned();
    for (column, paths) in columns {
        let paths: Vec<String> = paths.iter().map(|path| format!("{path:?}")).collect();
        // writing to a text cannot fail
        writeln!(text, "{column} = [{}]", paths.join(", ")).unwrap_or_default();
    }
    text
}

/// Merges event files and folds what is not folded yet.
pub(crate) async fn compact(store: &Store, progress: &Progress) -> Result<CompactSummary> {
    let started = Instant::now();
    let heard = progress.clone();
    let hear = move |stage: CompactStage, done: u64, all: u64| match stage {
        CompactStage::Events => heard.share("merging", "events", done, all),
        CompactStage::Runs => heard.share("folding", "dates", done, all),
    };
    let done = store.engine.compact(clock::now_ms(), &hear).await?;
    Ok(CompactSummary {
        event_files_before: done.events.files_before,
        event_files_after: done.events.files_after,
        events_merged: done.events.merged,
        events_removed: done.events.repeats,
        dates_folded: done.dates,
        dates_kept: done.dates_kept,
        invocations: done.runs,
        long_invocations: done.long_runs,
        journey_lifetime: store.files.settings().journey_lifetime.to_string(),
        bytes: done.bytes + done.events.bytes,
        elapsed: started.elapsed(),
    })
}

/// Removes files that nobody needs any more.
pub(crate) async fn vacuum(store: &Store, older_than: Duration, dry_run: bool) -> Result<VacuumSummary> {
    let started = Instant::now();
    let action = if dry_run { VacuumAction::List } else { VacuumAction::Remove };
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(clock::now_ms().unsigned_abs());
    let done = store.files.vacuum(VacuumOptions { older_than, action, now }).await?;
    let Swept { files, bytes, log_entries } = done;
    Ok(VacuumSummary { files, bytes, log_entries, dry_run, elapsed: started.elapsed() })
}

/// Writes sample events as NDJSON and counts them; `Unavailable` with the cause when a write fails.
pub(crate) fn generate(options: &GenerateOptions, out: &mut dyn Write, progress: &Progress) -> Result<u64> {
    let start_ms = options.start.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
    let GenerateOptions { events, seed, days, .. } = *options;
    let spec = GenerateSpec { seed, events, days, start_ms, ..GenerateSpec::default() };
    let mut seen = wayfare_ingest::Generated::default();
    let generated = Generator::try_new(spec)?
        .write_to(&mut &mut *out, |now| {
            progress.bytes(now.bytes - seen.bytes);
            progress.events(now.events - seen.events);
            seen = now;
        })
        .map_err(|cause| Error::io("cannot write the events", cause))?;
    Ok(generated.events)
}

impl IngestProgress for Progress {
    fn bytes(&self, count: u64) {
        Self::bytes(self, count);
    }

    fn records(&self, count: u64) {
        self.events(count);
    }
}

//! The `DataFusion` session of one question: its limits, the store's file access, our functions.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;
use wayfare_ingest::Store;

use crate::cancel::YieldAtJoins;
use crate::compact::CompactProgress;
use crate::error::of_datafusion;
use crate::memory::Memory;
use crate::provider::{FOOTER_BYTES, FOOTERS_BYTES, Kept, STORE_URL};
use crate::tenant::Tenant;
use crate::{Error, Result, functions};

/// Values of one `IN` list that files are pruned by.
const PRUNED_VALUES_MAX: usize = 200;

/// Times that a plan goes through the optimizer: our queries are short, and a second time finds nothing to do.
const OPTIMIZER_PASSES: usize = 1;

/// What a question may use.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Threads that compute.
    pub threads: usize,
    /// Bytes of memory for the operators of one question.
    pub memory_bytes: usize,
    /// Folder for spilled data; the system's temporary folder when absent.
    pub spill_folder: Option<PathBuf>,
    /// Rows that are computed at once.
    pub batch_rows: usize,
    /// When runs that a question has to fold are written into the store's cache, where the next question finds them; never
    /// when absent.
    pub keep_runs: Option<KeepRuns>,
    /// The one tenant whose rows are there for a question; all tenants when absent.
    pub tenant: Option<String>,
}

impl EngineOptions {
    /// Memory of one question unless said otherwise: 2 GiB.
    pub const MEMORY_BYTES_DEFAULT: usize = 2 << 30;

    /// Rows computed at once unless said otherwise.
    pub const BATCH_ROWS_DEFAULT: usize = 8192;
}

impl Default for EngineOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            threads,
            memory_bytes: Self::MEMORY_BYTES_DEFAULT,
            spill_folder: None,
            batch_rows: Self::BATCH_ROWS_DEFAULT,
            keep_runs: None,
            tenant: None,
        }
    }
}

/// When folding runs for one question is worth keeping them for others: where they are many and their events at rest.
#[derive(Clone)]
pub struct KeepRuns {
    /// The time of day, in milliseconds since 1970 UTC.
    pub clock: fn() -> i64,
    /// How long, in milliseconds, no event file was written on the dates that a fold reads. What is kept of dates that
    /// still get events is of no use to the next question.
    pub at_rest_ms: i64,
    /// Events on the dates to be folded, at least.
    pub events_min: u64,
    /// Hears how many start dates are folded, and of how many.
    pub progress: Arc<CompactProgress>,
}

impl fmt::Debug for KeepRuns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_rest_ms, events_min, .. } = self;
        f.debug_struct("KeepRuns")
            .field("at_rest_ms", at_rest_ms)
            .field("events_min", events_min)
            .finish_non_exhaustive()
    }
}

impl KeepRuns {
    /// Dates at rest for a minute with a million events: fewer are folded in less than half a second.
    pub fn by(clock: fn() -> i64) -> Self {
        Self { clock, at_rest_ms: 60_000, events_min: 1_000_000, progress: Arc::new(|_, _, _| ()) }
    }
}

/// Makes a session over the files of `store`.
pub(crate) fn session(store: &Store, options: &EngineOptions, kept: &Kept) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.threads.max(1))
        .with_batch_size(options.batch_rows.max(1))
        .with_information_schema(false)
        .with_default_catalog_and_schema("wayfare", "store");
    config.options_mut().execution.parquet.max_in_list_size = PRUNED_VALUES_MAX;
    config.options_mut().execution.parquet.metadata_size_hint = Some(FOOTER_BYTES);
    config.options_mut().optimizer.max_passes = OPTIMIZER_PASSES;
    // a physical plan would tell where files lie
    config.options_mut().explain.logical_plan_only = true;
    config.set_extension(Arc::clone(&kept.filters));
    if let Some(tenant) = &options.tenant {
        config.set_extension(Arc::new(Tenant::new(tenant)));
    }
    let disk = match &options.spill_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(Memory::of(options.memory_bytes)))
        .with_cache_manager(
            CacheManagerConfig::default()
                .with_file_metadata_cache(Some(Arc::clone(&kept.footers)))
                .with_metadata_cache_limit(FOOTERS_BYTES),
        )
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(disk))
        .build_arc()
        .map_err(|cause| of_datafusion("cannot set up the query engine", cause))?;
    let url = Url::parse(STORE_URL).map_err(|cause| Error::internal("the store's URL").because(cause))?;
    runtime.register_object_store(&url, store.access());
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rule(Arc::new(YieldAtJoins))
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context);
    Ok(context)
}

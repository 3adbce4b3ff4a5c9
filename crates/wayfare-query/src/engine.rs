//! The engine: a store and the means to ask it questions.

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;
use wayfare_ingest::{FileProgress, Health, Store};

use crate::Result;
use crate::cache::Freshness;
use crate::compact::{self, CompactProgress, CompactSummary, Keeping};
use crate::provider::Kept;
use crate::report::{self, Report, ReportStream};
use crate::runs::StoreSnapshot;
use crate::session::{EngineOptions, session};
use crate::spec::Spec;
use crate::verify;

/// Answers questions about one store. Cheap to clone; every question reads the newest snapshot. An engine that is kept
/// answers sooner: it reads only what was added to the log, and footers and bloom filters once.
///
/// ```no_run
/// # async fn example() -> wayfare_query::Result<()> {
/// use std::sync::Arc;
/// use wayfare_query::spec::{Scope, Spec};
/// use wayfare_query::{Engine, EngineOptions, Store};
///
/// let store = Arc::new(Store::open("journeys".as_ref())?);
/// let engine = Engine::new(store, EngineOptions::default());
/// let report = engine.run(&Spec::Overview(Scope::default())).await?;
/// println!("{} rows at snapshot {}", report.batch.num_rows(), report.snapshot);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    store: Arc<Store>,
    options: EngineOptions,
    kept: Kept,
    keeping: Keeping,
}

impl Engine {
    /// Makes an engine over a store.
    pub fn new(store: Arc<Store>, options: EngineOptions) -> Self {
        Self { store, options, kept: Kept::default(), keeping: Keeping::default() }
    }

    /// The same engine for one tenant: whatever is asked, in SQL too, the rows of others are not there.
    ///
    /// What counts as now is the latest event of the whole store unless a question says otherwise.
    #[must_use]
    pub fn of_tenant(&self, tenant: impl Into<String>) -> Self {
        let options = EngineOptions { tenant: Some(tenant.into()), ..self.options.clone() };
        Self { options, ..self.clone() }
    }

    /// The store that is asked.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What a question may use.
    pub(crate) fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Makes the session of a question.
    pub(crate) fn session(&self) -> Result<SessionContext> {
        session(&self.store, &self.options, &self.kept)
    }

    /// Makes a session for what is everyone's: folded for one tenant the cache would lack the others.
    fn session_of_all(&self) -> Result<SessionContext> {
        let options = EngineOptions { tenant: None, ..self.options.clone() };
        session(&self.store, &options, &self.kept)
    }

    /// The newest snapshot, and which dates need not be folded. For a question that `reads_runs` as of now they may become more.
    pub(crate) async fn snapshot(
        &self,
        context: &SessionContext,
        reads_runs: bool,
    ) -> Result<(StoreSnapshot, Freshness)> {
        let snapshot = StoreSnapshot::of(&self.store).await?;
        let fresh = Freshness::of(&self.store, context, &snapshot).await?;
        let keep_runs = self.options.keep_runs.as_ref().filter(|_| reads_runs);
        let Some(when) = keep_runs else { return Ok((snapshot, fresh)) };
        if !self.keeping.keep(when, &self.store, &fresh, || self.session_of_all()).await {
            return Ok((snapshot, fresh));
        }
        let snapshot = StoreSnapshot::of(&self.store).await?;
        let fresh = Freshness::of(&self.store, context, &snapshot).await?;
        Ok((snapshot, fresh))
    }

    /// Computes a report. The future is boxed so that nothing of `DataFusion` is compiled into the caller.
    ///
    /// # Errors
    /// `Invalid` for a spec that cannot be meant, `NotFound` for a journey, version or invocation that is not in the
    /// store, `Limit` when the memory does not suffice, `Corrupt` for damaged files.
    pub fn run<'a>(&'a self, spec: &'a Spec) -> BoxFuture<'a, Result<Report>> {
        Box::pin(report::answer(self, spec))
    }

    /// Computes a report whose rows come one batch after the other: events of a log and the rows of a query are not
    /// held in memory, whatever their number, and have no limit but that of the spec. Other reports come at once.
    ///
    /// # Errors
    /// As [`Engine::run`]; an error in the middle is an item of the stream, which ends with it.
    pub fn stream<'a>(&'a self, spec: &'a Spec) -> BoxFuture<'a, Result<ReportStream>> {
        Box::pin(report::stream(self, spec))
    }

    /// Merges event files, leaves repeated events out, and brings the table `invocations` up to date with the events;
    /// reports give the same answers before, after and in between.
    ///
    /// # Errors
    /// `Conflict` when another compaction won, `Limit` when the memory does not suffice, `Unavailable` when the store
    /// cannot be written.
    pub fn compact<'a>(
        &'a self,
        now_ms: i64,
        progress: &'a CompactProgress,
    ) -> BoxFuture<'a, Result<CompactSummary>> {
        Box::pin(async move {
            let context = self.session_of_all()?;
            compact::compact(&self.store, &context, now_ms, progress).await
        })
    }

    /// Looks at every file of the store and at the truth of the cache; changes nothing.
    ///
    /// `progress` hears of files done and files in all.
    ///
    /// # Errors
    /// `Unavailable` when files cannot be read, `Limit` when the memory does not suffice to fold the cached dates anew.
    /// Damage is no error of the call.
    pub fn verify<'a>(&'a self, progress: FileProgress<'a>) -> BoxFuture<'a, Result<Health>> {
        Box::pin(async move {
            let context = self.session()?;
            verify::verify(&self.store, &context, self.options.threads, progress).await
        })
    }
}

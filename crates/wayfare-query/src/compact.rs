//! Puts a store into the shape that reports read fastest, without changing an answer.
//!
//! First event files: the files of one source and date become one, small ones merged in order, and events that are stored
//! twice become one ([`events`]). Then runs: the dates whose events changed since they were folded are folded once and
//! kept ([`runs`]). Last small files of rejected records become one ([`merge_rejects`]). Each step writes new files first and then replaces old ones by one commit, so that it can
//! be broken off at any moment; what was replaced stays on disk until `vacuum` removes it. Of two compactions at once, the one whose
//! files the other replaced looks at the store anew and goes on with what is left.

mod events;
mod merge;
mod moved;
mod paths;
mod repeats;
mod runs;
mod settled;
#[cfg(test)]
mod tests;

pub(crate) use runs::plain;
pub(crate) use settled::Keeping;

use std::sync::Arc;

use datafusion::prelude::SessionContext;
use wayfare_ingest::{Store, merge_rejects};

use crate::{ErrorKind, Result};

/// How often a compaction plans anew since another one was faster. Each time, the other one has committed.
const PLANS_MAX: usize = 1_000;

/// What a compaction is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactStage {
    /// Merging event files; progress counts events.
    Events,
    /// Folding runs; progress counts start dates.
    Runs,
}

/// Hears how far a compaction has come: its stage, what is done of it, and what there is in all.
pub type CompactProgress = dyn Fn(CompactStage, u64, u64) + Send + Sync;

/// What a compaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactSummary {
    /// What became of event files.
    pub events: MergeSummary,
    /// Start dates whose runs were folded anew.
    pub dates: u64,
    /// Start dates that were up to date.
    pub dates_kept: u64,
    /// Runs written.
    pub runs: u64,
    /// Runs among them that last longer than the store's journey lifetime.
    pub long_runs: u64,
    /// Files of runs written.
    pub files: u64,
    /// Bytes of runs written.
    pub bytes: u64,
    /// Version of `invocations` afterwards.
    pub version: i64,
}

/// What became of the event files of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MergeSummary {
    /// Event files before.
    pub files_before: u64,
    /// Event files afterwards.
    pub files_after: u64,
    /// Events in files that were merged, before.
    pub merged: u64,
    /// Events left out, since the same event stood in another file.
    pub repeats: u64,
    /// Bytes of merged files that were written.
    pub bytes: u64,
}

/// Merges event files and folds all stale dates.
pub(crate) async fn compact(
    store: &Arc<Store>,
    context: &SessionContext,
    now_ms: i64,
    progress: &CompactProgress,
) -> Result<CompactSummary> {
    let _turn = store.turn_with_others().await?;
    let mut summary = CompactSummary::default();
    let mut plans = 1;
    loop {
        match merge_and_fold(store, context, now_ms, progress, &mut summary).await {
            Err(lost) if lost.kind() == ErrorKind::Conflict && plans < PLANS_MAX => plans += 1,
            done => break done?,
        }
    }
    for table in [store.events(), store.invocations(), store.quarantine()] {
        table.checkpoint_if_long().await?;
    }
    Ok(summary)
}

async fn merge_and_fold(
    store: &Arc<Store>,
    context: &SessionContext,
    now_ms: i64,
    progress: &CompactProgress,
    summary: &mut CompactSummary,
) -> Result<()> {
    events::merge_all(store, context, now_ms, progress, &mut summary.events).await?;
    runs::fold_stale(store, context, now_ms, progress, summary).await?;
    merge_rejects(store, now_ms).await
}

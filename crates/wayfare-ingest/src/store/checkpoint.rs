//! Upkeep of a store: checkpoints of the logs, and the removal of what nobody needs any more.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::TimeDelta;
use deltalake_core::checkpoints::cleanup_expired_logs_for;
use deltalake_core::operations::vacuum::{Clock, VacuumMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use object_store::ObjectStoreExt as _;

use super::Store;
use super::sweep::{SPOOL_PREFIX, relative, walk};
use super::table::{Table, error};
use crate::{Error, Result};

/// Log entries after the last checkpoint from which a new one pays.
const ENTRIES_MAX: i64 = 10;

/// How the names of files in a store's folder begin that only a running command needs.
const TEMPORARY: [&str; 2] = [SPOOL_PREFIX, "sample.ndjson"];

/// What to remove.
#[derive(Debug, Clone, Copy)]
pub struct VacuumOptions {
    /// Files are kept for this long after they were replaced, or, when no log knows them, after they were written.
    /// Readers of an older version have so much time to finish.
    pub older_than: Duration,
    /// Whether to remove anything.
    pub action: VacuumAction,
    /// The time of the clean-up.
    pub now: SystemTime,
}

/// Whether a vacuum removes files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VacuumAction {
    /// Only tell what would be removed.
    List,
    /// Remove.
    Remove,
}

/// What a vacuum removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VacuumSummary {
    /// Paths inside the store's folder, sorted.
    pub files: Vec<String>,
    /// Their size in bytes.
    pub bytes: u64,
    /// Log entries that were removed, since a checkpoint tells the same; [`VacuumAction::List`] does not count them.
    pub log_entries: u64,
}

impl Store {
    /// Removes files that no version of a table needs which is younger than the options say, old log entries, and what
    /// commands that were killed left behind.
    ///
    /// With an age of zero nobody else may write to the store or read it at the same time.
    ///
    /// # Errors
    /// `Unavailable` when files cannot be listed or removed, `Corrupt` when a log cannot be understood, `Conflict` when
    /// the age is zero and somebody writes.
    pub async fn vacuum(&self, options: VacuumOptions) -> Result<VacuumSummary> {
        let _turn =
            if options.older_than.is_zero() { self.turn_alone()? } else { self.turn_with_others().await? };
        let mut summary = VacuumSummary::default();
        for table in [self.events(), self.invocations(), self.quarantine()] {
            table.vacuum(self.root(), options, &mut summary).await?;
        }
        self.vacuum_temporary(options, &mut summary).await?;
        summary.files.sort_unstable();
        Ok(summary)
    }

    /// Removes what only a running command needs.
    async fn vacuum_temporary(&self, options: VacuumOptions, summary: &mut VacuumSummary) -> Result<()> {
        let mut gone = Vec::new();
        for path in walk(self.root())? {
            // a file that went since was somebody's draft
            let Ok(meta) = fs::metadata(&path) else { continue };
            let age = meta.modified().ok().and_then(|written| options.now.duration_since(written).ok());
            let inside = relative(self.root(), &path);
            if is_temporary(&inside) && age.is_some_and(|age| age >= options.older_than) {
                summary.bytes += meta.len();
                summary.files.push(inside);
                gone.push(path);
            }
        }
        if options.action == VacuumAction::List {
            return Ok(());
        }
        let removed = self.files().blocking(move |files| files.remove_all(&gone)).await;
        removed.map_err(|cause| Error::io("cannot remove files", cause))
    }
}

/// Whether a file, named by its path in the store, is a draft, or a copy that belongs to a running command.
fn is_temporary(path: &str) -> bool {
    let is_draft = path
        .rsplit_once('#')
        .is_some_and(|(_, random)| !random.is_empty() && random.bytes().all(|digit| digit.is_ascii_digit()));
    is_draft || TEMPORARY.iter().any(|start| path.starts_with(start))
}

/// A clock that stands still.
#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn current_timestamp_millis(&self) -> i64 {
        self.0
    }
}

impl Table {
    /// Writes a checkpoint if the log has grown long since the last one, so that opening the table stays quick.
    ///
    /// # Errors
    /// `Unavailable` when the log cannot be written.
    pub async fn checkpoint_if_long(&self) -> Result<()> {
        let version = self.snapshot().await?.version;
        if version - self.last_checkpoint().await? >= ENTRIES_MAX {
            self.checkpoint().await?;
        }
        Ok(())
    }

    /// The version of the last checkpoint; -1 without one.
    async fn last_checkpoint(&self) -> Result<i64> {
        let place = self.log().log_path().clone().join("_last_checkpoint");
        match self.log().object_store(None).get(&place).await {
            Ok(found) => {
                let bytes = found.bytes().await.map_err(|cause| {
                    error("cannot read the log", DeltaTableError::from(cause)).with("table", self.name())
                })?;
                // a hint that cannot be read is no hint, to the readers of the log too
                let hint: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
                Ok(hint.and_then(|hint| hint.get("version")?.as_i64()).unwrap_or(-1))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(-1),
            Err(cause) => {
                Err(error("cannot read the log", DeltaTableError::from(cause)).with("table", self.name()))
            }
        }
    }

    async fn opened(&self) -> Result<DeltaTable, DeltaTableError> {
        let mut table = DeltaTable::new(Arc::clone(self.log()));
        table.load().await?;
        Ok(table)
    }

    async fn vacuum(&self, root: &Path, options: VacuumOptions, summary: &mut VacuumSummary) -> Result<()> {
        let failed = |cause| error("cannot clean the table up", cause).with("table", self.name());
        let now_ms = options.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let older_than = TimeDelta::from_std(options.older_than).unwrap_or(TimeDelta::MAX);
        let vacuum = |table: DeltaTable, dry_run: bool| {
            table
                .vacuum()
                .with_mode(VacuumMode::Full)
                .with_retention_period(older_than)
                .with_enforce_retention_duration(false)
                .with_clock(Arc::new(At(now_ms)))
                .with_dry_run(dry_run)
        };
        // The list comes first: once removed, files have no size.
        let table = self.opened().await.map_err(failed)?;
        let (_, listed) = vacuum(table, true).await.map_err(failed)?;
        let before = summary.files.len();
        for path in &listed.files_deleted {
            let path = format!("{}/{path}", self.name());
            // the log goes on telling of files that were removed by a vacuum before
            if let Ok(meta) = fs::metadata(root.join(&path)) {
                summary.bytes += meta.len();
                summary.files.push(path);
            }
        }
        if options.action == VacuumAction::List {
            return Ok(());
        }
        let mut table = self.opened().await.map_err(failed)?;
        if summary.files.len() > before {
            (table, _) = vacuum(table, false).await.map_err(failed)?;
        }
        let version = table.snapshot().map_err(failed)?.version();
        let cutoff_ms = now_ms.saturating_sub(older_than.num_milliseconds());
        let gone = cleanup_expired_logs_for(version, self.log().as_ref(), cutoff_ms, None);
        summary.log_entries += gone.await.map_err(failed)? as u64;
        Ok(())
    }
}

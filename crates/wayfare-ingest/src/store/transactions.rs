//! What a table's log says of application transactions, kept from commit to commit.
//!
//! The table format reads the whole log for each question. So what was asked for is kept, and brought up to date by the
//! entries that came since: a commit costs the same however long the log is.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use deltalake_core::{DeltaResult, DeltaTableError};
use object_store::ObjectStoreExt as _;
use serde::Deserialize;

/// Applications whose versions are kept; beyond it all are forgotten and read anew.
const APPLICATIONS_MAX: usize = 1_024;

/// Entries of the log that are read one by one; of more the table format makes one answer.
const ENTRIES_MAX: u64 = 100;

/// Versions by application, as of one version of the table.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    table_version: u64,
    of: HashMap<String, Option<i64>>,
}

/// The part of a line of the log that is of interest.
#[derive(Debug, Deserialize)]
struct Line {
    txn: Option<Recorded>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    app_id: String,
    version: i64,
}

impl Transactions {
    /// The version that the application `app_id` recorded last, as of the state `loaded`.
    pub(super) async fn version(
        &mut self,
        app_id: &str,
        loaded: &DeltaTableState,
        log: &LogStoreRef,
    ) -> DeltaResult<Option<i64>> {
        if self.table_version != loaded.version() {
            self.follow(loaded.version(), log).await;
        }
        if let Some(known) = self.of.get(app_id) {
            return Ok(*known);
        }
        let version = loaded.transaction_version(log, app_id).await?;
        if self.of.len() >= APPLICATIONS_MAX {
            self.of.clear();
        }
        self.of.insert(app_id.to_owned(), version);
        Ok(version)
    }

    /// Brings what is known to another version of the table; forgets it where that is not possible.
    async fn follow(&mut self, table_version: u64, log: &LogStoreRef) {
        let further = self.table_version + 1..=table_version;
        let is_near =
            self.table_version <= table_version && table_version - self.table_version <= ENTRIES_MAX;
        if self.of.is_empty() || !is_near || !self.add(further, log).await {
            self.of.clear();
        }
        self.table_version = table_version;
    }

    /// Adds what entries of the log say; whether all could be read. Who reads the whole log tells why not.
    async fn add(&mut self, entries: RangeInclusive<u64>, log: &LogStoreRef) -> bool {
        for entry in entries {
            let Ok(recorded) = recorded_in(entry, log).await else { return false };
            for Recorded { app_id, version } in recorded {
                self.of.entry(app_id).and_modify(|known| *known = Some(version));
            }
        }
        true
    }
}

/// The transactions of one entry of the log.
async fn recorded_in(table_version: u64, log: &LogStoreRef) -> DeltaResult<Vec<Recorded>> {
    let place = log.log_path().clone().join(format!("{table_version:020}.json"));
    let entry = log.object_store(None).get(&place).await?.bytes().await?;
    let mut recorded = Vec::new();
    for line in entry.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Line = serde_json::from_slice(line).map_err(DeltaTableError::generic)?;
        recorded.extend(line.txn);
    }
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use crate::store::{AppTransaction, Commit, Store, Swept, VacuumAction, VacuumOptions};

    async fn record(store: &Store, app_id: &str, version: i64, previous: Option<i64>) {
        let transactions = vec![AppTransaction { app_id: app_id.to_owned(), version, previous }];
        store.events().commit(Commit { transactions, ..Commit::default() }).await.unwrap();
    }

    async fn recorded(store: &Store, app_id: &str) -> Option<i64> {
        store.events().transaction_version(app_id).await.unwrap()
    }

    #[tokio::test]
    async fn what_others_record_is_seen_by_who_asked_before() {
        let folder = tempfile::tempdir().unwrap();
        let here = Store::open_or_create(folder.path()).await.unwrap();
        let there = Store::open(folder.path()).unwrap();
        assert_eq!((recorded(&here, "a").await, recorded(&here, "b").await), (None, None));
        record(&there, "a", 1, None).await;
        assert_eq!(recorded(&here, "a").await, Some(1));
        record(&there, "a", 2, Some(1)).await;
        record(&there, "b", 7, None).await;
        record(&here, "a", 3, Some(2)).await;
        assert_eq!((recorded(&here, "a").await, recorded(&here, "b").await), (Some(3), Some(7)));
        // entries that a checkpoint made needless are gone
        record(&there, "b", 8, Some(7)).await;
        there.events().checkpoint().await.unwrap();
        let options = VacuumOptions {
            older_than: Duration::ZERO,
            action: VacuumAction::Remove,
            now: SystemTime::UNIX_EPOCH,
        };
        assert_ne!(there.vacuum(options).await.unwrap(), Swept::default());
        assert_eq!((recorded(&here, "a").await, recorded(&here, "b").await), (Some(3), Some(8)));
    }
}

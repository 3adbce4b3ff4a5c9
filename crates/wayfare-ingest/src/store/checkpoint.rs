//! Checkpoints of a table's log, which tell in one file what its entries tell.

use std::sync::Arc;

use deltalake_core::checkpoints::create_checkpoint;
use deltalake_core::{DeltaTable, DeltaTableError};
use object_store::ObjectStoreExt as _;

use super::guard::damage;
use super::table::{Table, error};
use crate::{Error, ErrorKind, Result};

/// Log entries after the last checkpoint from which a new one pays.
const ENTRIES_MAX: i64 = 10;

impl Table {
    /// Writes a checkpoint of the newest version, so that no older entry of the log is needed.
    ///
    /// # Errors
    /// As [`Table::snapshot`]; `Unavailable` when the log cannot be written.
    pub(super) async fn checkpoint(&self) -> Result<()> {
        let mut loaded = DeltaTable::new(Arc::clone(self.log()));
        loaded
            .load()
            .await
            .map_err(|cause| error("cannot read the log", cause).with("table", self.name()))?;
        // the kernel keeps no cause of a write that failed; the log could be read just now, so it is none of its damage
        create_checkpoint(&loaded, None).await.map_err(|cause| {
            damage(&cause).unwrap_or_else(|| {
                Error::new(ErrorKind::Unavailable, "cannot write a checkpoint of the log")
                    .with("table", self.name())
                    .because(cause)
            })
        })
    }

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
}

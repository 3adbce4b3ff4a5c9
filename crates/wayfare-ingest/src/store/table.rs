//! One Delta table of the store: its snapshot and its commits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, EagerSnapshot, StructField, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use object_store::Error as StoreError;
use object_store::path::Path as StorePath;

use super::data_file::{DataFile, NewFile};
use crate::{Error, ErrorKind, Result};

/// An application transaction of a commit: a name and a version, kept in the log with the commit itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppTransaction {
    /// Whose transaction it is.
    pub app_id: String,
    /// The highest version of it that is in the table.
    pub version: i64,
}

/// What a commit means to those who follow a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CommitKind {
    /// Rows come or go.
    #[default]
    Data,
    /// The same rows lie in other files (`dataChange` is false).
    Layout,
}

/// What one commit changes.
#[derive(Debug, Default)]
pub struct Commit {
    /// Files that become visible.
    pub add: Vec<NewFile>,
    /// Files that are no longer part of the table.
    pub remove: Vec<DataFile>,
    /// Application transactions to record.
    pub transactions: Vec<AppTransaction>,
    /// What the change means.
    pub kind: CommitKind,
}

/// The files of a table at one version.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The table's version.
    pub version: i64,
    /// Its files, sorted by path.
    pub files: Vec<DataFile>,
}

/// One Delta table.
#[derive(Debug)]
pub struct Table {
    name: &'static str,
    file_schema: SchemaRef,
    partitions: &'static [&'static str],
    folder: StorePath,
    log: LogStoreRef,
}

impl Table {
    pub(super) fn new(
        name: &'static str,
        file_schema: SchemaRef,
        partitions: &'static [&'static str],
        folder: StorePath,
        log: LogStoreRef,
    ) -> Self {
        Self { name, file_schema, partitions, folder, log }
    }

    /// The table's name, which is its folder's.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The schema of its data files, without the partition columns.
    pub fn file_schema(&self) -> &SchemaRef {
        &self.file_schema
    }

    /// The partition columns, in path order.
    pub fn partition_fields(&self) -> Vec<Field> {
        self.partitions
            .iter()
            .map(|name| {
                let kind = if name.ends_with("date") { DataType::Date32 } else { DataType::Utf8 };
                Field::new(*name, kind, false)
            })
            .collect()
    }

    /// The table's folder as an absolute path of the store's file access.
    pub fn folder(&self) -> &StorePath {
        &self.folder
    }

    pub(super) async fn create_if_missing(&self) -> Result<()> {
        let fields = self
            .partition_fields()
            .into_iter()
            .chain(self.file_schema.fields().iter().map(|f| (**f).clone()));
        let columns = fields
            .map(|field| (&field).try_into_kernel())
            .collect::<std::result::Result<Vec<StructField>, _>>()
            .map_err(|cause| Error::internal("a column has no Delta type").because(cause))?;
        CreateBuilder::new()
            .with_log_store(Arc::clone(&self.log))
            .with_table_name(self.name)
            .with_columns(columns)
            .with_partition_columns(self.partitions.iter().copied())
            .with_save_mode(SaveMode::Ignore)
            .await
            .map_err(|cause| error("cannot make the table", cause).with("table", self.name))?;
        Ok(())
    }

    /// The table's log.
    pub(super) fn log(&self) -> &LogStoreRef {
        &self.log
    }

    async fn load(&self) -> Result<EagerSnapshot> {
        EagerSnapshot::try_new(self.log.as_ref(), None)
            .await
            .map_err(|cause| error("cannot read the log", cause).with("table", self.name))
    }

    /// Reads the table's newest version.
    ///
    /// # Errors
    /// `NotFound` without a log, `Corrupt` when the log cannot be understood, `Unavailable` when it cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let loaded = self.load().await?;
        let log_data = loaded
            .try_log_data()
            .map_err(|cause| error("cannot read the log", cause).with("table", self.name))?;
        let mut files =
            log_data.iter().map(|view| DataFile::of_view(&view, &self.folder)).collect::<Result<Vec<_>>>()?;
        files.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Ok(Snapshot { version: version_number(loaded.version())?, files })
    }

    /// The version recorded last for the application `app_id`.
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub async fn transaction_version(&self, app_id: &str) -> Result<Option<i64>> {
        let loaded = self.load().await?;
        loaded
            .transaction_version(self.log.as_ref(), app_id)
            .await
            .map_err(|cause| error("cannot read the log", cause).with("table", self.name))
    }

    /// Commits one change and returns the table's new version.
    ///
    /// # Errors
    /// `Conflict` when another writer changed the same files, `Unavailable` when the log cannot be written.
    pub async fn commit(&self, commit: Commit) -> Result<i64> {
        let loaded = self.load().await?;
        let changes_data = commit.kind == CommitKind::Data;
        let added = commit.add.into_iter().map(|file| Add { data_change: changes_data, ..file.add });
        let mut actions: Vec<Action> = added.map(Action::Add).collect();
        let removed: BTreeSet<&str> = commit.remove.iter().map(|file| file.path.as_str()).collect();
        if !removed.is_empty() {
            let log_data = loaded
                .try_log_data()
                .map_err(|cause| error("cannot read the log", cause).with("table", self.name))?;
            let gone = log_data.iter().filter(|view| removed.contains(&*view.path()));
            actions.extend(gone.map(|view| Action::Remove(view.remove_action(changes_data))));
        }
        let transactions =
            commit.transactions.into_iter().map(|txn| Transaction::new(txn.app_id, txn.version)).collect();
        let properties = CommitProperties::default()
            .with_application_transactions(transactions)
            .with_metadata(HashMap::from([("engine".to_owned(), "wayfare".into())]));
        let operation = match commit.kind {
            CommitKind::Layout => DeltaOperation::Optimize { predicate: None, target_size: 0 },
            CommitKind::Data => DeltaOperation::Write {
                mode: if removed.is_empty() { SaveMode::Append } else { SaveMode::Overwrite },
                partition_by: Some(self.partitions.iter().map(|&name| name.to_owned()).collect()),
                predicate: None,
            },
        };
        let done = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(&loaded), Arc::clone(&self.log), operation)
            .await
            .map_err(|cause| error("cannot commit", cause).with("table", self.name))?;
        version_number(done.version())
    }
}

pub(super) fn version_number(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|cause| Error::corrupt("the log's version is out of range").because(cause))
}

/// Turns an error of the table format into ours.
pub(super) fn error(what: &str, cause: DeltaTableError) -> Error {
    let kind = match &cause {
        DeltaTableError::NotATable(_) => ErrorKind::NotFound,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_),
        } => ErrorKind::Conflict,
        DeltaTableError::ObjectStore { source: StoreError::NotFound { .. } } => ErrorKind::Corrupt,
        DeltaTableError::ObjectStore { .. }
        | DeltaTableError::Io { .. }
        | DeltaTableError::Transaction { .. } => ErrorKind::Unavailable,
        DeltaTableError::KernelError(_) if mentions_file_access(&cause) => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, what).because(cause)
}

/// Whether an error of the kernel, which has no kinds, comes from the file system.
fn mentions_file_access(cause: &DeltaTableError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(error) = next {
        if error.is::<std::io::Error>() || error.is::<StoreError>() {
            return true;
        }
        next = error.source();
    }
    false
}

//! One Delta table of the store: its snapshot and its commits.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::datatypes::{DataType, Field, SchemaRef};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, MetadataExt as _, StructField, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::state::DeltaTableState;
use futures::TryStreamExt as _;
use object_store::Error as StoreError;
use object_store::path::Path as StorePath;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::data_file::{DataFile, NewFile};
use super::files::Files;
use super::guard::damage;
use super::transactions::Transactions;
use crate::{Error, ErrorKind, Result};

/// The folder of a table's log inside the table's.
pub(super) const LOG_FOLDER: &str = "_delta_log";

/// Tries of one commit. A try takes some milliseconds, so with eight writers this is a minute or more.
const COMMIT_ATTEMPTS_MAX: u32 = 200;

/// The longest pause after the first lost race, and by how much it grows with each.
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// The longest pause of all.
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// An application transaction of a commit: a name and a version, kept in the log with the commit itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppTransaction {
    /// Whose transaction it is.
    pub app_id: String,
    /// The highest version of it that is in the table.
    pub version: i64,
    /// The version that has to be in the table before.
    pub previous: Option<i64>,
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
    /// The version from which the change was computed, when it holds for no other.
    pub base: Option<i64>,
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
    files: Arc<Files>,
    head: Mutex<Option<DeltaTableState>>,
    known: Mutex<Snapshot>,
    transactions: Mutex<Transactions>,
}

impl Table {
    pub(super) fn new(
        name: &'static str,
        file_schema: SchemaRef,
        partitions: &'static [&'static str],
        folder: StorePath,
        log: LogStoreRef,
        files: Arc<Files>,
    ) -> Self {
        Self {
            name,
            file_schema,
            partitions,
            folder,
            log,
            files,
            head: Mutex::default(),
            known: Mutex::default(),
            transactions: Mutex::default(),
        }
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

    /// The file access of the store that the table is in.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The columns as the log tells them, partition columns first.
    fn columns(&self) -> Result<Vec<StructField>> {
        let fields = self.partition_fields().into_iter();
        let fields = fields.chain(self.file_schema.fields().iter().map(|field| (**field).clone()));
        fields
            .map(|field| (&field).try_into_kernel())
            .collect::<std::result::Result<_, _>>()
            .map_err(|cause| Error::internal("a column has no Delta type").because(cause))
    }

    pub(super) async fn create_if_missing(&self) -> Result<()> {
        CreateBuilder::new()
            .with_log_store(Arc::clone(&self.log))
            .with_table_name(self.name)
            .with_columns(self.columns()?)
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

    /// The newest state; what was read before is kept, so only the log's new entries are read.
    async fn load(&self) -> Result<DeltaTableState> {
        // what is known already would do without the folder, and the next commit would begin a log in the middle
        if self.files.path_of(&self.folder).is_ok_and(|folder| !folder.join(LOG_FOLDER).is_dir()) {
            return Err(self.without_log());
        }
        let mut head = self.head.lock().await;
        let loaded = match head.take() {
            Some(mut known) => match known.update(&self.log, None).await {
                Ok(()) => Ok(known),
                // the log may have been shortened since
                Err(_stale) => DeltaTableState::try_new(&self.log, None).await,
            },
            None => DeltaTableState::try_new(&self.log, None).await,
        };
        let loaded = loaded.map_err(|cause| match cause {
            DeltaTableError::NotATable(_) => self.without_log(),
            cause => error("cannot read the log", cause).with("table", self.name),
        })?;
        Ok(head.insert(loaded).clone())
    }

    /// That the log is gone: a store is made with all its tables.
    fn without_log(&self) -> Error {
        Error::corrupt("the table's log is missing")
            .with("file", format!("{}/{LOG_FOLDER}", self.name))
            .hint("restore the store from a backup")
    }

    /// Reads the table's newest version.
    ///
    /// # Errors
    /// `Corrupt` when the log is gone or cannot be understood, `Unavailable` when it cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let loaded = self.load().await?;
        let version = version_number(loaded.version())?;
        let mut known = self.known.lock().await;
        if known.version == version && !known.files.is_empty() {
            return Ok(known.clone());
        }
        let mut files = Vec::new();
        if self.has_columns(&loaded)? {
            // a file's name is never used again, so what the log said of it stays true
            let before: HashMap<&str, &DataFile> =
                known.files.iter().map(|file| (file.path.as_str(), file)).collect();
            let all = loaded.log_data();
            let all = all.iter().map(|view| match before.get(&*view.path()) {
                Some(&file) => Ok(file.clone()),
                None => DataFile::of_view(&view, &self.folder),
            });
            files = all.collect::<Result<_>>()?;
        }
        files.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        *known = Snapshot { version, files };
        Ok(known.clone())
    }

    /// Whether a state of the table has today's columns.
    fn has_columns(&self, loaded: &DeltaTableState) -> Result<bool> {
        Ok(loaded.schema().fields().eq(&self.columns()?))
    }

    /// Gives the table today's columns where an older program made it with others, and takes the files with those out of
    /// it. For a table that is made anew from another one; until then its files count for nothing.
    ///
    /// # Errors
    /// `Conflict` when somebody else commits meanwhile, `Unavailable` when the log cannot be written.
    pub async fn renew(&self) -> Result<()> {
        let loaded = self.load().await?;
        if self.has_columns(&loaded)? {
            return Ok(());
        }
        let no_table = "columns that are no table";
        let schema = StructType::try_new(self.columns()?);
        let schema = schema.map_err(|cause| Error::internal(no_table).because(cause))?;
        let metadata = loaded.metadata().clone().with_schema(&schema);
        let metadata = metadata.map_err(|cause| Error::internal(no_table).because(cause))?;
        let old = loaded.log_data();
        let mut actions: Vec<Action> =
            old.iter().map(|view| Action::Remove(view.remove_action(true))).collect();
        actions.push(Action::Metadata(metadata));
        let written = self.write(actions, Vec::new(), self.change(SaveMode::Overwrite), &loaded).await;
        written
            .map(drop)
            .map_err(|cause| error("cannot give the table its columns", cause).with("table", self.name))
    }

    /// Files that were part of the table, as far as the log tells of them, and when they were taken out of it.
    pub(super) async fn replaced(&self) -> Result<HashMap<String, SystemTime>> {
        let failed = |cause| error("cannot read the log", cause).with("table", self.name);
        let loaded = self.load().await?;
        let mut views = loaded.all_tombstones(&self.log);
        let mut replaced = HashMap::new();
        while let Some(view) = views.try_next().await.map_err(failed)? {
            let at_ms = u64::try_from(view.deletion_timestamp().unwrap_or_default()).unwrap_or_default();
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms);
            replaced.insert(view.path().into_owned(), at);
        }
        Ok(replaced)
    }

    /// The version recorded last for the application `app_id`.
    ///
    /// # Errors
    /// As [`Table::snapshot`].
    pub async fn transaction_version(&self, app_id: &str) -> Result<Option<i64>> {
        let loaded = self.load().await?;
        self.recorded(&loaded, app_id).await
    }

    async fn recorded(&self, loaded: &DeltaTableState, app_id: &str) -> Result<Option<i64>> {
        let mut transactions = self.transactions.lock().await;
        transactions
            .version(app_id, loaded, &self.log)
            .await
            .map_err(|cause| error("cannot read the log", cause).with("table", self.name))
    }

    /// Makes everything that is in the log survive a power cut, whoever committed it. To be called before an answer
    /// that relies on a commit of somebody else, who may have been killed before it was synced.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub async fn settle(&self) -> Result<()> {
        let settle = async {
            let folder = self.files.path_of(&self.folder).map_err(io::Error::other)?.join(LOG_FOLDER);
            self.files.blocking(move |files| files.settle(&folder)).await
        };
        settle.await.map_err(|cause| Error::io("cannot sync the log", cause).with("table", self.name))
    }

    /// Commits one change and returns the table's new version; what is answered survives a power cut.
    ///
    /// Other writers may commit at the same time. Each try starts from the newest version, looks whether the change
    /// still fits there, and is lost when somebody else takes the next version first.
    ///
    /// # Errors
    /// `Conflict` when the change does not fit any more (a file to be removed is gone, a transaction was recorded,
    /// the base is not the newest version) or when others kept winning; `Unavailable` when the log cannot be
    /// written. The files to be added are deleted then, unless they may be in the log after all.
    pub async fn commit(&self, commit: Commit) -> Result<i64> {
        let added: Vec<String> = commit.add.iter().map(|file| file.add.path.clone()).collect();
        match self.try_commit(&commit).await {
            Ok(version) => Ok(version),
            Err(failure) => {
                self.discard(&added).await;
                Err(failure)
            }
        }
    }

    async fn try_commit(&self, commit: &Commit) -> Result<i64> {
        for attempt in 0..COMMIT_ATTEMPTS_MAX {
            let loaded = self.load().await?;
            self.check(commit, &loaded).await?;
            match self.attempt(commit, &loaded).await {
                Ok(version) => return version_number(version),
                Err(DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) }) => {
                    tokio::time::sleep(pause(attempt)).await;
                }
                Err(cause) => return Err(error("cannot commit", cause).with("table", self.name)),
            }
        }
        let message = format!("other writers were faster {COMMIT_ATTEMPTS_MAX} times in a row");
        Err(Error::new(ErrorKind::Conflict, message).with("table", self.name).hint("try again"))
    }

    /// Looks whether a change fits the newest version.
    async fn check(&self, commit: &Commit, loaded: &DeltaTableState) -> Result<()> {
        let conflict = |message: &str| Err(Error::new(ErrorKind::Conflict, message).with("table", self.name));
        if commit.base.is_some_and(|base| u64::try_from(base) != Ok(loaded.version())) {
            return conflict("another writer changed the table in the meantime");
        }
        for transaction in &commit.transactions {
            if self.recorded(loaded, &transaction.app_id).await? != transaction.previous {
                return conflict("another writer recorded the same transaction");
            }
        }
        let mut missing: BTreeSet<&str> = commit.remove.iter().map(|file| file.path.as_str()).collect();
        if !missing.is_empty() {
            for view in loaded.log_data().iter() {
                missing.remove(&*view.path());
            }
        }
        if missing.is_empty() { Ok(()) } else { conflict("another writer removed the same file") }
    }

    /// Tries to be the next version; `MaxCommitAttempts` when somebody else is.
    async fn attempt(&self, commit: &Commit, loaded: &DeltaTableState) -> Result<u64, DeltaTableError> {
        let data_change = commit.kind == CommitKind::Data;
        let added = commit.add.iter().map(|file| Add { data_change, ..file.add.clone() });
        let mut actions: Vec<Action> = added.map(Action::Add).collect();
        let removed: BTreeSet<&str> = commit.remove.iter().map(|file| file.path.as_str()).collect();
        if !removed.is_empty() {
            let gone = loaded.log_data();
            let gone = gone.iter().filter(|view| removed.contains(&*view.path()));
            actions.extend(gone.map(|view| Action::Remove(view.remove_action(data_change))));
        }
        let transactions = commit
            .transactions
            .iter()
            .map(|transaction| Transaction::new(&transaction.app_id, transaction.version))
            .collect();
        let mode = if removed.is_empty() { SaveMode::Append } else { SaveMode::Overwrite };
        let operation = match commit.kind {
            CommitKind::Layout => DeltaOperation::Optimize { predicate: None, target_size: 0 },
            CommitKind::Data => self.change(mode),
        };
        self.write(actions, transactions, operation, loaded).await
    }

    /// A change of data, as the log tells it.
    fn change(&self, mode: SaveMode) -> DeltaOperation {
        let partition_by = Some(self.partitions.iter().map(|&name| name.to_owned()).collect());
        DeltaOperation::Write { mode, partition_by, predicate: None }
    }

    /// Tries to write the next entry of the log.
    async fn write(
        &self,
        actions: Vec<Action>,
        transactions: Vec<Transaction>,
        operation: DeltaOperation,
        loaded: &DeltaTableState,
    ) -> Result<u64, DeltaTableError> {
        // The library's own retries are off: of a lost race it only tells some kinds of conflict.
        let properties = CommitProperties::default()
            .with_application_transactions(transactions)
            .with_metadata(HashMap::from([("engine".to_owned(), "wayfare".into())]))
            .with_cleanup_expired_logs(Some(false))
            .with_max_retries(0);
        let prepared = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(loaded), Arc::clone(&self.log), operation)
            .into_prepared_commit_future()
            .await?;
        let committed = prepared.await?;
        let version = committed.version;
        // What follows a commit is a checkpoint now and then. It saves time only, so its failure is none of the commit.
        if let Ok(done) = committed.await {
            self.head.lock().await.replace(done.snapshot);
        }
        Ok(version)
    }

    /// Deletes files whose commit failed, if it is certain that it did: a log entry may be there although its
    /// folder could not be synced.
    async fn discard(&self, added: &[String]) {
        if added.is_empty() {
            return;
        }
        let Ok(loaded) = self.load().await else { return };
        if loaded.log_data().iter().any(|view| added.iter().any(|path| *path == *view.path())) {
            return;
        }
        let Ok(folder) = self.files.path_of(&self.folder) else { return };
        let paths: Vec<PathBuf> = added.iter().map(|path| folder.join(path)).collect();
        let forget = move |files: &Files| {
            for path in &paths {
                files.forget(path);
            }
            Ok(())
        };
        self.files.blocking(forget).await.unwrap_or_default();
    }
}

/// How long to wait after a lost race: longer each time, and not as long as others that lost, too.
fn pause(attempt: u32) -> Duration {
    let most = PAUSE_MAX.min(PAUSE_FIRST * attempt.saturating_add(1));
    let random = Uuid::new_v4().as_fields().0 % 1_000;
    most * random / 1_000
}

fn version_number(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|cause| Error::corrupt("the log's version is out of range").because(cause))
}

/// Turns an error of the table format into ours.
pub(super) fn error(what: &str, cause: DeltaTableError) -> Error {
    if let Some(damage) = damage(&cause) {
        return damage;
    }
    let kind = match &cause {
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_),
        } => ErrorKind::Conflict,
        DeltaTableError::ObjectStore { source: StoreError::NotFound { .. } } => ErrorKind::Corrupt,
        DeltaTableError::ObjectStore { .. }
        | DeltaTableError::Io { .. }
        | DeltaTableError::Transaction { .. } => ErrorKind::Unavailable,
        _ if mentions_file_access(&cause) => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    };
    Error::new(kind, what).because(cause)
}

/// Whether an error of the kernel or of a writer, which have no kinds, comes from the file system.
fn mentions_file_access(cause: &DeltaTableError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(error) = next {
        if error.is::<io::Error>() || error.is::<StoreError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    use arrow::datatypes::Schema;

    use super::super::{FileLayout, Store, encode};
    use super::*;

    /// The same table with one column of text, as another program would have it.
    fn with_one_column(table: &Table) -> Table {
        let schema = Schema::new(vec![Field::new("note", DataType::Utf8, true)]);
        let (folder, log, files) = (table.folder.clone(), Arc::clone(&table.log), Arc::clone(&table.files));
        Table::new(table.name, Arc::new(schema), table.partitions, folder, log, files)
    }

    async fn add_a_row(table: &Table) {
        let notes: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let rows = RecordBatch::try_new(Arc::clone(table.file_schema()), vec![notes]).unwrap();
        let partition = [("start_date", "2026-03-01".to_owned())];
        let file = table.put(encode(&rows, FileLayout::PLAIN).unwrap(), &partition, "rows", 0).await.unwrap();
        table.commit(Commit { add: vec![file], ..Commit::default() }).await.unwrap();
    }

    #[tokio::test]
    async fn a_table_of_other_columns_counts_for_nothing_and_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("store")).await.unwrap();
        let now = store.invocations();
        let before = with_one_column(now);
        before.renew().await.unwrap();
        add_a_row(&before).await;
        let old = before.snapshot().await.unwrap();
        assert_eq!((old.files.len(), now.snapshot().await.unwrap().files.len()), (1, 0));

        now.renew().await.unwrap();
        let renewed = now.snapshot().await.unwrap();
        assert_eq!((renewed.version, renewed.files.len()), (old.version + 1, 0));
        assert_eq!(before.snapshot().await.unwrap().files.len(), 0);
        assert!(now.replaced().await.unwrap().contains_key(&old.files[0].path));

        now.renew().await.unwrap();
        assert_eq!(now.snapshot().await.unwrap().version, renewed.version, "nothing is left to do");
    }
}

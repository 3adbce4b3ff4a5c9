//! The store: a folder with three Delta tables and a settings file.
//!
//! `events` is the truth, `invocations` a cache of it, `quarantine` the lines that were refused. Data is
//! visible only through a table's log: nothing lists folders to find it. Every write goes through the one
//! [`Files`] that [`Store`] holds, which answers when the write survives a power cut. Several processes may write at
//! once: tables by the optimistic commits of their logs, settings and the making of a store under a lock.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use deltalake_core::logstore::{StorageConfig, logstore_with};
use object_store::ObjectStore;
use object_store::path::Path as StorePath;
use url::Url;

use crate::{Error, ErrorKind, Result};

mod checkpoint;
mod contents;
mod data_file;
mod disk;
mod encoder;
mod files;
mod guard;
mod layout;
mod reading;
mod scratch;
mod seal;
mod settings;
#[cfg(test)]
pub(crate) mod simulated;
mod statistics;
mod sweep;
mod table;
mod transactions;
mod turn;
mod upload;

pub use contents::{Batches, Contents};
pub use data_file::{DataFile, EncodedFile, FileEntry, NewFile};
pub use disk::{Disk, DiskFile, LocalDisk};
pub use encoder::{Encoder, encode};
pub use files::Files;
use guard::Guard;
pub use guard::damage;
pub(crate) use layout::QUARANTINE_LAYOUT;
pub use layout::{EVENTS_LAYOUT, FileLayout};
pub use scratch::Scratch;
pub(crate) use settings::FILE_NAME as SETTINGS_FILE;
pub use settings::Settings;
pub use statistics::{Statistics, ValueRange};
pub(crate) use sweep::{DAMAGED_FOLDER, relative, version_of, walk};
pub use sweep::{Swept, VacuumAction, VacuumOptions};
pub use table::{AppTransaction, Commit, CommitKind, Snapshot, Table};
pub use turn::Turn;

use crate::columns;

/// Name of the file that is locked while settings are changed; it stays, and is empty.
const LOCK_FILE: &str = "wayfare.lock";

/// An open store.
///
/// ```no_run
/// # async fn example() -> wayfare_ingest::Result<()> {
/// let store = wayfare_ingest::Store::open("journeys".as_ref())?;
/// let snapshot = store.events().snapshot().await?;
/// println!("{} files at version {}", snapshot.files.len(), snapshot.version);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    files: Arc<Files>,
    access: Arc<dyn ObjectStore>,
    settings: RwLock<Settings>,
    events: Table,
    invocations: Table,
    quarantine: Table,
}

impl Store {
    /// Opens the store at `root`.
    ///
    /// # Errors
    /// `NotFound` when there is no such folder, `Invalid` when the folder is not a store or was written by a
    /// newer version, `Unavailable` when it cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        Self::open_on(Arc::new(LocalDisk), root)
    }

    /// Opens the store at `root`, making it first when the folder is missing or empty.
    ///
    /// # Errors
    /// As [`Store::open`]; `Invalid` when the folder holds something else.
    pub async fn open_or_create(root: &Path) -> Result<Self> {
        Self::open_or_create_on(Arc::new(LocalDisk), root).await
    }

    /// [`Store::open`], with all changes going through `disk`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self> {
        if !root.exists() {
            return Err(Error::not_found("no store here: the folder does not exist")
                .with("store", root.display())
                .hint("`wayfare ingest --store DIR FILE…` makes one"));
        }
        if root.is_file() {
            return Err(is_a_file(root));
        }
        if !root.join(settings::FILE_NAME).is_file() {
            return Err(Error::invalid(format!("not a store: the folder has no {}", settings::FILE_NAME))
                .with("store", root.display())
                .hint("`wayfare ingest --store DIR FILE…` makes one in an empty or new folder"));
        }
        Self::attach(disk, root, Settings::read(root)?)
    }

    /// [`Store::open_or_create`], with all changes going through `disk`.
    ///
    /// # Errors
    /// As [`Store::open_or_create`].
    pub async fn open_or_create_on(disk: Arc<dyn Disk>, root: &Path) -> Result<Self> {
        if root.join(settings::FILE_NAME).exists() {
            return Self::open_on(disk, root);
        }
        if root.is_file() {
            return Err(is_a_file(root));
        }
        let occupied = match std::fs::read_dir(root) {
            Ok(mut entries) => entries.next().is_some(),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => false,
            Err(cause) => {
                return Err(Error::io("cannot read the folder", cause).with("store", root.display()));
            }
        };
        if occupied && !is_half_made(root) {
            return Err(Error::invalid("not a store: the folder is not empty")
                .with("store", root.display())
                .hint("name a new or empty folder, or an existing store"));
        }
        make_root(&disk, root).map_err(|cause| cannot_make(root, cause))?;
        let store = Self::attach(Arc::clone(&disk), root, Settings::default())?;
        let _only_one_makes_it = store.lock().await?;
        if root.join(settings::FILE_NAME).exists() {
            return Self::open_on(disk, root);
        }
        for table in store.tables() {
            table.create_if_missing().await?;
        }
        // The settings file comes last: its presence says that the tables are all there.
        store.settings().write(&store.root, &store.files)?;
        Ok(store)
    }

    fn attach(disk: Arc<dyn Disk>, root: &Path, settings: Settings) -> Result<Self> {
        let root = root
            .canonicalize()
            .map_err(|cause| Error::io("cannot resolve the folder", cause).with("store", root.display()))?;
        let files = Arc::new(Files::new(disk, root.clone()));
        let access: Arc<dyn ObjectStore> = Arc::new(Guard::new(Arc::clone(&files) as _));
        let table = |name: &'static str, schema, partitions: &'static [&'static str]| -> Result<Table> {
            let location = Url::from_directory_path(root.join(name)).map_err(|()| {
                Error::new(ErrorKind::Internal, "a store's path has no URL").with("store", root.display())
            })?;
            let log = logstore_with(Arc::clone(&access), &location, StorageConfig::default())
                .map_err(|cause| table::error("cannot open the log", cause).with("table", name))?;
            let folder = StorePath::from_absolute_path(root.join(name)).map_err(|cause| {
                Error::invalid("the store's path cannot be used").with("store", root.display()).because(cause)
            })?;
            Ok(Table::new(name, schema, partitions, folder, log, Arc::clone(&files)))
        };
        Ok(Self {
            events: table("events", columns::events_file_schema(), &["source", "date"])?,
            invocations: table("invocations", columns::invocations_file_schema(), &["start_date"])?,
            quarantine: table("quarantine", columns::quarantine_file_schema(), &[])?,
            files: Arc::clone(&files),
            access: Arc::clone(&access),
            settings: RwLock::new(settings),
            root,
        })
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files of the store, for changes; paths are absolute.
    pub fn files(&self) -> Arc<Files> {
        Arc::clone(&self.files)
    }

    /// The files of the store for readers, who are given no damaged byte; paths are absolute.
    pub fn access(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.access)
    }

    /// The store's settings, as they were when they were read last.
    pub fn settings(&self) -> Settings {
        // A thread that panicked while it held the lock left whole settings behind.
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the settings again: another process may have raised the journey lifetime.
    ///
    /// # Errors
    /// `Invalid` when somebody wrote what cannot be used, `Unavailable` when the file cannot be read.
    pub fn reload_settings(&self) -> Result<()> {
        self.keep(Settings::read(&self.root)?);
        Ok(())
    }

    /// Changes the settings, in the file too: `change` is given what is in the file, while nobody else changes it.
    ///
    /// # Errors
    /// As [`Store::reload_settings`]; `Unavailable` when the file cannot be written.
    pub async fn change_settings(&self, change: impl FnOnce(Settings) -> Settings + Send) -> Result<()> {
        let _nobody_else = self.lock().await?;
        let settings = change(Settings::read(&self.root)?);
        settings.write(&self.root, &self.files)?;
        self.keep(settings);
        Ok(())
    }

    fn keep(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Waits until no other process changes what only one may change at a time; others wait until the file is dropped.
    async fn lock(&self) -> Result<File> {
        let path = self.root.join(LOCK_FILE);
        let wait = move |_: &Files| {
            let file = File::options().create(true).append(true).open(path)?;
            file.lock()?;
            Ok(file)
        };
        let locked = self.files.blocking(wait).await;
        locked.map_err(|cause| Error::io("cannot lock the store", cause).with("store", self.root.display()))
    }

    /// The table of events.
    pub fn events(&self) -> &Table {
        &self.events
    }

    /// The table of folded runs.
    pub fn invocations(&self) -> &Table {
        &self.invocations
    }

    /// All tables.
    pub fn tables(&self) -> [&Table; 3] {
        [&self.events, &self.invocations, &self.quarantine]
    }

    /// The table of refused lines.
    pub fn quarantine(&self) -> &Table {
        &self.quarantine
    }
}

/// That a place is not there is no reason here: it was to be made.
fn cannot_make(root: &Path, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot make a store here")
        .with("store", root.display())
        .hint("name a folder that can be made, in a place where you may write")
        .because(cause)
}

fn is_a_file(root: &Path) -> Error {
    Error::invalid("not a store: expected a folder, saw a file")
        .with("store", root.display())
        .hint("name a new or empty folder, or an existing store")
}

/// Makes the store's folder and those above it, so that they survive a power cut.
fn make_root(disk: &Arc<dyn Disk>, root: &Path) -> std::io::Result<()> {
    let root = std::path::absolute(root)?;
    let around = root.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(&root);
    Files::new(Arc::clone(disk), around.to_path_buf()).make(&root)
}

/// Whether a folder holds nothing but tables of a store whose making was interrupted.
fn is_half_made(root: &Path) -> bool {
    std::fs::read_dir(root).is_ok_and(|entries| {
        entries.flatten().all(|entry| {
            matches!(entry.file_name().to_str(), Some("events" | "invocations" | "quarantine" | LOCK_FILE))
                || entry.file_name().to_string_lossy().starts_with(settings::FILE_NAME)
        })
    })
}

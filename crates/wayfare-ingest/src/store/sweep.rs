//! Removes what a table's newest version does not need: the way to it in the log, and files of former versions.
//!
//! Only with the store to oneself ([`Store::turn_alone`]): a file of somebody's unfinished commit looks the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::table::LOG_FOLDER;
use super::{Store, Table, Turn};
use crate::{Error, ErrorKind, Result};

/// How a copy of standard input is called in the store's folder.
pub(crate) const SPOOL_PREFIX: &str = "spool-";
/// Where damaged files are set aside.
pub(crate) const DAMAGED_FOLDER: &str = "damaged";
const LAST_CHECKPOINT: &str = "_last_checkpoint";
/// Folders that a file of a table can lie below.
const DEPTH_MAX: usize = 8;

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries and checkpoints of logs.
    pub log_entries: u64,
    /// Data files and leftovers of unfinished work, as paths inside the store.
    pub files: Vec<String>,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Store {
    /// Removes the past of every table, copies of standard input and damaged files that were set aside.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be removed; what is left can be removed by another call.
    pub(crate) async fn forget_past(&self, _alone: &Turn) -> Result<Swept> {
        let mut swept = Swept::default();
        for table in self.tables() {
            let version = table.checkpoint().await?;
            let snapshot = table.snapshot().await?;
            let live: BTreeSet<&str> = snapshot.files.iter().map(|file| file.path.as_str()).collect();
            let folder = self.root().join(table.name());
            let mut gone = Vec::new();
            for path in walk(&folder)? {
                let inside = relative(&folder, &path);
                if let Some(name) = inside.strip_prefix(&format!("{LOG_FOLDER}/")) {
                    if name != LAST_CHECKPOINT && version_of(name).is_none_or(|entry| entry < version) {
                        swept.log_entries += 1;
                        gone.push(path);
                    }
                } else if !live.contains(inside.as_str()) {
                    swept.files.push(relative(self.root(), &path));
                    gone.push(path);
                }
            }
            swept.bytes += self.remove(gone).await?;
        }
        let leftovers = self.leftovers()?;
        swept.files.extend(leftovers.iter().map(|path| relative(self.root(), path)));
        swept.bytes += self.remove(leftovers).await?;
        Ok(swept)
    }

    /// Removes files; gives their size in bytes.
    async fn remove(&self, paths: Vec<PathBuf>) -> Result<u64> {
        let bytes = paths.iter().map(|path| size_of(path)).sum();
        let removed = self.files().blocking(move |files| files.remove_all(&paths)).await;
        removed.map_err(|cause| Error::new(ErrorKind::Unavailable, "cannot remove files").because(cause))?;
        Ok(bytes)
    }

    /// Files of a table's folder that its newest version does not hold, as paths inside the store.
    pub(crate) fn unreferenced(&self, table: &Table, live: &BTreeSet<&str>) -> Result<Vec<(String, u64)>> {
        let folder = self.root().join(table.name());
        let paths = walk(&folder)?.into_iter().filter(|path| {
            let inside = relative(&folder, path);
            !inside.starts_with(LOG_FOLDER) && !live.contains(inside.as_str())
        });
        Ok(paths.map(|path| (relative(self.root(), &path), size_of(&path))).collect())
    }

    /// Copies of standard input that nobody removed, and damaged files that were set aside.
    pub(crate) fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.root()).map_err(|cause| {
            Error::io("cannot read the store's folder", cause).with("store", self.root().display())
        })?;
        let mut paths: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(SPOOL_PREFIX))
            .map(|entry| entry.path())
            .collect();
        paths.extend(walk(&self.root().join(DAMAGED_FOLDER))?);
        paths.sort();
        Ok(paths)
    }
}

/// The version that the name of a log entry or of a checkpoint begins with.
pub(crate) fn version_of(name: &str) -> Option<i64> {
    let (digits, _) = name.split_once('.')?;
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

/// All files below a folder, none if it does not exist.
pub(crate) fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let failed = |cause| Error::io("cannot read a folder", cause).with("folder", folder.display());
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(failed(cause)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                if depth < DEPTH_MAX {
                    folders.push((entry.path(), depth + 1));
                }
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A path inside a folder, with `/` between its parts.
pub(crate) fn relative(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

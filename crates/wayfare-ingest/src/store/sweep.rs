//! Removes files that nobody needs: of former versions of a table, of its log, and of commands that were killed.
//!
//! A clean-up with a grace period ([`Store::vacuum`]) and the removal of all of the past (`Store::forget_past`, for
//! erasure and retention) differ in how young a file may be. Without a grace period the store must not be anybody
//! else's ([`Store::turn_alone`]): a file of somebody's unfinished commit looks like one that nobody needs.
//!
//! The table format's own clean-up knows one table, leaves drafts, and commits twice to say what it did.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::table::LOG_FOLDER;
use super::{Store, Table, Turn};
use crate::{Error, Result};

/// How a copy of an input is called in the store's folder.
pub(crate) const SPOOL_PREFIX: &str = "spool-";
/// Where damaged files are set aside.
pub(crate) const DAMAGED_FOLDER: &str = "damaged";
const LAST_CHECKPOINT: &str = "_last_checkpoint";
/// Digits of a version in the name of a log entry.
pub(super) const VERSION_DIGITS: usize = 20;
/// Folders that a file of a table can lie below.
const DEPTH_MAX: usize = 8;

/// What a clean-up is to do.
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

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries and checkpoints of logs, which a younger checkpoint makes needless.
    pub log_entries: u64,
    /// Data files and leftovers of unfinished work, as paths inside the store, sorted.
    pub files: Vec<String>,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// How young a file may be and go all the same.
#[derive(Debug, Clone, Copy)]
enum Grace {
    /// As young as it likes.
    None,
    /// Nothing goes that was replaced, or written, since.
    Since(SystemTime),
}

impl Grace {
    fn is_over(self, then: Option<SystemTime>) -> bool {
        match self {
            Self::None => true,
            Self::Since(since) => then.is_some_and(|then| then <= since),
        }
    }
}

/// Files that can go.
#[derive(Debug, Default)]
struct Needless {
    log_entries: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Store {
    /// Removes files that no version of a table needs which is younger than the options say, old log entries, and what
    /// commands that were killed left behind.
    ///
    /// With an age of zero, nobody else may write to the store or read it at the same time.
    ///
    /// # Errors
    /// `Unavailable` when files cannot be listed or removed, `Corrupt` when a log cannot be understood, `Conflict` when
    /// the age is zero and somebody writes.
    pub async fn vacuum(&self, options: VacuumOptions) -> Result<Swept> {
        let VacuumOptions { older_than, action, now } = options;
        let (_turn, grace) = if older_than.is_zero() {
            (self.turn_alone()?, Grace::None)
        } else {
            let since = now.checked_sub(older_than).unwrap_or(SystemTime::UNIX_EPOCH);
            (self.turn_with_others().await?, Grace::Since(since))
        };
        self.sweep(grace, Vec::new(), action).await
    }

    /// Removes the past of every table, whatever is left over, and damaged files that were set aside.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be removed; what is left can be removed by another call.
    pub(crate) async fn forget_past(&self, _alone: &Turn) -> Result<Swept> {
        for table in self.tables() {
            table.checkpoint().await?;
        }
        self.sweep(Grace::None, self.set_aside()?, VacuumAction::Remove).await
    }

    /// Removes what nobody needs and `also`, and tells what that was.
    async fn sweep(&self, grace: Grace, also: Vec<PathBuf>, action: VacuumAction) -> Result<Swept> {
        let mut needless = Needless { files: also, ..Needless::default() };
        for table in self.tables() {
            self.past_of(table, grace, &mut needless).await?;
        }
        let is_old = |path: &PathBuf| grace.is_over(written(path));
        needless.files.extend(self.leftovers()?.into_iter().filter(is_old));
        let Needless { log_entries, mut files } = needless;
        files.sort_unstable();
        let mut swept = Swept {
            log_entries: log_entries.len() as u64,
            files: files.iter().map(|path| relative(self.root(), path)).collect(),
            bytes: 0,
        };
        let gone: Vec<PathBuf> = files.into_iter().chain(log_entries).collect();
        swept.bytes = gone.iter().map(|path| size_of(path)).sum();
        if action == VacuumAction::Remove {
            let removed = self.files().blocking(move |files| files.remove_all(&gone)).await;
            removed.map_err(|cause| Error::io("cannot remove files", cause))?;
        }
        Ok(swept)
    }

    /// Files of a table's folder that only former versions need, or nobody.
    async fn past_of(&self, table: &Table, grace: Grace, needless: &mut Needless) -> Result<()> {
        let snapshot = table.snapshot().await?;
        let live: BTreeSet<&str> = snapshot.files.iter().map(|file| file.path.as_str()).collect();
        let replaced = table.replaced().await?;
        let folder = self.root().join(table.name());
        let (mut log, mut others) = (Vec::new(), Vec::new());
        for path in walk(&folder)? {
            let inside = relative(&folder, &path);
            match inside.strip_prefix(LOG_FOLDER).and_then(|name| name.strip_prefix('/')) {
                Some(name) => log.push((name.to_owned(), path)),
                None => others.push((inside, path)),
            }
        }
        let goes = |(inside, path): &(String, PathBuf)| {
            let since = replaced.get(inside).copied().or_else(|| written(path));
            !live.contains(inside.as_str()) && grace.is_over(since)
        };
        needless.files.extend(others.into_iter().filter(goes).map(|(_, path)| path));
        let needed = first_needed(&log, grace, snapshot.version);
        for (name, path) in log {
            let is_before = version_of(&name).map(|version| version < needed);
            if name != LAST_CHECKPOINT && is_before.unwrap_or(true) && grace.is_over(written(&path)) {
                let kind = if is_before.is_some() { &mut needless.log_entries } else { &mut needless.files };
                kind.push(path);
            }
        }
        Ok(())
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

    /// What unfinished or interrupted work left in the store's folder: drafts, and copies of inputs.
    pub(crate) fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.root()).map_err(|cause| {
            Error::io("cannot read the store's folder", cause).with("store", self.root().display())
        })?;
        let is_left = |name: &str| name.starts_with(SPOOL_PREFIX) || is_draft(name);
        Ok(entries
            .flatten()
            .filter(|entry| is_left(&entry.file_name().to_string_lossy()))
            .map(|entry| entry.path())
            .collect())
    }

    /// Damaged files that were set aside.
    pub(crate) fn set_aside(&self) -> Result<Vec<PathBuf>> {
        walk(&self.root().join(DAMAGED_FOLDER))
    }
}

/// The first version that a log has to tell of: that of the newest checkpoint from which all younger ones can be read.
fn first_needed(log: &[(String, PathBuf)], grace: Grace, newest: i64) -> i64 {
    let young = log.iter().filter(|(_, path)| !grace.is_over(written(path)));
    let readable = young.filter_map(|(name, _)| version_of(name)).chain([newest]).min().unwrap_or(newest);
    let checkpoints = log.iter().filter(|(name, _)| name.ends_with(".checkpoint.parquet"));
    checkpoints
        .filter_map(|(name, _)| version_of(name))
        .filter(|version| *version <= readable)
        .max()
        .unwrap_or_default()
}

/// When a file was written; nothing when it went since, as somebody's draft does.
fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// Whether a file is being written, or was when its writer was killed.
fn is_draft(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, random)| !random.is_empty() && random.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The version that the name of a log entry or of a checkpoint begins with; a draft of one is none.
pub(crate) fn version_of(name: &str) -> Option<i64> {
    let (digits, _) = name.split_once('.')?;
    if digits.len() == VERSION_DIGITS && !is_draft(name) { digits.parse().ok() } else { None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_of_a_log_entry_is_no_entry() {
        assert_eq!(version_of("00000000000000000007.json"), Some(7));
        assert_eq!(version_of("00000000000000000007.checkpoint.parquet"), Some(7));
        assert_eq!(version_of("00000000000000000007.json#4711"), None);
        assert_eq!(version_of("7.json"), None);
        assert_eq!(version_of(LAST_CHECKPOINT), None);
    }

    #[test]
    fn a_log_begins_at_a_checkpoint_that_is_older_than_all_that_must_be_readable() {
        let folder = tempfile::tempdir().unwrap();
        let day = |day: u64| SystemTime::UNIX_EPOCH + Duration::from_hours(24 * day);
        let entry = |name: &str, at: u64| {
            let path = folder.path().join(name);
            let file = fs::File::create(&path).unwrap();
            file.set_modified(day(at)).unwrap();
            (name.to_owned(), path)
        };
        let mut log: Vec<_> = (0..8).map(|version| entry(&format!("{version:020}.json"), version)).collect();
        assert_eq!(first_needed(&log, Grace::None, 7), 0, "without a checkpoint all are needed");
        for version in [2, 5] {
            log.push(entry(&format!("{version:020}.checkpoint.parquet"), version));
        }
        let needed = |since: u64| first_needed(&log, Grace::Since(day(since)), 7);
        // the entries after that day can be read as they were
        assert_eq!([1, 2, 3, 4, 5, 9].map(needed), [2, 2, 2, 5, 5, 5]);
        assert_eq!(first_needed(&log, Grace::None, 7), 5);
    }
}

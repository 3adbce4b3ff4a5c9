//! Looks at everything that a store holds: is it there, is it what was written, is it what the log says?
//!
//! Each file is read whole and decoded, so the cost is that of reading the store once, with one file a thread in memory.
//! Nothing is changed; [`repair`] does that afterwards, with what was found.

use std::collections::BTreeSet;

use futures::StreamExt as _;

use crate::store::{DataFile, Snapshot, Store, Table, relative};
use crate::{Error, ErrorKind, Result};

mod file;
mod log;
mod repair;
#[cfg(test)]
mod tests;

pub use repair::{Repair, repair};

/// What was looked at when something was found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The log of a table: every version there, none changed.
    Log,
    /// Whether a file is there, of the size that the log says, and its bytes as they were written.
    Bytes,
    /// Whether a file's rows can be decoded and have the columns of the table.
    Rows,
    /// Whether rows stand in the order that the file states.
    Order,
    /// Whether rows belong to the date of their partition.
    Partition,
    /// Whether the log's counts and ranges hold for the rows.
    Statistics,
    /// Whether the cache holds the runs that its events give.
    Cache,
}

impl Check {
    /// The name as shown to people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Bytes => "bytes",
            Self::Rows => "rows",
            Self::Order => "order",
            Self::Partition => "partition",
            Self::Statistics => "statistics",
            Self::Cache => "cache",
        }
    }
}

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table.
    pub table: &'static str,
    /// The file, as a path inside the table.
    pub file: String,
    /// What was looked at.
    pub check: Check,
    /// What is wrong.
    pub detail: String,
    /// Rows of the file, as the log says.
    pub rows: u64,
}

/// What a table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableHealth {
    /// The table's name.
    pub name: &'static str,
    /// Its newest version; `None` when the log cannot be read.
    pub version: Option<i64>,
    /// Files of that version.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files in the folder that this version does not hold.
    pub unreferenced_files: u64,
    /// Bytes of those.
    pub unreferenced_bytes: u64,
}

/// What was found out about a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The tables.
    pub tables: Vec<TableHealth>,
    /// What is wrong, by table and file.
    pub findings: Vec<Finding>,
    /// Leftovers of unfinished or interrupted work, as paths inside the store.
    pub leftovers: Vec<String>,
}

/// Hears of files done and files in all.
pub type FileProgress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Looks at every file of every table, `threads` at a time.
///
/// # Errors
/// `Unavailable` when files cannot be read at all. Damage is no error of the call: see [`Health::findings`].
pub async fn verify(store: &Store, threads: usize, progress: FileProgress<'_>) -> Result<Health> {
    let mut health = Health::default();
    let mut snapshots: Vec<(&Table, Option<Snapshot>)> = Vec::new();
    for table in store.tables() {
        health.findings.extend(log::check(store, table).await?);
        match table.snapshot().await {
            Ok(snapshot) => snapshots.push((table, Some(snapshot))),
            Err(error) => {
                let told = health.findings.iter().any(|finding| finding.table == table.name());
                if !told {
                    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                    let detail = format!("{}{}", error.message(), cause.unwrap_or_default());
                    health.findings.push(found_in_log(table, "_delta_log".to_owned(), &detail));
                }
                snapshots.push((table, None));
            }
        }
    }
    let files =
        |snapshot: &Option<Snapshot>| snapshot.as_ref().map_or(0, |snapshot| snapshot.files.len() as u64);
    let all = snapshots.iter().map(|(_, snapshot)| files(snapshot)).sum();
    let mut done = 0;
    for (table, snapshot) in snapshots {
        let Some(snapshot) = snapshot else {
            health.tables.push(TableHealth { name: table.name(), ..TableHealth::default() });
            continue;
        };
        let checks = snapshot.files.clone().into_iter().map(|file| file::check(store, table, file));
        let mut checks = futures::stream::iter(checks).buffered(threads.max(1));
        while let Some(finding) = checks.next().await {
            health.findings.extend(finding?);
            done += 1;
            progress(done, all);
        }
        health.tables.push(counted(store, table, &snapshot)?);
    }
    let left = [store.leftovers()?, store.set_aside()?].concat();
    health.leftovers = left.iter().map(|path| relative(store.root(), path)).collect();
    health.leftovers.sort_unstable();
    Ok(health)
}

fn found_in_log(table: &Table, file: String, detail: &str) -> Finding {
    Finding { table: table.name(), file, check: Check::Log, detail: detail.to_owned(), rows: 0 }
}

fn counted(store: &Store, table: &Table, snapshot: &Snapshot) -> Result<TableHealth> {
    let live: BTreeSet<&str> = snapshot.files.iter().map(|file| file.path.as_str()).collect();
    let unreferenced = store.unreferenced(table, &live)?;
    Ok(TableHealth {
        name: table.name(),
        version: Some(snapshot.version),
        files: snapshot.files.len() as u64,
        rows: snapshot.files.iter().map(|file| file.statistics.rows).sum(),
        bytes: snapshot.files.iter().map(|file| file.size_bytes).sum(),
        unreferenced_files: unreferenced.len() as u64,
        unreferenced_bytes: unreferenced.iter().map(|(_, bytes)| bytes).sum(),
    })
}

/// Turns damage into a finding and passes other errors on.
fn found(table: &Table, file: &DataFile, check: Check, error: Error) -> Result<Finding> {
    if error.kind() != ErrorKind::Corrupt {
        return Err(error);
    }
    Ok(Finding {
        table: table.name(),
        file: file.path.clone(),
        check,
        detail: error.message().to_owned(),
        rows: file.statistics.rows,
    })
}

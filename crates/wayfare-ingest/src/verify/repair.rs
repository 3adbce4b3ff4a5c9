//! Makes a damaged store usable again: what can be computed anew is dropped, what cannot is set aside, and said.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Finding};
use crate::store::{Commit, DAMAGED_FOLDER, DataFile, Store, Table};
use crate::{Error, Result};

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repair {
    /// Files of the cache that were dropped: reports fold their dates, `compact` writes them anew.
    pub rebuilt: Vec<String>,
    /// Files whose rows are lost, and how many. Their bytes, where there are any, are in the folder `damaged`.
    pub lost: BTreeMap<String, u64>,
    /// Findings that nothing can be done about: restore the store from a backup.
    pub left: Vec<Finding>,
}

/// Takes damaged files out of their tables. Needs the store to itself.
///
/// # Errors
/// `Conflict` when somebody writes now, `Unavailable` when the store cannot be written.
pub async fn repair(store: &Store, findings: &[Finding]) -> Result<Repair> {
    let _alone = store.turn_alone()?;
    let mut done = Repair::default();
    for table in store.tables() {
        let is_cache = table.name() == store.invocations().name();
        let (mut out, mut left) = (BTreeSet::new(), Vec::new());
        for finding in findings.iter().filter(|finding| finding.table == table.name()) {
            match finding.check {
                Check::Log => left.push(finding.clone()),
                Check::Bytes | Check::Rows => {
                    out.insert(finding.file.as_str());
                }
                _ if is_cache => {
                    out.insert(finding.file.as_str());
                }
                _ => left.push(finding.clone()),
            }
        }
        // without its log a table cannot be changed
        if left.iter().any(|finding| finding.check == Check::Log) || out.is_empty() {
            done.left.extend(left);
            continue;
        }
        done.left.extend(left);
        let snapshot = table.snapshot().await?;
        let remove: Vec<DataFile> =
            snapshot.files.into_iter().filter(|file| out.contains(file.path.as_str())).collect();
        for file in &remove {
            let name = format!("{}/{}", table.name(), file.path);
            if is_cache {
                done.rebuilt.push(name);
            } else {
                done.lost.insert(name, file.statistics.rows);
            }
        }
        table.commit(Commit { remove: remove.clone(), ..Commit::default() }).await?;
        for file in &remove {
            set_aside(store, table, file).await?;
        }
    }
    Ok(done)
}

/// Moves a file that is no longer part of a table out of the table's folder.
async fn set_aside(store: &Store, table: &Table, file: &DataFile) -> Result<()> {
    let from = store.root().join(table.name()).join(&file.path);
    let to = store.root().join(DAMAGED_FOLDER).join(table.name()).join(&file.path);
    match store.files().blocking(move |files| files.set_aside(&from, &to)).await {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot set a damaged file aside", cause).with("file", &file.path))
        }
        _ => Ok(()),
    }
}

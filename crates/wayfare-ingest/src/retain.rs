//! Removes what is older than it may be kept, for good.
//!
//! Events go by the day they happened on, a whole day (UTC) at a time, cached runs by the day they started on, rejected records
//! by the day they were read on. A run across the boundary keeps the events that are young enough.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::catalogue::Source;
use crate::erase::Resolve;
use crate::rejects::youngest_day;
use crate::store::{Commit, DataFile, Store, Swept, Table};
use crate::{Error, Result};

/// What may no longer be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutoff {
    /// The first day that is kept.
    pub before: NaiveDate,
    /// The sources whose events go; all of them, and rejected records, when there is none.
    pub sources: Vec<Source>,
}

/// The account of a removal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retained {
    /// Rows that went, or would go, by table and, of events, by source.
    pub rows: BTreeMap<String, u64>,
    /// Files of all tables that went.
    pub files: Vec<String>,
    /// Bytes of those.
    pub bytes: u64,
    /// The days of the events that went: the first and the last.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// What was removed for good; nothing in a plan.
    pub swept: Swept,
}

/// Removes what lies before the cutoff.
///
/// # Errors
/// `Conflict` when somebody writes now, `Corrupt` when the log or a file cannot be understood, `Unavailable` when the store
/// cannot be written.
pub async fn retain(store: &Store, cutoff: &Cutoff, resolve: Resolve) -> Result<Retained> {
    let alone = match resolve {
        Resolve::Carry => Some(store.turn_alone()?),
        Resolve::Plan => None,
    };
    let mut retained = Retained::default();
    let has = |source| cutoff.sources.is_empty() || cutoff.sources.contains(&source);
    // the cache first: without its events a cached day would be unknown, not wrong
    let mut gone = Vec::new();
    if has(Source::Cis) {
        gone.push((store.invocations(), old_days(store.invocations(), "start_date", cutoff).await?));
    }
    if cutoff.sources.is_empty() {
        gone.push((store.quarantine(), old_rejects(store, cutoff).await?));
    }
    let mut events = old_days(store.events(), "date", cutoff).await?;
    events.retain(|file| {
        let source = file.partition_value("source").and_then(|source| source.parse().ok());
        cutoff.sources.is_empty() || source.is_some_and(|source| cutoff.sources.contains(&source))
    });
    let days = events.iter().filter_map(|file| day_of(file, "date").ok());
    retained.days = days.clone().min().zip(days.max());
    gone.push((store.events(), events));
    for (table, files) in gone {
        for file in &files {
            let name = match file.partition_value("source") {
                Some(source) => format!("{} {source}", table.name()),
                None => table.name().to_owned(),
            };
            *retained.rows.entry(name).or_default() += file.statistics.rows;
            retained.bytes += file.size_bytes;
            retained.files.push(format!("{}/{}", table.name(), file.path));
        }
        if resolve == Resolve::Carry && !files.is_empty() {
            table.commit(Commit { remove: files, ..Commit::default() }).await?;
        }
    }
    if let Some(alone) = alone {
        retained.swept = store.forget_past(&alone).await?;
    }
    Ok(retained)
}

async fn old_days(table: &Table, partition: &'static str, cutoff: &Cutoff) -> Result<Vec<DataFile>> {
    let mut old = Vec::new();
    for file in table.snapshot().await?.files {
        if day_of(&file, partition)? < cutoff.before {
            old.push(file);
        }
    }
    Ok(old)
}

fn day_of(file: &DataFile, partition: &'static str) -> Result<NaiveDate> {
    file.partition_value(partition).unwrap_or_default().parse().map_err(|cause| {
        Error::corrupt(format!("a file lies in no {partition} partition"))
            .with("file", &file.path)
            .because(cause)
    })
}

/// The files of rejected records whose youngest was read before the cutoff.
async fn old_rejects(store: &Store, cutoff: &Cutoff) -> Result<Vec<DataFile>> {
    let mut old = Vec::new();
    for file in store.quarantine().snapshot().await?.files {
        let day = youngest_day(store, &file).await?;
        if day.is_none_or(|day| day < cutoff.before) {
            old.push(file);
        }
    }
    Ok(old)
}

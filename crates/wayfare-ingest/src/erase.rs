//! Removes a person, a device or a run from a store, for good.
//!
//! A row goes when it names the id: in a column for ids of that kind, or as a word of any text, the parameters included.
//! With it goes the rest of the run that it belongs to. Files that hold such rows are written anew without them, cached runs
//! are dropped, and then the past is removed: former versions of the tables, log entries with their value ranges,
//! leftovers. A call that was broken off is completed by the same call again.
//!
//! All files are read once whole; those that may hold events of a named run once more, two columns of them.

use std::collections::HashSet;

use futures::StreamExt as _;

use crate::pseudonym::Pseudonyms;
use crate::store::{Commit, DataFile, FileLayout, Store, Swept, Table, encode};
use crate::verify::FileProgress;
use crate::{Error, Result};

mod needle;
mod rows;
mod subject;

pub(crate) use needle::is_word;
pub use subject::{Subject, SubjectKind};

use needle::Needles;
use rows::{Found, Run};

/// Whether to do it or to say what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolve {
    /// Change nothing.
    Plan,
    /// Do it.
    Carry,
}

/// What became of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// The table's name.
    pub table: &'static str,
    /// Files that were searched.
    pub files_searched: u64,
    /// Bytes of them.
    pub bytes_searched: u64,
    /// Files that held such rows, as paths inside the table.
    pub files: Vec<String>,
    /// Rows that name the id or belong to such a run; of the cache, rows of the dropped files.
    pub rows_removed: u64,
    /// Files written in place of those.
    pub files_written: u64,
    /// Bytes of them.
    pub bytes_written: u64,
}

/// The account of an erasure. It holds no id, so that it can be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What became of the tables.
    pub tables: Vec<Erased>,
    /// Runs that name the id, whose events all went.
    pub runs: u64,
    /// Places where the id's letters stand inside a longer word; these were left.
    pub inside_words: u64,
    /// What was removed for good; nothing in a plan.
    pub swept: Swept,
}

/// Removes everything that names one of `subjects`.
///
/// # Errors
/// `Invalid` for an empty id, `Conflict` when somebody writes now, `Corrupt` when a file cannot be searched: repair the
/// store first. `Unavailable` when the store cannot be written.
pub async fn erase(
    store: &Store,
    subjects: &[Subject],
    resolve: Resolve,
    now_ms: i64,
    threads: usize,
    progress: FileProgress<'_>,
) -> Result<Receipt> {
    let alone = match resolve {
        Resolve::Carry => Some(store.turn_alone()?),
        Resolve::Plan => None,
    };
    let needles = Needles::new(&with_pseudonyms(store, subjects)?)?;
    let mut hits = Hits::default();
    let events = search(store, store.events(), &needles, threads, progress, &mut hits).await?;
    let invocations = search(store, store.invocations(), &needles, threads, progress, &mut hits).await?;
    let quarantine = search(store, store.quarantine(), &needles, threads, progress, &mut hits).await?;
    let run = Removal { store, needles: &needles, runs: &hits.runs, resolve, now_ms };
    // the truth last: as long as an event is there, a repeated call finds all that belongs to its run
    let mut receipt =
        Receipt { runs: hits.runs.len() as u64, inside_words: hits.inside_words, ..Receipt::default() };
    let cache = run.drop_files(store.invocations(), invocations).await?;
    let refused = run.rewrite(store.quarantine(), quarantine, crate::store::QUARANTINE_LAYOUT).await?;
    let kept = run.rewrite(store.events(), events, crate::store::EVENTS_LAYOUT).await?;
    receipt.tables = vec![kept, cache, refused];
    if let Some(alone) = alone {
        receipt.swept = store.forget_past(&alone).await?;
    }
    Ok(receipt)
}

/// The subjects, and what they are called in a store that keeps pseudonyms.
fn with_pseudonyms(store: &Store, subjects: &[Subject]) -> Result<Vec<Subject>> {
    let mut all = subjects.to_vec();
    if let Some(pseudonyms) = Pseudonyms::of(store)? {
        let named = |subject: &Subject| Subject { id: pseudonyms.of_value(&subject.id), ..subject.clone() };
        all.extend(subjects.iter().map(named));
        all.dedup();
    }
    Ok(all)
}

/// What a search found in all tables.
#[derive(Debug, Default)]
struct Hits {
    runs: HashSet<Run>,
    inside_words: u64,
}

/// The files of a table, each with the number of rows that name an id.
type Searched = Vec<(DataFile, u64)>;

async fn search(
    store: &Store,
    table: &Table,
    needles: &Needles,
    threads: usize,
    progress: FileProgress<'_>,
    hits: &mut Hits,
) -> Result<Searched> {
    let snapshot = table.snapshot().await?;
    let all = snapshot.files.len() as u64;
    let searches = snapshot.files.into_iter().map(|file| {
        let needles = needles.clone();
        async move {
            let contents = store.contents(&file).await?;
            let found = off_thread(move || rows::search(&contents, &needles)).await?;
            Ok::<_, Error>((file, found))
        }
    });
    let mut searches = futures::stream::iter(searches).buffered(threads.max(1));
    let mut searched = Vec::new();
    while let Some(found) = searches.next().await {
        let (file, Found { rows, runs, inside_words }) = found?;
        hits.runs.extend(runs);
        hits.inside_words += inside_words;
        searched.push((file, rows));
        progress(searched.len() as u64, all);
    }
    Ok(searched)
}

/// Runs work that computes on a thread for it; one that panics has met damage.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|cause| Error::corrupt("a file cannot be decoded").because(cause))?
}

/// A removal under way.
struct Removal<'a> {
    store: &'a Store,
    needles: &'a Needles,
    runs: &'a HashSet<Run>,
    resolve: Resolve,
    now_ms: i64,
}

impl Removal<'_> {
    /// Writes the files of a table anew without the rows.
    async fn rewrite(&self, table: &Table, searched: Searched, layout: FileLayout) -> Result<Erased> {
        let mut erased = account(table, &searched);
        let mut commit = Commit::default();
        for (file, named) in searched {
            if named == 0 && !rows::may_hold(&file, self.runs) {
                continue;
            }
            let contents = self.store.contents(&file).await?;
            let (needles, runs) = (self.needles.clone(), self.runs.clone());
            let split =
                off_thread(move || rows::without(&contents, &needles, &runs, named > 0, &layout)).await?;
            let Some((kept, removed)) = split else { continue };
            erased.rows_removed += removed;
            erased.files.push(file.path.clone());
            if kept.num_rows() > 0 && self.resolve == Resolve::Carry {
                let encoded = off_thread(move || encode(&kept, layout)).await?;
                let partition: Vec<(&str, String)> =
                    file.partition.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                let partition = in_order(table, partition);
                let written = table.put(encoded, &partition, "part-kept", self.now_ms).await?;
                erased.bytes_written += written.size_bytes();
                commit.add.push(written);
            }
            commit.remove.push(file);
        }
        erased.files_written = commit.add.len() as u64;
        self.commit(table, commit).await?;
        Ok(erased)
    }

    /// Takes the files with such rows out of a table that is computed from others.
    async fn drop_files(&self, table: &Table, searched: Searched) -> Result<Erased> {
        let mut erased = account(table, &searched);
        let mut commit = Commit::default();
        for (file, named) in searched {
            let hit = if named > 0 {
                true
            } else if rows::may_hold(&file, self.runs) {
                let contents = self.store.contents(&file).await?;
                let runs = self.runs.clone();
                off_thread(move || rows::holds(&contents, &runs)).await?
            } else {
                false
            };
            if hit {
                erased.rows_removed += file.statistics.rows;
                erased.files.push(file.path.clone());
                commit.remove.push(file);
            }
        }
        self.commit(table, commit).await?;
        Ok(erased)
    }

    async fn commit(&self, table: &Table, commit: Commit) -> Result<()> {
        if self.resolve == Resolve::Carry && !commit.remove.is_empty() {
            table.commit(commit).await?;
        }
        Ok(())
    }
}

/// Partition values in the order of the path.
fn in_order<'a>(table: &Table, values: Vec<(&'a str, String)>) -> Vec<(&'a str, String)> {
    let place = |name: &str| table.partition_fields().iter().position(|field| field.name() == name);
    let mut values = values;
    values.sort_by_key(|(name, _)| place(name));
    values
}

fn account(table: &Table, searched: &Searched) -> Erased {
    Erased {
        table: table.name(),
        files_searched: searched.len() as u64,
        bytes_searched: searched.iter().map(|(file, _)| file.size_bytes).sum(),
        ..Erased::default()
    }
}

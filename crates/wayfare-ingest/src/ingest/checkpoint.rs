//! How far a batch is in the store: what makes its parts count once, whoever commits them.

use arrow::array::AsArray as _;

use super::batch_id::BatchId;
use super::part::Part;
use super::{IngestOptions, IngestSummary, Stored, write};
use crate::record::Reject;
use crate::store::{Commit, DataFile, NewFile, Store, Table, ValueRange};
use crate::{Error, ErrorKind, Result};

/// The state of one batch in both tables, as the logs said when it was read or written last.
pub(super) struct Checkpoint<'a> {
    store: &'a Store,
    batch: &'a BatchId,
    is_done: bool,
    /// Records whose events are in the store.
    read: Option<i64>,
    /// Records whose rejects are in quarantine.
    refused: Option<i64>,
    /// Something of the batch was committed by somebody else, who may not have lived to sync it.
    relies_on_others: bool,
}

impl<'a> Checkpoint<'a> {
    /// Looks the batch up.
    ///
    /// # Errors
    /// `Conflict` when the caller's id was used for other content, `Unavailable` when a log cannot be read.
    pub(super) async fn of(store: &'a Store, batch: &'a BatchId) -> Result<Self> {
        let is_done = batch.is_done(store.events()).await?;
        let (read, refused) = if is_done {
            (None, None)
        } else {
            (batch.records_in(store.events()).await?, batch.records_in(store.quarantine()).await?)
        };
        let relies_on_others = is_done || read.is_some() || refused.is_some();
        Ok(Self { store, batch, is_done, read, refused, relies_on_others })
    }

    /// Whether all of the batch is in the store.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// How many records of a batch that is done were read, and how many of them went into quarantine and are still there.
    ///
    /// # Errors
    /// `Corrupt` or `Unavailable` when they cannot be counted.
    pub(super) async fn before(&self) -> Result<(u64, u64)> {
        let read = self.batch.records_in(self.store.events()).await?.unwrap_or_default();
        let mut rejected = 0;
        if self.batch.records_in(self.store.quarantine()).await?.is_some() {
            for file in self.store.quarantine().snapshot().await?.files {
                if !self.may_hold(&file) {
                    continue;
                }
                let contents = self.store.contents(&file).await?;
                for batch in contents.batches(Some(&["batch_id"]))? {
                    let batch = batch?;
                    let ids = batch.column(0).as_string_opt::<i32>().into_iter().flatten();
                    rejected += ids.filter(|id| *id == Some(self.batch.as_str())).count() as u64;
                }
            }
        }
        Ok((read.try_into().unwrap_or_default(), rejected))
    }

    /// Whether a file of quarantine may have lines of the batch, as far as the log says.
    fn may_hold(&self, file: &DataFile) -> bool {
        match file.statistics.ranges.get("batch_id") {
            Some(ValueRange::Text(first, last)) => {
                (first.as_str()..=last.as_str()).contains(&self.batch.as_str())
            }
            _ => true,
        }
    }

    /// Numbers of records at which the parts in the store ended.
    pub(super) fn ends(&self) -> Vec<u64> {
        [self.read, self.refused]
            .into_iter()
            .flatten()
            .filter_map(|records| records.try_into().ok())
            .collect()
    }

    /// Commits a part that ends with record number `end` of the batch, unless it is in the store.
    ///
    /// # Errors
    /// `Conflict` when other writers kept winning, `Unavailable` when the store cannot be written.
    pub(super) async fn store(
        &mut self,
        part: Part,
        end: u64,
        options: &IngestOptions,
        summary: &mut IngestSummary,
    ) -> Result<Stored> {
        let end = i64::try_from(end).map_err(|cause| Error::limit("too many records").because(cause))?;
        if self.read >= Some(end) {
            return Ok(Stored::Before);
        }
        let is_last = part.is_last;
        // Quarantine first: when the events' commit is then lost, the part is read again and this one is skipped.
        if !part.rejects.is_empty() && self.refused < Some(end) {
            self.refuse(&part.rejects, end, options).await?;
        }
        let add = write::events(self.store, part, self.batch, options).await?;
        let (files, bytes) = (add.len() as u64, add.iter().map(NewFile::size_bytes).sum::<u64>());
        let mut transactions = vec![self.batch.read(self.store.events(), end, self.read)];
        transactions.extend(is_last.then(|| self.batch.done()));
        let commit = Commit { add, transactions, ..Commit::default() };
        let stored = self.once(self.store.events(), commit, end).await?;
        match stored {
            Stored::Now => {
                self.is_done = is_last;
                summary.files += files;
                summary.bytes += bytes;
                summary.commits += 1;
                self.read = Some(end);
            }
            Stored::Before => self.read = self.batch.records_in(self.store.events()).await?,
        }
        Ok(stored)
    }

    async fn refuse(&mut self, rejects: &[Reject], end: i64, options: &IngestOptions) -> Result<()> {
        let add = write::quarantine(self.store, rejects, self.batch, options.now_ms).await?;
        let transactions = vec![self.batch.read(self.store.quarantine(), end, self.refused)];
        let commit = Commit { add, transactions, ..Commit::default() };
        self.refused = match self.once(self.store.quarantine(), commit, end).await? {
            Stored::Now => Some(end),
            Stored::Before => self.batch.records_in(self.store.quarantine()).await?,
        };
        Ok(())
    }

    /// Commits, unless another ingest of the same batch did.
    async fn once(&mut self, table: &Table, commit: Commit, end: i64) -> Result<Stored> {
        match table.commit(commit).await {
            Ok(_) => Ok(Stored::Now),
            Err(conflict) if conflict.kind() == ErrorKind::Conflict => {
                if self.batch.records_in(table).await? < Some(end) {
                    return Err(conflict);
                }
                self.relies_on_others = true;
                Ok(Stored::Before)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Notes that the whole batch is in the store, if its last part did not say so.
    ///
    /// # Errors
    /// As [`Checkpoint::store`].
    pub(super) async fn finish(&mut self) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        let commit = Commit { transactions: vec![self.batch.done()], ..Commit::default() };
        match self.store.events().commit(commit).await {
            Err(conflict) if conflict.kind() == ErrorKind::Conflict => {
                if !self.batch.is_done(self.store.events()).await? {
                    return Err(conflict);
                }
                self.relies_on_others = true;
            }
            committed => drop(committed?),
        }
        self.is_done = true;
        Ok(())
    }

    /// Makes what others committed of the batch survive a power cut, so that it can be answered for.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub(super) async fn settle(&self) -> Result<()> {
        if self.relies_on_others {
            self.store.events().settle().await?;
            self.store.quarantine().settle().await?;
        }
        Ok(())
    }
}

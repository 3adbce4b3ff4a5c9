//! The id of a batch: a digest of the input's bytes and of how they are read, or what the caller says. It is kept in
//! the log with the events, so that the same batch given twice is known before it is read again.

use std::fs::File;

use blake3::Hash;

use super::IngestOptions;
use super::digest;
use super::spool::Spool;
use crate::store::{AppTransaction, Table};
use crate::{Error, ErrorKind, Result};

/// Bytes of the digest that are kept: 128 bits make an accidental repeat impossible in practice.
const ID_BYTES: usize = 16;

/// Bytes of an id that a caller may give.
pub const BATCH_ID_BYTES_MAX: usize = 200;

/// The id of a batch, and the names under which the log keeps how far it is.
#[derive(Debug, Clone)]
pub(super) struct BatchId {
    id: String,
    /// Tells contents apart: the beginning of their digest.
    fingerprint: i64,
    digest: String,
    is_given: bool,
    cut: String,
    /// When it was begun again, though it was in the store.
    again_ms: Option<i64>,
}

impl BatchId {
    /// Digests the input's bytes, the mapping and the source.
    pub(super) fn of(spool: &Spool, options: &IngestOptions) -> Result<Self> {
        let hash = digest(spool, options)?;
        let digest: String = hash.to_hex().chars().take(ID_BYTES * 2).collect();
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        let limits = &options.limits;
        Ok(Self {
            id: options.batch_id.clone().unwrap_or_else(|| digest.clone()),
            fingerprint: i64::from_le_bytes(first) & i64::MAX,
            digest,
            is_given: options.batch_id.is_some(),
            cut: format!("{}-{}", limits.block_bytes, limits.line_bytes_max),
            again_ms: None,
        })
    }

    /// Looks whether a caller's id can be used.
    pub(super) fn check(given: &str, inputs: usize) -> Result<()> {
        if given.is_empty() || given.len() > BATCH_ID_BYTES_MAX || given.contains(char::is_control) {
            return Err(Error::invalid(format!(
                "expected a batch id of 1 to {BATCH_ID_BYTES_MAX} bytes without control characters"
            ))
            .with("batch id", given.escape_debug()));
        }
        if inputs != 1 {
            return Err(Error::invalid(format!("a batch id names one input, saw {inputs}")).hint(
                "take the files in one by one, or leave the id out: the same file is recognised without it",
            ));
        }
        Ok(())
    }

    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        &self.id
    }

    /// The beginning of the content's digest, for file names.
    pub(super) fn short(&self) -> &str {
        self.digest.get(..8).unwrap_or(&self.digest)
    }

    /// Forgets how far the batch is in `events`. Its rejects stay where they are, and are not kept a second time.
    pub(super) fn begin_again(&mut self, now_ms: i64) {
        self.again_ms = Some(now_ms);
    }

    /// How many records of the batch are in `table`.
    pub(super) async fn records_in(&self, table: &Table) -> Result<Option<i64>> {
        table.transaction_version(&self.read_app(table)).await
    }

    /// Whether the whole batch is in `events`.
    ///
    /// # Errors
    /// `Conflict` when the caller's id was used for other content.
    pub(super) async fn is_done(&self, events: &Table) -> Result<bool> {
        match events.transaction_version(&self.done_app()).await? {
            Some(other) if self.is_given && other != self.fingerprint => {
                Err(Error::new(ErrorKind::Conflict, "the batch id was used for other content")
                    .with("batch id", &self.id)
                    .hint("give every batch an id of its own"))
            }
            found => Ok(found.is_some()),
        }
    }

    /// The transaction that says that the first `records` records are in `table`, where `previous` were.
    pub(super) fn read(&self, table: &Table, records: i64, previous: Option<i64>) -> AppTransaction {
        AppTransaction { app_id: self.read_app(table), version: records, previous }
    }

    /// The transaction that says that the whole batch is in.
    pub(super) fn done(&self) -> AppTransaction {
        AppTransaction { app_id: self.done_app(), version: self.fingerprint, previous: None }
    }

    /// Records are counted in pieces that depend on the limits, so other limits begin anew.
    fn read_app(&self, table: &Table) -> String {
        let again = if table.name() == "events" { self.again() } else { String::new() };
        format!("{}/read/{}/{}{again}", self.app(), self.digest, self.cut)
    }

    fn done_app(&self) -> String {
        format!("{}/done{}", self.app(), self.again())
    }

    fn again(&self) -> String {
        self.again_ms.map_or_else(String::new, |now_ms| format!("/again-{now_ms}"))
    }

    fn app(&self) -> String {
        format!("wayfare/ingest/{}{}", if self.is_given { "id:" } else { "" }, self.id)
    }
}

fn digest(spool: &Spool, options: &IngestOptions) -> Result<Hash> {
    let mut prefix = options.mapping.digest().to_vec();
    prefix.extend_from_slice(options.source.map_or("", |source| source.as_str()).as_bytes());
    digest::digest(&prefix, || File::open(spool.path.as_path()), options.threads)
        .map_err(|cause| Error::io("cannot read the file", cause).with("file", &spool.name))
}

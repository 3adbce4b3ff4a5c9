//! Takes activity events in and keeps them as committed, partitioned Parquet.
//!
//! A [`Store`] is a folder with Delta tables. [`ingest`] reads files ([`Input`], [`Decoder`]), maps their records to
//! events ([`Mapping`]), and commits them; what cannot be used goes into quarantine with its reason. The crate knows
//! arrow, parquet and the table format, and nothing of the query engine.
//!
//! ```no_run
//! # async fn example() -> wayfare_ingest::Result<()> {
//! use std::sync::Arc;
//! use wayfare_ingest::{IngestOptions, IngestProgress, Limits, Mapping, Store, expand, ingest};
//!
//! let store = Store::open_or_create("journeys".as_ref()).await?;
//! let options = IngestOptions::new(Mapping::mosaic()?, 1_772_323_200_000);
//! let inputs = expand(&["events/*.ndjson.gz".to_owned()], &options.limits)?;
//! let quiet: Arc<dyn IngestProgress> = Arc::new(());
//! let summary = ingest(&store, &inputs, &options, &quiet).await?;
//! println!("{} events stored", summary.total(|input| input.accepted));
//! # Ok(()) }
//! ```

pub mod catalogue;
pub mod columns;
mod decode;
mod duration;
mod erase;
mod error;
mod event;
mod generate;
mod ingest;
mod input;
mod json_fault;
mod limits;
mod mapping;
mod nearest;
mod pseudonym;
mod record;
mod rejects;
mod retain;
mod spares;
mod store;
mod time;
mod verify;

pub use catalogue::{Role, Source, role_of};
pub use decode::{Block, Decoder, Defect};
pub use duration::{format_duration_ms, parse_duration_ms};
pub use erase::{Erased, Receipt, Resolve, Subject, SubjectKind, erase};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Identity};
pub use generate::{GenerateSpec, Generated, Generator};
pub use ingest::{
    BATCH_ID_BYTES_MAX, IngestOptions, IngestProgress, IngestSummary, InputSummary, LifetimeRaised,
    REJECTS_SHOWN_MAX, ingest,
};
pub use input::{Input, Origin, expand};
pub use json_fault::json_fault;
pub use limits::Limits;
pub use mapping::{Lifetime, Mapper, Mapping, MissingColumn};
pub use nearest::nearest;
pub use pseudonym::PseudonymSettings;
pub use record::{Reason, Record, Reject, Value};
pub use rejects::merge_rejects;
pub use retain::{Cutoff, Retained, retain};
pub use store::{
    AppTransaction, Batches, Commit, CommitKind, Contents, DataFile, Disk, DiskFile, EVENTS_LAYOUT,
    EncodedFile, Encoder, FileEntry, FileLayout, Files, LocalDisk, NewFile, Scratch, Settings, Snapshot,
    Statistics, Store, Swept, Table, Turn, VacuumAction, VacuumOptions, ValueRange, damage, encode,
};
pub use verify::{Check, FileProgress, Finding, Health, Repair, TableHealth, repair, verify};

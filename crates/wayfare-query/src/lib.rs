//! Computes journey reports over a snapshot of the store.

mod attempts;
mod funnel;
mod run;
pub mod spec;
mod stats;
mod timeline;

pub use wayfare_ingest::{Error, ErrorKind, Result};

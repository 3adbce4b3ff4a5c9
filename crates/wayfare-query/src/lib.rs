//! Computes journey reports over a snapshot of the store.

pub mod attempts;
mod report;
pub mod run;
pub mod spec;
pub mod timeline;

pub use report::Report;
pub use wayfare_ingest::{Error, ErrorKind, Result};

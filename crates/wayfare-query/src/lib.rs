//! Computes journey reports over a snapshot of the store.

pub mod attempts;
pub mod funnel;
pub mod run;
pub mod spec;
pub mod stats;
pub mod timeline;

pub use wayfare_ingest::{Error, ErrorKind, Result};

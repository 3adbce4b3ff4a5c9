//! Computes journey reports over a snapshot of the store, on `DataFusion`.
//!
//! An [`Engine`] answers a [`spec::Spec`] with a [`Report`]: rows in one Arrow batch, and what they were computed
//! from. The parts below it are plain Rust and know nothing of Arrow: [`timeline`] (a run's events as text), [`run`]
//! (the fold of one run), [`attempts`] (passages through steps) and [`funnel`] (the automaton).

pub mod attempts;
mod cache;
mod cancel;
mod compact;
mod condition;
mod defects;
mod dimension;
mod engine;
mod error;
mod fold;
mod folds;
mod functions;
pub mod funnel;
mod gate;
mod keyed;
mod memory;
mod names;
mod provider;
mod question;
mod report;
mod rows;
pub mod run;
mod runs;
mod session;
pub mod spec;
pub mod stats;
mod tenant;
pub mod timeline;
mod verify;
pub mod words;

pub use compact::{CompactProgress, CompactStage, CompactSummary, MergeSummary};
pub use engine::Engine;
pub use report::{Report, ReportStream};
pub use session::{EngineOptions, KeepRuns};
pub use wayfare_ingest::{Error, ErrorKind, Result, Store};

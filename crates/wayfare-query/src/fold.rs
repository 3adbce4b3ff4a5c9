//! The fold: the events of one invocation into one row. Nothing in it depends on the order of files, rows or threads.
//!
//! | file | concept |
//! | --- | --- |
//! | `packer`, `vocabulary` | events in 40 bytes each, and what they share |
//! | `gathered` | runs until they are whole |
//! | `courses` | puts those of a run in order, and knows what came of others like it |
//! | `folder` | folds them |
//! | `intern`, `output` | texts kept once; folded runs as columns |
//! | `segments` | what lies together of a run in one file |
//! | `worker` | folds segments as they end, and scattered runs |
//! | `plan` | the fold as a table, in bounded memory |

mod courses;
mod folder;
mod gathered;
mod intern;
mod output;
mod packer;
mod plan;
mod segments;
mod vocabulary;
mod worker;

use wayfare_ingest::columns::RUN_DIMENSIONS;

pub(crate) use output::run_fields;
pub(crate) use plan::FoldTable;
pub(crate) use segments::Side;

/// The columns of a run's key, of the file that an event comes from, and of the [`Side`] of its date, in front of what a fold
/// reads.
pub(crate) const KEYS: [&str; 4] = segments::KEYS;

/// The text columns that the fold reads of an event, in their order; the run's dimensions follow.
pub(crate) const EVENT_TEXTS: [&str; 7] =
    ["activity", "step_id", "outcome", "error_code", "error_category", "error_message", "connection_id"];

/// The columns before the texts.
pub(crate) const LEADING: [&str; 3] = ["event_id", "timestamp", "http_status"];

/// Number of text columns: those of the event and those that become dimensions of the run.
const TEXTS: usize = EVENT_TEXTS.len() + RUN_DIMENSIONS.len();

#[cfg(test)]
mod tests;

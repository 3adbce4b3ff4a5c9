//! A part: the rows of one commit, in input order until they are written.

use std::sync::Arc;

use crate::event::EventBuilder;
use crate::record::Reject;
use crate::spares::Spares;

/// The rows of one commit.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) events: EventBuilder,
    /// The id of every row; none where it repeats an explicit one of the part.
    pub(super) ids: Vec<Option<[u8; 16]>>,
    pub(super) rejects: Vec<Reject>,
    /// Records read for this part.
    pub(super) read: u64,
    /// Rows without an id.
    pub(super) duplicates: u64,
    /// The size of the blocks in bytes.
    pub(super) bytes: usize,
    /// Where the room of the events goes when they are written.
    pub(super) spares: Arc<Spares<EventBuilder>>,
    /// The input ends, undamaged, with this part.
    pub(super) is_last: bool,
}

impl Part {
    /// The rows that are stored.
    pub(super) fn rows(&self) -> u64 {
        self.events.len() as u64 - self.duplicates
    }
}

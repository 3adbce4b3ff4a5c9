//! A part: the rows of one commit, in input order until they are written.

use arrow::array::RecordBatch;

use crate::record::Reject;

/// The rows of one commit.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) rejects: Vec<Reject>,
    /// Records read for this part.
    pub(super) read: u64,
    /// Events left out since their explicit id stands in the part already.
    pub(super) duplicates: u64,
    /// The input ends, undamaged, with this part.
    pub(super) is_last: bool,
}

impl Part {
    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

//! A part: the rows of one commit, in input order until they are written.

use std::collections::HashMap;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use foldhash::fast::RandomState;

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

/// The longest time between the first and the last event of one run among the rows of `batches`.
pub(super) fn longest_run_ms(batches: &[RecordBatch]) -> i64 {
    let mut spans: HashMap<&str, (i64, i64), RandomState> = HashMap::default();
    for batch in batches {
        let (Some(runs), Some(times)) =
            (batch.column_by_name("invocation_id"), batch.column_by_name("timestamp"))
        else {
            continue;
        };
        let times = times.as_primitive::<TimestampMicrosecondType>().values();
        for (run, &time) in runs.as_string::<i32>().iter().zip(times) {
            let Some(run) = run else { continue };
            let (first, last) = spans.entry(run).or_insert((time, time));
            (*first, *last) = (time.min(*first), time.max(*last));
        }
    }
    spans.into_values().map(|(first, last)| last - first).max().unwrap_or_default() / 1_000
}

//! A part: the rows of one commit, in input order until they are written.

use std::ops::Range;

use arrow::array::{Array as _, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::row::{RowConverter, Rows, SortField};

use crate::record::Reject;
use crate::{Error, Result};

/// The columns that order a part: its files, then the rows of a file.
const ORDER: [&str; 6] = ["source", "date", "journey_id", "invocation_id", "timestamp", "event_id"];

/// How many of [`ORDER`]'s columns tell the file.
const FILE_COLUMNS: usize = 2;

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

/// The order of a part's rows: places as (batch, row), and which of them share a file.
pub(super) struct Order {
    pub(super) places: Vec<(usize, usize)>,
    pub(super) files: Vec<Range<usize>>,
}

impl Order {
    /// Sorts the rows of `batches`.
    pub(super) fn of(batches: &[RecordBatch]) -> Result<Self> {
        let keys = batches.iter().map(|batch| sort_keys(batch, &ORDER)).collect::<Result<Vec<_>>>()?;
        let files = batches
            .iter()
            .map(|batch| sort_keys(batch, &ORDER[..FILE_COLUMNS]))
            .collect::<Result<Vec<_>>>()?;
        let mut places: Vec<(usize, usize)> = batches
            .iter()
            .enumerate()
            .flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)))
            .collect();
        places.sort_unstable_by(|&left, &right| row_at(&keys, left).cmp(&row_at(&keys, right)));
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for (index, &place) in places.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| places.get(before));
            let same = before.is_some_and(|&before| row_at(&files, place) == row_at(&files, before));
            match ranges.last_mut() {
                Some(range) if same => range.end = index + 1,
                _ => ranges.push(index..index + 1),
            }
        }
        Ok(Self { places, files: ranges })
    }

    /// The rows of one file, sorted.
    pub(super) fn rows(&self, batches: &[RecordBatch], file: &Range<usize>) -> Result<RecordBatch> {
        let sources: Vec<&RecordBatch> = batches.iter().collect();
        interleave_record_batch(&sources, self.places.get(file.clone()).unwrap_or_default())
            .map_err(|cause| Error::internal("cannot gather the rows of a file").because(cause))
    }
}

#[expect(clippy::indexing_slicing, reason = "places are made from the batches that the keys were made of")]
fn row_at(keys: &[Rows], (batch, row): (usize, usize)) -> arrow::row::Row<'_> {
    keys[batch].row(row)
}

fn sort_keys(batch: &RecordBatch, columns: &[&str]) -> Result<Rows> {
    let arrays = columns
        .iter()
        .map(|name| batch.column_by_name(name).cloned())
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::internal("a sort column is missing"))?;
    let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    RowConverter::new(fields)
        .and_then(|converter| converter.convert_columns(&arrays))
        .map_err(|cause| Error::internal("cannot make sort keys").because(cause))
}

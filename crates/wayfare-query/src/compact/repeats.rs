//! Leaves out events that stand in a sorted stream more than once.
//!
//! A repeat has the id of an event before it and all its values, but for what tells which batch brought it.
//! Events that share an id and differ otherwise stay: which of them counts is for the fold to say.

use std::collections::HashSet;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, SortField};
use blake3::Hash;

use crate::{Error, Result};

/// The columns in which repeats of an event may differ.
const OF_THE_BATCH: [&str; 2] = ["batch_id", "ingested_at"];

/// Drops repeats from a stream in which rows of one event id that are equal stand together.
#[derive(Debug)]
pub(super) struct Repeats {
    converter: RowConverter,
    id: usize,
    contents: Vec<usize>,
    /// The last row so far, and the contents seen under its id; none as long as nobody asked.
    last: Option<RecordBatch>,
    seen: HashSet<Hash>,
    /// Rows dropped.
    pub(super) dropped: u64,
}

impl Repeats {
    /// Nothing seen yet of rows with these columns, text and bytes as views.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let odd = |cause| Error::internal("events cannot be compared").because(cause);
        let contents: Vec<usize> = (0..schema.fields().len())
            .filter(|&index| !OF_THE_BATCH.contains(&schema.field(index).name().as_str()))
            .collect();
        let fields = contents.iter().map(|&index| SortField::new(schema.field(index).data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect()).map_err(odd)?,
            id: schema.index_of("event_id").map_err(odd)?,
            contents,
            last: None,
            seen: HashSet::new(),
            dropped: 0,
        })
    }

    /// The rows of a batch that are not repeats.
    pub(super) fn filter(&mut self, rows: RecordBatch) -> Result<RecordBatch> {
        let Some(last_row) = rows.num_rows().checked_sub(1) else { return Ok(rows) };
        let ids = rows.column(self.id).as_binary_view().clone();
        let id_before =
            self.last.as_ref().map(|last| last.column(self.id).as_binary_view().value(0).to_vec());
        let before = |row: usize| match row.checked_sub(1) {
            Some(previous) => Some(ids.value(previous)),
            None => id_before.as_deref(),
        };
        let follows = |row: usize| before(row) == Some(ids.value(row));
        if !(0..rows.num_rows()).any(follows) {
            self.last = Some(rows.slice(last_row, 1));
            self.seen.clear();
            return Ok(rows);
        }
        if self.seen.is_empty() {
            let contents = self.last.take().map(|last| self.hashes(&last)).transpose()?;
            self.seen.extend(contents.unwrap_or_default());
        }
        let hashes = self.hashes(&rows)?;
        let mut keep = Vec::with_capacity(rows.num_rows());
        for (row, hash) in hashes.into_iter().enumerate() {
            if !follows(row) {
                self.seen.clear();
            }
            keep.push(self.seen.insert(hash));
        }
        self.last = Some(rows.slice(last_row, 1));
        let dropped = keep.iter().filter(|&&keep| !keep).count();
        self.dropped += dropped as u64;
        if dropped == 0 {
            return Ok(rows);
        }
        filter_record_batch(&rows, &BooleanArray::from(keep))
            .map_err(|cause| Error::internal("cannot drop repeated events").because(cause))
    }

    fn hashes(&self, rows: &RecordBatch) -> Result<Vec<Hash>> {
        let columns: Vec<ArrayRef> =
            self.contents.iter().map(|&index| ArrayRef::clone(rows.column(index))).collect();
        let converted = self
            .converter
            .convert_columns(&columns)
            .map_err(|cause| Error::internal("events cannot be compared").because(cause))?;
        Ok(converted.iter().map(|row| blake3::hash(row.as_ref())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryViewArray, StringViewArray};
    use arrow::datatypes::{DataType, Field};

    use super::*;

    /// Rows of (event id, content, batch).
    fn batch(rows: &[(&str, &str, &str)]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("event_id", DataType::BinaryView, false),
            Field::new("activity", DataType::Utf8View, false),
            Field::new("batch_id", DataType::Utf8View, false),
        ]);
        let ids: BinaryViewArray = rows.iter().map(|(id, ..)| Some(id.as_bytes())).collect();
        let contents: StringViewArray = rows.iter().map(|(_, content, _)| Some(*content)).collect();
        let batches: StringViewArray = rows.iter().map(|(.., batch)| Some(*batch)).collect();
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(contents), Arc::new(batches)])
            .unwrap()
    }

    /// What is left of rows that come in batches of `size`: ids and contents.
    fn left(rows: &[(&str, &str, &str)], size: usize) -> (Vec<String>, u64) {
        let mut repeats = Repeats::of(&batch(&[]).schema()).unwrap();
        let mut left = Vec::new();
        for rows in rows.chunks(size) {
            let kept = repeats.filter(batch(rows)).unwrap();
            let (ids, contents) = (kept.column(0).as_binary_view(), kept.column(1).as_string_view());
            let text =
                |row| format!("{}{}", std::str::from_utf8(ids.value(row)).unwrap(), contents.value(row));
            left.extend((0..kept.num_rows()).map(text));
        }
        (left, repeats.dropped)
    }

    #[test]
    fn repeats_go_and_what_differs_stays_however_the_stream_is_cut() {
        let rows = [
            ("1", "x", "a"),
            ("1", "x", "b"),
            ("2", "x", "a"),
            ("3", "x", "a"),
            ("3", "y", "b"),
            ("3", "x", "c"),
            ("3", "y", "d"),
            ("4", "x", "a"),
            ("4", "x", "b"),
        ];
        for size in 1..=rows.len() {
            let expected = ["1x", "2x", "3x", "3y", "4x"].map(str::to_owned).to_vec();
            assert_eq!(left(&rows, size), (expected, 4), "batches of {size}");
        }
    }

    #[test]
    fn a_stream_without_repeats_stays_as_it_is() {
        let rows = [("1", "x", "a"), ("2", "x", "a"), ("3", "x", "a")];
        assert_eq!(left(&rows, 2).1, 0);
    }
}

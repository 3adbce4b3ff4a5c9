//! The order of a part's rows: its files, by source and date, and in each the rows by journey, run, time and id.
//!
//! Comparing texts row by row would cost more than all the rest. So the few distinct (source, date, journey) become ranks,
//! a run's id its first 16 bytes, and nearly every comparison is one of numbers.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{
    Array as _, AsArray as _, BinaryArray, Date32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use foldhash::fast::RandomState;

use crate::{Error, Result};

/// The order of a part's rows: places as (batch, row), and which of them share a file.
pub(super) struct Order {
    pub(super) places: Vec<(usize, usize)>,
    pub(super) files: Vec<Range<usize>>,
}

/// What rows are told apart by before their texts are looked at.
#[derive(Debug, Clone, Copy)]
struct Key {
    group: u32,
    batch: u32,
    row: usize,
    /// The first bytes of the run's id; no id sorts like an empty one, and first.
    run: u128,
}

/// Source, date and journey.
type Group<'a> = (&'a str, i32, Option<&'a str>);

/// The columns of one batch that order its rows.
struct Columns<'a> {
    source: &'a StringArray,
    date: &'a Date32Array,
    journey: &'a StringArray,
    run: &'a StringArray,
    time: &'a TimestampMicrosecondArray,
    id: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let column =
            |name| batch.column_by_name(name).ok_or_else(|| Error::internal("a sort column is missing"));
        Ok(Self {
            source: column("source")?.as_string(),
            date: column("date")?.as_primitive::<Date32Type>(),
            journey: column("journey_id")?.as_string(),
            run: column("invocation_id")?.as_string(),
            time: column("timestamp")?.as_primitive::<TimestampMicrosecondType>(),
            id: column("event_id")?.as_binary(),
        })
    }

    fn group(&self, row: usize) -> Group<'a> {
        (self.source.value(row), self.date.value(row), text(self.journey, row))
    }

    /// What is left to compare in rows of one group with the same beginning of the run's id.
    fn rest(&self, row: usize) -> (Option<&'a str>, i64, &'a [u8]) {
        (text(self.run, row), self.time.value(row), self.id.value(row))
    }
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// The first 16 bytes of a text as a number that sorts like them.
fn beginning(text: Option<&str>) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.unwrap_or_default().bytes()) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

impl Order {
    /// Sorts the rows of `batches`.
    pub(super) fn of(batches: &[RecordBatch]) -> Result<Self> {
        let columns = batches.iter().map(Columns::of).collect::<Result<Vec<_>>>()?;
        let mut numbers: HashMap<Group<'_>, u32, RandomState> = HashMap::default();
        let mut keys = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
        for (batch, columns) in (0..).zip(&columns) {
            for row in 0..columns.source.len() {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                let group = *numbers.entry(columns.group(row)).or_insert(next);
                keys.push(Key { group, batch, row, run: beginning(text(columns.run, row)) });
            }
        }
        let (ranks, files) = ranked(&numbers);
        for key in &mut keys {
            key.group = ranks.get(key.group as usize).copied().unwrap_or_default();
        }
        let rest = |key: &Key| columns.get(key.batch as usize).map(|columns| columns.rest(key.row));
        keys.sort_unstable_by(|left, right| match (left.group, left.run).cmp(&(right.group, right.run)) {
            Ordering::Equal => rest(left).cmp(&rest(right)),
            unequal => unequal,
        });
        let file = |key: &Key| files.get(key.group as usize);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for one in keys.chunk_by(|left, right| file(left) == file(right)) {
            let start = ranges.last().map_or(0, |range| range.end);
            ranges.push(start..start + one.len());
        }
        let places = keys.iter().map(|key| (key.batch as usize, key.row)).collect();
        Ok(Self { places, files: ranges })
    }

    /// The rows of one file, sorted.
    pub(super) fn rows(&self, batches: &[RecordBatch], file: &Range<usize>) -> Result<RecordBatch> {
        let sources: Vec<&RecordBatch> = batches.iter().collect();
        interleave_record_batch(&sources, self.places.get(file.clone()).unwrap_or_default())
            .map_err(|cause| Error::internal("cannot gather the rows of a file").because(cause))
    }
}

/// The rank of every group by its number, and the file of every rank.
fn ranked<'a>(numbers: &HashMap<Group<'a>, u32, RandomState>) -> (Vec<u32>, Vec<(&'a str, i32)>) {
    let mut sorted: Vec<(Group<'a>, u32)> = numbers.iter().map(|(&group, &number)| (group, number)).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, &(_, number)) in (0..).zip(&sorted) {
        if let Some(place) = ranks.get_mut(number as usize) {
            *place = rank;
        }
    }
    (ranks, sorted.iter().map(|&((source, date, _), _)| (source, date)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use crate::event::{Event, EventBuilder, Identity, text_place};

    /// Source, timestamp, journey, run and id.
    type Row = (Source, i64, Option<&'static str>, Option<&'static str>, u8);

    fn batch(rows: &[Row]) -> RecordBatch {
        let mut builder = EventBuilder::new();
        for &(source, timestamp_us, journey, run, id) in rows {
            let mut text = std::array::from_fn(|_| None);
            text[text_place("journey_id").unwrap()] = journey.map(Into::into);
            text[text_place("invocation_id").unwrap()] = run.map(Into::into);
            builder.append(&Event {
                source,
                activity: "x".into(),
                timestamp_us,
                identity: Identity { id: [id; 16], is_explicit: true },
                text,
                integers: [None; 3],
                additional_params: None,
            });
        }
        let ids: Vec<_> = builder.identities().iter().map(|identity| identity.id).collect();
        builder.finish(&ids, "b", 0).unwrap()
    }

    #[test]
    fn rows_are_in_order_and_files_apart() {
        const DAY: i64 = 86_400_000_000;
        let (long, longer) = (Some("run-of-sixteen-bytes-1"), Some("run-of-sixteen-bytes-2"));
        let batches = [
            batch(&[
                (Source::Verify, 0, None, None, 9),
                (Source::Cis, DAY, Some("a"), Some("r"), 8),
                (Source::Cis, 5, Some("b"), longer, 5),
                (Source::Cis, 7, Some("b"), long, 4),
            ]),
            batch(&[
                (Source::Cis, 7, Some("b"), long, 3),
                (Source::Cis, 9, Some("b"), Some("r"), 6),
                (Source::Cis, 9, None, Some("r"), 0),
                (Source::Cis, 8, Some("a"), None, 1),
                (Source::Cis, 8, Some("a"), Some(""), 2),
            ]),
        ];
        let order = Order::of(&batches).unwrap();
        let ids = |file| -> Vec<u8> {
            let rows = order.rows(&batches, file).unwrap();
            let ids = rows.column_by_name("event_id").unwrap().as_binary::<i32>().clone();
            ids.iter().map(|id| id.unwrap()[0]).collect()
        };
        let files: Vec<Vec<u8>> = order.files.iter().map(ids).collect();
        assert_eq!(files, [vec![0, 1, 2, 6, 3, 4, 5], vec![8], vec![9]]);
    }
}

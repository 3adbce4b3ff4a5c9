//! `time_summary(times)`: for every position of a list of times, how many there are, their sum and percentiles. A plain
//! number is a list of one.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, ListArray, StructArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};

use super::summary::{Recipe, Rows, Summary, group_at};
use super::times::Times;
use crate::stats::{median_ranks_95, percentile};

/// The percentiles of a summary: field name and percent, ascending.
pub(crate) const PERCENTILES: [(&str, u8); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The bounds of the 95 % interval of the median, by order statistics.
pub(crate) const MEDIAN_BOUNDS: [&str; 2] = ["p50_low", "p50_high"];

/// Which order statistics a summary has; the others are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ranks {
    /// Of [`PERCENTILES`].
    pub(crate) percentiles: [bool; PERCENTILES.len()],
    /// The smallest and the largest.
    pub(crate) ends: bool,
    /// [`MEDIAN_BOUNDS`].
    pub(crate) median_bounds: bool,
}

impl Ranks {
    /// Every one.
    pub(super) const ALL: Self =
        Self { percentiles: [true; PERCENTILES.len()], ends: true, median_bounds: true };

    /// The percentiles of these names.
    pub(crate) fn of_percentiles(is_wanted: impl Fn(&str) -> bool) -> Self {
        let percentiles = PERCENTILES.map(|(name, _)| is_wanted(name));
        Self { percentiles, ends: false, median_bounds: false }
    }

    fn wanted_percentiles(self) -> [Option<u8>; PERCENTILES.len()] {
        let mut wanted = self.percentiles.into_iter();
        PERCENTILES.map(|(_, percent)| wanted.next().unwrap_or_default().then_some(percent))
    }

    /// The places among so many sorted times that have to be looked at, ascending: the ends, the bounds of the median, the
    /// neighbours of each percentile.
    pub(super) fn places(self, count: usize, median: Option<(usize, usize)>) -> BTreeSet<usize> {
        let last = count.saturating_sub(1);
        let neighbours = self.wanted_percentiles().into_iter().flatten().flat_map(|percent| {
            let below = last * usize::from(percent) / 100;
            [below, below + 1]
        });
        let ends = [0, last].into_iter().filter(move |_| self.ends);
        let bounds = median.into_iter().flat_map(|(low, high)| [low, high]);
        ends.chain(neighbours).chain(bounds).collect()
    }
}

/// The fields of one summary: `count`, `sum`, `min`, `max`, the percentiles, the bounds of the median.
pub(super) fn summary_fields() -> Fields {
    let mut fields = ["count", "sum"].map(|name| Field::new(name, DataType::Int64, false)).to_vec();
    fields.extend(["min", "max"].map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(PERCENTILES.map(|(name, _)| Field::new(name, DataType::Float64, true)));
    fields.extend(MEDIAN_BOUNDS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.into()
}

/// What a summary says beside count and sum.
struct Ranked {
    ends: [Option<i64>; 2],
    percentiles: [Option<f64>; PERCENTILES.len()],
    median: [Option<i64>; 2],
}

impl Ranked {
    fn of(times: &Times, ranks: Ranks) -> Self {
        let count = usize::try_from(times.count()).unwrap_or_default();
        let bounds = if ranks.median_bounds { median_ranks_95(count) } else { None };
        let placed = times.placed(ranks.places(count, bounds));
        let bound = |rank: Option<usize>| placed.get(rank?).copied();
        let end = |end: Option<&i64>| end.filter(|_| ranks.ends).copied();
        Self {
            ends: [end(placed.first()), end(placed.last())],
            percentiles: ranks
                .wanted_percentiles()
                .map(|percent| percent.and_then(|percent| percentile(&placed, percent))),
            median: [bound(bounds.map(|(low, _)| low)), bound(bounds.map(|(_, high)| high))],
        }
    }
}

/// The columns of [`summary_fields`], one row for each set of times.
pub(super) fn summary_columns<'a>(
    all: impl Iterator<Item = &'a Times> + Clone,
    ranks: Ranks,
) -> Vec<ArrayRef> {
    let counts: Int64Array = all.clone().map(|times| Some(times.count())).collect();
    let sums: Int64Array = all.clone().map(|times| Some(times.sum())).collect();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(counts), Arc::new(sums)];
    let ranked: Vec<Ranked> = all.map(|times| Ranked::of(times, ranks)).collect();
    let integers = |pick: &dyn Fn(&Ranked) -> Option<i64>| -> ArrayRef {
        Arc::new(ranked.iter().map(pick).collect::<Int64Array>())
    };
    columns.extend([integers(&|row| row.ends[0]), integers(&|row| row.ends[1])]);
    for index in 0..PERCENTILES.len() {
        let level = |row: &Ranked| row.percentiles.get(index).copied().flatten();
        columns.push(Arc::new(ranked.iter().map(level).collect::<Float64Array>()));
    }
    columns.extend([integers(&|row| row.median[0]), integers(&|row| row.median[1])]);
    columns
}

fn element() -> FieldRef {
    static ELEMENT: LazyLock<FieldRef> =
        LazyLock::new(|| Arc::new(Field::new("item", DataType::Struct(summary_fields()), true)));
    Arc::clone(&ELEMENT)
}

/// The type of a list of summaries.
pub(super) fn summaries() -> DataType {
    DataType::List(element())
}

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TimeSummary;

impl Recipe for TimeSummary {
    type Summary = TimesByPosition;

    fn name(&self) -> &'static str {
        "time_summary"
    }

    fn arguments(&self) -> Vec<Vec<DataType>> {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
        vec![vec![list], vec![DataType::Int64]]
    }

    fn result(&self) -> DataType {
        summaries()
    }

    fn begin(&self) -> DataFusionResult<TimesByPosition> {
        Ok(TimesByPosition)
    }
}

/// The known times of every position.
#[derive(Debug)]
pub(super) struct TimesByPosition;

/// The times at a position, which is made when it is new.
fn at(positions: &mut Vec<Times>, position: usize) -> Option<&mut Times> {
    if positions.len() <= position {
        positions.resize(position + 1, Times::default());
    }
    positions.get_mut(position)
}

/// Bytes in use for the times of all positions.
pub(super) fn bytes(positions: &[Times]) -> usize {
    positions.iter().map(Times::size).sum()
}

/// Writes the times of all positions for [`merge`].
pub(super) fn write(positions: Vec<Times>, out: &mut Vec<u8>) {
    for times in positions {
        times.write(out);
    }
}

/// Adds what was written, position by position.
pub(super) fn merge(positions: &mut Vec<Times>, mut written: Buffer) -> DataFusionResult<()> {
    let mut position = 0;
    while !written.is_empty() {
        if let Some(times) = at(positions, position) {
            times.merge(&mut written)?;
        }
        position += 1;
    }
    Ok(())
}

/// A list of summaries for each group, whose times are given.
pub(super) fn finish<'a, G: Iterator<Item = &'a Times> + Clone>(
    groups: impl Iterator<Item = G> + Clone,
    ranks: Ranks,
) -> DataFusionResult<ArrayRef> {
    let offsets = OffsetBuffer::from_lengths(groups.clone().map(Iterator::count));
    let columns = summary_columns(groups.flatten(), ranks);
    let rows = StructArray::try_new(summary_fields(), columns, None)?;
    Ok(Arc::new(ListArray::try_new(element(), offsets, Arc::new(rows), None)?))
}

impl Summary for TimesByPosition {
    type Group = Vec<Times>;

    fn group(&self) -> Vec<Times> {
        Vec::new()
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Vec<Times>]) -> DataFusionResult<()> {
        let [argument] = rows.arguments else {
            return Err(exec_datafusion_err!("time_summary: expected times"));
        };
        if let Some(times) = argument.as_primitive_opt::<Int64Type>() {
            for (row, &group) in rows.wanted() {
                if let Some(slot) = at(group_at(groups, group)?, 0)
                    && times.is_valid(row)
                {
                    slot.push(times.value(row));
                }
            }
            return Ok(());
        }
        let lists = argument.as_list::<i32>();
        let times = lists.values().as_primitive::<Int64Type>();
        for (row, &group) in rows.wanted() {
            let bounds = lists.value_offsets().get(row..row + 2);
            let Some(&[start, end]) = bounds.filter(|_| lists.is_valid(row)) else { continue };
            let positions = group_at(groups, group)?;
            let elements =
                usize::try_from(start).unwrap_or_default()..usize::try_from(end).unwrap_or_default();
            if let Some(last) = elements.len().checked_sub(1) {
                at(positions, last);
            }
            for (slot, index) in positions.iter_mut().zip(elements) {
                if times.is_valid(index) {
                    slot.push(times.value(index));
                }
            }
        }
        Ok(())
    }

    fn bytes(group: &Vec<Times>) -> usize {
        bytes(group)
    }

    fn write(&self, group: Vec<Times>, out: &mut Vec<u8>) {
        write(group, out);
    }

    fn merge(&mut self, group: &mut Vec<Times>, written: Buffer) -> DataFusionResult<()> {
        merge(group, written)
    }

    fn finish(&mut self, groups: Vec<Vec<Times>>) -> DataFusionResult<ArrayRef> {
        finish(groups.iter().map(|group| group.iter()), Ranks::ALL)
    }
}

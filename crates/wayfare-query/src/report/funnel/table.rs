//! The rows of a funnel over timelines, from the summaries that the query engine computed.

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StructArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;

use super::views::{TIME_COLUMNS, level_of};
use crate::functions::{REACHED, TIMES, TimesWanted};
use crate::question::Question;
use crate::rows::{Rows, column, field};
use crate::{Error, Result};

/// The column with what a funnel's function gives.
pub(super) const SUMMED: &str = "summed";

/// The summaries of all cells, one after the other, and which of them belong to which row.
pub(super) struct Table<'a> {
    cells: &'a RecordBatch,
    steps: &'a [String],
    wanted: TimesWanted,
    /// For each cell and step, one after the other.
    reached: &'a Int64Array,
    /// For each cell and each wanted time, one after the other.
    summaries: &'a StructArray,
    /// For each row its cell and its step.
    rows: Vec<(u64, u64)>,
    pub(super) runs: i64,
    /// Runs that reached each step, over all cells.
    pub(super) totals: Vec<i64>,
}

impl<'a> Table<'a> {
    pub(super) fn of(cells: &'a RecordBatch, steps: &'a [String], wanted: TimesWanted) -> Result<Self> {
        let list = |name| Ok::<_, Error>(field(cells, SUMMED, name)?.as_list::<i32>().values());
        let summaries = list(TIMES)?.as_struct_opt();
        let summaries = summaries.ok_or_else(|| Error::internal("no summaries of times"))?;
        let reached = list(REACHED)?.as_primitive::<Int64Type>();
        let runs = column(cells, "runs")?.as_primitive::<Int64Type>();
        let full = (0..cells.num_rows()).filter(|&cell| runs.value(cell) > 0);
        let count = steps.len();
        let mut totals = vec![0; count];
        for (place, runs) in reached.values().iter().enumerate() {
            if let Some(total) = totals.get_mut(place % count.max(1)) {
                *total += runs;
            }
        }
        Ok(Self {
            cells,
            steps,
            wanted,
            reached,
            summaries,
            rows: full.flat_map(|cell| (0..count as u64).map(move |step| (cell as u64, step))).collect(),
            runs: runs.values().iter().sum(),
            totals,
        })
    }

    /// A field of the summaries of some times, one value a row.
    fn field(&self, name: &str, from: &str) -> Result<ArrayRef> {
        let values = self.summaries.column_by_name(name);
        let values = values.ok_or_else(|| Error::internal("a summary's field is missing"))?;
        let steps = self.steps.len() as u64;
        let each = steps * (u64::from(self.wanted.from_first) + u64::from(self.wanted.from_previous));
        let before = if from != "first" && self.wanted.from_first { steps } else { 0 };
        let places: UInt64Array = self.rows.iter().map(|(cell, step)| cell * each + before + step).collect();
        take(values, &places, None).map_err(|cause| Error::internal("cannot pick summaries").because(cause))
    }

    pub(super) fn rows(&self, question: &Question<'_>) -> Result<RecordBatch> {
        let mut rows = Rows::default();
        let cells: UInt64Array = self.rows.iter().map(|(cell, _)| *cell).collect();
        for name in question.dimension_names() {
            let values = take(column(self.cells, name)?, &cells, None)
                .map_err(|cause| Error::internal("cannot repeat a dimension").because(cause))?;
            rows.add(name, values);
        }
        let number = |row: usize| self.rows.get(row).map_or(0, |&(_, step)| step);
        let count = self.rows.len();
        rows.count("step", (0..count).map(|row| i64::try_from(number(row) + 1).ok()).collect());
        let step = |row: usize| self.steps.get(usize::try_from(number(row)).ok()?).map(String::as_str);
        rows.text("name", (0..count).map(step));
        let steps = self.steps.len() as u64;
        let of = |row: usize, back: u64| {
            let (cell, step) = self.rows.get(row)?;
            self.reached.values().get(usize::try_from(cell * steps + step - back).ok()?).copied()
        };
        let reached: Int64Array = (0..count).map(|row| of(row, 0)).collect();
        let first: Int64Array = (0..count).map(|row| of(row, number(row))).collect();
        let previous: Int64Array = (0..count).map(|row| of(row, number(row).min(1))).collect();
        let lost: Int64Array = (0..count)
            .map(|row| {
                (number(row) > 0).then(|| of(row, 1).zip(of(row, 0)).map(|(before, here)| before - here))?
            })
            .collect();
        rows.count("reached", reached.clone());
        rows.rate("share_of_first", &reached, &first);
        rows.rate("share_of_previous", &reached, &previous);
        rows.count("drop_off", lost);
        for (level, from) in TIME_COLUMNS {
            let wanted = if from == "first" { self.wanted.from_first } else { self.wanted.from_previous };
            let name = format!("{level}_from_{from}_ms");
            match level {
                _ if !wanted => {}
                "average" => {
                    let counts = self.field("count", from)?.as_primitive::<Int64Type>().clone();
                    let sums = self.field("sum", from)?.as_primitive::<Int64Type>().clone();
                    rows.mean(&name, &sums, &counts);
                }
                _ => rows.add(&name, self.field(level_of(level), from)?),
            }
        }
        rows.finish()
    }
}

//! The rows of a funnel over timelines, from the summaries that the query engine computed.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;

use super::views::{TIME_COLUMNS, level_of};
use crate::question::Question;
use crate::rows::{Rows, column};
use crate::{Error, Result};

/// The summaries of all cells, one after the other, and which of them belong to which row.
pub(super) struct Table<'a> {
    cells: &'a RecordBatch,
    steps: &'a [String],
    summaries: &'a arrow::array::StructArray,
    /// For each row its cell.
    cell_of: Vec<u64>,
    /// For each row the index of the summary of times from the first step; those from the previous one lie
    /// as many steps further on.
    first_of: Vec<u64>,
    pub(super) runs: i64,
    /// Runs that reached each step, over all cells.
    pub(super) totals: Vec<i64>,
}

impl<'a> Table<'a> {
    pub(super) fn of(cells: &'a RecordBatch, steps: &'a [String]) -> Result<Self> {
        let lists = column(cells, "times")?.as_list::<i32>();
        let summaries =
            lists.values().as_struct_opt().ok_or_else(|| Error::internal("no summaries of times"))?;
        let runs = column(cells, "runs")?.as_primitive::<Int64Type>();
        let mut table = Self {
            cells,
            steps,
            summaries,
            cell_of: Vec::new(),
            first_of: Vec::new(),
            runs: runs.values().iter().sum(),
            totals: vec![0; steps.len()],
        };
        for (cell, start) in lists.offsets().iter().enumerate().take(cells.num_rows()) {
            if runs.value(cell) == 0 {
                continue;
            }
            for step in 0..steps.len() as u64 {
                table.cell_of.push(cell as u64);
                table.first_of.push(u64::try_from(*start).unwrap_or_default() + step);
            }
        }
        let reached = table.field("count", 0)?;
        for (row, count) in reached.as_primitive::<Int64Type>().values().iter().enumerate() {
            if let Some(total) = table.totals.get_mut(row % steps.len().max(1)) {
                *total += count;
            }
        }
        Ok(table)
    }

    /// A field of the summaries, one value a row.
    fn field(&self, name: &str, further: u64) -> Result<ArrayRef> {
        let values = self
            .summaries
            .column_by_name(name)
            .ok_or_else(|| Error::internal("a summary's field is missing"))?;
        let rows: UInt64Array = self.first_of.iter().map(|index| Some(index + further)).collect();
        take(values, &rows, None).map_err(|cause| Error::internal("cannot pick summaries").because(cause))
    }

    pub(super) fn rows(&self, question: &Question<'_>) -> Result<RecordBatch> {
        let mut rows = Rows::default();
        let cells: UInt64Array = self.cell_of.clone().into();
        for name in question.dimension_names() {
            let values = take(column(self.cells, name)?, &cells, None)
                .map_err(|cause| Error::internal("cannot repeat a dimension").because(cause))?;
            rows.add(name, values);
        }
        let steps = self.steps.len();
        let number = |row: usize| row % steps.max(1);
        let count = self.first_of.len();
        rows.count("step", (0..count).map(|row| i64::try_from(number(row) + 1).ok()).collect());
        let names: StringArray =
            (0..count).map(|row| self.steps.get(number(row)).map(String::as_str)).collect();
        rows.add("name", Arc::new(names));
        let reached = self.field("count", 0)?.as_primitive::<Int64Type>().clone();
        let of = |row: usize, back: usize| reached.values().get(row - back).copied();
        let first: Int64Array = (0..count).map(|row| of(row, number(row))).collect();
        let previous: Int64Array = (0..count).map(|row| of(row, number(row).min(1))).collect();
        let lost: Int64Array = (0..count)
            .map(|row| {
                (number(row) > 0).then(|| of(row, 1).unwrap_or_default() - of(row, 0).unwrap_or_default())
            })
            .collect();
        rows.count("reached", reached.clone());
        rows.rate("share_of_first", &reached, &first);
        rows.rate("share_of_previous", &reached, &previous);
        rows.count("drop_off", lost);
        for (level, from) in TIME_COLUMNS {
            let further = if from == "first" { 0 } else { steps as u64 };
            let name = format!("{level}_from_{from}_ms");
            if level == "average" {
                let counts = self.field("count", further)?.as_primitive::<Int64Type>().clone();
                let sums = self.field("sum", further)?.as_primitive::<Int64Type>().clone();
                rows.mean(&name, &sums, &counts);
            } else {
                rows.add(&name, self.field(level_of(level), further)?);
            }
        }
        rows.finish()
    }
}

//! Rows of a data file: which name an id, which belong to a run, and the file without them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{
    SortColumn, SortOptions, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};

use super::needle::Needles;
use crate::store::{Contents, DataFile, FileLayout, ValueRange};
use crate::{Error, Result};

/// The key of a run: tenant and invocation.
pub(super) type Run = (Option<String>, String);

const KEY: [&str; 2] = ["tenant_id", "invocation_id"];

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) runs: HashSet<Run>,
    pub(super) inside_words: u64,
}

/// Searches all texts of a file.
pub(super) fn search(contents: &Contents, needles: &Needles) -> Result<Found> {
    let mut found = Found::default();
    for batch in contents.batches(None)? {
        let batch = batch?;
        let named = needles.look(&batch);
        found.inside_words += named.inside_words;
        for (row, _) in named.rows.iter().enumerate().filter(|(_, named)| **named) {
            found.rows += 1;
            found
                .runs
                .extend(run_of(&batch, row).map(|(tenant, id)| (tenant.map(str::to_owned), id.to_owned())));
        }
    }
    Ok(found)
}

/// Whether the log's ranges leave room for a row of one of the runs.
pub(super) fn may_hold(file: &DataFile, runs: &HashSet<Run>) -> bool {
    match file.statistics.ranges.get("invocation_id") {
        Some(ValueRange::Text(low, high)) => {
            runs.iter().any(|(_, id)| (low.as_str()..=high.as_str()).contains(&id.as_str()))
        }
        _ => !runs.is_empty(),
    }
}

/// Whether a file has a row of one of the runs.
pub(super) fn holds(contents: &Contents, runs: &HashSet<Run>) -> Result<bool> {
    let has_key = contents.metadata().schema().field_with_name("invocation_id").is_ok();
    if !has_key || runs.is_empty() {
        return Ok(false);
    }
    for batch in contents.batches(Some(&KEY))? {
        let batch = batch?;
        if of_runs(&batch, runs).contains(&true) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows of a file, in order, without those that name an id or belong to a run, and how many those are; `None` when
/// there are none of them.
pub(super) fn without(
    contents: &Contents,
    needles: &Needles,
    runs: &HashSet<Run>,
    names: bool,
    layout: &FileLayout,
) -> Result<Option<(RecordBatch, u64)>> {
    if !names && !holds(contents, runs)? {
        return Ok(None);
    }
    let (mut kept, mut removed) = (Vec::new(), 0);
    for batch in contents.batches(None)? {
        let batch = batch?;
        let keep: BooleanArray = needles
            .look(&batch)
            .rows
            .into_iter()
            .zip(of_runs(&batch, runs))
            .map(|(named, of_run)| Some(!named && !of_run))
            .collect();
        removed += keep.false_count() as u64;
        kept.push(
            filter_record_batch(&batch, &keep)
                .map_err(|cause| Error::internal("cannot take rows out").because(cause))?,
        );
    }
    let kept = concat_batches(contents.metadata().schema(), &kept)
        .map_err(|cause| Error::internal("cannot put rows together").because(cause))?;
    // each row group was in order for itself
    let kept = if contents.row_groups() > 1 { sorted(kept, layout)? } else { kept };
    Ok(Some((kept, removed)))
}

/// Rows in the order of their table.
fn sorted(rows: RecordBatch, layout: &FileLayout) -> Result<RecordBatch> {
    let nulls_first = Some(SortOptions { descending: false, nulls_first: true });
    let columns = layout.sorted_by.iter().filter_map(|name| rows.column_by_name(name));
    let columns: Vec<SortColumn> =
        columns.map(|values| SortColumn { values: Arc::clone(values), options: nulls_first }).collect();
    if columns.is_empty() {
        return Ok(rows);
    }
    lexsort_to_indices(&columns, None)
        .and_then(|order| take_record_batch(&rows, &order))
        .map_err(|cause| Error::internal("cannot sort rows").because(cause))
}

fn of_runs(batch: &RecordBatch, runs: &HashSet<Run>) -> Vec<bool> {
    let owned = |(tenant, id): (Option<&str>, &str)| (tenant.map(str::to_owned), id.to_owned());
    let ids: HashSet<&str> = runs.iter().map(|(_, id)| id.as_str()).collect();
    (0..batch.num_rows())
        .map(|row| run_of(batch, row).is_some_and(|run| ids.contains(run.1) && runs.contains(&owned(run))))
        .collect()
}

/// The run that a row belongs to.
fn run_of(batch: &RecordBatch, row: usize) -> Option<(Option<&str>, &str)> {
    let text = |name| -> Option<&str> {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    Some((text("tenant_id"), text("invocation_id")?))
}

//! `failures`: failed runs by the one step and the one error that each is attributed to.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;
use arrow::row::{OwnedRow, RowConverter, SortField};

use crate::dimension::Dimension;
use crate::question::{Question, listed, quoted};
use crate::rows::{Rows, collect, column, integers};
use crate::{Error, Result};

use super::{Answer, empty};

/// Dimensions that describe the failure, not the run: they do not split the runs that reached a step.
const OF_THE_FAILURE: [&str; 6] =
    ["failing_step", "failure", "error_code", "error_category", "connection_id", "state"];

/// Rows shown unless the scope says otherwise; the rest is one row `other`.
const ROWS_DEFAULT: usize = 20;

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let names: Vec<String> = question.dimensions.iter().map(|dimension| quoted(&dimension.name)).collect();
    let grouped = question.grouped_by(&[]);
    let order = std::iter::once("failures DESC".to_owned()).chain(names).collect::<Vec<_>>().join(", ");
    let query = format!(
        "SELECT {names} count(*) AS failures FROM runs WHERE state = 'failed' {grouped} ORDER BY {order}",
        names = question.names_then_comma(),
    );
    let cells = collect(question.sql(&query).await?).await?;
    let failures = integers(&cells, "failures")?;
    let total: i64 = failures.iter().flatten().sum();
    let reached = reached(question, &cells).await?;
    let shown = question.scope.limit.unwrap_or(ROWS_DEFAULT).min(cells.num_rows());
    let mut rows = Rows::default();
    let head = cells.slice(0, shown);
    let rest: i64 = failures.iter().skip(shown).flatten().sum();
    let other = shown < cells.num_rows();
    for (index, dimension) in question.dimensions.iter().enumerate() {
        let named = with_other(column(&head, &dimension.name)?, other, index == 0)?;
        rows.add(&dimension.name, named);
    }
    let counts = |values: &Int64Array, last: i64| -> Int64Array {
        values.iter().take(shown).chain(other.then_some(Some(last))).collect()
    };
    let failures = counts(&failures, rest);
    rows.count("failures", failures.clone());
    rows.rate("share_of_failures", &failures, &Int64Array::from(vec![total; failures.len()]));
    rows.rate("failure_rate", &failures, &counts(&reached, 0));
    let mut answer = Answer::new("Failures: where runs failed and why", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    if other {
        answer.notes.push(format!("`other` sums up {} more rows (--limit)", cells.num_rows() - shown));
    }
    Ok(answer)
}

/// A dimension's column, with a last value for the row `other` where there is one.
fn with_other(values: &ArrayRef, other: bool, first: bool) -> Result<ArrayRef> {
    if !other {
        return Ok(Arc::clone(values));
    }
    let failed = |cause| Error::internal("cannot add the row of the rest").because(cause);
    let last = if first {
        cast(&StringArray::from(vec!["other"]), values.data_type()).map_err(failed)?
    } else {
        new_null_array(values.data_type(), 1)
    };
    concat(&[values, &last]).map_err(failed)
}

/// For each cell the runs that could have failed so: those of the same run dimensions that reached the failing step.
async fn reached(question: &Question<'_>, cells: &RecordBatch) -> Result<Int64Array> {
    let of_runs: Vec<&Dimension> = question
        .dimensions
        .iter()
        .filter(|dimension| !OF_THE_FAILURE.contains(&dimension.name.as_str()))
        .collect();
    let by_step = question.dimensions.iter().any(|dimension| dimension.name == "failing_step");
    let names: Vec<String> = of_runs.iter().map(|dimension| quoted(&dimension.name)).collect();
    let keys = if names.is_empty() { String::new() } else { format!("GROUP BY {}", names.join(", ")) };
    let listed = listed(names.iter().cloned());
    let query = if by_step {
        format!(
            "WITH cells AS (SELECT {listed} step_summary(path, state) AS steps FROM runs {keys}),
                  rows AS (SELECT {listed} unnest(steps) AS step FROM cells)
             SELECT {listed} step['step_id'] AS failing_step, step['reached'] AS reached FROM rows",
        )
    } else {
        format!("SELECT {listed} count(*) AS reached FROM runs {keys}")
    };
    let found = collect(question.sql(&query).await?).await?;
    let mut columns: Vec<&str> = of_runs.iter().map(|dimension| dimension.name.as_str()).collect();
    columns.extend(by_step.then_some("failing_step"));
    let reached = integers(&found, "reached")?;
    let by_key: HashMap<OwnedRow, i64> =
        row_keys(&found, &columns)?.into_iter().zip(reached.iter().map(Option::unwrap_or_default)).collect();
    Ok(row_keys(cells, &columns)?
        .iter()
        .map(|key| Some(by_key.get(key).copied().unwrap_or_default()))
        .collect())
}

/// One comparable key a row; rows without columns all have the same.
fn row_keys(batch: &RecordBatch, columns: &[&str]) -> Result<Vec<OwnedRow>> {
    let failed = |cause| Error::internal("cannot compare rows").because(cause);
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![0; batch.num_rows()]))];
    for name in columns {
        let values = column(batch, name)?;
        arrays.push(cast(values, &DataType::Utf8).map_err(failed)?);
    }
    let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(failed)?;
    let rows = converter.convert_columns(&arrays).map_err(failed)?;
    Ok(rows.iter().map(|row| row.owned()).collect())
}

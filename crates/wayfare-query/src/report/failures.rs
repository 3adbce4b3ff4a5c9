//! `failures`: failed runs by the one step and the one error that each is attributed to.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::logical_expr::{col, lit};

use crate::dimension::{Dimension, OF_THE_END};
use crate::error::of_datafusion;
use crate::functions::FEATURE_COUNTS;
use crate::question::{Question, quoted};
use crate::rows::{Rows, collect, column, integers, words};
use crate::words::counted;
use crate::{Error, Result};

use super::top::Top;
use super::{Answer, cells, empty};

/// Rows shown unless the scope says otherwise; the rest is one row `other`.
const ROWS_DEFAULT: usize = 20;

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    let all = question.split(question.runs(&[])?)?;
    question.register("runs", all.clone())?;
    // what `state` says of them, without a look at the others
    let failed = all.clone().filter(col("terminal").eq(lit("failed")));
    let failed = failed.map_err(|cause| of_datafusion("cannot plan the failures", cause))?;
    question.register("failed", cells::stretches(failed, &question.dimensions)?)?;
    question.register("counted", cells::stretches(all, &of_runs(question))?)?;
    let names: Vec<String> = question.dimensions.iter().map(|dimension| quoted(&dimension.name)).collect();
    let grouped = question.grouped_by(&[]);
    let order = std::iter::once("failures DESC".to_owned()).chain(names).collect::<Vec<_>>().join(", ");
    let query = format!(
        "SELECT {names} sum(runs) AS failures FROM failed {grouped} ORDER BY {order}",
        names = question.names_then_comma(),
    );
    let found = async { collect(question.sql(&query).await?).await };
    // one is planned while the other is computed
    let (found, by_dimensions) = futures::try_join!(found, runs(question))?;
    let failures = integers(&found, "failures")?;
    let total: i64 = failures.iter().flatten().sum();
    // Without dimensions there is one row, also for no failure at all.
    let found = if total == 0 { found.slice(0, 0) } else { found };
    let failures = failures.slice(0, found.num_rows());
    let runs = runs_of(question, &found, &by_dimensions)?;
    let by_step = question.dimensions.iter().any(|dimension| dimension.name == "failing_step");
    let could_fail = if by_step && question.wants(|column| column.starts_with("failure_rate")) {
        reached(question, &found).await?
    } else {
        runs.clone()
    };
    let top = Top::of(found.num_rows(), question.scope.limit.unwrap_or(ROWS_DEFAULT));
    let mut rows = Rows::default();
    for (index, dimension) in question.dimensions.iter().enumerate() {
        top.name(&mut rows, &dimension.name, column(&found, &dimension.name)?, index == 0)?;
    }
    let shown = top.counts(&failures);
    rows.count("failures", shown.clone());
    rows.rate("share_of_failures", &shown, &Int64Array::from(vec![total; shown.len()]));
    for (name, whole) in [("failure_rate", could_fail), ("share_of_runs", runs)] {
        let whole: ArrayRef = Arc::new(whole);
        rows.rate(name, &shown, top.heads(&whole)?.as_primitive());
    }
    top.mark(&mut rows);
    let mut answer = Answer::new("Failures: where runs failed and why", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    if answer.batch.num_rows() > 0 {
        answer.notes.push(format!("{}, each counted once", counted(total, "failed run")));
    }
    Ok(answer)
}

/// The dimensions of a question that are known of every run.
fn of_runs(question: &Question<'_>) -> Vec<Dimension> {
    let of_the_end = |dimension: &&Dimension| OF_THE_END.contains(&dimension.name.as_str());
    question.dimensions.iter().filter(|dimension| !of_the_end(dimension)).cloned().collect()
}

/// How many runs there are by the dimensions that are known of every run.
async fn runs(question: &Question<'_>) -> Result<RecordBatch> {
    let dimensions = of_runs(question);
    let names = cells::names(&dimensions);
    let listed: String = names.iter().flat_map(|name| [quoted(name), ", ".to_owned()]).collect();
    let keys: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let grouped = if keys.is_empty() { String::new() } else { format!("GROUP BY {}", keys.join(", ")) };
    let query = format!("SELECT {listed} sum(runs) AS runs FROM counted {grouped}");
    collect(question.sql(&query).await?).await
}

/// For each row the runs of the same dimensions.
fn runs_of(question: &Question<'_>, found: &RecordBatch, counted: &RecordBatch) -> Result<Int64Array> {
    let dimensions = of_runs(question);
    let names = cells::names(&dimensions);
    let runs = integers(counted, "runs")?;
    let by_key: HashMap<OwnedRow, Option<i64>> = row_keys(counted, &names)?.into_iter().zip(&runs).collect();
    Ok(row_keys(found, &names)?.iter().map(|key| by_key.get(key).copied().flatten()).collect())
}

/// For each row the runs that could have failed so: those of the same dimensions that reached the failing step; null
/// where no step is known.
async fn reached(question: &Question<'_>, found: &RecordBatch) -> Result<Int64Array> {
    let dimensions = of_runs(question);
    let fields = [&["dimension", "value"], FEATURE_COUNTS.as_slice()].concat();
    let call = "run_features(path, state, failing_step)";
    let counted = cells::unnested(question, "runs", &dimensions, call, &fields).await?;
    let counts = FEATURE_COUNTS.iter().map(|name| integers(&counted, name)).collect::<Result<Vec<_>>>()?;
    let sums = (0..counted.num_rows()).map(|row| counts.iter().map(|count| count.value(row)).sum::<i64>());
    let names = |of_step| [cells::names(&dimensions), vec![of_step]].concat();
    let of_steps = words(&counted, "dimension")?;
    let keys = row_keys(&counted, &names("value"))?.into_iter();
    let of_steps = keys.zip(sums).zip(&of_steps).filter(|(_, dimension)| *dimension == "step");
    let by_key: HashMap<OwnedRow, i64> = of_steps.map(|(counted, _)| counted).collect();
    Ok(row_keys(found, &names("failing_step"))?.iter().map(|key| by_key.get(key).copied()).collect())
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

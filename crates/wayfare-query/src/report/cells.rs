//! Rows out of the aggregates that look inside runs.

use arrow::array::RecordBatch;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, col};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::dimension::Dimension;
use crate::error::of_datafusion;
use crate::functions::{is_first_of_stretch, stretch};
use crate::question::{Question, listed, quoted};
use crate::rows::collect;

/// The dimensions of a question, with the journey first: steps of different journeys are different steps.
pub(super) fn with_journey(question: &Question<'_>) -> Vec<Dimension> {
    let mut dimensions = question.dimensions.clone();
    if !dimensions.iter().any(|dimension| dimension.name == "journey_id") {
        dimensions.insert(0, Dimension::column("journey_id"));
    }
    dimensions
}

/// One row for each stretch of runs with the same dimensions: these, and the number of runs as `runs`.
pub(super) fn stretches(runs: DataFrame, dimensions: &[Dimension]) -> Result<DataFrame> {
    let keys = || names(dimensions).into_iter().map(|name| col(Column::from_name(name)));
    let length = stretch().call(keys().collect()).alias("runs");
    let columns: Vec<Expr> = keys().chain([length]).collect();
    let is_first = is_first_of_stretch().call(vec![col("runs")]);
    let stretches = runs.select(columns).and_then(|rows| rows.filter(is_first));
    stretches.map_err(|cause| of_datafusion("cannot count runs by their dimensions", cause))
}

/// One row for each element of the list that an aggregate gives: the dimensions, then the element's `fields`. In no
/// particular order.
///
/// `view` is a view of runs with the dimensions as columns, `call` the aggregate's call.
pub(super) async fn unnested(
    question: &Question<'_>,
    view: &str,
    dimensions: &[Dimension],
    call: &str,
    fields: &[&str],
) -> Result<RecordBatch> {
    let names: Vec<String> = dimensions.iter().map(|dimension| quoted(&dimension.name)).collect();
    let grouped = if names.is_empty() { String::new() } else { format!("GROUP BY {}", names.join(", ")) };
    let names = listed(names.into_iter());
    let fields: Vec<String> = fields.iter().map(|field| format!("cell['{field}'] AS {field}")).collect();
    let query = format!(
        "WITH cells AS (SELECT {names} {call} AS cells FROM {view} {grouped}),
              rows AS (SELECT {names} unnest(cells) AS cell FROM cells)
         SELECT {names} {fields} FROM rows",
        fields = fields.join(", "),
    );
    collect(question.sql(&query).await?).await
}

/// The names of dimensions.
pub(super) fn names(dimensions: &[Dimension]) -> Vec<&str> {
    dimensions.iter().map(|dimension| dimension.name.as_str()).collect()
}

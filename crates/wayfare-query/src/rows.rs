//! Builds the rows of a report column by column, rates with all their parts.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::{SortColumn, SortOptions, cast, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::prelude::DataFrame;

use crate::error::of_datafusion;
use crate::functions::PERCENTILES;
use crate::report::Report;
use crate::stats::{Interval, wilson_95};
use crate::{Error, Result};

/// Runs a plan and gives its rows as one batch.
pub(crate) async fn collect(plan: DataFrame) -> Result<RecordBatch> {
    let schema = Arc::new(plan.schema().as_arrow().clone());
    let batches = plan.collect().await.map_err(|cause| of_datafusion("cannot compute the report", cause))?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    concat_batches(&schema, &batches).map_err(|cause| Error::internal("cannot join the rows").because(cause))
}

/// Sorts rows by columns, nulls last.
///
/// For plans with `unnest` in them: `DataFusion` believes that what was unique before it still is, and drops the sort
/// keys after it.
pub(crate) fn sorted(batch: &RecordBatch, keys: &[(&str, Direction)]) -> Result<RecordBatch> {
    let keys = keys.iter().map(|&(name, direction)| {
        let options = SortOptions { descending: direction == Direction::Descending, nulls_first: false };
        Ok(SortColumn { values: Arc::clone(column(batch, name)?), options: Some(options) })
    });
    let failed = |cause| Error::internal("cannot sort the rows").because(cause);
    let order = lexsort_to_indices(&keys.collect::<Result<Vec<_>>>()?, None).map_err(failed)?;
    take_record_batch(batch, &order).map_err(failed)
}

/// The direction of a sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// The column of a batch by name.
pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::internal("a column is missing").with("column", name))
}

/// The column of a batch as integers.
pub(crate) fn integers(batch: &RecordBatch, name: &str) -> Result<Int64Array> {
    let wide = cast(column(batch, name)?, &DataType::Int64)
        .map_err(|cause| Error::internal("a count is no number").with("column", name).because(cause))?;
    Ok(wide.as_primitive::<Int64Type>().clone())
}

/// The column of a batch as texts.
pub(crate) fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let plain = cast(column(batch, name)?, &DataType::Utf8)
        .map_err(|cause| Error::internal("a name is no text").with("column", name).because(cause))?;
    Ok(plain.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

/// The column of a batch as texts, nothing being the empty text.
pub(crate) fn words(batch: &RecordBatch, name: &str) -> Result<Vec<String>> {
    Ok(texts(batch, name)?.into_iter().map(Option::unwrap_or_default).collect())
}

/// One field of a column of structs, under its own name.
pub(crate) fn field<'a>(batch: &'a RecordBatch, name: &str, field: &str) -> Result<&'a ArrayRef> {
    let parts = column(batch, name)?.as_struct();
    parts.column_by_name(field).ok_or_else(|| Error::internal("a field is missing").with("field", field))
}

/// The quotient of two counts, null where there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts and sums of milliseconds stay below 2^53")]
pub(crate) fn quotient(numerator: i64, denominator: i64) -> Option<f64> {
    (denominator != 0).then(|| numerator as f64 / denominator as f64)
}

/// Columns of a report in the making.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Rows {
    /// Adds a column.
    pub(crate) fn add(&mut self, name: &str, values: ArrayRef) {
        self.fields.push(Field::new(name, values.data_type().clone(), true));
        self.columns.push(values);
    }

    /// Adds columns of `batch` under their own names.
    pub(crate) fn take(&mut self, batch: &RecordBatch, names: &[&str]) -> Result<()> {
        for &name in names {
            self.add(name, Arc::clone(column(batch, name)?));
        }
        Ok(())
    }

    /// Adds a column of integers.
    pub(crate) fn count(&mut self, name: &str, values: Int64Array) {
        self.add(name, Arc::new(values));
    }

    /// Adds a rate: its value, numerator, denominator and the bounds of its 95 % Wilson interval. Where the
    /// denominator is null the rate has no meaning and all its parts are null.
    pub(crate) fn rate(&mut self, name: &str, numerator: &Int64Array, denominator: &Int64Array) {
        let numerator: Int64Array = numerator
            .iter()
            .zip(denominator)
            .map(|(numerator, denominator)| denominator.and(numerator))
            .collect();
        let parts: Vec<(i64, i64)> = numerator
            .iter()
            .zip(denominator)
            .map(|(numerator, denominator)| (numerator.unwrap_or_default(), denominator.unwrap_or_default()))
            .collect();
        let value: Float64Array =
            parts.iter().map(|&(numerator, denominator)| quotient(numerator, denominator)).collect();
        let bounds: Vec<Option<Interval>> = parts
            .iter()
            .map(|&(numerator, denominator)| {
                wilson_95(u64::try_from(numerator).ok()?, u64::try_from(denominator).ok()?)
            })
            .collect();
        let low: Float64Array = bounds.iter().map(|bounds| bounds.map(|bounds| bounds.low)).collect();
        let high: Float64Array = bounds.iter().map(|bounds| bounds.map(|bounds| bounds.high)).collect();
        self.add(name, Arc::new(value));
        let parts: [ArrayRef; 4] =
            [Arc::new(numerator), Arc::new(denominator.clone()), Arc::new(low), Arc::new(high)];
        for (ending, values) in Report::RATE_PARTS.iter().zip(parts) {
            self.add(&format!("{name}{ending}"), values);
        }
    }

    /// Adds a mean: sum divided by count, computed once from integers.
    pub(crate) fn mean(&mut self, name: &str, sums: &Int64Array, counts: &Int64Array) {
        let means: Float64Array = sums
            .iter()
            .zip(counts)
            .map(|(sum, count)| quotient(sum.unwrap_or_default(), count.unwrap_or_default()))
            .collect();
        self.add(name, Arc::new(means));
    }

    /// Adds the percentiles of a `time_summary` column, named by `name` from their level (`p50`, `p90`, …).
    pub(crate) fn percentiles(
        &mut self,
        batch: &RecordBatch,
        summary: &str,
        name: impl Fn(&str) -> String,
    ) -> Result<()> {
        let summary = column(batch, summary)?.as_struct();
        for (level, _) in PERCENTILES {
            let values =
                summary.column_by_name(level).ok_or_else(|| Error::internal("a percentile is missing"))?;
            self.add(&name(level), Arc::clone(values));
        }
        Ok(())
    }

    /// Adds a column of texts.
    pub(crate) fn text<T: AsRef<str>>(&mut self, name: &str, values: impl Iterator<Item = Option<T>>) {
        self.add(name, Arc::new(values.collect::<StringArray>()));
    }

    /// Adds a column of numbers.
    pub(crate) fn number(&mut self, name: &str, values: impl Iterator<Item = Option<f64>>) {
        self.add(name, Arc::new(values.collect::<Float64Array>()));
    }

    /// The finished rows.
    pub(crate) fn finish(self) -> Result<RecordBatch> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.columns)
            .map_err(|cause| Error::internal("a report's columns do not fit").because(cause))
    }
}

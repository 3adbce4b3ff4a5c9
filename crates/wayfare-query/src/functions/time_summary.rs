//! `time_summary(times)`: for every position of a list of times, how many there are, their sum and percentiles.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::bytes::{put_count, put_values, take_count, take_values};
use crate::stats::{median_ranks_95, percentile};

/// The percentiles of a summary: field name and percent.
pub(crate) const PERCENTILES: [(&str, u8); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The bounds of the 95 % interval of the median, by order statistics.
pub(crate) const MEDIAN_BOUNDS: [&str; 2] = ["p50_low", "p50_high"];

/// The fields of one summary: `count`, `sum`, `min`, `max`, the percentiles, the bounds of the median.
pub(super) fn summary_fields() -> Fields {
    let mut fields = ["count", "sum"].map(|name| Field::new(name, DataType::Int64, false)).to_vec();
    fields.extend(["min", "max"].map(|name| Field::new(name, DataType::Int64, true)));
    fields.extend(PERCENTILES.map(|(name, _)| Field::new(name, DataType::Float64, true)));
    fields.extend(MEDIAN_BOUNDS.map(|name| Field::new(name, DataType::Int64, true)));
    fields.into()
}

/// The columns of [`summary_fields`], one row for each set of times; the times are left sorted.
pub(super) fn summary_columns(all: &mut [Vec<i64>]) -> Vec<ArrayRef> {
    for times in &mut *all {
        times.sort_unstable();
    }
    let counts: Int64Array = all.iter().map(|times| i64::try_from(times.len()).ok()).collect();
    let sums: Int64Array = all
        .iter()
        .map(|times| Some(times.iter().fold(0_i64, |sum, &time| sum.saturating_add(time))))
        .collect();
    let (least, most): (Int64Array, Int64Array) = (
        all.iter().map(|times| times.first().copied()).collect(),
        all.iter().map(|times| times.last().copied()).collect(),
    );
    let mut columns: Vec<ArrayRef> = vec![Arc::new(counts), Arc::new(sums), Arc::new(least), Arc::new(most)];
    for (_, percent) in PERCENTILES {
        let values: Float64Array = all.iter().map(|times| percentile(times, percent)).collect();
        columns.push(Arc::new(values));
    }
    let bounds: Vec<Option<(usize, usize)>> = all.iter().map(|times| median_ranks_95(times.len())).collect();
    let at = |rank: fn((usize, usize)) -> usize| -> Int64Array {
        all.iter().zip(&bounds).map(|(times, bounds)| times.get(rank((*bounds)?)).copied()).collect()
    };
    columns.extend([Arc::new(at(|ranks| ranks.0)) as ArrayRef, Arc::new(at(|ranks| ranks.1))]);
    columns
}

/// One list holding `rows` as its elements.
pub(super) fn one_list(element: &FieldRef, rows: StructArray) -> ScalarValue {
    let offsets = OffsetBuffer::from_lengths([rows.len()]);
    ScalarValue::List(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(rows), None)))
}

fn element() -> FieldRef {
    static ELEMENT: LazyLock<FieldRef> =
        LazyLock::new(|| Arc::new(Field::new("item", DataType::Struct(summary_fields()), true)));
    Arc::clone(&ELEMENT)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeSummary {
    signature: Signature,
}

/// Makes the function.
pub(super) fn time_summary() -> AggregateUDF {
    let times = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    AggregateUDF::from(TimeSummary { signature: Signature::exact(vec![times], Volatility::Immutable) })
}

impl AggregateUDFImpl for TimeSummary {
    fn name(&self) -> &'static str {
        "time_summary"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(element()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[times]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(Times::default()))
    }
}

/// The known times of every position.
#[derive(Debug, Default)]
struct Times(Vec<Vec<i64>>);

impl Times {
    fn reserve(&mut self, positions: usize) {
        if self.0.len() < positions {
            self.0.resize(positions, Vec::new());
        }
    }
}

impl Accumulator for Times {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let lists = values.first().ok_or_else(|| exec_datafusion_err!("time_summary: expected a list"))?;
        for times in lists.as_list::<i32>().iter().flatten() {
            let times = times.as_primitive::<Int64Type>();
            self.reserve(times.len());
            for (position, time) in self.0.iter_mut().zip(times) {
                position.extend(time);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let rows = StructArray::try_new(summary_fields(), summary_columns(&mut self.0), None)?;
        Ok(one_list(&element(), rows))
    }

    fn size(&self) -> usize {
        self.0.iter().map(|times| times.capacity() * size_of::<i64>()).sum()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let mut state = Vec::new();
        put_count(&mut state, self.0.len());
        self.0.iter().for_each(|times| put_values(&mut state, times));
        Ok(vec![ScalarValue::Binary(Some(state))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let states = states.first().ok_or_else(|| exec_datafusion_err!("time_summary: no state to merge"))?;
        for state in states.as_binary::<i32>().iter().flatten() {
            let mut rest = state;
            let positions = take_count(&mut rest)?;
            self.reserve(positions);
            for times in self.0.iter_mut().take(positions) {
                take_values(&mut rest, times)?;
            }
        }
        Ok(())
    }
}

//! `time_summary(times)`: for every position of a list of times, how many there are, their sum and percentiles. A plain
//! number is a list of one.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryBuilder, BooleanArray, Float64Array, Int64Array, ListArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, TypeSignature,
    Volatility,
};

use super::bytes::{put_count, take_count};
use super::held::Held;
use super::times::Times;
use crate::stats::{median_ranks_95, percentile};

/// The percentiles of a summary: field name and percent, ascending.
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

/// The ranks of the values that a summary of so many looks at, ascending: the ends, the bounds of the median, the
/// neighbours of each percentile.
pub(super) fn looked_at(count: usize, median: Option<(usize, usize)>) -> BTreeSet<usize> {
    let last = count.saturating_sub(1);
    let below = |(_, percent): (_, u8)| last * usize::from(percent) / 100;
    let neighbours = PERCENTILES.into_iter().flat_map(|level| [below(level), below(level) + 1]);
    let bounds = median.into_iter().flat_map(|(low, high)| [low, high]);
    [0, last].into_iter().chain(neighbours).chain(bounds).collect()
}

/// What a summary says beside count and sum.
struct Ranked {
    ends: [Option<i64>; 2],
    percentiles: [Option<f64>; PERCENTILES.len()],
    median: [Option<i64>; 2],
}

impl Ranked {
    fn of(times: &Times) -> Self {
        let count = usize::try_from(times.count()).unwrap_or_default();
        let bounds = median_ranks_95(count);
        let placed = times.placed(looked_at(count, bounds));
        let bound = |rank: Option<usize>| placed.get(rank?).copied();
        Self {
            ends: [placed.first().copied(), placed.last().copied()],
            percentiles: PERCENTILES.map(|(_, percent)| percentile(&placed, percent)),
            median: [bound(bounds.map(|(low, _)| low)), bound(bounds.map(|(_, high)| high))],
        }
    }
}

/// The columns of [`summary_fields`], one row for each set of times.
pub(super) fn summary_columns<'a>(all: impl Iterator<Item = &'a Times> + Clone) -> Vec<ArrayRef> {
    let counts: Int64Array = all.clone().map(|times| Some(times.count())).collect();
    let sums: Int64Array = all.clone().map(|times| Some(times.sum())).collect();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(counts), Arc::new(sums)];
    let ranked: Vec<Ranked> = all.map(Ranked::of).collect();
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

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeSummary {
    signature: Signature,
}

/// Makes the function.
pub(super) fn time_summary() -> AggregateUDF {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
    let accepted = [list, DataType::Int64].map(|argument| TypeSignature::Exact(vec![argument])).to_vec();
    AggregateUDF::from(TimeSummary { signature: Signature::one_of(accepted, Volatility::Immutable) })
}

impl AggregateUDFImpl for TimeSummary {
    fn name(&self) -> &'static str {
        "time_summary"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(summaries())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[times]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::<TimesByGroup>::default()))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(TimesByGroup::default()))
    }
}

/// For each group the known times of every position.
#[derive(Debug, Default)]
pub(super) struct TimesByGroup {
    groups: Vec<Vec<Times>>,
    held: Held,
}

fn bytes(groups: &[Vec<Times>]) -> usize {
    groups.iter().flatten().map(Times::size).sum()
}

/// The times at a position, which is made when it is new.
fn at(positions: &mut Vec<Times>, position: usize) -> Option<&mut Times> {
    if positions.len() <= position {
        positions.resize(position + 1, Times::default());
    }
    positions.get_mut(position)
}

impl TimesByGroup {
    /// Makes more groups, each with so many positions.
    pub(super) fn grow(&mut self, groups: usize, positions: usize) {
        self.groups.resize_with(groups, || vec![Times::default(); positions]);
    }

    /// Takes note of a batch.
    pub(super) fn weigh(&mut self) {
        let Self { groups, held } = self;
        held.batch(|| bytes(groups));
    }

    /// The times at every position of a group.
    pub(super) fn positions(&mut self, group: usize) -> DataFusionResult<&mut Vec<Times>> {
        self.groups.get_mut(group).ok_or_else(|| exec_datafusion_err!("time_summary: no such group"))
    }
}

impl GroupsAccumulator for TimesByGroup {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let argument = values.first().ok_or_else(|| exec_datafusion_err!("time_summary: expected times"))?;
        let wanted = |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        if let Some(times) = argument.as_primitive_opt::<Int64Type>() {
            for (row, &group) in group_indices.iter().enumerate().filter(|&(row, _)| wanted(row)) {
                if let Some(slot) = at(self.positions(group)?, 0)
                    && times.is_valid(row)
                {
                    slot.push(times.value(row));
                }
            }
            self.weigh();
            return Ok(());
        }
        let lists = argument.as_list::<i32>();
        let times = lists.values().as_primitive::<Int64Type>();
        let bounds = lists.value_offsets().windows(2);
        for (row, (bounds, &group)) in bounds.zip(group_indices).enumerate() {
            let &[start, end] = bounds else { continue };
            if !wanted(row) || lists.is_null(row) {
                continue;
            }
            let positions = self.positions(group)?;
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
        self.weigh();
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        self.held.less(bytes(&self.groups));
        let offsets = OffsetBuffer::from_lengths(groups.iter().map(Vec::len));
        let columns = summary_columns(groups.iter().flatten());
        let rows = StructArray::try_new(summary_fields(), columns, None)?;
        Ok(Arc::new(ListArray::try_new(element(), offsets, Arc::new(rows), None)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let groups = emit_to.take_needed(&mut self.groups);
        // Grown bit by bit it would take twice as much, next to all that it is made of.
        let written = groups.iter().flatten().map(Times::written_bytes).sum::<usize>();
        let mut states =
            BinaryBuilder::with_capacity(groups.len(), written + groups.len() * size_of::<i64>());
        let mut state = Vec::new();
        for positions in groups {
            state.clear();
            put_count(&mut state, positions.len());
            for times in &positions {
                times.write(&mut state);
            }
            states.append_value(&state);
        }
        self.held.less(bytes(&self.groups));
        Ok(vec![Arc::new(states.finish())])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let states = states.first().ok_or_else(|| exec_datafusion_err!("time_summary: no state to merge"))?;
        for (state, &group) in states.as_binary::<i32>().iter().zip(group_indices) {
            let Some(mut rest) = state else { continue };
            let positions = self.positions(group)?;
            for position in 0..take_count(&mut rest)? {
                if let Some(times) = at(positions, position) {
                    times.merge(&mut rest)?;
                }
            }
        }
        self.weigh();
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        row_states::<Self>(values, opt_filter)
    }

    fn size(&self) -> usize {
        self.held.bytes()
    }
}

/// Every row as the state of a group of its own.
pub(super) fn row_states<A: GroupsAccumulator + Default>(
    values: &[ArrayRef],
    opt_filter: Option<&BooleanArray>,
) -> DataFusionResult<Vec<ArrayRef>> {
    let rows = values.first().map_or(0, arrow::array::Array::len);
    let groups: Vec<usize> = (0..rows).collect();
    let mut alone = A::default();
    alone.update_batch(values, &groups, opt_filter, rows)?;
    alone.state(EmitTo::All)
}

/// An accumulator of many groups that is used for one: what plans without a group key ask for.
#[derive(Debug, Default)]
pub(super) struct OneGroup<A>(pub(super) A);

impl<A: GroupsAccumulator + Sync + std::fmt::Debug> Accumulator for OneGroup<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = values.first().map_or(0, arrow::array::Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.0.merge_batch(&[Arc::new(BinaryBuilder::new().finish())], &[], 1)?;
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.0.merge_batch(&[Arc::new(BinaryBuilder::new().finish())], &[], 1)?;
        self.0.state(EmitTo::All)?.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, arrow::array::Array::len);
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

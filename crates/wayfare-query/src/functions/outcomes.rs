//! `outcomes(state, failure, duration_ms)`: how many runs ended in which way, and how long those took that ended.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryBuilder, BooleanArray, Int64Array, StringViewArray, StructArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::bytes::{put_i64, take_i64};
use super::held::Held;
use super::run_state::{ERROR, Known, REJECTED};
use super::time_summary::{OneGroup, row_states, summary_columns, summary_fields};
use super::times::Times;

/// The counts, in the order of the fields; `durations` follows them.
pub(crate) const OUTCOMES: [&str; 7] =
    ["started", "succeeded", "failed", "abandoned", "open", REJECTED, ERROR];

#[derive(Debug, PartialEq, Eq, Hash)]
struct Outcomes {
    signature: Signature,
}

/// Makes the function.
pub(super) fn outcomes() -> AggregateUDF {
    let arguments = vec![DataType::Utf8View, DataType::Utf8View, DataType::Int64];
    AggregateUDF::from(Outcomes { signature: Signature::exact(arguments, Volatility::Immutable) })
}

fn fields() -> Fields {
    let counts = OUTCOMES.iter().map(|name| Field::new(*name, DataType::Int64, false));
    let durations = Field::new("durations", DataType::Struct(summary_fields()), false);
    counts.chain([durations]).collect()
}

impl AggregateUDFImpl for Outcomes {
    fn name(&self) -> &'static str {
        "outcomes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[outcomes]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::<OutcomesByGroup>::default()))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(OutcomesByGroup::default()))
    }
}

#[derive(Debug, Default)]
struct Group {
    counts: [i64; OUTCOMES.len()],
    durations: Times,
}

#[derive(Debug, Default)]
struct OutcomesByGroup {
    groups: Vec<Group>,
    held: Held,
}

fn bytes(groups: &[Group]) -> usize {
    groups.iter().map(|group| size_of::<Group>() + group.durations.size()).sum()
}

impl GroupsAccumulator for OutcomesByGroup {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize_with(total_num_groups, Group::default);
        let [states, failures, durations] = values else {
            return Err(exec_datafusion_err!("outcomes: expected state, failure and duration"));
        };
        let words = [states.as_string_view(), failures.as_string_view()];
        let durations = durations.as_primitive::<Int64Type>();
        let mut known = [Known::of(&OUTCOMES), Known::of(&OUTCOMES)];
        for (row, &group) in group_indices.iter().enumerate() {
            if !opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                continue;
            }
            let group = self.groups.get_mut(group);
            let group = group.ok_or_else(|| exec_datafusion_err!("outcomes: no such group"))?;
            let word = |(words, known): (&&StringViewArray, &mut Known<'_>)| {
                words.is_valid(row).then(|| known.number(words, row)).flatten()
            };
            let found = words.iter().zip(&mut known).filter_map(word);
            for place in std::iter::once(0).chain(found) {
                if let Some(count) = group.counts.get_mut(place) {
                    *count += 1;
                }
            }
            if durations.is_valid(row) {
                group.durations.push(durations.value(row));
            }
        }
        self.held.batch(|| bytes(&self.groups));
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        self.held.less(bytes(&self.groups));
        let mut columns: Vec<ArrayRef> = Vec::new();
        for place in 0..OUTCOMES.len() {
            let counts: Int64Array = groups.iter().map(|group| group.counts.get(place).copied()).collect();
            columns.push(Arc::new(counts));
        }
        let durations = summary_columns(groups.iter().map(|group| &group.durations));
        columns.push(Arc::new(StructArray::try_new(summary_fields(), durations, None)?));
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let mut states = BinaryBuilder::new();
        let mut state = Vec::new();
        for group in emit_to.take_needed(&mut self.groups) {
            state.clear();
            group.counts.iter().for_each(|&count| put_i64(&mut state, count));
            group.durations.write(&mut state);
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
        self.groups.resize_with(total_num_groups, Group::default);
        let states = states.first().ok_or_else(|| exec_datafusion_err!("outcomes: no state to merge"))?;
        for (state, &group) in states.as_binary::<i32>().iter().zip(group_indices) {
            let Some(mut rest) = state else { continue };
            let group = self.groups.get_mut(group);
            let group = group.ok_or_else(|| exec_datafusion_err!("outcomes: no such group"))?;
            for count in &mut group.counts {
                *count += take_i64(&mut rest)?;
            }
            group.durations.merge(&mut rest)?;
        }
        self.held.batch(|| bytes(&self.groups));
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

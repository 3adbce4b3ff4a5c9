//! `funnel_summary(path, offsets)`: how many runs get to each step of a funnel, and the times they take.
//!
//! Gives what `time_summary` does, over twice as many positions as there are steps: for each step the milliseconds from the
//! first step, then for each those from the step matched before. The funnel is part of the function, which is made
//! for one question.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::external;
use super::funnel::{FunnelText, Prepared};
use super::paths::{stretch, timelines};
use super::time_summary::{OneGroup, TimesByGroup, summaries};
use crate::{Error, Result};

/// The function's name.
pub(crate) const FUNNEL_SUMMARY: &str = "funnel_summary";

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelSummary {
    /// The funnel as JSON, which can be compared.
    text: String,
    signature: Signature,
}

/// Makes the function of one funnel.
///
/// # Errors
/// `Internal` when the funnel has no JSON.
pub(crate) fn funnel_summary(funnel: &FunnelText) -> Result<AggregateUDF> {
    let text = serde_json::to_string(funnel);
    let text = text.map_err(|cause| Error::internal("a funnel has no text").because(cause))?;
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let signature = Signature::exact(vec![DataType::Utf8View, offsets], Volatility::Immutable);
    Ok(AggregateUDF::from(FunnelSummary { text, signature }))
}

impl AggregateUDFImpl for FunnelSummary {
    fn name(&self) -> &'static str {
        FUNNEL_SUMMARY
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
        Ok(Box::new(OneGroup(self.funnels()?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.funnels()?))
    }
}

impl FunnelSummary {
    fn funnels(&self) -> DataFusionResult<Funnels> {
        let funnel: FunnelText = serde_json::from_str(&self.text)
            .map_err(|cause| external(Error::internal("not a funnel").because(cause)))?;
        let steps = funnel.definition.steps;
        let funnel = Mutex::new(Prepared::of(&funnel).map_err(external)?);
        Ok(Funnels { funnel, slots: steps * 2, times: TimesByGroup::default() })
    }
}

/// The times of every group.
struct Funnels {
    /// Never waited for: one thread uses an accumulator at a time.
    funnel: Mutex<Prepared>,
    /// Times of a run.
    slots: usize,
    times: TimesByGroup,
}

impl std::fmt::Debug for Funnels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Funnels").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// Adds the times of runs to their groups.
fn take(
    funnel: &mut Prepared,
    values: &[ArrayRef],
    groups: &[usize],
    filter: Option<&BooleanArray>,
    times: &mut TimesByGroup,
) -> DataFusionResult<()> {
    let [paths, offsets] = values else {
        return Err(exec_datafusion_err!("{FUNNEL_SUMMARY}: expected path and offsets"));
    };
    let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
    let wanted = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
    let mut row = 0;
    while row < paths.len() {
        let end = stretch(paths, row, paths.len());
        let runs = timelines(offsets, row..end);
        funnel.times(paths.value(row), runs, |run, reached| -> DataFusionResult<()> {
            let group = groups.get(row + run).filter(|_| wanted(row + run));
            let Some(&group) = group else { return Ok(()) };
            for (slot, time) in times.positions(group)?.iter_mut().zip(reached) {
                slot.extend(time);
            }
            Ok(())
        })?;
        row = end;
    }
    Ok(())
}

impl GroupsAccumulator for Funnels {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        let Self { funnel, slots, times } = self;
        times.grow(total_num_groups, *slots);
        let funnel = funnel.get_mut().unwrap_or_else(PoisonError::into_inner);
        take(funnel, values, group_indices, opt_filter, times)?;
        times.weigh();
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        self.times.evaluate(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        self.times.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.times.grow(total_num_groups, self.slots);
        self.times.merge_batch(states, group_indices, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        // every row is a group of its own
        let rows = values.first().map_or(0, arrow::array::Array::len);
        let groups: Vec<usize> = (0..rows).collect();
        let mut times = TimesByGroup::default();
        times.grow(rows, self.slots);
        // a thread that panicked left whole entries behind
        let mut funnel = self.funnel.lock().unwrap_or_else(PoisonError::into_inner);
        take(&mut funnel, values, &groups, opt_filter, &mut times)?;
        times.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.times.size()
    }
}

//! Aggregate functions of ours: what is known of every group is kept by group, passes from partial to final aggregates as
//! bytes, and is summed up.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, BinaryViewBuilder, BooleanArray, ByteView,
    MAX_INLINE_VIEW_LEN,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, TypeSignature,
    Volatility,
};

use super::held::Held;

/// Bytes from which on a state is a buffer of its own.
const ALONE_MIN: usize = 4_096;

/// An aggregate function.
pub(super) trait Recipe: Debug + Eq + Hash + Send + Sync + 'static {
    /// What it makes of rows.
    type Summary: Summary;

    /// The function's name.
    fn name(&self) -> &'static str;

    /// The types of its arguments; any of these.
    fn arguments(&self) -> Vec<Vec<DataType>>;

    /// The type of its result.
    fn result(&self) -> DataType;

    /// Begins a summary.
    fn begin(&self) -> DataFusionResult<Self::Summary>;
}

/// Rows of a batch that are summed up.
pub(super) struct Rows<'a> {
    /// One array an argument.
    pub(super) arguments: &'a [ArrayRef],
    /// For each row its group.
    pub(super) groups: &'a [usize],
    filter: Option<&'a BooleanArray>,
}

impl Rows<'_> {
    /// Whether a row counts.
    pub(super) fn wants(&self, row: usize) -> bool {
        self.filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
    }

    /// The rows that count, with their groups.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (usize, &usize)> {
        self.groups.iter().enumerate().filter(|&(row, _)| self.wants(row))
    }
}

/// What a thread knows of the rows that it has seen, beside what it knows of groups.
pub(super) trait Summary: Debug + Send + Sync + 'static {
    /// What is known of a group.
    type Group: Debug + Send + Sync;

    /// What is known of a group without rows.
    fn group(&self) -> Self::Group;

    /// Adds rows to their groups.
    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Self::Group]) -> DataFusionResult<()>;

    /// Bytes in use for a group.
    fn bytes(group: &Self::Group) -> usize;

    /// Bytes in use beside groups.
    fn bytes_beside(&self) -> usize {
        0
    }

    /// Writes a group for [`Self::merge`].
    fn write(&self, group: Self::Group, out: &mut Vec<u8>);

    /// Adds what was written by another thread, to its last byte.
    fn merge(&mut self, group: &mut Self::Group, written: Buffer) -> DataFusionResult<()>;

    /// The results of groups, one row each.
    fn finish(&mut self, groups: Vec<Self::Group>) -> DataFusionResult<ArrayRef>;
}

/// The group of a number.
pub(super) fn group_at<G>(groups: &mut [G], number: usize) -> DataFusionResult<&mut G> {
    groups.get_mut(number).ok_or_else(|| exec_datafusion_err!("there is no group {number}"))
}

/// Makes the function of a recipe.
pub(super) fn function<R: Recipe>(recipe: R) -> AggregateUDF {
    let accepted = recipe.arguments().into_iter().map(TypeSignature::Exact).collect();
    AggregateUDF::from(Function { recipe, signature: Signature::one_of(accepted, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function<R> {
    recipe: R,
    signature: Signature,
}

impl<R: Recipe> AggregateUDFImpl for Function<R> {
    fn name(&self) -> &str {
        self.recipe.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.recipe.result())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[written]", args.name), DataType::BinaryView, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(ByGroup::new(self.recipe.begin()?))))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(ByGroup::new(self.recipe.begin()?)))
    }
}

/// A summary and its groups.
#[derive(Debug)]
struct ByGroup<S: Summary> {
    /// Never waited for: one thread uses an accumulator at a time.
    summary: Mutex<S>,
    groups: Vec<S::Group>,
    held: Held,
}

impl<S: Summary> ByGroup<S> {
    fn new(summary: S) -> Self {
        Self { summary: Mutex::new(summary), groups: Vec::new(), held: Held::default() }
    }

    /// The parts, with so many groups at least.
    fn parts(&mut self, groups: usize) -> (&mut S, &mut [S::Group], &mut Held) {
        // a thread that panicked left whole entries behind
        let summary = self.summary.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.groups.len() < groups {
            self.groups.resize_with(groups, || summary.group());
        }
        (summary, &mut self.groups, &mut self.held)
    }

    /// Takes groups out.
    fn emit(&mut self, emit_to: EmitTo) -> (&mut S, Vec<S::Group>) {
        let groups = emit_to.take_needed(&mut self.groups);
        let (summary, left, held) = self.parts(0);
        held.less(bytes(summary, left));
        (summary, groups)
    }
}

fn bytes<S: Summary>(summary: &S, groups: &[S::Group]) -> usize {
    groups.iter().map(S::bytes).sum::<usize>() + summary.bytes_beside()
}

/// The states of groups. A long one is a buffer of its own, so that the exchange passes it on without a copy.
fn written<S: Summary>(summary: &S, groups: Vec<S::Group>) -> DataFusionResult<ArrayRef> {
    let mut states = BinaryViewBuilder::with_capacity(groups.len());
    for group in groups {
        let mut state = Vec::with_capacity(S::bytes(&group));
        summary.write(group, &mut state);
        if state.len() < ALONE_MIN {
            states.append_value(&state);
            continue;
        }
        let length = u32::try_from(state.len());
        let length = length.map_err(|_long| exec_datafusion_err!("what is known of a group takes 4 GB"))?;
        let block = states.append_block(Buffer::from_vec(state));
        states.try_append_view(block, 0, length)?;
    }
    Ok(Arc::new(states.finish()))
}

/// A state, copied only where it is so short that it stands in its view.
fn state_at(states: &BinaryViewArray, row: usize) -> Buffer {
    let whole = |view: ByteView| {
        let buffer = states.data_buffers().get(view.buffer_index as usize)?;
        Some(buffer.slice_with_length(view.offset as usize, view.length as usize))
    };
    let view = states.views().get(row).map(|&view| ByteView::from(view));
    let long = view.filter(|view| view.length > MAX_INLINE_VIEW_LEN);
    long.and_then(whole).unwrap_or_else(|| Buffer::from(states.value(row)))
}

impl<S: Summary> GroupsAccumulator for ByGroup<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        let (summary, groups, held) = self.parts(total_num_groups);
        let rows = Rows { arguments: values, groups: group_indices, filter: opt_filter };
        summary.take(&rows, groups)?;
        held.batch(|| bytes(summary, groups));
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let (summary, groups) = self.emit(emit_to);
        summary.finish(groups)
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let (summary, groups) = self.emit(emit_to);
        Ok(vec![written(summary, groups)?])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        let (summary, groups, held) = self.parts(total_num_groups);
        let states = states.first().ok_or_else(|| exec_datafusion_err!("there is no state to merge"))?;
        let states = states.as_binary_view();
        for (row, &group) in group_indices.iter().enumerate().filter(|&(row, _)| states.is_valid(row)) {
            summary.merge(group_at(groups, group)?, state_at(states, row))?;
        }
        held.batch(|| bytes(summary, groups));
        Ok(())
    }

    /// Every row as the state of a group of its own.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..values.first().map_or(0, arrow::array::Array::len)).collect();
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: Vec<S::Group> = rows.iter().map(|_| summary.group()).collect();
        summary.take(&Rows { arguments: values, groups: &rows, filter: opt_filter }, &mut groups)?;
        Ok(vec![written(&*summary, groups)?])
    }

    fn size(&self) -> usize {
        self.held.bytes()
    }
}

/// An accumulator of many groups that is used for one: what plans without a group key ask for.
#[derive(Debug)]
struct OneGroup<S: Summary>(ByGroup<S>);

impl<S: Summary> Accumulator for OneGroup<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = values.first().map_or(0, arrow::array::Array::len);
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        // there is a result without rows, too
        self.0.parts(1);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.0.parts(1);
        self.0.state(EmitTo::All)?.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, arrow::array::Array::len);
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

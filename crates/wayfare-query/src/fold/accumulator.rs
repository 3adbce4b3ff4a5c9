//! The state of the fold: all events of all groups, packed.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryArray, BinaryBuilder, BinaryViewArray, BooleanArray,
    Int64Array, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType, UInt64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use wayfare_ingest::columns::RUN_DIMENSIONS;
use wayfare_ingest::{Role, role_of};

use super::intern::{Interned, NONE, Texts};
use super::output::RunsBuilder;
use super::{EVENT_TEXTS, LEADING, TEXTS, state};

/// What events of one kind have in common: text numbers and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) texts: [u32; EVENT_TEXTS.len()],
    pub(super) http_status: Option<i64>,
}

/// Text numbers of the dimensions that an event carries.
pub(super) type Dimensions = [u32; RUN_DIMENSIONS.len()];

/// One event: what is its own, and the numbers of what it shares with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) id: [u64; 2],
    pub(super) at_ms: i64,
    pub(super) marks: u64,
    pub(super) group: u32,
    pub(super) shape: u32,
    pub(super) dimensions: u32,
}

/// The fold of many groups.
#[derive(Debug, Default)]
pub(super) struct FoldAccumulator {
    pub(super) texts: Texts,
    shapes: Interned<Shape>,
    roles: Vec<Role>,
    pub(super) dimensions: Interned<Dimensions>,
    events: Vec<Packed>,
    groups: usize,
}

/// The argument arrays of one batch.
struct Arguments<'a> {
    ids: &'a BinaryViewArray,
    times: &'a TimestampMicrosecondArray,
    statuses: &'a Int64Array,
    texts: Vec<&'a StringViewArray>,
    marks: &'a UInt64Array,
}

impl<'a> Arguments<'a> {
    fn of(values: &'a [ArrayRef]) -> DataFusionResult<Self> {
        let [ids, times, statuses, texts @ .., marks] = values else {
            return Err(exec_datafusion_err!("fold_run: expected {} arguments", LEADING.len() + TEXTS + 1));
        };
        Ok(Self {
            ids: ids.as_binary_view(),
            times: times.as_primitive::<TimestampMicrosecondType>(),
            statuses: statuses.as_primitive::<Int64Type>(),
            texts: texts.iter().map(arrow::array::AsArray::as_string_view).collect(),
            marks: marks.as_primitive::<UInt64Type>(),
        })
    }
}

impl FoldAccumulator {
    fn add_rows(
        &mut self,
        arguments: &Arguments<'_>,
        group_of: impl Fn(usize) -> usize,
        keep: impl Fn(usize) -> bool,
    ) -> DataFusionResult<()> {
        let rows = arguments.ids.len();
        let numbers: Vec<Vec<u32>> =
            arguments.texts.iter().map(|array| numbers_of(array, &mut self.texts)).collect();
        self.events.reserve(rows);
        // Events of one run, which lie together, mostly have the same dimensions.
        let mut last: Option<(Dimensions, u32)> = None;
        for row in (0..rows).filter(|&row| keep(row)) {
            // A column of nulls has no numbers at all.
            let text =
                |index: usize| numbers.get(index).and_then(|column| column.get(row)).copied().unwrap_or(NONE);
            let status = arguments.statuses;
            let shape = Shape {
                texts: std::array::from_fn(text),
                http_status: (!status.is_null(row)).then(|| status.value(row)),
            };
            let dimensions: Dimensions = std::array::from_fn(|index| text(EVENT_TEXTS.len() + index));
            let number = match last {
                Some((same, number)) if same == dimensions => number,
                _ => self.dimensions.number(dimensions),
            };
            last = Some((dimensions, number));
            let group = u32::try_from(group_of(row))
                .map_err(|_large| exec_datafusion_err!("fold_run: too many invocations at once"))?;
            let event = Packed {
                id: id_of(arguments.ids.value(row))?,
                at_ms: arguments.times.value(row).div_euclid(1_000),
                marks: if arguments.marks.is_null(row) { 0 } else { arguments.marks.value(row) },
                group,
                shape: self.shape(shape),
                dimensions: number,
            };
            self.events.push(event);
        }
        Ok(())
    }

    /// The number of a shape.
    pub(super) fn shape(&mut self, shape: Shape) -> u32 {
        let number = self.shapes.number(shape);
        if number as usize == self.roles.len() {
            let activity = shape.texts.first().and_then(|&number| self.texts.get(number));
            self.roles.push(role_of(activity.unwrap_or_default()));
        }
        number
    }

    /// What the events of a shape mean in a run.
    pub(super) fn role(&self, shape: u32) -> Role {
        self.roles.get(shape as usize).copied().unwrap_or_default()
    }

    /// A shape by its number.
    pub(super) fn shape_of(&self, number: u32) -> Option<&Shape> {
        self.shapes.get(number)
    }

    /// Takes the events of the groups to emit, sorted by group and time, and renumbers the rest.
    fn take(&mut self, emit_to: EmitTo) -> (usize, Vec<Packed>) {
        let count = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(count) => count.min(self.groups),
        };
        let mut taken = std::mem::take(&mut self.events);
        if count < self.groups {
            self.events = taken.extract_if(.., |event| event.group as usize >= count).collect();
            let shift = u32::try_from(count).unwrap_or(u32::MAX);
            for event in &mut self.events {
                event.group -= shift;
            }
        }
        self.groups -= count;
        if !taken.is_sorted_by_key(|event| event.group) {
            taken.sort_by_key(|event| event.group);
        }
        // Files are sorted, so most runs are in order but for events of one instant.
        for run in taken.chunk_by_mut(|left, right| left.group == right.group) {
            run.sort_unstable_by_key(|event| (event.at_ms, event.id));
        }
        (count, taken)
    }
}

/// Texts seen last, by the low bits of their views.
const RECENT: usize = 64;

/// The numbers of a column's texts, row by row; nothing for a column of nulls.
///
/// Rows of one text mostly have one and the same view, since Parquet's dictionary holds it once. So a text is looked at
/// once for each view and batch, and everywhere else 16 bytes are compared.
fn numbers_of(array: &StringViewArray, texts: &mut Texts) -> Vec<u32> {
    if array.null_count() == array.len() {
        return Vec::new();
    }
    let mut recent = [(0_u128, NONE); RECENT];
    let mut number = |row: usize, view: u128| {
        if view & u128::from(u32::MAX) == 0 {
            // The low bits are the length: an empty text is none.
            return NONE;
        }
        let mixed = u64::try_from((view ^ view >> 64) & u128::from(u64::MAX)).unwrap_or_default();
        let place = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        let slot = usize::try_from(place).ok().and_then(|place| recent.get_mut(place));
        match slot {
            Some((seen, number)) if *seen == view => *number,
            Some(slot) => {
                *slot = (view, texts.number(array.value(row)));
                slot.1
            }
            None => NONE,
        }
    };
    let views = array.views().iter().copied().enumerate();
    match array.nulls() {
        None => views.map(|(row, view)| number(row, view)).collect(),
        Some(valid) => {
            let number = |(row, view)| if valid.is_valid(row) { number(row, view) } else { NONE };
            views.map(number).collect()
        }
    }
}

fn id_of(bytes: &[u8]) -> DataFusionResult<[u64; 2]> {
    let id: [u8; 16] =
        bytes.try_into().map_err(|_odd| exec_datafusion_err!("fold_run: expected event ids of 16 bytes"))?;
    let id = u128::from_be_bytes(id);
    Ok([
        u64::try_from(id >> 64).unwrap_or_default(),
        u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default(),
    ])
}

/// Calls `each` once a group, in order, with the group's events; empty groups included.
fn for_each_group(
    count: usize,
    events: &[Packed],
    mut each: impl FnMut(&[Packed]) -> DataFusionResult<()>,
) -> DataFusionResult<()> {
    let mut rest = events;
    for group in 0..count {
        let length = rest.iter().take_while(|event| event.group as usize == group).count();
        let (of_group, others) = rest.split_at(length);
        each(of_group)?;
        rest = others;
    }
    Ok(())
}

impl GroupsAccumulator for FoldAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups = total_num_groups;
        let keep = |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        self.add_rows(
            &Arguments::of(values)?,
            |row| group_indices.get(row).copied().unwrap_or_default(),
            keep,
        )
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let (count, events) = self.take(emit_to);
        let mut runs = RunsBuilder::new(count);
        for_each_group(count, &events, |of_group| {
            runs.push(of_group, self);
            Ok(())
        })?;
        runs.finish()
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let (count, events) = self.take(emit_to);
        let mut blobs = BinaryBuilder::with_capacity(count, events.len() * 64);
        let mut blob = Vec::new();
        for_each_group(count, &events, |of_group| {
            blob.clear();
            for event in of_group {
                state::write(&mut blob, event, self);
            }
            blobs.append_value(&blob);
            Ok(())
        })?;
        Ok(vec![Arc::new(blobs.finish())])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups = total_num_groups;
        let blobs: &BinaryArray =
            values.first().ok_or_else(|| exec_datafusion_err!("fold_run: no state to merge"))?.as_binary();
        for (blob, &group) in blobs.iter().zip(group_indices) {
            let group = u32::try_from(group)
                .map_err(|_large| exec_datafusion_err!("fold_run: too many invocations at once"))?;
            let mut rest = blob.unwrap_or_default();
            while !rest.is_empty() {
                let event = state::read(&mut rest, group, self)?;
                self.events.push(event);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let mut alone = Self::default();
        let rows = values.first().map_or(0, arrow::array::Array::len);
        let groups: Vec<usize> = (0..rows).collect();
        alone.update_batch(values, &groups, opt_filter, rows)?;
        alone.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.events.capacity() * size_of::<Packed>()
            + self.texts.size()
            + self.shapes.size()
            + self.roles.capacity()
            + self.dimensions.size()
    }
}

/// The fold of one group, for plans that keep one accumulator a group.
#[derive(Debug, Default)]
pub(super) struct SingleFold(FoldAccumulator);

impl Accumulator for SingleFold {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.0.groups = 1;
        self.0.add_rows(&Arguments::of(values)?, |_row| 0, |_row| true)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.0.groups = 1;
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.0.groups = 1;
        self.0.state(EmitTo::All)?.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, arrow::array::Array::len);
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

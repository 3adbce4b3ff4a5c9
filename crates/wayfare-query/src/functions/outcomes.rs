//! `outcomes(state, failure, duration_ms)`: how many runs ended in which way, and how long those took that ended.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringViewArray, StructArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};

use super::bytes::{put_i64, take_i64};
use super::run_state::{ERROR, Known, REJECTED};
use super::summary::{Recipe, Rows, Summary, group_at};
use super::time_summary::{summary_columns, summary_fields};
use super::times::Times;

/// The counts, in the order of the fields; `durations` follows them.
pub(crate) const OUTCOMES: [&str; 7] =
    ["started", "succeeded", "failed", "abandoned", "open", REJECTED, ERROR];

fn fields() -> Fields {
    let counts = OUTCOMES.iter().map(|name| Field::new(*name, DataType::Int64, false));
    let durations = Field::new("durations", DataType::Struct(summary_fields()), false);
    counts.chain([durations]).collect()
}

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcomes;

impl Recipe for Outcomes {
    type Summary = Counts;

    fn name(&self) -> &'static str {
        "outcomes"
    }

    fn arguments(&self) -> Vec<Vec<DataType>> {
        vec![vec![DataType::Utf8View, DataType::Utf8View, DataType::Int64]]
    }

    fn result(&self) -> DataType {
        DataType::Struct(fields())
    }

    fn begin(&self) -> DataFusionResult<Counts> {
        Ok(Counts)
    }
}

/// Counts and durations of every group.
#[derive(Debug)]
pub(super) struct Counts;

#[derive(Debug, Default)]
pub(super) struct Group {
    counts: [i64; OUTCOMES.len()],
    durations: Times,
}

impl Summary for Counts {
    type Group = Group;

    fn group(&self) -> Group {
        Group::default()
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Group]) -> DataFusionResult<()> {
        let [states, failures, durations] = rows.arguments else {
            return Err(exec_datafusion_err!("outcomes: expected state, failure and duration"));
        };
        let words = [states.as_string_view(), failures.as_string_view()];
        let durations = durations.as_primitive::<Int64Type>();
        let mut known = [Known::of(&OUTCOMES), Known::of(&OUTCOMES)];
        for (row, &group) in rows.wanted() {
            let group = group_at(groups, group)?;
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
        Ok(())
    }

    fn bytes(group: &Group) -> usize {
        size_of_val(&group.counts) + group.durations.size()
    }

    fn write(&self, group: Group, out: &mut Vec<u8>) {
        group.counts.iter().for_each(|&count| put_i64(out, count));
        group.durations.write(out);
    }

    fn merge(&mut self, group: &mut Group, mut written: Buffer) -> DataFusionResult<()> {
        for count in &mut group.counts {
            *count += take_i64(&mut written)?;
        }
        group.durations.merge(&mut written)
    }

    fn finish(&mut self, groups: Vec<Group>) -> DataFusionResult<ArrayRef> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for place in 0..OUTCOMES.len() {
            let counts: Int64Array = groups.iter().map(|group| group.counts.get(place).copied()).collect();
            columns.push(Arc::new(counts));
        }
        let durations = summary_columns(groups.iter().map(|group| &group.durations));
        columns.push(Arc::new(StructArray::try_new(summary_fields(), durations, None)?));
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }
}

//! `outcomes(terminal, silent, explained, duration_ms)`: how many runs ended in which way, and how long those took that ended. No
//! word for the state is made of a run that is only counted.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StructArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};

use super::bytes::{put_i64, take_i64};
use super::run_state::{ERROR, REJECTED, Terminals, failure, is_set, state};
use super::summary::{Recipe, Rows, Summary, group_at};
use super::time_summary::{Ranks, summary_columns, summary_fields};
use super::times::Times;

/// The counts, in the order of the fields; `durations` follows them.
pub(crate) const OUTCOMES: [&str; 7] =
    ["started", "succeeded", "failed", "abandoned", "open", REJECTED, ERROR];

/// Where the states begin among the counts, in the order of [`crate::attempts::RunState::ALL`], and the two kinds of failures.
const STATES: usize = 1;
const FAILURES: usize = 5;

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
        vec![vec![DataType::Utf8View, DataType::Boolean, DataType::Boolean, DataType::Int64]]
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

impl Group {
    /// Adds runs that ended in each way, of which neither those that failed nor those that started are counted yet.
    fn count(&mut self, mut ends: [i64; OUTCOMES.len()]) {
        let [started, succeeded, failed, abandoned, open, rejected, error] = &mut ends;
        *failed = *rejected + *error;
        *started = *succeeded + *failed + *abandoned + *open;
        for (count, more) in self.counts.iter_mut().zip(ends) {
            *count += more;
        }
    }
}

impl Summary for Counts {
    type Group = Group;

    fn group(&self) -> Group {
        Group::default()
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Group]) -> DataFusionResult<()> {
        let [terminals, silent, explained, durations] = rows.arguments else {
            return Err(exec_datafusion_err!(
                "outcomes: expected terminal, silence, explanation and duration"
            ));
        };
        let terminals = Terminals::of(terminals.as_string_view());
        let (silent, explained) = (silent.as_boolean(), explained.as_boolean());
        let durations = durations.as_primitive::<Int64Type>();
        let mut row = 0;
        for neighbours in rows.groups.chunk_by(|group, next| group == next) {
            let Some(&group) = neighbours.first() else { continue };
            let group = group_at(groups, group)?;
            let mut counts = [0; OUTCOMES.len()];
            let end = row + neighbours.len();
            while row < end {
                let (terminal, until) = terminals.stretch(row, end)?;
                for row in (row..until).filter(|row| rows.wants(*row)) {
                    let failure = failure(terminal, || is_set(explained, row));
                    let place = match failure {
                        Some(word) => FAILURES + usize::from(word == ERROR),
                        None => STATES + state(terminal, || is_set(silent, row)) as usize,
                    };
                    if let Some(count) = counts.get_mut(place) {
                        *count += 1;
                    }
                    if durations.nulls().is_none_or(|nulls| nulls.is_valid(row)) {
                        group.durations.push(durations.value(row));
                    }
                }
                row = until;
            }
            group.count(counts);
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
        let durations =
            summary_columns(groups.iter().map(|group| &group.durations), Ranks::of_percentiles(|_| true));
        columns.push(Arc::new(StructArray::try_new(summary_fields(), durations, None)?));
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }
}

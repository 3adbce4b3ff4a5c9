//! `funnel_summary(path, offsets)`: how many runs get to each step of a funnel, and the times they take.
//!
//! Gives a struct: `reached`, for each step the runs that get there; `times`, what `time_summary` gives, for each step the
//! milliseconds from the first step and then for each those from the step matched before, either only where wanted. The
//! funnel is part of the function, which is made for one question.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, ListArray, StructArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;

use super::bytes::{put_i64, take_i64};
use super::external;
use super::funnel::{FunnelText, Prepared, Reached};
use super::paths::path_types;
use super::summary::{Recipe, Rows, Summary, function, group_at};
use super::time_summary::{self, Ranks, summaries};
use super::times::Times;
use crate::{Error, Result};

/// The function's name.
pub(crate) const FUNNEL_SUMMARY: &str = "funnel_summary";

/// The fields of the result.
pub(crate) const REACHED: &str = "reached";
pub(crate) const TIMES: &str = "times";

/// The times of runs that are summed up, and what is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TimesWanted {
    pub(crate) from_first: bool,
    pub(crate) from_previous: bool,
    pub(crate) ranks: Ranks,
}

impl TimesWanted {
    /// No times.
    pub(crate) fn none() -> Self {
        Self { from_first: false, from_previous: false, ranks: Ranks::of_percentiles(|_| false) }
    }
}

/// The function: a funnel as JSON, which can be compared.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelSummary {
    funnel: String,
    wanted: TimesWanted,
}

/// Makes the function of one funnel.
///
/// # Errors
/// `Internal` when the funnel has no JSON.
pub(crate) fn funnel_summary(funnel: &FunnelText, wanted: TimesWanted) -> Result<AggregateUDF> {
    let text = serde_json::to_string(funnel);
    let funnel = text.map_err(|cause| Error::internal("a funnel has no text").because(cause))?;
    Ok(function(FunnelSummary { funnel, wanted }))
}

fn counts() -> FieldRef {
    Arc::new(Field::new("item", DataType::Int64, true))
}

fn fields() -> Fields {
    let reached = Field::new(REACHED, DataType::List(counts()), false);
    [reached, Field::new(TIMES, summaries(), false)].into_iter().collect()
}

impl Recipe for FunnelSummary {
    type Summary = Funnels;

    fn name(&self) -> &'static str {
        FUNNEL_SUMMARY
    }

    fn arguments(&self) -> Vec<Vec<DataType>> {
        path_types().map(|path| vec![path, DataType::BinaryView]).to_vec()
    }

    fn result(&self) -> DataType {
        DataType::Struct(fields())
    }

    fn begin(&self) -> DataFusionResult<Funnels> {
        let funnel: FunnelText = serde_json::from_str(&self.funnel)
            .map_err(|cause| external(Error::internal("not a funnel").because(cause)))?;
        let steps = funnel.definition.steps;
        Ok(Funnels { funnel: Prepared::of(&funnel).map_err(external)?, steps, wanted: self.wanted })
    }
}

/// The funnel, with what it knows of paths.
struct Funnels {
    funnel: Prepared,
    steps: usize,
    wanted: TimesWanted,
}

/// How far the runs of a group get.
#[derive(Debug, Default)]
struct Group {
    /// Runs that get to each step.
    reached: Box<[i64]>,
    from_first: Box<[Times]>,
    from_previous: Box<[Times]>,
}

impl Group {
    fn add(&mut self, run: Reached<'_>) {
        let steps = run.steps().cast_signed();
        for (step, count) in self.reached.iter_mut().enumerate() {
            *count += steps >> step & 1;
        }
        for (step, times) in self.from_first.iter_mut().enumerate() {
            times.extend(run.ms_from_first(step));
        }
        for (step, times) in self.from_previous.iter_mut().enumerate() {
            times.extend(run.ms_from_previous(step));
        }
    }

    fn times(&self) -> impl Iterator<Item = &Times> + Clone {
        self.from_first.iter().chain(&self.from_previous)
    }
}

impl fmt::Debug for Funnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Funnels").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Summary for Funnels {
    type Group = Group;

    fn group(&self) -> Group {
        let times = |wanted| vec![Times::default(); if wanted { self.steps } else { 0 }].into();
        Group {
            reached: vec![0; self.steps].into(),
            from_first: times(self.wanted.from_first),
            from_previous: times(self.wanted.from_previous),
        }
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Group]) -> DataFusionResult<()> {
        let [paths, offsets] = rows.arguments else {
            return Err(exec_datafusion_err!("{FUNNEL_SUMMARY}: expected path and offsets"));
        };
        let offsets = offsets.as_binary_view();
        let paths = self.funnel.paths(paths).map_err(external)?;
        let mut row = 0;
        while row < rows.groups.len() {
            let end = paths.stretch(row, rows.groups.len());
            self.funnel.reach(paths.at(row), offsets, row..end, |row, reached| {
                if let Some(&group) = rows.groups.get(row).filter(|_| rows.wants(row)) {
                    group_at(groups, group)?.add(reached);
                }
                Ok(())
            })?;
            row = end;
        }
        Ok(())
    }

    fn bytes(group: &Group) -> usize {
        size_of_val(&*group.reached) + group.times().map(Times::size).sum::<usize>()
    }

    fn write(&self, group: Group, out: &mut Vec<u8>) {
        group.reached.iter().for_each(|&count| put_i64(out, count));
        group.times().for_each(|times| times.write(out));
    }

    fn merge(&mut self, group: &mut Group, mut written: Buffer) -> DataFusionResult<()> {
        for count in &mut group.reached {
            *count += take_i64(&mut written)?;
        }
        for times in group.from_first.iter_mut().chain(&mut group.from_previous) {
            times.merge(&mut written)?;
        }
        Ok(())
    }

    fn finish(&mut self, groups: Vec<Group>) -> DataFusionResult<ArrayRef> {
        let lengths = OffsetBuffer::from_lengths(groups.iter().map(|group| group.reached.len()));
        let reached: Int64Array = groups.iter().flat_map(|group| group.reached.iter().copied()).collect();
        let reached = ListArray::try_new(counts(), lengths, Arc::new(reached), None)?;
        let times = time_summary::finish(groups.iter().map(Group::times), self.wanted.ranks)?;
        Ok(Arc::new(StructArray::try_new(fields(), vec![Arc::new(reached), times], None)?))
    }
}

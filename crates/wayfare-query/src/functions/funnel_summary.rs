//! `funnel_summary(path, offsets)`: how many runs get to each step of a funnel, and the times they take.
//!
//! Gives what `time_summary` does, over twice as many positions as there are steps: for each step the milliseconds from the
//! first step, then for each those from the step matched before. The funnel is part of the function, which is made
//! for one question.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;

use super::external;
use super::funnel::{FunnelText, Prepared};
use super::paths::{stretch, timelines};
use super::summary::{Recipe, Rows, Summary, function, group_at};
use super::time_summary::{self, summaries};
use super::times::Times;
use crate::{Error, Result};

/// The function's name.
pub(crate) const FUNNEL_SUMMARY: &str = "funnel_summary";

/// The function: a funnel as JSON, which can be compared.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelSummary(String);

/// Makes the function of one funnel.
///
/// # Errors
/// `Internal` when the funnel has no JSON.
pub(crate) fn funnel_summary(funnel: &FunnelText) -> Result<AggregateUDF> {
    let text = serde_json::to_string(funnel);
    let text = text.map_err(|cause| Error::internal("a funnel has no text").because(cause))?;
    Ok(function(FunnelSummary(text)))
}

impl Recipe for FunnelSummary {
    type Summary = Funnels;

    fn name(&self) -> &'static str {
        FUNNEL_SUMMARY
    }

    fn arguments(&self) -> Vec<Vec<DataType>> {
        let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
        vec![vec![DataType::Utf8View, offsets]]
    }

    fn result(&self) -> DataType {
        summaries()
    }

    fn begin(&self) -> DataFusionResult<Funnels> {
        let funnel: FunnelText = serde_json::from_str(&self.0)
            .map_err(|cause| external(Error::internal("not a funnel").because(cause)))?;
        let times = funnel.definition.steps * 2;
        Ok(Funnels { funnel: Prepared::of(&funnel).map_err(external)?, times })
    }
}

/// The funnel, with what it knows of paths.
struct Funnels {
    funnel: Prepared,
    /// Times of a run.
    times: usize,
}

impl fmt::Debug for Funnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Funnels").field("times", &self.times).finish_non_exhaustive()
    }
}

impl Summary for Funnels {
    type Group = Vec<Times>;

    fn group(&self) -> Vec<Times> {
        vec![Times::default(); self.times]
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Vec<Times>]) -> DataFusionResult<()> {
        let [paths, offsets] = rows.arguments else {
            return Err(exec_datafusion_err!("{FUNNEL_SUMMARY}: expected path and offsets"));
        };
        let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
        let mut row = 0;
        while row < rows.groups.len() {
            let end = stretch(paths, row, rows.groups.len());
            let runs = timelines(offsets, row..end);
            self.funnel.times(paths.value(row), runs, |run, reached| -> DataFusionResult<()> {
                let group = rows.groups.get(row + run).filter(|_| rows.wants(row + run));
                let Some(&group) = group else { return Ok(()) };
                for (slot, time) in group_at(groups, group)?.iter_mut().zip(reached) {
                    slot.extend(time);
                }
                Ok(())
            })?;
            row = end;
        }
        Ok(())
    }

    fn bytes(group: &Vec<Times>) -> usize {
        time_summary::bytes(group)
    }

    fn write(&self, group: Vec<Times>, out: &mut Vec<u8>) {
        time_summary::write(group, out);
    }

    fn merge(&mut self, group: &mut Vec<Times>, written: Buffer) -> DataFusionResult<()> {
        time_summary::merge(group, written)
    }

    fn finish(&mut self, groups: Vec<Vec<Times>>) -> DataFusionResult<ArrayRef> {
        time_summary::finish(&groups)
    }
}

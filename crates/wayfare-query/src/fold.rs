//! The fold: the events of one invocation into one row. Nothing in it depends on the order of files, rows or threads.
//!
//! | file | concept |
//! | --- | --- |
//! | `accumulator` | events of many runs, about 48 bytes each; [`crate::run::finish`] puts those of a run in order |
//! | `intern`, `output`, `state` | texts kept once; folded runs as columns; events as bytes |
//! | `segments` | what lies together of a run in one file |
//! | `worker` | folds segments as they end, puts scattered runs aside |
//! | `plan` | the fold as a table, in bounded memory |
//!
//! It is an aggregate function as well, for units that no file keeps together:
//! `SELECT session_id, fold_run(…) FROM events GROUP BY session_id`.

mod accumulator;
mod intern;
mod output;
mod plan;
mod segments;
mod state;
mod worker;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};
use wayfare_ingest::columns::RUN_DIMENSIONS;

use accumulator::FoldAccumulator;
pub(crate) use output::run_fields;
pub(crate) use plan::FoldTable;

/// The columns of a run's key, and of the file that an event comes from, in front of the arguments of a fold.
pub(crate) const KEYS: [&str; 3] = segments::KEYS;

/// The text columns that the fold reads of an event, in the order of its arguments; the run's dimensions follow.
pub(crate) const EVENT_TEXTS: [&str; 7] =
    ["activity", "step_id", "outcome", "error_code", "error_category", "error_message", "connection_id"];

/// The arguments before the texts.
pub(crate) const LEADING: [&str; 3] = ["event_id", "timestamp", "http_status"];

/// Number of text arguments: those of the event and those that become dimensions of the run.
const TEXTS: usize = EVENT_TEXTS.len() + RUN_DIMENSIONS.len();

/// The aggregate function `fold_run(event_id, timestamp, http_status, texts…, marks)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FoldRun {
    signature: Signature,
}

/// Makes the aggregate function.
pub(crate) fn fold_run() -> AggregateUDF {
    let mut arguments = vec![
        DataType::BinaryView,
        DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Int64,
    ];
    arguments.extend(std::iter::repeat_n(DataType::Utf8View, TEXTS));
    arguments.push(DataType::UInt64);
    AggregateUDF::from(FoldRun { signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl AggregateUDFImpl for FoldRun {
    fn name(&self) -> &'static str {
        "fold_run"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Struct(run_fields()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[events]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(accumulator::SingleFold::default()))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(FoldAccumulator::default()))
    }
}

#[cfg(test)]
mod tests;

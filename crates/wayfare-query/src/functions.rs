//! The functions that reports and `sql` share, wrapped for `DataFusion`. Their work is done elsewhere, in plain Rust.

mod bytes;
mod changes;
mod funnel;
mod funnel_level;
mod funnel_summary;
mod held;
mod interval_start;
mod is_behind;
mod keyed_summary;
mod of_path;
mod outcomes;
mod outline;
mod param;
mod param_holds;
mod paths;
mod run_duration;
mod run_features;
mod run_state;
mod step_summary;
mod stretch;
mod sub_journeys;
mod summary;
mod tally;
mod time_summary;
mod timeline;
mod times;
mod transitions;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::Error;
use keyed_summary::KeyedSummary;

pub(crate) use funnel::{FunnelText, Prepared, StepText};
pub(crate) use funnel_summary::{FUNNEL_SUMMARY, REACHED, TIMES, TimesWanted, funnel_summary};
pub(crate) use interval_start::{CYCLES, INTERVALS, interval_label};
pub(crate) use of_path::{path_text, stored_path};
pub(crate) use outcomes::OUTCOMES;
pub(crate) use param_holds::condition_text;
#[cfg(test)]
pub(crate) use paths::joined;
pub(crate) use paths::{Paths, one_list, path_type};
pub(crate) use run_duration::run_duration;
pub(crate) use run_features::{FEATURE_COUNTS, FEATURES};
pub(crate) use run_state::{run_failure, run_state};
pub(crate) use step_summary::STEP_COUNTS;
pub(crate) use stretch::{is_first_of_stretch, stretch};
pub(crate) use sub_journeys::SUB_JOURNEY_COUNTS;
pub(crate) use time_summary::{MEDIAN_BOUNDS, PERCENTILES, Ranks};
pub(crate) use transitions::{END_NODE, OTHER_NODE, START_NODE, STEP_NODE, TRANSITION_COUNTS};

/// Makes all functions known to a session.
pub(crate) fn register(context: &SessionContext) {
    context.register_udf(path_text());
    context.register_udf(changes::function());
    context.register_udf(funnel_level::funnel());
    context.register_udf(funnel_level::funnel_ms());
    context.register_udf(timeline::steps());
    context.register_udf(timeline::timeline());
    context.register_udf(timeline::offsets_ms());
    context.register_udf(interval_start::interval_start());
    context.register_udf(param::param());
    context.register_udf(param_holds::param_holds());
    context.register_udaf(summary::function(KeyedSummary::<step_summary::StepSummary<true>>::default()));
    context.register_udaf(summary::function(KeyedSummary::<step_summary::StepSummary<false>>::default()));
    context.register_udaf(summary::function(outcomes::Outcomes));
    context.register_udaf(summary::function(time_summary::TimeSummary));
    context.register_udaf(summary::function(KeyedSummary::<run_features::RunFeatures>::default()));
    context.register_udaf(summary::function(KeyedSummary::<sub_journeys::SubJourneys>::default()));
    context.register_udaf(summary::function(KeyedSummary::<transitions::Transitions>::default()));
    for function in of_path::of_path().into_iter().chain(is_behind::is_behind()) {
        context.register_udf(function);
    }
}

/// An error of ours as the query engine carries it; [`crate::error::of_datafusion`] gives it back.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

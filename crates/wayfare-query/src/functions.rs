//! The functions that reports and `sql` share, wrapped for `DataFusion`. Their work is done elsewhere, in plain Rust.

mod bytes;
mod changes;
mod funnel;
mod funnel_level;
mod interval_start;
mod param;
mod step_summary;
mod time_summary;
mod timeline;

use datafusion::prelude::SessionContext;

pub(crate) use funnel::{FunnelText, StepText, definition_text};
pub(crate) use interval_start::INTERVALS;
pub(crate) use step_summary::STEP_COUNTS;
pub(crate) use time_summary::PERCENTILES;

/// Makes all functions known to a session.
pub(crate) fn register(context: &SessionContext) {
    context.register_udf(changes::function());
    context.register_udf(funnel_level::funnel());
    context.register_udf(funnel_level::funnel_ms());
    context.register_udf(timeline::steps());
    context.register_udf(timeline::timeline());
    context.register_udf(funnel::funnel_times());
    context.register_udf(interval_start::interval_start());
    context.register_udf(param::param());
    context.register_udaf(step_summary::step_summary());
    context.register_udaf(time_summary::time_summary());
}

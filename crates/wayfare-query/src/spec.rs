//! What can be asked: one serialisable value a report, the same from the command line, a file or HTTP.
//!
//! Texts (`where`, `step`, instants, durations) are parsed and checked by the modules below, so that every
//! way in gives the same errors.

mod activity;
mod behind;
mod explain;
mod filter;
mod funnel;
mod quoted;
mod range;
mod reports;
mod step;
pub(crate) mod suggest;

pub use activity::{ActivitySpec, Log};
pub use behind::{Behind, CALL_COLUMNS, CallClass, Nesting, Side};
pub use explain::ExplainSpec;
pub use filter::{Condition, Op};
pub use funnel::{
    BreakdownSpec, ConvertSpec, Counting, EventSpec, ExclusionSpec, FunnelSpec, HoldSpec, ListSpec,
    OneOrMany, PropOp, PropSpec, StepSpec, TrendSpec, Unit,
};
pub use range::{Range, parse_instant_ms, parse_tz};
pub use reports::{
    CausesSpec, CompareSpec, DurationsSpec, DurationsView, PathsSpec, PathsView, QualitySpec, SessionsSpec,
};
pub(crate) use step::step_text;
pub use step::{Step, StepTest};
pub use wayfare_ingest::{format_duration_ms, parse_duration_ms};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes that the text of an SQL query may have.
pub const QUERY_BYTES_MAX: usize = 64 << 10;

/// What all reports have in common: which runs, as of when, split by what, how many rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Journeys by id; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub journey: Vec<String>,
    /// Journey versions; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub version: Vec<String>,
    /// Start of the range of entry, inclusive: an instant, a date, a relative word such as `yesterday` or `-7d`, or milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End of the range of entry, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// IANA time zone in which dates are read and days are labelled; UTC when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// What counts as "now"; the latest event time of the snapshot when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Conditions that must all hold, such as `platform=ios`.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// Dimensions to split by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Most rows to give.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Columns of the answer, in this order; empty means all. What no column needs is not computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// One question to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "report", rename_all = "snake_case", deny_unknown_fields)]
pub enum Spec {
    /// Totals, rates and durations.
    Overview(Scope),
    /// How far runs get through a sequence of steps.
    Funnel(FunnelSpec),
    /// Why one unit counts the way it does.
    Explain(ExplainSpec),
    /// Attempts, completion and durations of every step.
    Steps(Scope),
    /// Failed runs by step and error.
    Failures(Scope),
    /// What runs that do not succeed have in common.
    Causes(CausesSpec),
    /// Calls to external connections.
    Calls(Scope),
    /// How runs go from step to step.
    Paths(PathsSpec),
    /// How long runs take.
    Durations(DurationsSpec),
    /// Two sets of runs side by side.
    Compare(CompareSpec),
    /// Journeys inside journeys.
    SubJourneys(Scope),
    /// What is wrong with the events.
    Quality(QualitySpec),
    /// A list of runs.
    Invocations(InvocationsSpec),
    /// The events of one run.
    Invocation {
        /// The run's invocation id.
        id: String,
        /// The tenant, where an id stands for runs of several tenants.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<String>,
        /// Time zone of the shown instants; UTC when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tz: Option<String>,
    },
    /// The journeys in the store.
    Journeys(Scope),
    /// The values of a column of `events`.
    Values {
        /// Name of the column.
        column: String,
        /// Which events count.
        #[serde(flatten)]
        scope: Scope,
    },
    /// Events of one log, listed or counted.
    Activity(ActivitySpec),
    /// One event with everything that is known of it.
    Event {
        /// The event's id in hexadecimal digits, or as many of the first ones as make it unique.
        id: String,
        /// Time zone of the shown instants; UTC when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tz: Option<String>,
    },
    /// Verification sessions by their outcome.
    Sessions(SessionsSpec),
    /// Risk recommendations by their type.
    Risk(Scope),
    /// One read-only SQL query.
    Sql {
        /// The query's text.
        query: String,
    },
}

impl Spec {
    /// The report's name, as in the serialised spec.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Overview(_) => "overview",
            Self::Funnel(_) => "funnel",
            Self::Explain(_) => "explain",
            Self::Steps(_) => "steps",
            Self::Failures(_) => "failures",
            Self::Causes(_) => "causes",
            Self::Calls(_) => "calls",
            Self::Paths(_) => "paths",
            Self::Durations(_) => "durations",
            Self::Compare(_) => "compare",
            Self::SubJourneys(_) => "sub_journeys",
            Self::Quality(_) => "quality",
            Self::Invocations(_) => "invocations",
            Self::Invocation { .. } => "invocation",
            Self::Journeys(_) => "journeys",
            Self::Values { .. } => "values",
            Self::Activity(_) => "activity",
            Self::Event { .. } => "event",
            Self::Sessions(_) => "sessions",
            Self::Risk(_) => "risk",
            Self::Sql { .. } => "sql",
        }
    }
}

/// A list of runs: a scope and an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct InvocationsSpec {
    /// Which runs are listed.
    #[serde(flatten)]
    pub scope: Scope,
    /// Column to sort by, with a leading `-` for descending; `-started_at` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Only the runs behind a number of another report, such as `step=otp and class=failed_here`, see [`Behind`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// Where the page before ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

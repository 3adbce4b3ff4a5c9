//! The specs of reports that ask for more than a scope.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

/// Causes: a scope and the support that a comparison needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CausesSpec {
    /// Which runs count; `by` names what is compared.
    #[serde(flatten)]
    pub scope: Scope,
    /// The fewest decided runs on each side of a comparison; 20 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<usize>)]
    pub min_runs: Option<u64>,
    /// Whether each pair of dimensions of runs is a dimension, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pairs: bool,
}

/// Paths: a scope and what is shown of the ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PathsSpec {
    /// Which runs count; `limit` is a number of steps, of variants a number of rows.
    #[serde(flatten)]
    pub scope: Scope,
    /// What is shown.
    pub show: PathsView,
}

/// What `paths` shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathsView {
    /// From each step to the next.
    #[default]
    Transitions,
    /// Whole sequences of steps.
    Variants,
}

/// Durations: a scope and how they are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DurationsSpec {
    /// Which runs count.
    #[serde(flatten)]
    pub scope: Scope,
    /// How they are shown.
    pub show: DurationsView,
}

/// What `durations` shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DurationsView {
    /// Mean and percentiles.
    #[default]
    Percentiles,
    /// Counts of runs by duration.
    Histogram,
}

/// A comparison: what both sides have in common, and what tells them apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CompareSpec {
    /// Which runs count on both sides; with `by` the change of the success rate is split into mix and rate.
    #[serde(flatten)]
    pub scope: Scope,
    /// The baseline: `version=2`, `from=2026-03-01`, `to=…`, `journey=…`, or any condition.
    pub a: Vec<String>,
    /// The side that is compared with it.
    pub b: Vec<String>,
}

/// Verification sessions: counted by their outcome, or listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SessionsSpec {
    /// Which sessions count; the range is of their first event, conditions may name `kind` and `outcome`.
    #[serde(flatten)]
    pub scope: Scope,
    /// Whether the sessions themselves are listed, the newest first; `limit` is the length of a page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// Where the page before ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Quality: what is wrong with the events, or the events or lines of an issue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct QualitySpec {
    /// Which runs count.
    #[serde(flatten)]
    pub scope: Scope,
    /// The events or lines of this issue, as the report writes it; `limit` is the length of a page. Runs of an issue are
    /// listed by `invocations`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Where the page before ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

//! One unit explained.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FunnelSpec;

/// Why one unit counts the way it does in a funnel; without steps and journey, why a run has its state.
///
/// The funnel is that of the report `funnel`, without the views that are of many units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainSpec {
    /// The unit's id: an invocation id, or that of a user, correlation, session or flow, as `unit` says.
    pub id: String,
    /// The tenant, where an id stands for units of several tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The funnel, and which units it is of.
    #[serde(flatten)]
    pub funnel: FunnelSpec,
}

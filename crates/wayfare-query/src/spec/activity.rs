//! The logs of events, as the vendor's portal has them: which events, and how they are listed or counted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wayfare_ingest::Source;

use super::Scope;

/// One of the four logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// What users did: authentication, user management, journeys (source `cis`).
    User,
    /// What administrators changed (source `admin`).
    Admin,
    /// Identity verification (source `verify`).
    Verify,
    /// Recommendations of fraud prevention (source `risk`).
    Risk,
}

impl Log {
    /// The source whose events it holds.
    pub fn source(self) -> Source {
        match self {
            Self::User => Source::Cis,
            Self::Admin => Source::Admin,
            Self::Verify => Source::Verify,
            Self::Risk => Source::Risk,
        }
    }
}

/// Events of one log: listed, or counted when the scope has dimensions.
///
/// The scope's range is of the events themselves. Lists of several values mean any of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivitySpec {
    /// Whose events.
    pub log: Log,
    /// Which events: range, journeys, conditions; `by` counts them, `limit` is the length of a page.
    #[serde(flatten)]
    pub scope: Scope,
    /// Event types, in any spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_type: Vec<String>,
    /// Users, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<String>,
    /// Who acted, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actor: Vec<String>,
    /// What was acted on: id or type of the resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub target: Vec<String>,
    /// IP addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip: Vec<String>,
    /// Countries, as the events have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub country: Vec<String>,
    /// A text that the parameters contain, letter case ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Whether the list begins with the oldest event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oldest_first: bool,
    /// Where the page before ended: its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl ActivitySpec {
    /// All events of a log.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            scope: Scope::default(),
            event_type: Vec::new(),
            user: Vec::new(),
            actor: Vec::new(),
            target: Vec::new(),
            ip: Vec::new(),
            country: Vec::new(),
            search: None,
            oldest_first: false,
            after: None,
        }
    }
}

//! What a funnel asks, as it is written down.
//!
//! Steps count from 0 in the serialised form and from 1 on the command line, where people write them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Scope;
use crate::funnel::{
    EntryPolicy, EventReuse, ExclusionEffect, OnRepeat, Order, StrictReentry, StrictRepeats, StrictScope,
    Ties, WindowFrom,
};

/// A funnel: who is counted, the steps, and how they have to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FunnelSpec {
    /// Which runs count; of other units, which events.
    #[serde(flatten)]
    pub scope: Scope,
    /// The steps, first to last; empty means the main line of the one journey in the scope.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepSpec>,
    /// Who or what gets through the steps.
    #[serde(skip_serializing_if = "is_default")]
    pub unit: Unit,
    /// In which order the steps have to come.
    #[serde(skip_serializing_if = "is_default")]
    pub order: Order,
    /// Longest time from the start of the window to any step, such as `1h`; the journey lifetime when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Where the window begins.
    #[serde(skip_serializing_if = "is_default")]
    pub window_from: WindowFrom,
    /// What events at one millisecond may do.
    #[serde(skip_serializing_if = "is_default")]
    pub ties: Ties,
    /// Whether one event may serve several steps.
    #[serde(skip_serializing_if = "is_default")]
    pub event_reuse: EventReuse,
    /// Which events open an attempt.
    #[serde(skip_serializing_if = "is_default")]
    pub entry_policy: EntryPolicy,
    /// What an event of a step that is matched already does.
    #[serde(skip_serializing_if = "is_default")]
    pub on_repeat: OnRepeat,
    /// Whether a repeated first step counts as a repeat.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeat_includes_first: bool,
    /// Which events can break a strict attempt.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_scope: StrictScope,
    /// Whether a strict attempt passes over further events of the step just matched.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_repeats: StrictRepeats,
    /// Whether a strict attempt passes over events of other steps.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_reentry: StrictReentry,
    /// Events that must not happen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<ExclusionSpec>,
    /// What an exclusion does; `end_attempt` when absent, for an unordered funnel `void_attempt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusion_effect: Option<ExclusionEffect>,
    /// A property that has to stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_constant: Option<HoldSpec>,
    /// Properties of events to split by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<BreakdownSpec>,
    /// Whether attempts are counted beside units.
    #[serde(skip_serializing_if = "is_default")]
    pub counting: Counting,
    /// Asks for entries and conversions by interval instead of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<TrendSpec>,
    /// Asks for the time from one step to another instead of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_convert: Option<ConvertSpec>,
    /// Asks why units dropped off instead of steps.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drop_offs: bool,
    /// Asks for a list instead of steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<ListSpec>,
    /// Where the page of the list before ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Who or what gets through a funnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A run of a journey.
    #[default]
    Invocation,
    /// A person, by `user_id`.
    User,
    /// All events of one `correlation_id`.
    Correlation,
    /// A verification session, by `session_id`.
    Session,
    /// All events of one `flow_id`.
    Flow,
}

impl Unit {
    /// The column that tells the units apart.
    pub fn column(self) -> &'static str {
        match self {
            Self::Invocation => "invocation_id",
            Self::User => "user_id",
            Self::Correlation => "correlation_id",
            Self::Session => "session_id",
            Self::Flow => "flow_id",
        }
    }

    /// What one unit is called.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Invocation => "run",
            Self::User => "user",
            Self::Correlation => "correlation",
            Self::Session => "session",
            Self::Flow => "flow",
        }
    }
}

/// A step: as people write it, or field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StepSpec {
    /// A step id, an event, or a condition, see [`super::Step`].
    Text(String),
    /// An event by its name and properties.
    Event(EventSpec),
}

/// By hand, as a derived one would take an array for an event's fields in their order.
impl<'de> Deserialize<'de> for StepSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::Text(text)),
            fields @ Value::Object(_) => {
                serde_json::from_value(fields).map(Self::Event).map_err(D::Error::custom)
            }
            other => Err(D::Error::custom(format!("expected a step as a text or an object, saw {other}"))),
        }
    }
}

impl From<String> for StepSpec {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for StepSpec {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Events by their name and properties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventSpec {
    /// The name that is shown; the event's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Names of which the event has one, as its activity or as its step; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<OneOrMany>,
    /// Conditions that must all hold.
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropSpec>,
    /// Whether the step may be left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any of these.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// A condition on a column of events, or on a parameter by `params.KEY`; its value has a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PropSpec {
    /// The column, or `params.` and the keys that lead to the value.
    pub prop: String,
    /// How it is compared.
    pub op: PropOp,
    /// What it is compared with: a list for `in` and `not_in`, nothing for `is_set` and `is_null`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub value: Value,
}

/// How a property is compared. On a missing one nothing holds but `is_null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PropOp {
    /// It is the value.
    Eq,
    /// It is another one.
    Ne,
    /// It is one of the values.
    In,
    /// It is none of the values.
    NotIn,
    /// Its text has the value in it, letter case ignored.
    Contains,
    /// It is smaller.
    Lt,
    /// It is smaller or equal.
    Le,
    /// It is greater.
    Gt,
    /// It is greater or equal.
    Ge,
    /// It is there.
    IsSet,
    /// It is not there.
    IsNull,
}

/// Events that must not happen between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExclusionSpec {
    /// The events, as people write a step; instead of `event` and `where`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Names of which the event has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<OneOrMany>,
    /// Conditions that must all hold.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropSpec>,
    /// The step (0-based) after which they must not happen.
    pub from: usize,
    /// The step (0-based) before which they must not happen.
    pub to: usize,
}

/// A property that has to be the same at several steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldSpec {
    /// The column, or `params.` and the keys that lead to the value.
    pub prop: String,
    /// The steps (0-based); all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<usize>,
}

/// Properties of events that split a funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakdownSpec {
    /// Columns, or `params.` and keys; their values are joined.
    pub props: Vec<String>,
    /// Which event gives the values: `first_touch`, `last_touch`, `all_events`, or `step_N` (0-based).
    #[serde(default = "first_touch")]
    pub attribution: String,
    /// The cells with most units that are shown; the others add up in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

fn first_touch() -> String {
    "first_touch".to_owned()
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Units, each once.
    #[default]
    Actors,
    /// Attempts, too.
    Attempts,
}

/// Entries by interval, and how many of them converted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrendSpec {
    /// `hour`, `day`, `week` or `month`.
    pub interval: String,
    /// The zone of the intervals; that of the report when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The day on which weeks begin, `monday` when absent: its name, or its number from 1 for Monday, 0 or 7 for Sunday.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "text_or_number")]
    pub week_start: Option<String>,
    /// The step (0-based) that counts as entered.
    #[serde(default)]
    pub from_step: usize,
    /// The step (0-based) that counts as converted; the last when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_step: Option<usize>,
}

/// A text, or the text of a whole number.
fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) if number.is_u64() => Ok(Some(number.to_string())),
        other => Err(serde::de::Error::custom(format!("expected a text or a whole number, saw {other}"))),
    }
}

/// The time from one step to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConvertSpec {
    /// The step (0-based) from which it is taken.
    pub from_step: usize,
    /// The step (0-based) to which it is taken; the last when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_step: Option<usize>,
    /// The number of bins; the cube root of the number of values when absent, from 1 to 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bins: Option<usize>,
}

/// What is behind the numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListSpec {
    /// Units, or their attempts.
    #[serde(skip_serializing_if = "is_default")]
    pub of: Counting,
    /// Only those that reached this step (0-based), or with `class` those that dropped off after the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Only those that dropped off before `step` for this reason; `any` for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

//! Fraud prevention events.

use super::{EventType, Role, Source};

const fn event(key: &'static str, display_name: &'static str, description: &'static str) -> EventType {
    EventType { source: Source::Risk, key, display_name, description, role: Role::Other }
}

pub(super) const EVENT_TYPES: [EventType; 1] =
    [event("risk_recommendation", "Risk recommendation", "Risk recommendation given to a user action")];

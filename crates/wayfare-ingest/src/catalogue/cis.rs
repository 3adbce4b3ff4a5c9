//! Journey, user management and authentication events.

use super::{EventType, Role, Source};

/// A journey event: it has a part in the run of a journey.
const fn journey(
    key: &'static str,
    display_name: &'static str,
    role: Role,
    description: &'static str,
) -> EventType {
    EventType { source: Source::Cis, key, display_name, description, role }
}

const fn event(key: &'static str, display_name: &'static str, description: &'static str) -> EventType {
    EventType { source: Source::Cis, key, display_name, description, role: Role::Other }
}

pub(super) const EVENT_TYPES: [EventType; 15] = [
    journey("journey_started", "Journey started", Role::JourneyStarted, "A journey was initiated."),
    journey(
        "sub_journey_started",
        "Sub-journey started",
        Role::SubJourneyStarted,
        "A sub-journey was initiated.",
    ),
    journey(
        "journey_completed_successfully",
        "Journey completed successfully",
        Role::JourneySucceeded,
        "A journey has completed successfully.",
    ),
    journey(
        "journey_completed_unsuccessfully",
        "Journey completed unsuccessfully",
        Role::JourneyFailed,
        "A journey has completed unsuccessfully.",
    ),
    journey("step_started", "Step started", Role::StepStarted, "A journey step was initiated successfully."),
    journey(
        "step_completed",
        "Step completed",
        Role::StepCompleted,
        "A journey step has completed successfully.",
    ),
    journey(
        "custom_event",
        "Custom event",
        Role::CustomEvent,
        "A event recorded as a result of the Log custom event step execution. This event includes custom data sent from the journey.",
    ),
    journey(
        "external_connection_call",
        "External connection call",
        Role::ExternalCall,
        "A external connection was invoked.",
    ),
    event("user_logout", "User logout", "A user logged out."),
    event("create_user_failure", "Create user failure", "A user creation attempt failed."),
    event("add_password", "Add password", "A password was added to a user account."),
    event("authentication_succeeded", "Authentication succeeded", "A user successfully authenticated."),
    event("sms_sent", "SMS sent", "An SMS message was sent."),
    event("user_login", "User login", "A user successfully logged in."),
    event("create_user", "Create user", "A new user was created."),
];

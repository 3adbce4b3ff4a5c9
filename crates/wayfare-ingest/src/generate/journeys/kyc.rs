//! Know your customer: slow by nature. A person types, photographs and waits, a register takes seconds, a clerk hours.
//! In version 2 the document check sends far more people back.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{
    DOCUMENT_UNSUPPORTED, IMAGE_QUALITY, INTERACTION, INVALID_INPUT, REGISTRY_MISMATCH, SESSION_EXPIRED,
    STEP, WEB_SERVICE, call,
};

pub(super) static JOURNEY: Journey = Journey {
    id: "kyc",
    weight: 8,
    action: "account_details_change",
    identified: true,
    flow: None,
    steps: &[
        Step {
            id: "kyc_intro",
            kind: "information",
            category: INTERACTION,
            pace_ms: 14_000,
            leave: 90,
            next: &[(1, To::Step("personal_details"))],
            ..STEP
        },
        Step {
            id: "personal_details",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 85_000,
            leave: 70,
            fail: 110,
            errors: &[INVALID_INPUT],
            tries: 4,
            next: &[(1, To::Step("document_check"))],
            ..STEP
        },
        Step {
            id: "document_check",
            kind: "transmit_idv_hosted",
            category: WEB_SERVICE,
            pace_ms: 2_000,
            leave: 70,
            fail: 130,
            errors: &[DOCUMENT_UNSUPPORTED, SESSION_EXPIRED],
            tries: 2,
            effects: &[Effect::Verification],
            next: &[(80, To::Step("registry_check")), (14, To::Step("manual_review")), (6, To::Reject)],
            ..STEP
        },
        Step {
            id: "manual_review",
            kind: "wait_for_ticket",
            pace_ms: 3 * 3_600_000,
            next: &[(80, To::Step("registry_check")), (20, To::Reject)],
            ..STEP
        },
        Step {
            id: "registry_check",
            kind: "function_invoke",
            category: WEB_SERVICE,
            pace_ms: 300,
            fail: 40,
            errors: &[REGISTRY_MISMATCH],
            tries: 2,
            call: Some(call("civil_registry", 6_500, 110, OnFailure::Repeat)),
            next: &[(1, To::Step("activate_account"))],
            ..STEP
        },
        Step {
            id: "activate_account",
            kind: "custom_user_data",
            category: WEB_SERVICE,
            pace_ms: 200,
            call: Some(call("core_banking", 600, 10, OnFailure::Break)),
            effects: &[Effect::Custom("kyc_level_granted")],
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 55, changes: &[STRICTER_IMAGES] },
    ],
};

const STRICTER_IMAGES: Change = Change {
    step: "document_check",
    client: None,
    leave: 90,
    fail: 420,
    errors: &[IMAGE_QUALITY, IMAGE_QUALITY, IMAGE_QUALITY, DOCUMENT_UNSUPPORTED],
    pace_ms: 2_000,
    call_fail: 0,
};

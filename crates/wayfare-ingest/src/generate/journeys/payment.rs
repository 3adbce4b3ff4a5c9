//! Payment: details, a risk check that may ask for a signature, the core system. Version 2 calls the core system the
//! wrong way and one call in five fails; version 3 repairs it.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{AUTHENTICATION, INTERACTION, INVALID_INPUT, SIGNING_CANCELLED, STEP, WEB_SERVICE, call};

pub(super) static JOURNEY: Journey = Journey {
    id: "payment",
    weight: 13,
    action: "transaction",
    identified: true,
    flow: Some("checkout"),
    steps: &[
        Step {
            id: "payment_details",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 24_000,
            leave: 60,
            fail: 60,
            errors: &[INVALID_INPUT],
            tries: 3,
            next: &[(1, To::Step("risk_check"))],
            ..STEP
        },
        Step {
            id: "risk_check",
            kind: "transmit_acp",
            pace_ms: 190,
            effects: &[Effect::Risk],
            next: &[
                (20, To::Step("authorize_payment")),
                (34, To::Step("authorize_payment")),
                (42, To::Step("sign_transaction")),
                (4, To::Reject),
            ],
            ..STEP
        },
        Step {
            id: "sign_transaction",
            kind: "transaction_signing_mobile_biometrics",
            category: AUTHENTICATION,
            pace_ms: 11_000,
            leave: 35,
            fail: 80,
            errors: &[SIGNING_CANCELLED],
            tries: 2,
            next: &[(1, To::Step("authorize_payment"))],
            ..STEP
        },
        Step {
            id: "authorize_payment",
            kind: "function_invoke",
            category: WEB_SERVICE,
            pace_ms: 120,
            call: Some(call("payment_core", 850, 15, OnFailure::Break)),
            effects: &[Effect::Custom("payment_authorized")],
            next: &[(1, To::Step("receipt"))],
            ..STEP
        },
        Step {
            id: "receipt",
            kind: "email",
            category: WEB_SERVICE,
            pace_ms: 70,
            call: Some(call("mail_gateway", 240, 25, OnFailure::Ignore)),
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 34, changes: &[BROKEN_CALL] },
        Version { name: "3", from_percent: 68, changes: &[] },
    ],
};

const BROKEN_CALL: Change = Change {
    step: "authorize_payment",
    client: None,
    leave: 0,
    fail: 0,
    errors: &[],
    pace_ms: 120,
    call_fail: 210,
};

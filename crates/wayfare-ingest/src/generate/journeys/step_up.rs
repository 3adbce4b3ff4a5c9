//! Step-up: a known user proves it is him before something that matters. Version 2 loses approvals on Android.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{
    APPROVAL_DECLINED, APPROVAL_TIMEOUT, AUTHENTICATION, BAD_EXPRESSION, DEVICE, INTERACTION, INVALID_OTP,
    STEP, WEB_SERVICE, call,
};

pub(super) static JOURNEY: Journey = Journey {
    id: "step_up",
    weight: 12,
    action: "account_auth_change",
    identified: true,
    flow: None,
    steps: &[
        Step {
            id: "device_check",
            kind: "transmit_platform_device_validation",
            category: DEVICE,
            pace_ms: 400,
            effects: &[Effect::DeviceTrusted],
            next: &[(30, To::Step("risk_check")), (70, To::Step("choose_factor"))],
            ..STEP
        },
        Step {
            id: "choose_factor",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 5_000,
            leave: 30,
            next: &[(35, To::Step("totp")), (65, To::Step("push_approve"))],
            ..STEP
        },
        Step {
            id: "push_approve",
            kind: "transmit_platform_mobile_approve",
            category: AUTHENTICATION,
            pace_ms: 13_000,
            leave: 20,
            fail: 90,
            errors: &[APPROVAL_DECLINED, APPROVAL_TIMEOUT],
            tries: 2,
            give_up: To::Step("totp"),
            call: Some(call("push_service", 210, 15, OnFailure::Ignore)),
            next: &[(1, To::Step("risk_check"))],
            ..STEP
        },
        Step {
            id: "totp",
            kind: "transmit_platform_totp_authentication",
            category: AUTHENTICATION,
            pace_ms: 14_000,
            leave: 35,
            fail: 120,
            errors: &[INVALID_OTP],
            tries: 3,
            next: &[(1, To::Step("risk_check"))],
            ..STEP
        },
        Step {
            id: "risk_check",
            kind: "transmit_acp",
            pace_ms: 170,
            effects: &[Effect::Risk],
            next: &[
                (35, To::Step("grant_access")),
                (53, To::Step("grant_access")),
                (10, To::Step("totp")),
                (2, To::Reject),
            ],
            ..STEP
        },
        Step {
            id: "grant_access",
            kind: "set_variables",
            category: WEB_SERVICE,
            pace_ms: 50,
            fail: 10,
            errors: &[BAD_EXPRESSION],
            call: Some(call("token_service", 45, 6, OnFailure::Break)),
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 70, changes: &[LOST_APPROVALS] },
    ],
};

const LOST_APPROVALS: Change = Change {
    step: "push_approve",
    client: Some("retail_android"),
    leave: 80,
    fail: 450,
    errors: &[APPROVAL_TIMEOUT],
    pace_ms: 30_000,
    call_fail: 120,
};

//! Login: form, password or passkey, a risk check that may ask for a code, a session.
//!
//! The story: version 3 changed how the native iOS application takes the code out of the text message, and there
//! most codes are never taken over.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{
    AUTHENTICATION, EXPIRED_OTP, INTERACTION, INVALID_CREDENTIALS, INVALID_OTP, OTP_TIMEOUT,
    PASSKEY_CANCELLED, PASSKEY_UNSUPPORTED, STEP, WEB_SERVICE, call,
};

pub(super) static JOURNEY: Journey = Journey {
    id: "login",
    weight: 40,
    action: "login",
    identified: false,
    flow: None,
    steps: &[
        Step {
            id: "login_form",
            kind: "login_form",
            category: INTERACTION,
            pace_ms: 9_000,
            leave: 45,
            next: &[(70, To::Step("password")), (30, To::Step("passkey"))],
            ..STEP
        },
        Step {
            id: "password",
            kind: "transmit_platform_password_authentication",
            category: AUTHENTICATION,
            pace_ms: 6_000,
            leave: 18,
            fail: 95,
            errors: &[INVALID_CREDENTIALS],
            tries: 3,
            call: Some(call("user_directory", 120, 5, OnFailure::Repeat)),
            effects: &[Effect::Identify],
            next: &[(1, To::Step("risk_check"))],
            ..STEP
        },
        Step {
            id: "passkey",
            kind: "transmit_platform_web_authn_authentication",
            category: AUTHENTICATION,
            pace_ms: 3_500,
            leave: 10,
            fail: 60,
            errors: &[PASSKEY_CANCELLED, PASSKEY_CANCELLED, PASSKEY_UNSUPPORTED],
            give_up: To::Step("password"),
            effects: &[Effect::Identify],
            next: &[(1, To::Step("risk_check"))],
            ..STEP
        },
        Step {
            id: "risk_check",
            kind: "transmit_acp",
            pace_ms: 180,
            effects: &[Effect::Risk],
            next: &[
                (20, To::Step("issue_session")),
                (43, To::Step("issue_session")),
                (34, To::Step("otp_sms")),
                (3, To::Reject),
            ],
            ..STEP
        },
        Step {
            id: "otp_sms",
            kind: "transmit_platform_sms_otp_authentication",
            category: AUTHENTICATION,
            pace_ms: 17_000,
            leave: 50,
            fail: 110,
            errors: &[INVALID_OTP, INVALID_OTP, EXPIRED_OTP],
            tries: 3,
            call: Some(call("sms_gateway", 350, 12, OnFailure::Repeat)),
            effects: &[Effect::Sms],
            next: &[(1, To::Step("issue_session"))],
            ..STEP
        },
        Step {
            id: "issue_session",
            kind: "function_invoke",
            category: WEB_SERVICE,
            pace_ms: 60,
            call: Some(call("token_service", 45, 6, OnFailure::Break)),
            effects: &[Effect::Login],
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 23, changes: &[FASTER_FORM] },
        Version { name: "3", from_percent: 52, changes: &[LOST_CODES, FASTER_FORM] },
    ],
};

const FASTER_FORM: Change = Change {
    step: "login_form",
    client: None,
    leave: 35,
    fail: 0,
    errors: &[],
    pace_ms: 6_500,
    call_fail: 0,
};

const LOST_CODES: Change = Change {
    step: "otp_sms",
    client: Some("retail_ios"),
    leave: 90,
    fail: 850,
    errors: &[OTP_TIMEOUT],
    pace_ms: 60_000,
    call_fail: 12,
};

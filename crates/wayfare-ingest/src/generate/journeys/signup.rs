//! Signup: a form, the address confirmed by a code, a user, a credential, consent. Version 2 asks for less.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{
    AUTHENTICATION, EXPIRED_OTP, INTERACTION, INVALID_INPUT, INVALID_OTP, PASSKEY_CANCELLED,
    PASSKEY_UNSUPPORTED, PASSWORD_WEAK, STEP, USER_EXISTS, WEB_SERVICE, call,
};

pub(super) static JOURNEY: Journey = Journey {
    id: "signup",
    weight: 16,
    action: "register",
    identified: false,
    flow: None,
    steps: &[
        Step {
            id: "registration_form",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 48_000,
            leave: 150,
            fail: 90,
            errors: &[INVALID_INPUT],
            tries: 4,
            next: &[(1, To::Step("email_otp"))],
            ..STEP
        },
        Step {
            id: "email_otp",
            kind: "transmit_platform_email_validation",
            category: AUTHENTICATION,
            pace_ms: 34_000,
            leave: 80,
            fail: 130,
            errors: &[EXPIRED_OTP, INVALID_OTP],
            tries: 3,
            call: Some(call("mail_gateway", 240, 8, OnFailure::Repeat)),
            next: &[(1, To::Step("create_user"))],
            ..STEP
        },
        Step {
            id: "create_user",
            kind: "create_user",
            pace_ms: 150,
            fail: 70,
            errors: &[USER_EXISTS],
            call: Some(call("crm", 420, 14, OnFailure::Break)),
            effects: &[Effect::CreateUser, Effect::Identify],
            next: &[(66, To::Step("set_password")), (34, To::Step("register_passkey"))],
            ..STEP
        },
        Step {
            id: "set_password",
            kind: "transmit_platform_password_registration",
            category: AUTHENTICATION,
            pace_ms: 16_000,
            leave: 25,
            fail: 170,
            errors: &[PASSWORD_WEAK],
            tries: 4,
            effects: &[Effect::AddPassword],
            next: &[(1, To::Step("consent"))],
            ..STEP
        },
        Step {
            id: "register_passkey",
            kind: "transmit_platform_web_authn_registration",
            category: AUTHENTICATION,
            pace_ms: 8_000,
            leave: 15,
            fail: 120,
            errors: &[PASSKEY_UNSUPPORTED, PASSKEY_CANCELLED],
            give_up: To::Step("set_password"),
            next: &[(1, To::Step("consent"))],
            ..STEP
        },
        Step {
            id: "consent",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 7_000,
            leave: 30,
            effects: &[Effect::Custom("consent_given")],
            next: &[(965, To::Step("welcome_email")), (35, To::Reject)],
            ..STEP
        },
        Step {
            id: "welcome_email",
            kind: "email",
            category: WEB_SERVICE,
            pace_ms: 80,
            call: Some(call("mail_gateway", 240, 25, OnFailure::Ignore)),
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 45, changes: &[SHORTER_FORM] },
    ],
};

const SHORTER_FORM: Change = Change {
    step: "registration_form",
    client: None,
    leave: 70,
    fail: 50,
    errors: &[INVALID_INPUT],
    pace_ms: 26_000,
    call_fail: 0,
};

//! Password reset: the user proves by a code of the sub-journey `otp`, or else by questions, who he is.

use super::super::graph::{Change, Effect, Journey, OnFailure, Step, To, Version};
use super::{
    AUTHENTICATION, EXPIRED_OTP, INTERACTION, INVALID_OTP, PASSWORD_REUSED, PASSWORD_WEAK, STEP,
    USER_NOT_FOUND, WEB_SERVICE, WRONG_ANSWER, call,
};

pub(super) static JOURNEY: Journey = Journey {
    id: "password_reset",
    weight: 11,
    action: "password_reset",
    identified: false,
    flow: None,
    steps: &[
        Step {
            id: "identify_user",
            kind: "login_form",
            category: INTERACTION,
            pace_ms: 11_000,
            leave: 60,
            fail: 90,
            errors: &[USER_NOT_FOUND],
            tries: 2,
            call: Some(call("user_directory", 120, 5, OnFailure::Repeat)),
            effects: &[Effect::Identify],
            next: &[(1, To::Sub(&OTP, "new_password", "security_questions"))],
            ..STEP
        },
        Step {
            id: "security_questions",
            kind: "get_information",
            category: INTERACTION,
            pace_ms: 38_000,
            leave: 140,
            fail: 300,
            errors: &[WRONG_ANSWER],
            tries: 2,
            next: &[(1, To::Step("new_password"))],
            ..STEP
        },
        Step {
            id: "new_password",
            kind: "transmit_platform_password_registration",
            category: AUTHENTICATION,
            pace_ms: 19_000,
            leave: 30,
            fail: 210,
            errors: &[PASSWORD_WEAK, PASSWORD_REUSED],
            tries: 4,
            effects: &[Effect::AddPassword],
            next: &[(1, To::Step("notify_user"))],
            ..STEP
        },
        Step {
            id: "notify_user",
            kind: "email",
            category: WEB_SERVICE,
            pace_ms: 80,
            call: Some(call("mail_gateway", 240, 25, OnFailure::Ignore)),
            ..STEP
        },
    ],
    versions: &[
        Version { name: "1", from_percent: 0, changes: &[] },
        Version { name: "2", from_percent: 52, changes: &[CLEARER_RULES] },
    ],
};

/// Sends a code and checks it, inside another journey's run.
static OTP: Journey = Journey {
    id: "otp",
    weight: 0,
    action: "password_reset",
    identified: true,
    flow: None,
    steps: &[
        Step {
            id: "send_code",
            kind: "sms",
            category: WEB_SERVICE,
            pace_ms: 90,
            call: Some(call("sms_gateway", 350, 20, OnFailure::Repeat)),
            effects: &[Effect::Sms],
            next: &[(1, To::Step("verify_code"))],
            ..STEP
        },
        Step {
            id: "verify_code",
            kind: "transmit_platform_sms_otp_authentication",
            category: AUTHENTICATION,
            pace_ms: 19_000,
            leave: 45,
            fail: 230,
            errors: &[INVALID_OTP, INVALID_OTP, EXPIRED_OTP],
            tries: 3,
            ..STEP
        },
    ],
    versions: &[Version { name: "4", from_percent: 0, changes: &[] }],
};

const CLEARER_RULES: Change = Change {
    step: "new_password",
    client: None,
    leave: 20,
    fail: 110,
    errors: &[PASSWORD_REUSED, PASSWORD_WEAK],
    pace_ms: 15_000,
    call_fail: 0,
};

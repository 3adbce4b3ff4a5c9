//! The six journeys of the made-up bank Northwind, and the errors they know.

mod kyc;
mod login;
mod password_reset;
mod payment;
mod signup;
mod step_up;

use super::graph::{Call, Failure, Journey, OnFailure, Step, To};

/// All journeys, the busiest first as generated stores show them.
pub(super) static JOURNEYS: [&Journey; 6] = [
    &login::JOURNEY,
    &signup::JOURNEY,
    &password_reset::JOURNEY,
    &step_up::JOURNEY,
    &kyc::JOURNEY,
    &payment::JOURNEY,
];

pub(super) const INTERACTION: &str = "user_interaction";
pub(super) const AUTHENTICATION: &str = "authentication";
pub(super) const SYSTEM: &str = "system_execution";
pub(super) const DEVICE: &str = "device_operation";
pub(super) const WEB_SERVICE: &str = "web_service";

/// A step that always passes and leads on to the end; the journeys' tables fill in the rest.
const STEP: Step = Step {
    id: "",
    kind: "",
    category: SYSTEM,
    pace_ms: 40,
    leave: 0,
    fail: 0,
    errors: &[],
    tries: 1,
    give_up: To::Fail,
    call: None,
    effects: &[],
    next: &[(1, To::Succeed)],
};

const fn call(connection: &'static str, latency_ms: u64, fail: u64, on_failure: OnFailure) -> Call {
    Call { connection, latency_ms, fail, on_failure }
}

const fn flow_logic(code: &'static str, message: &'static str) -> Failure {
    Failure { code, category: "flow_logic", message }
}

const fn system(code: &'static str, message: &'static str) -> Failure {
    Failure { code, category: "system", message }
}

const INVALID_CREDENTIALS: Failure = flow_logic("invalid_credentials", "The password is not correct");
const INVALID_INPUT: Failure = flow_logic("invalid_input", "A field of the form is not valid");
const EXPIRED_OTP: Failure = flow_logic("expired_otp_passcode", "The code has expired");
const INVALID_OTP: Failure = flow_logic("invalid_otp_passcode", "The code is not correct");
const OTP_TIMEOUT: Failure = system("otp_timeout", "No code came back in time");
const USER_NOT_FOUND: Failure = flow_logic("user_not_found", "No user has this name");
const USER_EXISTS: Failure = flow_logic("user_already_exists", "A user with this address exists");
const PASSWORD_WEAK: Failure = flow_logic("password_too_weak", "The password does not meet the policy");
const PASSWORD_REUSED: Failure = flow_logic("password_reused", "The password was used before");
const PASSKEY_CANCELLED: Failure = flow_logic("passkey_cancelled", "The user closed the passkey dialog");
const PASSKEY_UNSUPPORTED: Failure = flow_logic("passkey_unsupported", "The device has no passkey support");
const WRONG_ANSWER: Failure = flow_logic("wrong_answer", "The answers do not match");
const APPROVAL_DECLINED: Failure = flow_logic("approval_declined", "The user declined on the device");
const APPROVAL_TIMEOUT: Failure = system("approval_timeout", "No answer from the device");
const SIGNING_CANCELLED: Failure = flow_logic("signing_cancelled", "The user cancelled the signature");
const DOCUMENT_UNSUPPORTED: Failure =
    flow_logic("document_not_supported", "This kind of document is not accepted");
const IMAGE_QUALITY: Failure = flow_logic("image_quality_too_low", "The document could not be read");
const SESSION_EXPIRED: Failure = system("session_expired", "The verification session has expired");
const REGISTRY_MISMATCH: Failure = flow_logic("registry_mismatch", "The register holds other data");
const BAD_EXPRESSION: Failure = Failure {
    code: "invalid_expression",
    category: "configuration",
    message: "An expression could not be evaluated",
};
/// What a step reports when the call it depends on has failed twice.
pub(super) const EXTERNAL_FAILED: Failure =
    system("external_call_failed", "The connected system did not answer");

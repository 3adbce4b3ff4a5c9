//! Calls to other systems during a step.

use super::super::graph::{Call, Knobs, OnFailure, Step};
use super::{Run, error};
use crate::generate::graph::Failure;

/// What a failed call does to its step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Called {
    /// The step fails.
    StepFails,
    /// The whole journey fails.
    Breaks,
}

/// Ways a call fails: the status of the answer if there is one, and the error.
const FAILURES: [(Option<u64>, Failure); 5] = [
    (Some(502), failure("bad_gateway", "The upstream server gave no valid answer")),
    (Some(502), failure("bad_gateway", "The upstream server gave no valid answer")),
    (Some(503), failure("service_unavailable", "The server is overloaded")),
    (Some(429), failure("too_many_requests", "The rate limit is reached")),
    (None, failure("connection_timeout", "No answer within ten seconds")),
];

/// Who has no answer after this long gets none.
const TIMEOUT_MS: u64 = 10_000;

const fn failure(code: &'static str, message: &'static str) -> Failure {
    Failure { code, category: "system", message }
}

impl Run<'_> {
    /// The call of a step that sends something and then waits for the user.
    pub(super) fn call_before(&mut self, step: &'static Step, knobs: &Knobs) -> Option<Called> {
        self.call(step, knobs, true)
    }

    /// The call of a step that first hears the user.
    pub(super) fn call_after(&mut self, step: &'static Step, knobs: &Knobs) -> Option<Called> {
        self.call(step, knobs, false)
    }

    fn call(&mut self, step: &'static Step, knobs: &Knobs, before: bool) -> Option<Called> {
        let call = step.call.as_ref().filter(|call| sends(call) == before)?;
        if !self.random.chance(knobs.call_fail) {
            self.answered(step, call);
            return None;
        }
        self.unanswered(step, call);
        match call.on_failure {
            OnFailure::Ignore => None,
            OnFailure::Break => Some(Called::Breaks),
            OnFailure::Repeat if self.random.chance(500) => {
                self.now_ms += self.random.between(100, 900);
                self.answered(step, call);
                None
            }
            OnFailure::Repeat => {
                self.now_ms += self.random.between(100, 900);
                self.unanswered(step, call);
                Some(Called::StepFails)
            }
        }
    }

    fn answered(&mut self, step: &Step, call: &Call) {
        let latency_ms = 1 + self.random.around(call.latency_ms);
        self.now_ms += latency_ms;
        self.step_event("external_connection_call", step, |line| {
            line.text("connection_id", call.connection).text("outcome", "success");
            line.number("http_status", 200).number("latency_ms", latency_ms);
        });
    }

    fn unanswered(&mut self, step: &Step, call: &Call) {
        let &(status, failure) = self.random.pick(&FAILURES);
        let latency_ms = match status {
            Some(_) => 1 + self.random.around(call.latency_ms * 2),
            None => TIMEOUT_MS + self.random.below(30),
        };
        self.now_ms += latency_ms;
        self.step_event("external_connection_call", step, |line| {
            line.text("connection_id", call.connection).text("outcome", "failure");
            if let Some(status) = status {
                line.number("http_status", status);
            }
            line.number("latency_ms", latency_ms);
            error(line, failure);
        });
    }
}

/// Whether the call sends a message that the user then answers.
fn sends(call: &Call) -> bool {
    matches!(call.connection, "sms_gateway" | "mail_gateway" | "push_service")
}

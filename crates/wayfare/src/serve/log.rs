//! One line a request on stderr: JSON where a program reads it, short where a person does.
//!
//! It never holds tokens, query parameters, paths as they were asked for, or bodies.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::json;

use super::Peer;
use super::caller::Caller;
use crate::clock;
use crate::session::stderr_line;

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// Nobody.
    Silent,
    /// A person at a terminal.
    Terminal,
    /// A program.
    Json,
}

/// What is known of a request when its answer begins.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) peer: Option<Peer>,
}

impl Log {
    /// Notes a request.
    pub(crate) fn request(self, line: &Line<'_>) {
        match self {
            Self::Silent => {}
            Self::Terminal => {
                let Line { method, route, status, took, .. } = line;
                stderr_line(format_args!("{status} {method} {route} {} ms", took.as_millis()));
            }
            Self::Json => stderr_line(line.json(clock::now_ms())),
        }
    }

    /// Notes what happens to the server itself.
    pub(crate) fn event(self, event: &str) {
        match self {
            Self::Silent => {}
            Self::Terminal => stderr_line(event),
            Self::Json => stderr_line(json!({ "time": time(clock::now_ms()), "event": event })),
        }
    }
}

impl Line<'_> {
    fn json(&self, now_ms: i64) -> String {
        json!({
            "time": time(now_ms),
            "request_id": self.id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "duration_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "caller": self.caller.map(|caller| &*caller.id),
            "tenant": self.caller.and_then(|caller| caller.tenant.as_deref()),
            "peer": self.peer.map(|peer| peer.0.ip().to_string()),
        })
        .to_string()
    }
}

fn time(now_ms: i64) -> String {
    let now = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    now.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object() {
        let line = Line {
            id: "r-1",
            method: "GET",
            route: "/api/v1/invocations/{id}",
            status: 200,
            took: Duration::from_millis(12),
            caller: None,
            peer: None,
        };
        let text = line.json(0);
        assert!(!text.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(value["route"], "/api/v1/invocations/{id}");
    }
}

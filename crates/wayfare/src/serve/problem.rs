//! What went wrong, as `application/problem+json` (RFC 9457).
//!
//! A [`Problem`] travels as a response extension; [`super::finish`] gives it the request's id and writes the body. That
//! way the answers of the router itself (no such path, wrong method, too long a body) come out the same.
#![expect(clippy::indexing_slicing, reason = "a JSON value gives null where there is nothing")]

use std::path::Path;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use wayfare_query::{Error, ErrorKind};

use crate::exit::Meaning;

/// What stands before the name of a kind in a problem's `type`.
pub(crate) const TYPE_PREFIX: &str = "urn:wayfare:problem:";

/// Problems of the transport, which the engine has no kind for: status, name, title.
pub(crate) const TRANSPORT: [(u16, &str, &str); 13] = [
    (400, "invalid", "The request is wrong"),
    (401, "unauthorized", "A token is needed"),
    (403, "forbidden", "The token does not allow this"),
    (404, "not_found", "There is no such thing"),
    (405, "method_not_allowed", "The path has no such method"),
    (406, "not_acceptable", "None of the formats asked for can be given"),
    (408, "too_slow", "The request took too long to arrive"),
    (413, "too_large", "The body is too large"),
    (415, "unsupported_media_type", "The body is of a kind that is not read here"),
    (421, "wrong_host", "This server does not answer for that host"),
    (429, "too_many_requests", "Too many requests at once"),
    (500, "internal", "The program has a defect"),
    (503, "busy", "The server has too much to do"),
];

/// Longest text of a cause that is shown.
const CAUSE_CHARS_MAX: usize = 2_000;

/// Places that say something to a client; others may hold paths of this machine.
const PLACES: [&str; 11] =
    ["column", "condition", "from", "in", "line", "option", "position", "setting", "step", "text", "to"];

/// A refusal: a status, what was expected and seen, and what helps. Boxed, as it is the rare way out of every handler.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Told>);

#[derive(Debug, Clone)]
struct Told {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    detail: String,
    hint: Option<String>,
    fields: Vec<(String, String)>,
    headers: HeaderMap,
}

impl Problem {
    /// Makes a problem of the transport.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let known = TRANSPORT.iter().find(|(number, ..)| *number == status.as_u16());
        let (_, name, title) = known.copied().unwrap_or((0, "other", "The request was not answered"));
        Self(Box::new(Told {
            status,
            name,
            title,
            detail: detail.into(),
            hint: None,
            fields: Vec::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// Makes a problem out of an error of the engine; nothing of the store's `root` is shown.
    pub(crate) fn of(error: &Error, root: &Path) -> Self {
        let Meaning { status, title, .. } = Meaning::of(error.kind());
        let mut places = Vec::new();
        let mut fields = Vec::new();
        for (name, value) in error.context() {
            if PLACES.contains(name) {
                places.push(format!("{name} {value}"));
            }
            match *name {
                "in" | "option" => fields.push((format!("/{value}"), error.message().to_owned())),
                "from" | "to" => fields.push((format!("/{name}"), error.message().to_owned())),
                "condition" => fields.push(("/where".to_owned(), error.message().to_owned())),
                _ => {}
            }
        }
        let mut detail = error.message().to_owned();
        if !places.is_empty() {
            detail = format!("{detail} ({})", places.join(", "));
        }
        // the causes of what is wrong with a question are about the question; those of the rest are about this machine
        if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Limit)
            && let Some(cause) = innermost(error)
        {
            let cause: String = cause.chars().take(CAUSE_CHARS_MAX).collect();
            detail = format!("{detail}: {cause}");
        }
        let root = root.display().to_string();
        Self(Box::new(Told {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            name: error.kind().name(),
            title,
            detail: detail.replace(&root, "STORE"),
            hint: error.advice().map(|advice| advice.replace(&root, "STORE")),
            fields,
            headers: HeaderMap::new(),
        }))
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Names the part of the question that is wrong, as a JSON pointer.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        let detail = self.0.detail.clone();
        self.0.fields.push((pointer.into(), detail));
        self
    }

    /// Adds a header to the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The body, for the request of that id.
    pub(crate) fn body(&self, request_id: &str) -> Value {
        let mut body = json!({
            "type": format!("{TYPE_PREFIX}{}", self.0.name),
            "title": self.0.title,
            "status": self.0.status.as_u16(),
            "detail": self.0.detail,
            "instance": format!("urn:wayfare:request:{request_id}"),
        });
        if let Some(hint) = &self.0.hint {
            body["hint"] = hint.as_str().into();
        }
        if !self.0.fields.is_empty() {
            let fields =
                self.0.fields.iter().map(|(pointer, detail)| json!({ "pointer": pointer, "detail": detail }));
            body["errors"] = fields.collect();
        }
        body
    }

    /// The finished answer to the request of that id.
    pub(crate) fn write(&self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(format!("{:#}\n", self.body(request_id))));
        *response.status_mut() = self.0.status;
        response.headers_mut().extend(self.0.headers.clone());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// The innermost cause of an error.
fn innermost(error: &Error) -> Option<String> {
    let mut cause = std::error::Error::source(error)?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where_and_nothing_of_this_machine() {
        let error = Error::invalid("expected a number, saw \"x\"")
            .with("file", "/var/lib/store/events/a.parquet")
            .with("condition", "http_status = x")
            .because("cannot read /var/lib/store/events/b.parquet");
        let problem = Problem::of(&error, Path::new("/var/lib/store"));
        let body = problem.body("r-1");
        assert_eq!(body["type"], "urn:wayfare:problem:invalid");
        assert_eq!(body["status"], 400);
        assert_eq!(body["instance"], "urn:wayfare:request:r-1");
        assert_eq!(body["errors"][0]["pointer"], "/where");
        assert!(!body.to_string().contains("/var/lib"), "{body}");
        assert!(body["detail"].as_str().unwrap().starts_with("expected a number, saw \"x\" (condition"));
    }

    #[test]
    fn causes_inside_the_machine_stay_there() {
        let error = Error::io("cannot read the file", std::io::Error::other("sda1: bad sector"));
        let body = Problem::of(&error, Path::new("/s")).body("r");
        assert_eq!(body["detail"], "cannot read the file");
        assert_eq!(body["status"], 503);
    }

    #[test]
    fn every_status_that_the_server_gives_has_a_name() {
        for (status, name, _) in TRANSPORT {
            let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "");
            assert_eq!(problem.body("r")["type"], format!("{TYPE_PREFIX}{name}"));
        }
    }
}

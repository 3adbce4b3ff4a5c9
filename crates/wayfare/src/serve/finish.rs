//! What every request and every answer goes through: an id, the check of host and origin, the text of problems,
//! security headers, counters and the log.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::caller::Seen;
use super::log::Line;
use super::problem::Problem;
use super::{App, Peer};

/// The header that carries a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that a client may choose.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// What a page from here may load: nothing from elsewhere, no script in the page itself. Charts place their labels by
/// style attributes.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
                           img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Data is no page.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The id of a request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Answers a request, from its id to its line in the log.
pub(crate) async fn finish(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId(request_id(request.headers()));
    let asked = request.method().clone();
    let method = method_name(&asked);
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let peer = request.extensions().get::<Peer>().copied();
    let seen = Seen::default();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(seen.clone());

    let response = match admit(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = told(response, &id.0, &asked, &path);
    headers(&mut response, &path);
    response
        .headers_mut()
        .insert(REQUEST_ID, HeaderValue::from_str(&id.0).unwrap_or(HeaderValue::from_static("-")));

    let (took, status) = (started.elapsed(), response.status());
    app.metrics.answered(route.as_deref().unwrap_or("other"), method, status.as_u16(), took);
    let caller = seen.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    app.log.request(&Line {
        id: &id.0,
        method,
        // the route, not the path with what was asked for: an id may stand for a person
        route: route.as_deref().unwrap_or("other"),
        status: status.as_u16(),
        took,
        caller: caller.as_ref(),
        peer,
    });
    response
}

fn admit(app: &App, request: &Request) -> Result<(), Problem> {
    if app.anonymous_allowed()? {
        app.origins.check_host(request.uri(), request.headers())?;
    }
    app.origins.check_origin(request.headers())
}

/// The client's own id if it is a harmless one, else a new one.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let harmless = |id: &&str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(allowed)
    };
    match headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(harmless) {
        Some(id) => id.into(),
        None => Uuid::new_v4().to_string().into(),
    }
}

/// A method by name; what is not one of these is all the same to the counters.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// Writes the text of a problem, and of a refusal by the router, which has none.
fn told(response: Response, id: &str, method: &Method, path: &str) -> Response {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return problem.write(id);
    }
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let detail = match status {
        StatusCode::NOT_FOUND => format!("there is no path {path:?}"),
        StatusCode::METHOD_NOT_ALLOWED => format!("{path:?} does not answer to {method}"),
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than is read here".to_owned(),
        status if status.is_server_error() => "the request met a defect of the program".to_owned(),
        _ => "the request cannot be read".to_owned(),
    };
    let mut problem = Problem::new(status, detail);
    if let Some(allow) = response.headers().get(ALLOW) {
        problem = problem.header(ALLOW, allow.clone());
    }
    problem.write(id)
}

fn headers(response: &mut Response, path: &str) {
    let page =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let policy = if page { PAGE_POLICY } else { DATA_POLICY };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        // may be kept by whoever asked, but asked for again each time
        let value = if path.starts_with("/api/") { "private, no-cache" } else { "no-cache" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_choose_a_harmless_id() {
        let id = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, text.parse().unwrap());
            request_id(&headers)
        };
        assert_eq!(&*id("job-7.retry_2"), "job-7.retry_2");
        for text in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(id(text).len(), 36, "{text:?}");
        }
    }
}

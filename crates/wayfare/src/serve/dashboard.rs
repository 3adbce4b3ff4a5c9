//! The dashboard: files that its build leaves in `crates/wayfare/web/dist`, inside the binary.
//!
//! A binary that was built without them serves a page that says so. Its pages are one: every path that is no file is
//! `index.html`, which looks at the path itself.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::Problem;
use super::routes::BASE;

/// What the dashboard's build left.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

const INDEX: &str = "index.html";

/// What is served without a dashboard.
const MISSING: &str = include_str!("missing.html");

/// Media types by extension.
const MEDIA_TYPES: [(&str, &str); 10] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
];

/// Answers every path that the API does not have.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        let detail = format!("there is no path {path:?}");
        let hint = format!("{BASE}/openapi.json describes all of them");
        return Problem::new(StatusCode::NOT_FOUND, detail).hint(hint).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path:?} does not answer to {method}"))
            .header(ALLOW, HeaderValue::from_static("GET,HEAD"))
            .into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(found) = Files::get(name) {
        return file(name, &found, &headers);
    }
    // a path with an extension means a file; others are places in the dashboard
    if name.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return Problem::new(StatusCode::NOT_FOUND, format!("there is no file {path:?}")).into_response();
    }
    match Files::get(INDEX) {
        Some(index) => file(INDEX, &index, &headers),
        None => Html(MISSING).into_response(),
    }
}

fn file(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = blake3::Hash::from_bytes(file.metadata.sha256_hash()).to_hex();
    let tag = format!("\"{hash}\"");
    let known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes().starts_with(tag.trim_end_matches('"').as_bytes()));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.clone().into_owned().into_response()
    };
    let extension = name.rsplit('.').next().unwrap_or_default();
    let found = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
    let media_type = found.map_or("application/octet-stream", |(_, media_type)| media_type);
    // names under assets/ change with their content
    let caching =
        if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

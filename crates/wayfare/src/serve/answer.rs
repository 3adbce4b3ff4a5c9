//! From a question to the answer of a request.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LINK, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use wayfare_query::ReportStream;
use wayfare_query::spec::Spec;

use super::body::Rows;
use super::caller::Caller;
use super::etag::Tag;
use super::problem::Problem;
use super::routes::BASE;
use super::{App, body, format};
use crate::backend::{self, Store, Version};
use crate::render::Format;

/// The header that says which version of the store was read.
pub(crate) const SNAPSHOT: HeaderName = HeaderName::from_static("x-snapshot");

/// The header that says where the next page goes on.
pub(crate) const NEXT: HeaderName = HeaderName::from_static("x-next");

/// Longest name of a download.
const DOWNLOAD_CHARS_MAX: usize = 100;

/// How an answer is to look.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The format.
    pub(crate) format: Format,
    /// The name under which a browser keeps it.
    pub(crate) download: Option<String>,
    /// Every event of a log, not a page of them.
    pub(crate) all: bool,
}

impl Wanted {
    /// Whether rows are written as they come; the same questions as on the command line.
    fn streams(&self, spec: &Spec) -> bool {
        let unbounded = matches!(spec, Spec::Sql { .. }) || (self.all && matches!(spec, Spec::Activity(_)));
        unbounded && self.format.streams()
    }
}

impl App {
    /// Answers a question for a caller.
    ///
    /// # Errors
    ///
    /// The engine's, and those of the gate.
    pub(crate) async fn answer(
        &self,
        caller: &Caller,
        spec: Spec,
        wanted: &Wanted,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let entry = self.gate.enter(&caller.id)?;
        let store = self.store_for(caller)?;
        let tag_at =
            |spec: &Spec, version: &Version| Tag::of(spec, caller.tenant.as_deref(), wanted.format, version);
        if headers.contains_key(IF_NONE_MATCH) {
            let version = self.version(&store).await.map_err(|error| self.problem(&error))?;
            if let Some(tag) = tag_at(&spec, &version).filter(|tag| tag.is_known(headers)) {
                return response(
                    Body::empty(),
                    StatusCode::NOT_MODIFIED,
                    Some(tag),
                    version.snapshot,
                    wanted,
                );
            }
        }
        let turn = self.gate.turn().await?;
        let waiting = Waiting { app: self, done: false };
        let (asked, work, streams) = (Arc::clone(&store), spec.clone(), wanted.streams(&spec));
        let rows = self.compute.while_wanted(self.question_time, async move {
            Ok(if streams {
                Rows::Coming(backend::stream(&asked, work).await?)
            } else {
                Rows::Whole(backend::run(&asked, work).await?)
            })
        });
        let rows = rows.await.map_err(|error| self.problem(&error))?;
        let (Rows::Whole(head) | Rows::Coming(ReportStream { head, .. })) = &rows;
        let (snapshot, next) = (head.snapshot, head.next.clone());
        let tag = tag_at(&spec, &store.version_at(snapshot));
        let body = body::write(&self.compute, rows, wanted.format, self.question_time, entry)
            .await
            .map_err(|error| self.problem(&error))?;
        waiting.done();
        drop(turn);
        let mut response = response(body, StatusCode::OK, tag, snapshot, wanted)?;
        if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            response.headers_mut().insert(NEXT, next);
        }
        Ok(response)
    }

    /// What settles an answer now.
    pub(crate) async fn version(&self, store: &Arc<Store>) -> wayfare_query::Result<Version> {
        let store = Arc::clone(store);
        self.compute.while_wanted(self.question_time, async move { store.version().await }).await
    }
}

fn response(
    body: Body,
    status: StatusCode,
    tag: Option<Tag>,
    snapshot: i64,
    wanted: &Wanted,
) -> Result<Response, Problem> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::OK {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format::media_type(wanted.format)));
        if let Some(name) = &wanted.download {
            headers.insert(CONTENT_DISPOSITION, disposition(name)?);
        }
    }
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.header());
    }
    headers.insert(SNAPSHOT, HeaderValue::from(snapshot));
    for name in [ACCEPT, AUTHORIZATION] {
        headers.append(VARY, HeaderValue::from_name(name));
    }
    Ok(response)
}

/// Adds the way to the next page, where there is one, for a question that stands in the address (RFC 8288). The router
/// has taken [`BASE`] off the address.
pub(crate) fn with_link(mut response: Response, uri: &Uri) -> Response {
    let next = response.headers().get(NEXT).and_then(|next| next.to_str().ok());
    if let Some(link) = next.and_then(|next| HeaderValue::from_str(&link(uri, next)).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

fn link(uri: &Uri, next: &str) -> String {
    // a token is made of letters, digits and dots
    let kept = uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("after="));
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("after={next}")]).collect();
    format!("<{BASE}{}?{}>; rel=\"next\"", uri.path(), pairs.join("&"))
}

/// Counts a question whose asker goes away before it is answered.
struct Waiting<'a> {
    app: &'a App,
    done: bool,
}

impl Waiting<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.app.metrics.given_up.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

fn disposition(name: &str) -> Result<HeaderValue, Problem> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
    if name.is_empty()
        || name.len() > DOWNLOAD_CHARS_MAX
        || name.starts_with('.')
        || !name.chars().all(harmless)
    {
        let detail = format!("expected a file name of letters, digits and -_., saw {name:?}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail).at("/download"));
    }
    HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")).map_err(|_unfit| {
        Problem::new(StatusCode::BAD_REQUEST, "the file name cannot be used").at("/download")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_has_the_same_question() {
        let next = |uri: &str| link(&uri.parse().unwrap(), "7.ff");
        assert_eq!(next("/a?x=1&after=0&y=%3D"), "</api/v1/a?x=1&y=%3D&after=7.ff>; rel=\"next\"");
        assert_eq!(next("/a"), "</api/v1/a?after=7.ff>; rel=\"next\"");
    }

    #[test]
    fn a_download_has_a_harmless_name() {
        assert_eq!(disposition("funnel login.csv").unwrap(), "attachment; filename=\"funnel login.csv\"");
        for name in ["", ".bashrc", "a/b", "a\"b", "a\r\nb", "ü"] {
            assert_eq!(disposition(name).unwrap_err().status(), StatusCode::BAD_REQUEST, "{name:?}");
        }
    }
}

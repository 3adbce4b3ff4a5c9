//! The strong validator of an answer: the same tag means the same bytes.
//!
//! An answer is settled by the question, what the store holds and is set to, and the program, so the tag can be told
//! before anything is computed. A question in SQL is not settled: it may ask for the time or for chance.

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use wayfare_query::spec::Spec;

use super::format;
use crate::backend::Version;
use crate::render::{Format, SCHEMA_VERSION};

/// Most tags of an `If-None-Match` header that are looked at.
const TAGS_MAX: usize = 64;

/// The tag of an answer that is not compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag(String);

impl Tag {
    /// The tag of the answer to a question; `None` when the question does not settle it.
    pub(crate) fn of(spec: &Spec, tenant: Option<&str>, format: Format, version: &Version) -> Option<Self> {
        if matches!(spec, Spec::Sql { .. }) {
            return None;
        }
        let spec = serde_json::to_string(spec).ok()?;
        let mut hasher = blake3::Hasher::new();
        let schema = SCHEMA_VERSION.to_string();
        let Version { snapshot, settings } = version;
        let snapshot = snapshot.to_string();
        let format = format::name(format);
        let parts = [
            &spec,
            tenant.unwrap_or_default(),
            &format,
            &snapshot,
            settings,
            &schema,
            env!("CARGO_PKG_VERSION"),
        ];
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Some(Self(hasher.finalize().to_hex().chars().take(32).collect()))
    }

    /// The tag as a header.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("\"{}\"", self.0)).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }

    /// Whether the client has this answer, in any compression that it takes.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        tags.flat_map(|value| value.split(',')).take(TAGS_MAX).map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let Some(tag) = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
                return tag == "*";
            };
            match tag.split_once('-') {
                None => tag == self.0,
                Some((tag, coding)) => tag == self.0 && accepts(headers, coding),
            }
        })
    }
}

fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|item| item.trim().starts_with(coding))
}

/// Gives a compressed answer a tag of its own, as other bytes must have.
pub(crate) fn of_compressed(mut response: Response) -> Response {
    let coding = response.headers().get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    if let (Some(coding), Some(tag)) = (coding, tag)
        && let Some(plain) = tag.strip_suffix('"')
        && let Ok(own) = HeaderValue::from_str(&format!("{plain}-{coding}\""))
    {
        response.headers_mut().insert(ETAG, own);
    }
    response
}

#[cfg(test)]
mod tests {
    use wayfare_query::spec::Scope;

    use super::*;

    fn version(snapshot: i64) -> Version {
        Version { snapshot, settings: "lifetime".to_owned() }
    }

    fn tag(limit: usize, tenant: Option<&str>, format: Format, snapshot: i64) -> Tag {
        let spec = Spec::Overview(Scope { limit: Some(limit), ..Scope::default() });
        Tag::of(&spec, tenant, format, &version(snapshot)).unwrap()
    }

    #[test]
    fn a_tag_changes_with_everything_that_changes_the_answer() {
        let tags = [
            tag(1, None, Format::Json, 1),
            tag(2, None, Format::Json, 1),
            tag(1, Some("t"), Format::Json, 1),
            tag(1, None, Format::Csv, 1),
            tag(1, None, Format::Json, 2),
        ];
        for (index, one) in tags.iter().enumerate() {
            assert!(!tags.iter().skip(index + 1).any(|other| other == one), "{index}");
        }
        assert_eq!(tag(1, None, Format::Json, 1), tags[0]);
        let sql = Spec::Sql { query: "SELECT random()".to_owned() };
        assert_eq!(Tag::of(&sql, None, Format::Json, &version(1)), None);
    }

    #[test]
    fn a_client_may_know_it_by_several_names() {
        let tag = tag(1, None, Format::Json, 1);
        let known = |known: &str, accepted: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
            headers.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            tag.is_known(&headers)
        };
        let plain = tag.0.clone();
        assert!(known(&format!("\"x\", \"{plain}\""), "identity"));
        assert!(known(&format!("W/\"{plain}\""), "identity"));
        assert!(known("*", "identity"));
        assert!(known(&format!("\"{plain}-gzip\""), "zstd, gzip;q=0.5"));
        assert!(!known(&format!("\"{plain}-gzip\""), "zstd"));
        assert!(!known(&plain, "identity"));
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}

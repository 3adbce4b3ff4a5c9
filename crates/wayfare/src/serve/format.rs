//! Which format an answer is in: `?format=` first, then the `Accept` header (RFC 9110 §12.5.1).

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use clap::ValueEnum as _;

use super::problem::Problem;
use crate::render::Format;

/// Formats in the order in which the server prefers them, with their media types; the first is the one it gives.
pub(crate) const MEDIA_TYPES: [(Format, &[&str]); 7] = [
    (Format::Json, &["application/json"]),
    (Format::Ndjson, &["application/x-ndjson", "application/ndjson", "application/jsonl"]),
    (Format::Csv, &["text/csv; charset=utf-8", "text/csv"]),
    (Format::Markdown, &["text/markdown; charset=utf-8", "text/markdown"]),
    (Format::Table, &["text/plain; charset=utf-8", "text/plain"]),
    (Format::Parquet, &["application/vnd.apache.parquet"]),
    (Format::Arrow, &["application/vnd.apache.arrow.stream"]),
];

/// Most entries of an `Accept` header that are looked at.
const ENTRIES_MAX: usize = 64;

/// The name of a format, as in `?format=`.
pub(crate) fn name(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The media type of an answer.
pub(crate) fn media_type(format: Format) -> &'static str {
    let found = MEDIA_TYPES.iter().find(|(known, _)| *known == format);
    found.and_then(|(_, types)| types.first()).copied().unwrap_or("application/octet-stream")
}

/// The format that a client asks for.
///
/// # Errors
///
/// 400 for a format that is not known, 406 when no format that is accepted can be given.
pub(crate) fn wanted(asked: Option<&str>, headers: &HeaderMap) -> Result<Format, Problem> {
    if let Some(asked) = asked {
        return Format::from_str(asked, false).map_err(|_unknown| {
            let names: Vec<String> = MEDIA_TYPES.iter().map(|(format, _)| name(*format)).collect();
            let detail = format!("expected format to be one of {}, saw {asked:?}", names.join(", "));
            Problem::new(StatusCode::BAD_REQUEST, detail).at("/format")
        });
    }
    let accepted: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accepted.is_empty() {
        return Ok(Format::Json);
    }
    let entries: Vec<(&str, u32)> =
        accepted.iter().flat_map(|value| value.split(',')).take(ENTRIES_MAX).map(entry).collect();
    let mut best: Option<(u32, Format)> = None;
    for (format, types) in MEDIA_TYPES {
        let quality = types.iter().map(|media_type| quality(&entries, media_type)).max().unwrap_or(0);
        // strictly better, so that the server's order decides among equals
        if quality > 0 && best.is_none_or(|(most, _)| quality > most) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| {
        let given: Vec<&str> = MEDIA_TYPES.iter().map(|(format, _)| media_type(*format)).collect();
        Problem::new(StatusCode::NOT_ACCEPTABLE, format!("this can be given as {}", given.join(", ")))
    })
}

/// A media range and its weight in thousandths.
fn entry(text: &str) -> (&str, u32) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (range, weight.map_or(1000, thousandths))
}

fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{whole}{fraction}").parse().unwrap_or(0).min(1000)
}

/// The weight of the most specific range that covers a media type; zero for none.
fn quality(entries: &[(&str, u32)], media_type: &str) -> u32 {
    let plain = media_type.split(';').next().unwrap_or_default();
    let group = plain.split('/').next().unwrap_or_default();
    let covering = entries.iter().filter_map(|(range, weight)| {
        let range = range.to_ascii_lowercase();
        let specific = match range.as_str() {
            "*/*" => 0,
            range if range == plain => 2,
            range if range.strip_suffix("/*") == Some(group) => 1,
            _ => return None,
        };
        Some((specific, *weight))
    });
    covering.max_by_key(|(specific, _)| *specific).map_or(0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> Result<Format, StatusCode> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        wanted(None, &headers).map_err(|problem| problem.status())
    }

    #[test]
    fn the_parameter_beats_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "text/csv".parse().unwrap());
        assert_eq!(wanted(Some("ndjson"), &headers).unwrap(), Format::Ndjson);
        assert_eq!(wanted(Some("xml"), &headers).unwrap_err().status(), StatusCode::BAD_REQUEST);
        assert_eq!(wanted(None, &HeaderMap::new()).unwrap(), Format::Json);
    }

    #[test]
    fn accept_is_weighed() {
        assert_eq!(accept("text/csv"), Ok(Format::Csv));
        assert_eq!(accept("application/json;q=0.5, text/csv"), Ok(Format::Csv));
        assert_eq!(accept("text/*"), Ok(Format::Csv));
        assert_eq!(accept("text/html, application/xhtml+xml, */*;q=0.8"), Ok(Format::Json));
        assert_eq!(accept("*/*, application/json;q=0"), Ok(Format::Ndjson));
        assert_eq!(accept("image/png"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(accept("application/json;q=0"), Err(StatusCode::NOT_ACCEPTABLE));
    }

    #[test]
    fn every_format_has_a_media_type() {
        for format in Format::value_variants() {
            assert_ne!(media_type(*format), "application/octet-stream", "{format:?}");
        }
    }
}

//! `POST /api/v1/events`: takes a batch of events in. The answer means that it is on disk.
//!
//! The body goes to a file in the store's folder first, bounded as it comes and bounded again as it is unpacked, and is
//! then taken in as a whole or not at all. Sent again it is recognised, by its `Idempotency-Key` or by its content, and
//! changes nothing, so a client that got no answer sends the same again.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use futures::StreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;
use wayfare_ingest::Scratch;
use wayfare_query::{Error, ErrorKind};

use super::App;
use super::ask::Parameters;
use super::caller::Caller;
use super::finish::RequestId;
use super::problem::Problem;
use super::tokens::Scope;
use crate::backend::{self, IngestSummary, Upload};

/// Kinds of body that hold events; which of them it is, is told by its content.
const MEDIA_TYPES: [&str; 7] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json",
    "application/octet-stream",
    "text/csv",
    "text/plain",
];

/// The header that names a batch (draft-ietf-httpapi-idempotency-key-header).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key.
const KEY_BYTES_MAX: usize = 128;

/// What became of a batch: `read = accepted + duplicates + rejected`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// Records read.
    read: u64,
    /// New events, on disk now.
    accepted: u64,
    /// Events that were there already.
    duplicates: u64,
    /// Records that went into quarantine.
    rejected: u64,
    /// The whole batch was there already, so it was not read again.
    already_stored: bool,
    /// Rejected records by reason.
    reasons: BTreeMap<String, u64>,
    /// The first rejected records.
    rejects: Vec<Rejected>,
}

/// Where and why a record was rejected.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rejected {
    /// The line of the body, from 1.
    line: u64,
    /// The reason's stable name.
    reason: String,
    /// What was expected and seen.
    detail: String,
}

/// Takes the body of a request in.
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Taken>, Problem> {
    caller.may(Scope::Ingest)?;
    let parameters = Parameters::of(request.uri())?;
    parameters.none_left(&["source"])?;
    let source = parameters.get("source").map(str::to_owned);
    check_kind(request.headers())?;
    let batch_id = batch_id(&caller, request.headers())?;
    let store = app.store()?;
    if store.keeps_pseudonyms() {
        let detail = "the store keeps pseudonyms and takes no events by HTTP";
        return Err(Problem::new(StatusCode::CONFLICT, detail)
            .hint("a body would be on disk in plain first: take files in with `wayfare ingest`"));
    }
    let name = match request.extensions().get::<RequestId>() {
        Some(id) => format!("request {}", id.0),
        None => "request".to_owned(),
    };
    let arriving = app.gate.receive(&caller.id)?;
    let file = backend::scratch(&store).map_err(|error| app.problem(&error))?;
    let file = receive(&app, request, file).await?;
    // a place among the caller's requests is for a body that is there
    let _entry = app.gate.enter(&caller.id)?;
    drop(arriving);
    let upload = Upload {
        file,
        name,
        mapping: app.mapping.clone(),
        source,
        tenant: caller.tenant,
        batch_id,
        unpacked_bytes_max: app.unpacked_bytes_max,
    };
    let writer = Arc::clone(&app.writer);
    let taking_in = async move {
        // one at a time: batches side by side would only fight over the next commit
        let _writing = writer.lock().await;
        backend::upload(&store, upload).await
    };
    let summary = app.compute.to_the_end(taking_in).await.map_err(|error| refusal(&app, &error))?;
    if let Some(damage) = summary.failures.first() {
        return Err(refusal(&app, damage));
    }
    count(&app, &summary);
    Ok(Json(taken(summary)))
}

/// The batch's name in the store: the client's key, kept apart from the keys of other tenants.
fn batch_id(caller: &Caller, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.iter().all(u8::is_ascii_graphic) {
        let detail = format!("expected an Idempotency-Key of 1 to {KEY_BYTES_MAX} characters without spaces");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let mut hasher = blake3::Hasher::new();
    let tenant = caller.tenant.as_deref().unwrap_or_default();
    hasher.update(&(tenant.len() as u64).to_le_bytes()).update(tenant.as_bytes()).update(key);
    Ok(Some(format!("http-{}", hasher.finalize().to_hex())))
}

/// Too much is the body's fault here, not the question's.
fn refusal(app: &App, error: &Error) -> Problem {
    match error.kind() {
        ErrorKind::Limit => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.message())
            .hint("send smaller batches; nothing of this one was stored"),
        _ => app.problem(error),
    }
}

fn check_kind(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let unsupported = |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    if let Some(kind) = text(CONTENT_TYPE) {
        let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !MEDIA_TYPES.contains(&plain.as_str()) {
            let detail = format!("expected a body of one of {}, saw {kind:?}", MEDIA_TYPES.join(", "));
            return Err(unsupported(detail));
        }
    }
    match text(CONTENT_ENCODING).unwrap_or("identity").to_ascii_lowercase().as_str() {
        "identity" | "gzip" | "x-gzip" | "zstd" => Ok(()),
        coding => Err(unsupported(format!("expected a body packed with gzip or zstd, saw {coding:?}"))
            .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
    }
}

/// Writes a body to a file as it comes.
async fn receive(app: &App, request: Request, mut file: Scratch) -> Result<Scratch, Problem> {
    let most = app.body_bytes_max;
    let too_large = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("expected a body of at most {most} bytes"))
            .hint("send smaller batches, or compress them")
    };
    let told =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let failed = |cause| app.problem(&Error::io("cannot keep the batch", cause));
    let copy = async {
        let mut pieces = Body::into_data_stream(request.into_body());
        let mut received = 0_u64;
        while let Some(piece) = next_piece(app, &mut pieces).await? {
            received += piece.len() as u64;
            if received > most {
                return Err(too_large());
            }
            let write = move || file.write_all(&piece).map(|()| file);
            file = tokio::task::spawn_blocking(write)
                .await
                .map_err(io::Error::other)
                .flatten()
                .map_err(failed)?;
        }
        Ok(file)
    };
    match tokio::time::timeout(app.body_time, copy).await {
        Ok(done) => done,
        Err(_elapsed) => Err(too_slow()),
    }
}

async fn next_piece(
    app: &App,
    pieces: &mut axum::body::BodyDataStream,
) -> Result<Option<axum::body::Bytes>, Problem> {
    match tokio::time::timeout(app.silence, pieces.next()).await {
        Err(_elapsed) => Err(too_slow()),
        Ok(Some(Err(cause))) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body broke off: {cause}")))
        }
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
    }
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive; nothing of it was stored")
}

fn count(app: &App, summary: &IngestSummary) {
    for (counter, by) in [
        (&app.metrics.batches, 1),
        (&app.metrics.accepted, summary.accepted),
        (&app.metrics.duplicates, summary.duplicates),
        (&app.metrics.rejected, summary.rejected),
    ] {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

fn taken(summary: IngestSummary) -> Taken {
    let rejects = summary.first_rejects.into_iter();
    Taken {
        read: summary.read,
        accepted: summary.accepted,
        duplicates: summary.duplicates,
        rejected: summary.rejected,
        already_stored: summary.files_known > 0,
        reasons: summary.reasons.into_iter().collect(),
        rejects: rejects
            .map(|place| Rejected { line: place.line, reason: place.reason, detail: place.detail })
            .collect(),
    }
}

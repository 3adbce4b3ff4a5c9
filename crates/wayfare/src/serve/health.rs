//! For whoever runs the server: is it alive, can it answer, what has it done.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::App;
use super::caller::Caller;
use super::gate::later;
use super::metrics::Now;
use super::problem::Problem;
use super::tokens::Scope;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// Questions can be answered: the store can be read, and the server is not about to end.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.ending.load(Ordering::Relaxed) {
        return Err(later(StatusCode::SERVICE_UNAVAILABLE, "the server is about to end"));
    }
    let store = app.store()?;
    match app.version(&store).await {
        Ok(_) => Ok("ok\n"),
        // whoever asks needs no token, so the answer says no more than that
        Err(_) => Err(later(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read now")),
    }
}

/// Counters for Prometheus. They count all tenants.
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    caller.may(Scope::Admin)?;
    if caller.tenant.is_some() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "metrics count all tenants; the token is bound to one",
        ));
    }
    let store = app.store()?;
    let now = Now {
        running: app.gate.running(),
        waiting: app.gate.waiting(),
        snapshot: app.version(&store).await.ok().map(|version| version.snapshot),
    };
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text(&now)))
}

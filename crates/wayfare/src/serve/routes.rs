//! The paths of the API: what each one asks and who may.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use wayfare_query::spec::Spec;

use super::answer::Wanted;
use super::ask::{Parameters, question_of_json};
use super::caller::Caller;
use super::catalogue::CATALOGUE;
use super::problem::Problem;
use super::tokens::Scope;
use super::{App, answer, dashboard, events, format, health, openapi};

/// Longest spec or query that is read.
const SPEC_BYTES_MAX: usize = 1 << 20;

/// Where the API is.
pub(crate) const BASE: &str = "/api/v1";

/// Paths that ask for a report without its name, and the field that stands in the path.
pub(crate) const SHORT: [(&str, &str, Option<&str>); 6] = [
    ("/journeys", "journeys", None),
    ("/steps", "steps", None),
    ("/values/{column}", "values", Some("column")),
    ("/invocations", "invocations", None),
    ("/invocations/{id}", "invocation", Some("id")),
    ("/events/{id}", "event", Some("id")),
];

/// All paths.
pub(crate) fn router() -> Router<Arc<App>> {
    served().router.fallback(dashboard::page)
}

/// A router that remembers its paths, which axum's does not.
#[derive(Default)]
struct Paths {
    router: Router<Arc<App>>,
    paths: Vec<String>,
}

impl Paths {
    fn route(mut self, path: &str, methods: MethodRouter<Arc<App>>) -> Self {
        self.paths.push(path.to_owned());
        Self { router: self.router.route(path, methods), ..self }
    }

    fn nest(mut self, base: &str, inner: Self) -> Self {
        self.paths.extend(inner.paths.iter().map(|path| format!("{base}{path}")));
        Self { router: self.router.nest(base, inner.router), ..self }
    }
}

fn served() -> Paths {
    let mut api = Paths::default()
        .route("/openapi.json", get(openapi::get))
        .route("/store", get(store))
        .route("/reports", get(reports))
        .route("/reports/{name}", get(report_by_query).post(report_by_json))
        .route("/sql", get(sql_by_query).post(sql_by_body));
    for (path, report, field) in SHORT {
        // a report that there is not, is not served
        if CATALOGUE.contains_key(report) {
            api = api.route(
                path,
                get(async move |state, caller, values, uri, headers| {
                    short(report, field, state, caller, values, uri, headers).await
                }),
            );
        }
    }
    let api = Paths { router: api.router.layer(DefaultBodyLimit::max(SPEC_BYTES_MAX)), ..api }
        // bounded while it is read
        .route("/events", post(events::post).layer(DefaultBodyLimit::disable()));
    Paths::default()
        .route(BASE, get(index))
        .nest(BASE, api)
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
}

async fn index() -> Json<Value> {
    let path = |path: &str| format!("{BASE}{path}");
    Json(json!({
        "name": "wayfare",
        "version": env!("CARGO_PKG_VERSION"),
        "openapi": path("/openapi.json"),
        "reports": path("/reports"),
        "store": path("/store"),
    }))
}

/// The reports and their fields, to build forms from.
async fn reports(caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Read)?;
    let reports = CATALOGUE.values().map(|entry| {
        json!({
            "name": entry.name,
            "about": entry.about,
            "path": format!("{BASE}/reports/{}", entry.name),
            "spec": entry.schema(),
        })
    });
    Ok(Json(json!({ "reports": reports.collect::<Vec<_>>() })))
}

/// What the store holds, and what the caller may do with it.
async fn store(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may(Scope::Read)?;
    let store = app.store_for(&caller)?;
    let version = app.version(&store).await.map_err(|error| app.problem(&error))?;
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "snapshot": version.snapshot,
        "caller": &*caller.id,
        "scopes": caller.scopes,
        "tenant": caller.tenant,
    })))
}

async fn report_by_query(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri)?;
    let answer = ask(&app, &caller, &parameters, &headers, || parameters.question(&name, &[]), &name);
    Ok(answer::with_link(answer.await?, &uri))
}

async fn report_by_json(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri)?;
    parameters.none_left(&[])?;
    expect_json(&headers)?;
    ask(&app, &caller, &parameters, &headers, || question_of_json(&name, &body), &name).await
}

async fn sql_by_query(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri)?;
    ask(&app, &caller, &parameters, &headers, || parameters.question("sql", &[]), "sql").await
}

/// The query as JSON, or as it is with the type `application/sql` or `text/plain`.
async fn sql_by_body(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri)?;
    parameters.none_left(&[])?;
    let plain = matches!(kind(&headers).as_deref(), Some("application/sql" | "text/plain"));
    let question = || {
        if !plain {
            expect_json(&headers)?;
            return question_of_json("sql", &body);
        }
        let query = std::str::from_utf8(&body)
            .map_err(|_unfit| Problem::new(StatusCode::BAD_REQUEST, "expected a query in UTF-8"))?;
        Ok(Spec::Sql { query: query.to_owned() })
    };
    ask(&app, &caller, &parameters, &headers, question, "sql").await
}

async fn short(
    report: &'static str,
    field: Option<&'static str>,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(values): Path<Vec<String>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::of(&uri)?;
    let path: Vec<(&str, &str)> = field.into_iter().zip(values.iter().map(String::as_str)).collect();
    let answer = ask(&app, &caller, &parameters, &headers, || parameters.question(report, &path), report);
    Ok(answer::with_link(answer.await?, &uri))
}

/// Looks at rights first, then at the question, then answers it.
async fn ask(
    app: &App,
    caller: &Caller,
    parameters: &Parameters,
    headers: &HeaderMap,
    question: impl FnOnce() -> Result<Spec, Problem> + Send,
    report: &str,
) -> Result<Response, Problem> {
    caller.may(if report == "sql" { Scope::Sql } else { Scope::Read })?;
    let format = format::wanted(parameters.format.as_deref(), headers)?;
    let spec = question()?;
    let wanted = Wanted { format, download: parameters.download.clone(), all: parameters.all };
    app.answer(caller, spec, &wanted, headers).await
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    match kind(headers).as_deref() {
        None | Some("application/json") => Ok(()),
        Some(kind) => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("expected a body of application/json, saw {kind:?}"),
        )),
    }
}

/// The media type of a body, without parameters.
fn kind(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// That their methods are the same, too, is seen from outside, in `tests/it/contract.rs`.
    #[test]
    fn what_is_served_is_described_and_the_other_way_round() {
        let named = |path: &String| -> Vec<String> {
            match path.split_once("{name}") {
                Some((before, after)) => {
                    CATALOGUE.keys().map(|name| format!("{before}{name}{after}")).collect()
                }
                None => vec![path.clone()],
            }
        };
        let served: BTreeSet<String> = served().paths.iter().flat_map(named).collect();
        let described = openapi::DOCUMENT["paths"].as_object().unwrap().keys().cloned();
        assert_eq!(served, described.collect());
    }
}

//! The `OpenAPI` 3.1 description, put together from the catalogue of reports, the formats and the types of the answers.
#![expect(clippy::indexing_slicing, reason = "a JSON value gives null where there is nothing")]

use std::sync::LazyLock;

use axum::Json;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::catalogue::{CATALOGUE, DEFINITIONS, Entry, Written, written};
use super::events::{Rejected, Taken};
use super::format::MEDIA_TYPES;
use super::format::name as format_name;
use super::problem::TYPE_PREFIX;
use super::routes::{BASE, SHORT};
use super::tokens::Scope;

/// The description, made once.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// Gives the description.
pub(crate) async fn get() -> Json<&'static Value> {
    Json(&DOCUMENT)
}

fn document() -> Value {
    let mut paths = Map::new();
    for entry in CATALOGUE.values() {
        let scope = if entry.name == "sql" { Scope::Sql } else { Scope::Read };
        let operations = json!({
            "get": question(entry, &entry.name, &format!("{}_by_query", entry.name), scope, None),
            "post": posted(entry, &format!("{}_by_json", entry.name), scope),
        });
        paths.insert(format!("{BASE}/reports/{}", entry.name), operations);
    }
    for (path, report, field) in SHORT {
        if let Some(entry) = CATALOGUE.get(report) {
            let id = format!("short_{report}");
            paths.insert(
                format!("{BASE}{path}"),
                json!({ "get": question(entry, report, &id, Scope::Read, field) }),
            );
        }
    }
    if let Some(entry) = CATALOGUE.get("sql") {
        let operations = json!({
            "get": question(entry, "sql", "sql_get", Scope::Sql, None),
            "post": posted(entry, "sql_post", Scope::Sql),
        });
        paths.insert(format!("{BASE}/sql"), operations);
    }
    paths.insert(format!("{BASE}/events"), json!({ "post": events() }));
    let object = || json!({ "type": "object" });
    paths.insert(BASE.to_owned(), json!({ "get": plain("index", "Where to begin", None, &object()) }));
    paths.insert(
        format!("{BASE}/openapi.json"),
        json!({ "get": plain("openapi", "This description", None, &object()) }),
    );
    paths.insert(
        format!("{BASE}/reports"),
        json!({ "get": plain("reports", "The reports and their fields", Some(Scope::Read), &object()) }),
    );
    paths.insert(
        format!("{BASE}/store"),
        json!({ "get": plain("store", "The store's version and the caller's rights", Some(Scope::Read), &object()) }),
    );
    for (path, about, scope) in [
        ("/livez", "The process answers", None),
        ("/readyz", "Questions can be answered", None),
        ("/metrics", "Counters for Prometheus", Some(Scope::Admin)),
    ] {
        let mut operation = plain(path.trim_start_matches('/'), about, scope, &Value::Null);
        operation["responses"]["200"]["content"] =
            json!({ "text/plain": { "schema": { "type": "string" } } });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wayfare",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Journey analytics over a store of activity events. What each number means is in docs/semantics.md, how to use this interface in docs/http.md.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of `wayfare token create`. None is needed on the server's own machine while there are none.",
            } },
        },
    })
}

fn schemas() -> Value {
    let mut schemas: Map<String, Value> =
        DEFINITIONS.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
    let mut own = vec![
        (Taken::name().into_owned(), Taken::schema()),
        (Rejected::name().into_owned(), Rejected::schema()),
    ];
    Taken::schemas(&mut own);
    for (name, schema) in own {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    schemas.insert("Report".to_owned(), report());
    schemas.insert("Problem".to_owned(), problem());
    schemas.sort_keys();
    Value::Object(schemas)
}

/// A report in JSON; its columns are told in docs/semantics.md.
fn report() -> Value {
    json!({
        "type": "object",
        "required": ["schema_version", "report", "spec", "snapshot", "as_of", "rows"],
        "properties": {
            "schema_version": { "type": "integer" },
            "report": { "type": "string" },
            "spec": { "type": "object", "description": "The question as it was answered, with relative times resolved" },
            "snapshot": { "type": "integer", "description": "Version of the store that was read" },
            "as_of": { "type": ["string", "null"], "format": "date-time", "description": "What counted as now" },
            "rows_total": { "type": "integer", "description": "Rows before the limit, if it cut any" },
            "notes": { "type": "array", "items": { "type": "string" } },
            "rows": { "type": "array", "items": { "type": "object" } },
        },
    })
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": { "type": "string", "pattern": format!("^{TYPE_PREFIX}[a-z_]+$") },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "instance": { "type": "string", "description": "The request's id, as in X-Request-Id" },
            "hint": { "type": "string" },
            "errors": { "type": "array", "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": { "type": "string", "description": "JSON pointer into the spec" },
                    "detail": { "type": "string" },
                },
            } },
        },
    })
}

/// A question put by query parameters.
fn question(entry: &Entry, report: &str, id: &str, scope: Scope, in_path: Option<&str>) -> Value {
    let mut parameters: Vec<Value> = entry
        .fields
        .iter()
        .map(|(name, schema)| {
            let path = in_path == Some(name.as_str());
            let mut parameter = json!({
                "name": name,
                "in": if path { "path" } else { "query" },
                "required": path || entry.required.contains(name),
                "description": schema["description"].as_str().unwrap_or_default(),
            });
            match written(schema) {
                Written::Json => parameter["content"] = json!({ "application/json": { "schema": schema } }),
                _ => parameter["schema"] = not_null(schema),
            }
            parameter
        })
        .collect();
    parameters.extend(controls());
    operation(
        id,
        &format!("{report}: {}", entry.about),
        Some(scope),
        json!({ "parameters": parameters, "responses": answers() }),
    )
}

/// A parameter is there or not; there is no null in a query.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema["type"].as_array() {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default();
        schema["type"] = kind;
    }
    schema
}

/// A question put as JSON.
fn posted(entry: &Entry, id: &str, scope: Scope) -> Value {
    let mut content = Map::new();
    content.insert("application/json".to_owned(), json!({ "schema": entry.schema() }));
    if entry.name == "sql" && id == "sql_post" {
        content.insert("application/sql".to_owned(), json!({ "schema": { "type": "string" } }));
    }
    let body = json!({ "required": !entry.required.is_empty(), "content": content });
    let rest = json!({ "parameters": controls(), "requestBody": body, "responses": answers() });
    operation(id, &format!("{}: {}", entry.name, entry.about), Some(scope), rest)
}

fn events() -> Value {
    let kinds = ["application/x-ndjson", "application/json", "text/csv"];
    // what is no event is answered for by line and reason
    let any = json!({ "description": "Records; those that cannot be used go into quarantine" });
    let content: Map<String, Value> =
        kinds.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": any }))).collect();
    let source = json!({
        "name": "source",
        "in": "query",
        "description": "The source of all records; told by each record when absent",
        "schema": { "type": "string", "enum": ["cis", "verify", "risk", "admin"] },
    });
    let key = json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The client's name for the batch; sent again it changes nothing, with other content it is refused",
        "schema": { "type": "string", "pattern": "^[!-~]{1,128}$" },
    });
    let mut responses = problems();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "What became of the batch; what was accepted is on disk",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Taken" } } },
        }),
    );
    let rest = json!({
        "parameters": [source, key],
        // none is an empty batch
        "requestBody": { "required": false, "content": content },
        "responses": responses,
    });
    operation("post_events", "Takes a batch of events in, whole or not at all", Some(Scope::Ingest), rest)
}

/// An operation without parameters.
fn plain(id: &str, about: &str, scope: Option<Scope>, schema: &Value) -> Value {
    let mut responses = problems();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": about,
            "content": { "application/json": { "schema": schema } },
        }),
    );
    operation(id, about, scope, json!({ "responses": responses }))
}

fn operation(id: &str, about: &str, scope: Option<Scope>, mut rest: Value) -> Value {
    rest["operationId"] = id.into();
    rest["summary"] = about.into();
    rest["security"] = json!([]);
    if let Some(scope) = scope {
        rest["security"] = json!([{ "token": [] }]);
        rest["x-scope"] = scope.as_str().into();
    }
    rest
}

fn controls() -> Vec<Value> {
    let names: Vec<String> = MEDIA_TYPES.iter().map(|(format, _)| format_name(*format)).collect();
    vec![
        json!({
            "name": "format",
            "in": "query",
            "description": "The format of the answer; beats Accept",
            "schema": { "type": "string", "enum": names },
        }),
        json!({
            "name": "all",
            "in": "query",
            "description": "Every event of a log as a stream, not a page of them",
            "schema": { "type": "boolean" },
        }),
        json!({
            "name": "download",
            "in": "query",
            "description": "The file name under which a browser keeps the answer",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_. -]{0,99}$" },
        }),
    ]
}

/// The answer to a question, in every format.
fn answers() -> Value {
    let content: Map<String, Value> = MEDIA_TYPES
        .iter()
        .filter_map(|(_, types)| types.first())
        .map(|media_type| {
            let schema = match *media_type {
                "application/json" => json!({ "$ref": "#/components/schemas/Report" }),
                _ => json!({ "type": "string" }),
            };
            ((*media_type).to_owned(), json!({ "schema": schema }))
        })
        .collect();
    let mut responses = problems();
    responses.insert("200".to_owned(), json!({
        "description": "The report",
        "headers": {
            "ETag": { "description": "Same tag, same bytes", "schema": { "type": "string" } },
            "Link": { "description": "rel=next: the address of the next page, of a question in the address", "schema": { "type": "string" } },
            "X-Next": { "description": "Where the next page goes on: the field `after`", "schema": { "type": "string" } },
            "X-Snapshot": { "description": "Version of the store that was read", "schema": { "type": "integer" } },
        },
        "content": content,
    }));
    responses.insert("304".to_owned(), json!({ "description": "The answer is the one of If-None-Match" }));
    Value::Object(responses)
}

fn problems() -> Map<String, Value> {
    let problem = json!({
        "description": "What went wrong",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    Map::from_iter([("default".to_owned(), problem)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn golden_openapi() {
        crate::render::golden::check("openapi.json", &format!("{:#}\n", *DOCUMENT));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|field| references(field, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let mut found = BTreeSet::new();
        references(&DOCUMENT, &mut found);
        assert!(found.contains("#/components/schemas/Problem"));
        for reference in found {
            assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn an_operation_has_an_id_of_its_own() {
        let mut ids = BTreeSet::new();
        for path in DOCUMENT["paths"].as_object().unwrap().values() {
            for operation in path.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id), "{id} twice");
            }
        }
    }
}

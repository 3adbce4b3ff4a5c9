//! Who may do what: every path × scope × tenant, and what stands between a tenant and the others.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::Store;
use crate::http::runs;
use crate::server::{Answer, Server};

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const SCOPES: [&str; 4] = ["ingest", "read", "sql", "admin"];

fn loaded() -> Store {
    let store = Store::new();
    let lines: String = TENANTS.iter().map(|tenant| runs(tenant, 4)).collect();
    let file = store
        .file("events.ndjson", format!("{lines}{{\"tenant_id\":\"globex\",\"secret\":\"globex-reject\"}}\n"));
    store.run(&["ingest", &file, "--max-rejects", "1"]).expect(0);
    store
}

fn token(store: &Store, scopes: &str, tenant: Option<&str>) -> String {
    let mut arguments = vec!["token", "create", "--scope", scopes];
    arguments.extend(tenant.map(|tenant| ["--tenant", tenant]).into_iter().flatten());
    store.ok(&arguments).trim().to_owned()
}

/// A request that the description of an operation allows.
fn call(server: &Server, token: &str, method: &str, path: &str, operation: &Value) -> Answer {
    let report = path.rsplit('/').next().unwrap();
    let fields = BTreeMap::from([
        ("id", "globex-1"),
        ("column", "user_id"),
        ("query", "SELECT 1"),
        ("journey", "globex-login"),
        ("log", "user"),
    ]);
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let mut path = path.to_owned();
    let mut query = Vec::new();
    for parameter in parameters.iter().filter(|parameter| parameter["required"] == true) {
        let name = parameter["name"].as_str().unwrap();
        let value = fields[name].replace(' ', "%20");
        if parameter["in"] == "path" {
            path = path.replace(&format!("{{{name}}}"), &value);
        } else {
            query.push(format!("{name}={value}"));
        }
    }
    if report == "funnel" && method == "GET" {
        query.push("journey=globex-login".to_owned());
    }
    let target = if query.is_empty() { path.clone() } else { format!("{path}?{}", query.join("&")) };
    let request = server.request(method, &target).token(token);
    if method == "GET" {
        return request.send();
    }
    if path == "/api/v1/events" {
        return request.header("Content-Type", "application/x-ndjson").body(runs("acme", 1)).send();
    }
    let content = &operation["requestBody"]["content"]["application/json"]["schema"];
    let mut body = json!({});
    for name in content["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        body[name] = fields[name].into();
    }
    if report == "funnel" {
        body["journey"] = json!(["globex-login"]);
    }
    request.header("Content-Type", "application/json").body(body.to_string()).send()
}

#[test]
fn every_path_needs_its_scope_and_shows_a_tenant_nothing_of_others() {
    let store = loaded();
    let everyone: Vec<String> = SCOPES.iter().map(|scope| token(&store, scope, None)).collect();
    let acme = token(&store, "ingest,read,sql,admin", Some("acme"));
    let server = Server::start(&store, &[]);
    let document = server.get("/api/v1/openapi.json").expect(200).json();
    let mut leaks = 0;
    let mut guarded = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method = method.to_uppercase();
            let place = format!("{method} {path}");
            let Some(needed) = operation["x-scope"].as_str() else {
                server.request(&method, path).send().expect(200);
                continue;
            };
            guarded += 1;
            server.request(&method, path).send().problem(401);
            let wrong = server.request(&method, path).token("wayfare_0123456789ab_00").send();
            assert!(matches!(wrong.status, 401 | 429), "{place}: {}", wrong.text());
            for (scope, token) in SCOPES.iter().zip(&everyone) {
                let answer = call(&server, token, &method, path, operation);
                if *scope == needed {
                    assert_ne!(answer.status, 403, "{place} with {scope}");
                    assert!(answer.status < 500, "{place} with {scope}: {}", answer.text());
                } else {
                    answer.problem(403);
                }
            }
            let answer = call(&server, &acme, &method, path, operation);
            assert!(answer.status < 500, "{place}: {}", answer.text());
            // what was asked for is repeated in the answer; everything else must not know globex
            let told = answer.text().replace("globex-login", "").replace("globex-1", "");
            leaks += usize::from(told.contains("globex") || told.contains("initech"));
            assert_eq!(leaks, 0, "{place}: {told}");
        }
    }
    assert!(guarded > 20, "{guarded}");
}

#[test]
fn a_tenants_numbers_are_its_own_in_sql_too() {
    let store = loaded();
    let tokens: Vec<String> = TENANTS.iter().map(|tenant| token(&store, "read,sql", Some(tenant))).collect();
    let everyone = token(&store, "read,sql", None);
    let check = || {
        let server = Server::start(&store, &[]);
        let number = |token: &str, query: &str| {
            let request = server.request("POST", "/api/v1/sql").header("Content-Type", "application/sql");
            let rows = request.token(token).body(query).send().expect(200).json()["rows"].clone();
            rows[0]["n"].as_i64().unwrap()
        };
        for (tenant, token) in TENANTS.iter().zip(&tokens) {
            assert_eq!(number(token, "SELECT count(*) AS n FROM events"), 12);
            assert_eq!(number(token, "SELECT count(*) AS n FROM invocations"), 4);
            assert_eq!(number(token, "SELECT count(*) AS n FROM quarantine"), 0);
            assert_eq!(
                number(token, &format!("SELECT count(*) AS n FROM events WHERE tenant_id <> '{tenant}'")),
                0
            );
            assert_eq!(
                number(token, "SELECT count(*) AS n FROM events WHERE tenant_id = 'globex' OR TRUE"),
                12
            );
            assert_eq!(number(token, "SELECT count(DISTINCT user_id) AS n FROM events LIMIT 1"), 1);
            let other = if *tenant == "acme" { "globex" } else { "acme" };
            let get = |path: String| server.request("GET", &path).token(token).send();
            get(format!("/api/v1/invocations/{other}-1")).problem(404);
            get(format!("/api/v1/invocations/{other}-1?tenant={other}")).problem(404);
            let rows = get("/api/v1/invocations".to_owned()).json()["rows"].as_array().unwrap().len();
            assert_eq!(rows, 4);
            assert_eq!(rejected(&server, token), 0);
        }
        assert_eq!(rejected(&server, &everyone), 1);
        assert_eq!(number(&everyone, "SELECT count(*) AS n FROM events"), 36);
    };
    check();
    store.ok(&["compact"]);
    check();
}

/// Rows of the list of rejected lines, and those that it says there are.
fn rejected(server: &Server, token: &str) -> u64 {
    let list = "/api/v1/reports/quality?list=rejected%20line:%20missing_field";
    let answer = server.request("GET", list).token(token).send().expect(200).json();
    let rows = answer["rows"].as_array().unwrap().len() as u64;
    assert_eq!(answer["rows_total"], rows);
    rows
}

#[test]
fn a_tenant_writes_for_itself_whatever_the_events_say() {
    let store = loaded();
    let acme = token(&store, "ingest", Some("acme"));
    let globex = token(&store, "ingest", Some("globex"));
    let server = Server::start(&store, &[]);
    let send = |token: &str| {
        let request = server.request("POST", "/api/v1/events").token(token).header("Idempotency-Key", "one");
        request
            .header("Content-Type", "application/x-ndjson")
            .body(runs("victim", 1))
            .send()
            .expect(200)
            .json()
    };
    assert_eq!(send(&acme)["accepted"], 3);
    // the same key of another tenant is another batch
    assert_eq!(send(&globex)["accepted"], 3);
    let of = |tenant: &str| {
        store.number(&format!(
            "SELECT count(*) FROM events WHERE tenant_id = '{tenant}' AND invocation_id = 'victim-0'"
        ))
    };
    assert_eq!((of("victim"), of("acme"), of("globex")), (0, 3, 3));
}

#[test]
fn a_running_server_knows_of_new_revoked_and_expired_tokens() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let journeys = |token: Option<&str>| {
        let request = server.request("GET", "/api/v1/journeys");
        token.map_or_else(|| server.request("GET", "/api/v1/journeys"), |token| request.token(token)).send()
    };
    journeys(None).expect(200);
    let first = token(&store, "read", None);
    journeys(None).problem(401);
    journeys(Some(&first)).expect(200);
    let short = store.ok(&["token", "create", "--scope", "read", "--expires", "1ms"]);
    journeys(Some(short.trim())).problem(401);
    let id = first.split('_').nth(1).unwrap();
    let listed = store.rows(&["token", "list"]);
    assert!(listed.iter().any(|row| row["token_id"] == id), "{listed:?}");
    store.run(&["token", "revoke", id]).expect(0);
    journeys(Some(&first)).problem(401);
    store.run(&["token", "revoke", id]).expect(5);
}

#[test]
fn others_are_let_in_with_tokens_only() {
    let store = loaded();
    store
        .run(&["serve", "--listen", "0.0.0.0:0"])
        .expect(2)
        .says(&["there are no tokens", "wayfare token create"]);
    let secret = token(&store, "read", None);
    let kept = std::fs::read_to_string(store.path().join("wayfare-tokens.toml")).unwrap();
    assert!(!kept.contains(secret.rsplit('_').next().unwrap()));
    let server = Server::listen("0.0.0.0:0", &store, &[]).with_token(&secret);
    server.get("/api/v1/journeys").expect(200);
}

#[test]
fn guessing_is_refused_and_a_right_token_is_not() {
    let store = loaded();
    let right = token(&store, "read", None);
    let server = Server::start(&store, &[]);
    let guess = |token: &str| server.request("GET", "/api/v1/reports").token(token).send();
    let wrong: Vec<u16> =
        (0..60).map(|number| guess(&format!("wayfare_aaaaaaaaaaaa_{number}")).status).collect();
    assert_eq!((wrong.first(), wrong.last()), (Some(&401), Some(&429)));
    assert!(guess("wayfare_aaaaaaaaaaaa_0").header("retry-after").is_some());
    guess(&right).expect(200);
}

//! What the server answers: the same numbers as the commands, and problems that say what is wrong.

use std::io::Read as _;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::harness::Store;
use crate::server::Server;

/// A run of a journey: three events.
pub(crate) fn run(tenant: &str, id: &str, day: usize) -> String {
    let line = |activity: &str, second: usize, more: &str| {
        format!(
            "{{\"activity\":\"{activity}\",\"timestamp\":\"2026-03-{day:02}T10:00:0{second}Z\",\"tenant_id\":\"{tenant}\",\
             \"user_id\":\"user-of-{tenant}\",\"invocation_id\":\"{id}\",\"additional_params\":{{\"journey_id\":\"{tenant}-login\",\
             \"journey_version\":\"1\"{more}}}}}\n",
        )
    };
    [
        line("journey_started", 0, ""),
        line("step_completed", 1, ",\"step_id\":\"password\",\"outcome\":\"success\",\"platform\":\"ios\""),
        line("journey_completed_successfully", 2, ""),
    ]
    .concat()
}

/// Runs of a tenant.
pub(crate) fn runs(tenant: &str, count: usize) -> String {
    (0..count).map(|number| run(tenant, &format!("{tenant}-{number}"), 1 + number % 28)).collect()
}

/// A store with runs of one tenant.
fn loaded() -> Store {
    let store = Store::new();
    let file = store.file("events.ndjson", runs("acme", 12));
    store.ingest(&[file]);
    store
}

pub(crate) fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_format_of_every_report_is_the_commands_to_the_byte() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let questions: [(&str, Value, &[&str]); 4] = [
        ("overview", json!({ "by": ["journey_id"] }), &["overview", "--by", "journey_id"]),
        (
            "funnel",
            json!({ "journey": ["acme-login"], "window": "1h" }),
            &["funnel", "--journey", "acme-login", "--window", "1h"],
        ),
        ("steps", json!({}), &["steps"]),
        (
            "invocations",
            json!({ "limit": 3, "sort": "started_at" }),
            &["invocations", "--limit", "3", "--sort", "started_at"],
        ),
    ];
    for (report, spec, command) in &questions {
        let format = "json";
        let path = format!("/api/v1/reports/{report}?format={format}");
        let ours = server.post(&path, spec).expect(200).body;
        let theirs = store.ok(&[command, &["--format", format][..]].concat());
        assert!(ours == theirs.as_bytes(), "{report}: {}\n{theirs}", String::from_utf8_lossy(&ours));
    }
    for format in ["ndjson", "csv", "markdown", "table"] {
        let ours = server.get(&format!("/api/v1/reports/overview?format={format}&by=journey_id")).expect(200);
        let theirs = store.ok(&["overview", "--by", "journey_id", "--format", format]);
        assert!(ours.body == theirs.as_bytes(), "{format}: {}\n{theirs}", ours.text());
    }
}

#[test]
fn there_are_short_ways_to_what_one_chooses_from() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let rows = |path: &str| server.get(path).expect(200).json()["rows"].as_array().unwrap().clone();
    assert_eq!(rows("/api/v1/journeys")[0]["journey_id"], "acme-login");
    assert_eq!(rows("/api/v1/steps?journey=acme-login")[0]["step_id"], "password");
    assert_eq!(rows("/api/v1/values/tenant_id"), [json!({ "value": "acme", "events": 36 })]);
    assert_eq!(rows("/api/v1/invocations?limit=5").len(), 5);
    assert_eq!(rows("/api/v1/invocations/acme-3").len(), 3);
    assert_eq!(
        server.get("/api/v1/sql?query=SELECT%20count(*)%20AS%20n%20FROM%20events").json()["rows"][0]["n"],
        36
    );
    let plain = server
        .request("POST", "/api/v1/sql")
        .header("Content-Type", "application/sql")
        .body("SELECT 1 AS one");
    assert_eq!(plain.send().expect(200).json()["rows"][0]["one"], 1);
    let names = server.get("/api/v1/reports").json()["reports"].as_array().unwrap().len();
    assert!(names >= 9, "{names}");
    server.get("/livez").expect(200);
    server.get("/readyz").expect(200);
    let metrics = server.get("/metrics").expect(200).text();
    assert!(metrics.contains(
        "wayfare_http_requests_total{route=\"/api/v1/journeys\",method=\"GET\",status=\"200\"} 1\n"
    ));
}

#[test]
fn an_answer_that_is_known_is_not_sent_again() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let path = "/api/v1/invocations?limit=10";
    let first = server.get(path).expect(200);
    let tag = first.header("etag").unwrap();
    let again = |accepted: &str, tag: &str| {
        server.request("GET", path).header("If-None-Match", tag).header("Accept", accepted).send()
    };
    let known = again("application/json", tag).expect(304);
    assert!(known.body.is_empty());
    assert_eq!(known.header("etag"), Some(tag));
    again("text/csv", tag).expect(200);
    again("application/json", "\"other\"").expect(200);
    let packed = server.request("GET", path).header("Accept-Encoding", "gzip").send().expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_ne!(packed.header("etag"), Some(tag));
    let mut text = Vec::new();
    GzDecoder::new(packed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert!(text == first.body);
    // another process adds events: the server sees them, and the tag is another
    let more = store.file("more.ndjson", runs("late", 1));
    store.ingest(&[more]);
    let fresh = again("application/json", tag).expect(200);
    assert_ne!(fresh.header("etag"), Some(tag));
    assert_ne!(fresh.header("x-snapshot"), first.header("x-snapshot"));
}

/// An answer of several pieces is packed as it is written; its end was once taken for a defect.
#[test]
fn a_long_answer_comes_whole_when_it_is_packed() {
    let store = Store::new();
    let file = store.file("events.ndjson", runs("acme", 700));
    store.ingest(&[file]);
    let server = Server::start(&store, &[]);
    for path in ["reports/activity?log=user&all=true&format=ndjson", "reports/activity?log=user&limit=100000"]
    {
        let path = format!("/api/v1/{path}");
        let plain = server.get(&path).expect(200);
        assert!(plain.body.len() > 1 << 20, "{} bytes are one piece", plain.body.len());
        let packed = |how: &str| {
            let answer = server.request("GET", &path).header("Accept-Encoding", how).send().expect(200);
            assert_eq!(answer.header("content-encoding"), Some(how));
            answer.body
        };
        let mut text = Vec::new();
        GzDecoder::new(packed("gzip").as_slice()).read_to_end(&mut text).unwrap();
        assert!(text == plain.body, "{path}");
        assert!(zstd::decode_all(packed("zstd").as_slice()).unwrap() == plain.body, "{path}");
    }
}

#[test]
fn what_is_wrong_is_a_problem_that_says_where() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    assert_eq!(server.get("/api/v1/reports/overveiw").problem(404)["hint"], "did you mean overview?");
    assert_eq!(server.get("/api/v1/nothing").problem(404)["type"], "urn:wayfare:problem:not_found");
    let wrong = server.request("DELETE", "/api/v1/sql").send();
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("POST")), "{wrong:?}");
    wrong.problem(405);
    server.request("GET", "/api/v1/journeys").header("Accept", "image/png").send().problem(406);
    server
        .request("POST", "/api/v1/reports/overview")
        .header("Content-Type", "text/xml")
        .body("<a/>")
        .send()
        .problem(415);
    server.post("/api/v1/reports/overview", &json!("x".repeat(2 << 20))).problem(413);
    let field = server.post("/api/v1/reports/funnel", &json!({ "windw": "1h" })).problem(400);
    assert_eq!(field["errors"][0]["pointer"], "/windw");
    let range = server.get("/api/v1/journeys?from=never").problem(400);
    assert_eq!(range["errors"][0]["pointer"], "/from");
    assert!(range["detail"].as_str().unwrap().contains("never"));
    server.get("/api/v1/invocations/nobody").problem(404);
    let sql = server.post("/api/v1/sql", &json!({ "query": "SELECT nothing FROM events" })).problem(400);
    assert!(sql["detail"].as_str().unwrap().contains("nothing"), "{sql}");
    server.post("/api/v1/sql", &json!({ "query": "DROP TABLE events" })).problem(400);
    let missing = server.get("/api/v1/invocations/x?tenat=y").problem(400);
    assert_eq!(missing["hint"], "did you mean tenant?");
}

#[test]
fn damage_is_told_without_the_servers_paths() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let log = store.path().join("events/_delta_log/00000000000000000001.json");
    std::fs::write(&log, "{").unwrap();
    let answer = server.get("/api/v1/reports/overview");
    assert!(answer.status >= 500, "{answer:?}");
    let status = answer.status;
    let problem = answer.problem(status).to_string();
    for path in [store.path(), std::env::temp_dir()] {
        assert!(!problem.contains(path.to_str().unwrap()), "{problem}");
    }
    server.get("/readyz").problem(503);
    server.get("/livez").expect(200);
}

#[test]
fn events_are_stored_when_they_are_answered_and_count_once() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let taken = server.events(runs("acme", 14)).expect(200).json();
    assert_eq!((&taken["read"], &taken["rejected"]), (&json!(42), &json!(0)));
    assert_eq!(store.number("SELECT count(DISTINCT event_id) FROM events"), 42);
    // the same again, packed: other bytes, the same events
    for packed in
        [gzipped(runs("acme", 14).as_bytes()), zstd::encode_all(runs("acme", 14).as_bytes(), 0).unwrap()]
    {
        server
            .request("POST", "/api/v1/events")
            .header("Content-Type", "application/x-ndjson")
            .body(packed)
            .send()
            .expect(200);
    }
    let again = server.events(runs("acme", 14)).expect(200).json();
    assert_eq!((&again["already_stored"], &again["accepted"]), (&json!(true), &json!(0)));
    assert_eq!(store.number("SELECT count(DISTINCT event_id) FROM events"), 42);
    assert_eq!(store.rows(&["overview"])[0]["total_invocations"], 14);
    // an array, with a record that cannot be used
    let array = format!("[{},\n{{\"activity\":\"x\"}}]", runs("new", 1).trim().replace('\n', ",\n"));
    let taken = server.post("/api/v1/events", &serde_json::from_str(&array).unwrap()).expect(200).json();
    assert_eq!((&taken["accepted"], &taken["rejected"]), (&json!(3), &json!(1)));
    let taken = server.events(format!("{}not json\n", runs("newer", 1))).expect(200).json();
    assert_eq!(
        taken["rejects"],
        json!([{ "line": 4, "reason": "bad_json", "detail": taken["rejects"][0]["detail"] }])
    );
    assert_eq!(store.number("SELECT count(*) FROM quarantine"), 2);
}

#[test]
fn a_key_names_a_batch() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    let send = |key: &str, lines: String| {
        server
            .request("POST", "/api/v1/events")
            .header("Content-Type", "application/x-ndjson")
            .header("Idempotency-Key", key)
            .body(lines)
            .send()
    };
    assert_eq!(send("job-1", runs("b", 1)).expect(200).json()["accepted"], 3);
    assert_eq!(send("job-1", runs("b", 1)).expect(200).json()["already_stored"], true);
    assert_eq!(send("job-1", runs("c", 1)).problem(409)["type"], "urn:wayfare:problem:conflict");
    send("job 1", runs("c", 1)).problem(400);
    send(&"k".repeat(129), runs("c", 1)).problem(400);
    assert_eq!(store.number("SELECT count(*) FROM events"), 36 + 3);
}

#[test]
fn a_batch_that_is_damaged_or_too_large_leaves_nothing() {
    let store = loaded();
    let server = Server::start(&store, &["--max-body", "64KB", "--max-unpacked", "1MB"]);
    let post = |body: Vec<u8>, headers: &[(&str, &str)]| {
        let request = server.request("POST", "/api/v1/events").header("Content-Type", "application/x-ndjson");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).body(body).send()
    };
    post(runs("big", 100).into_bytes(), &[]).problem(413);
    let bomb = gzipped(runs("bomb", 3_000).as_bytes());
    assert!(bomb.len() < 64_000, "{}", bomb.len());
    assert!(post(bomb, &[]).problem(413)["detail"].as_str().unwrap().contains("1000000"));
    let whole = gzipped(runs("half", 20).as_bytes());
    post(whole[..whole.len() / 2].to_vec(), &[]).problem(400);
    post(vec![0, 159, 146, 150], &[]).problem(400);
    post(runs("x", 1).into_bytes(), &[("Content-Encoding", "br")]).problem(415);
    server
        .request("POST", "/api/v1/events")
        .header("Content-Type", "image/png")
        .body("x")
        .send()
        .problem(415);
    assert_eq!(store.number("SELECT count(*) FROM events"), 36);
    let left: Vec<_> = std::fs::read_dir(store.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("spool"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    post(runs("x", 1).into_bytes(), &[]).expect(200);
}

#[test]
fn pages_and_data_come_with_strict_headers() {
    let store = loaded();
    let server = Server::start(&store, &["--allow-origin", "https://grafana.example"]);
    for path in ["/", "/journeys/login", "/api/v1/reports", "/api/v1/nothing", "/livez"] {
        let answer = server.get(path);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("script-src 'unsafe"), "{policy}");
    }
    assert_eq!(server.get("/").expect(200).header("content-type"), Some("text/html; charset=utf-8"));
    let of = |origin: &str| server.request("GET", "/api/v1/journeys").header("Origin", origin).send();
    let allowed = of("https://grafana.example").expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://grafana.example"));
    let wrong = server.request("GET", "/api/v1/nothing").header("Origin", "https://grafana.example").send();
    assert_eq!(wrong.header("access-control-allow-origin"), Some("https://grafana.example"));
    assert_eq!(of("https://evil.example").header("access-control-allow-origin"), None);
    of("https://evil.example").problem(403);
    of(&format!("http://{}", server.address())).expect(200);
    server.request("GET", "/api/v1/journeys").header("Host", "evil.example").send().problem(421);
    let id = server.request("GET", "/livez").header("X-Request-Id", "job-7").send();
    assert_eq!(id.header("x-request-id"), Some("job-7"));
}

#[test]
fn a_long_answer_comes_whole() {
    let store = loaded();
    let server = Server::start(&store, &[]);
    // several pieces of a mebibyte
    let query = "SELECT a.event_id, b.additional_params, c.user_id FROM events a, events b, events c";
    let answer = server.post("/api/v1/sql?format=csv", &json!({ "query": query })).expect(200);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.text().lines().count(), 1 + 36 * 36 * 36);
}

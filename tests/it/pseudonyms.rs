//! A store that keeps pseudonyms holds no plain value, counts the same, and forgets a person by the plain id.

use std::fs;

use crate::harness::{Store, file_says, files_below};
use crate::server::Server;

const LINES: &str = r#"{"activity":"journey_started","timestamp":"2026-03-01T10:00:00Z","invocation_id":"r1","user_id":"usr-ann-77","ip":"10.9.8.7","additional_params":{"journey_id":"login"}}
{"activity":"step_completed","timestamp":"2026-03-01T10:00:01Z","invocation_id":"r1","user_id":"usr-ann-77","device_id":"dev-4711-x","additional_params":{"journey_id":"login","claimed_user_id":"usr-ann-77","mail":"ann.lee@example.com","text":"usr-ann-77 has bob@example.org"}}
{"activity":"journey_completed_successfully","timestamp":"2026-03-01T10:00:02Z","invocation_id":"r1","user_id":"usr-ann-77","additional_params":{"journey_id":"login"}}
{"activity":"journey_started","timestamp":"2026-03-01T11:00:00Z","invocation_id":"r2","user_id":"usr-bob-78","additional_params":{"journey_id":"login"}}
{"activity":"step_completed","timestamp":"soon","user_id":"usr-ann-77"}
{"activity":"step_completed","timestamp":"2026-03-01T10:00:01Z","user_id":"usr-ann-77
"#;
const PLAIN: [&str; 7] =
    ["usr-ann-77", "usr-bob-78", "10.9.8.7", "dev-4711-x", "ann.lee", "bob@", "example.org"];

#[test]
fn no_plain_value_reaches_the_store() {
    let store = Store::new();
    let file = store.file("events.ndjson", LINES);
    let key = store.file("key", [7; 32]);
    store.ok(&["ingest", &file, "--pseudonyms", &key, "--max-rejects", "2"]);
    store.ok(&["compact"]);
    for path in files_below(&store.path()) {
        for plain in PLAIN {
            assert!(!file_says(&path, |said| said.contains(plain)), "{plain} is in {}", path.display());
        }
    }
    assert_eq!(store.number("SELECT count(DISTINCT user_id) FROM events"), 2);
    assert_eq!(store.rows(&["overview"])[0]["succeeded"], 1);
    assert_eq!(store.number("SELECT count(*) FROM quarantine WHERE text = '' AND line IN (5, 6)"), 2);
    // the same events in another file are the same events
    let again =
        store.file("again.ndjson", LINES.to_owned() + "\n{\"activity\":\"x\",\"timestamp\":1772359205000}\n");
    store.ok(&["ingest", &again, "--max-rejects", "2"]);
    assert_eq!(store.number("SELECT count(DISTINCT event_id) FROM events"), 5);
    store.ok(&["erase", "--user", "usr-ann-77", "--yes"]);
    assert_eq!(store.number("SELECT count(*) FROM events WHERE invocation_id = 'r1'"), 0);
    assert_eq!(store.number("SELECT count(*) FROM events WHERE invocation_id = 'r2'"), 2);
    store.ok(&["verify"]);
}

#[test]
fn a_key_that_cannot_be_right_is_refused() {
    let store = Store::new();
    let file = store.file("events.ndjson", LINES.lines().next().unwrap());
    let (key, other, short) =
        (store.file("key", [7; 32]), store.file("other", [8; 32]), store.file("short", "x"));
    let run = |key: &str| store.run(&["ingest", &file, "--pseudonyms", key]);
    run("/nowhere/key").expect(5).says(&["/nowhere/key", "/dev/urandom"]);
    run(&short).expect(2).says(&["32 to 4096 bytes, saw 1"]);
    run(&key).expect(0);
    run(&other).expect(2).says(&["expected the key", "count as two"]);
    run(&key).expect(0);
    fs::remove_file(&key).unwrap();
    store.run(&["erase", "--user", "usr-ann-77"]).expect(5).says(&["cannot read the key"]);
    // a store with plain values does not become one without
    let plain = Store::new();
    plain.ingest(&[&file]);
    plain.run(&["ingest", &file, "--pseudonyms", &other]).expect(2).says(&["plain values already"]);
    // standard input would be spooled in plain
    fs::write(&key, [7; 32]).unwrap();
    store.run(&["ingest", "-"]).expect(2).says(&["standard input", "give a file"]);
}

/// A body would be on disk in plain before it is read.
#[test]
fn events_by_http_are_refused_before_a_byte_of_them_is_on_disk() {
    let store = Store::new();
    let line = LINES.lines().next().unwrap();
    let (file, key) = (store.file("events.ndjson", line), store.file("key", [7; 32]));
    store.ok(&["ingest", &file, "--pseudonyms", &key]);
    let before = files_below(&store.path());
    let server = Server::start(&store, &[]);
    let problem = server.events(LINES).problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("keeps pseudonyms"), "{problem}");
    assert_eq!(files_below(&store.path()), before);
    // reports are not
    server.get("/api/v1/journeys").expect(200);
}

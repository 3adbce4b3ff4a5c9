//! Others open the store: the Delta library of Python and Polars as Delta, `DuckDB` the Parquet files of the log.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Store, python, repository, sample};

/// What each reader sees in a store.
fn read(store: &Store) -> Value {
    let python = python();
    let mut command = Command::new(&python);
    command.arg(repository("tests/python/read_store.py")).arg(store.path());
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {}: {error}; `scripts/setup-tests` installs what this test needs",
            python.display()
        )
    });
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !err.contains("ModuleNotFoundError"),
        "{} lacks a reader: `scripts/setup-tests` installs what this test needs\n{err}",
        python.display()
    );
    assert!(output.status.success(), "{err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The same facts from this engine.
fn own(store: &Store) -> Value {
    let activities = store.sql("SELECT activity, count(*) AS n FROM events GROUP BY activity");
    let by_activity: serde_json::Map<String, Value> = activities
        .iter()
        .map(|row| (row["activity"].as_str().unwrap().to_owned(), row["n"].clone()))
        .collect();
    let number = |query: &str| store.number(query);
    json!({
        "by_activity": by_activity,
        "events": {
            "rows": number("SELECT count(*) FROM events"),
            "first_us": number("SELECT CAST(min(timestamp) AS BIGINT) FROM events"),
            "last_us": number("SELECT CAST(max(timestamp) AS BIGINT) FROM events"),
            "ids": number("SELECT count(DISTINCT event_id) FROM events"),
            "characters": number("SELECT CAST(sum(character_length(additional_params)) AS BIGINT) FROM events"),
        },
        "invocations": {
            "rows": number("SELECT count(*) FROM invocations"),
            "events": number("SELECT sum(events) FROM invocations"),
            "characters": number("SELECT CAST(sum(character_length(path)) AS BIGINT) FROM invocations"),
        },
    })
}

#[test]
fn python_readers_see_what_the_engine_sees() {
    let store = Store::new();
    store.ingest(&[sample()]);
    store.ok(&["compact"]);
    let check = |state: &str, events: i64| {
        let (own, seen) = (own(&store), read(&store));
        assert_eq!(own["events"]["rows"], events, "{state}");
        for reader in ["deltalake", "polars", "duckdb"] {
            assert_eq!(seen[reader], own, "{reader}, {state}");
        }
    };
    check("compacted", 20_000);

    // More events of the same dates: the files of folded runs that are replaced stay on disk, out of the log.
    let more = store.beside("more.ndjson");
    let more = more.to_str().unwrap();
    let of_other_people = ["--seed", "2", "--events", "500", "--days", "3", "--start", "2026-03-10"];
    store.ok(&[&["generate", "--output", more], of_other_people.as_slice()].concat());
    store.ingest(&[more]);
    store.ok(&["compact"]);
    check("compacted again", 20_500);
}

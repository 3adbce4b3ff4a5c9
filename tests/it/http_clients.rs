//! Clients that know nothing of Wayfare: pandas reading from an address, a dashboard that polls JSON.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Ran, Store, python, repository, sample};
use crate::server::Server;

/// Whether two values are the same but for the last digits of a number.
fn alike(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * left.abs().max(1.0),
        _ => left == right,
    }
}

#[test]
fn a_batch_job_and_a_polling_dashboard_get_what_the_commands_print() {
    let store = Store::new();
    store.ingest(&[sample()]);
    store.ok(&["compact"]);
    let token = store.ok(&["token", "create", "--scope", "read"]);
    let server = Server::start(&store, &[]);
    let mut command = Command::new(python());
    command.arg(repository("tests/python/read_http.py"));
    command.args([&format!("http://{}", server.address()), token.trim()]);
    let ran = Ran::of(command);
    assert_eq!(ran.code, 0, "`scripts/setup-tests` installs what this test needs\n{}", ran.err);
    let seen = ran.json();

    let steps = store.rows(&["steps", "--journey", "login"]);
    for format in ["csv", "parquet"] {
        let frame = seen["batch"][format].as_array().unwrap();
        assert_eq!(frame.len(), steps.len(), "{format}");
        for (row, expected) in frame.iter().zip(&steps) {
            for (column, value) in expected.as_object().unwrap() {
                assert!(alike(&row[column], value), "{format}, {column}: {row} {expected}");
            }
        }
    }

    let range = ["--from", "2026-03-05", "--to", "2026-03-12"];
    let days = store.rows(&[&["overview", "--by", "day"], &range[..]].concat());
    assert_eq!(days.len(), 7);
    for how in ["plain", "packed", "epoch"] {
        let polled = &seen["panel"][how];
        assert_eq!((&polled["status"], &polled["rows"]), (&200.into(), &Value::from(days.clone())), "{how}");
        assert_eq!((&polled["again"], &polled["bytes_again"]), (&304.into(), &0.into()), "{how}");
    }

    let runs = store.rows(&["invocations", "--journey", "kyc", "--limit", "100000"]);
    let ids: Vec<Value> = runs.iter().map(|row| row["invocation_id"].clone()).collect();
    assert!(ids.len() > 40, "several pages");
    assert_eq!(seen["walk"], Value::from(ids));
}

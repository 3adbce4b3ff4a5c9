//! Event logs of others, through a mapping of a few lines.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Store, read_json, repository};
use crate::numbers::compare;

/// A log taken in by a mapping, and the summary of it.
fn mapped(log: &Path, mapping: &str) -> (Store, Value) {
    let store = Store::new();
    let mapping = repository(mapping);
    let summary = store.ingest(&[log, "--mapping".as_ref(), &mapping]);
    (store, summary)
}

fn funnel(store: &Store, steps: &[&str], window: &str) -> Vec<Value> {
    let mut arguments = vec!["funnel", "--window", window];
    for step in steps {
        arguments.extend(["--step", step]);
    }
    store.rows(&arguments)
}

fn column(steps: &[Value], name: &str) -> Vec<Value> {
    steps.iter().map(|step| step[name].clone()).collect()
}

/// Counts and medians are exact; means are given with six decimals.
#[track_caller]
fn check_funnel(place: &str, expected: &Value, steps: &[Value]) {
    let list = |name: &str| expected[name].as_array().unwrap().clone();
    let floats = |values: &[Value]| values.iter().map(Value::as_f64).collect::<Vec<_>>();
    assert_eq!(column(steps, "reached"), list("counts"), "{place}: counts");
    let medians = floats(&column(steps, "median_from_previous_ms"));
    assert_eq!(medians, floats(&list("median_ms")), "{place}: medians");
    let means = floats(&column(steps, "average_from_previous_ms"));
    for (seen, expected) in means.iter().zip(floats(&list("avg_ms"))) {
        let close = match (seen, expected) {
            (Some(seen), Some(expected)) => (seen - expected).abs() < 1e-3,
            (seen, expected) => seen.is_none() && expected.is_none(),
        };
        assert!(close, "{place}: means: expected {expected:?}, saw {seen:?}");
    }
}

#[test]
fn a_log_of_tickets_is_mapped_by_a_few_lines() {
    let (store, summary) = mapped(&repository("tests/logs/tickets.csv"), "tests/logs/tickets.toml");
    assert_eq!(
        (&summary["read"], &summary["accepted"], &summary["rejected"]),
        (&json!(26), &json!(26), &json!(0))
    );
    let steps = ["Journey started", "assigned", "answered", "closed"];
    let whole = json!({
        "counts": [7, 6, 4, 4],
        "avg_ms": [null, 1_800_000, 24_750_000, 1_556_850_000],
        "median_ms": [null, 1_500_000, 6_300_000, 126_000_000],
    });
    // ticket T7 was closed after 70 days
    let month = json!({
        "counts": [7, 6, 4, 3],
        "avg_ms": [null, 1_800_000, 24_750_000, 88_600_000],
        "median_ms": [null, 1_500_000, 6_300_000, 79_200_000],
    });
    for state in ["from events", "from folded runs"] {
        check_funnel(state, &whole, &funnel(&store, &steps, "90d"));
        check_funnel(state, &month, &funnel(&store, &steps, "30d"));
        // the window is the lifetime that the mapping names unless said otherwise
        let mut arguments = vec!["funnel", "--journey", "ticket"];
        arguments.extend(steps.iter().flat_map(|step| ["--step", step]));
        check_funnel(state, &whole, &store.rows(&arguments));

        let overview = json!([{
            "journey_id": "ticket", "started": 7, "succeeded": 5, "failed": 1, "rejected": 0, "error": 1,
            "abandoned": 1, "open": 0, "total_invocations": 6, "completion_rate": 5.0 / 6.0,
        }]);
        compare("overview", overview.as_array().unwrap(), &store.rows(&["overview"]), &["journey_id"], &[]);
        let failures = json!([{
            "journey_id": "ticket", "failing_step": "withdrawn", "error_code": "duplicate", "failures": 1,
        }]);
        compare("failures", failures.as_array().unwrap(), &store.rows(&["failures"]), &["journey_id"], &[]);
        let refused = store.rows(&["steps"]);
        let refused = refused.iter().find(|step| step["step_id"] == "answer refused by customer").unwrap();
        assert_eq!((&refused["reached"], &refused["failed"]), (&json!(1), &json!(1)), "{refused}");
        store.ok(&["compact"]);
    }
    // what no column takes stays with the event
    let channels = store.rows(&["values", "params.channel"]);
    let expected = json!([
        { "value": "phone", "events": 10 },
        { "value": "mail", "events": 8 },
        { "value": "letter", "events": 4 },
        { "value": "mail, then phone", "events": 4 },
    ]);
    assert_eq!(Value::from(channels), expected);
}

/// See the README beside the log.
#[test]
fn a_real_log_gives_the_expected_funnels() {
    let log = repository("../shared/data/bpi2020-international.csv.gz");
    let expectations = repository("../shared/data/bpi2020-international.expected.json");
    if !log.exists() {
        eprintln!("SKIPPED: the log is not there: {}", log.display());
        return;
    }
    let expected = read_json(&expectations);
    let (store, summary) = mapped(&log, "data/mappings/bpi2020.toml");
    assert_eq!((&summary["read"], &summary["accepted"]), (&expected["events"], &expected["events"]));
    assert_eq!((&summary["read"], &summary["rejected"]), (&json!(70_727), &json!(0)));
    let overview = store.rows(&["overview"]);
    assert_eq!((&overview[0]["started"], &overview[0]["started"]), (&expected["cases"], &json!(6_323)));
    let funnels = expected["funnels"].as_array().unwrap();
    assert_eq!(funnels.len(), 4, "{expected}");
    for state in ["from events", "from folded runs"] {
        for expectation in funnels {
            let mut spec = expectation["spec"].as_object().unwrap().clone();
            let window_ms = spec.remove("window_ms").unwrap();
            spec.insert("window".to_owned(), format!("{window_ms}ms").into());
            let file = store.file("funnel.json", Value::Object(spec).to_string());
            let place = format!("{} {state}", expectation["name"]);
            check_funnel(&place, &expectation["expected"], &store.rows(&["funnel", "--spec", &file]));
            // the same, as people write it
            let exclusion = "Declaration REJECTED by EMPLOYEE | failed:\"Declaration REJECTED by EMPLOYEE\" between 1 and 2";
            let window = format!("{window_ms}ms");
            let order = expectation["spec"]["order"].as_str().unwrap();
            let mut arguments = vec!["funnel", "--window", &window, "--order", order];
            if !expectation["spec"]["exclusions"].is_null() {
                arguments.extend(["--exclude", exclusion]);
            }
            let steps = expectation["spec"]["steps"].as_array().unwrap();
            arguments.extend(steps.iter().flat_map(|step| ["--step", step["event"].as_str().unwrap()]));
            check_funnel(&place, &expectation["expected"], &store.rows(&arguments));
        }
        store.ok(&["compact"]);
    }
}

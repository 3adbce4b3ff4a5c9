//! What is behind the numbers of a funnel: every one of them can be listed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Store, sample};

fn number(row: &Value, field: &str) -> usize {
    usize::try_from(row[field].as_i64().unwrap_or_default()).unwrap()
}

fn listed(store: &Store, scope: &[&str], which: &str) -> usize {
    let arguments = [&["funnel", "--limit", "100000", "--list", which], scope].concat();
    store.rows(&arguments).len()
}

#[test]
fn drop_offs_add_up_and_every_number_is_the_length_of_its_list() {
    let store = Store::new();
    store.ingest(&[sample()]);
    for journey in ["login", "signup"] {
        let steps = ["Journey started", "login_form | registration_form", "Journey completed successfully"];
        let mut scope = vec!["--journey", journey];
        scope.extend(steps.iter().flat_map(|step| ["--step", step]));
        let rows = store.rows(&[&["funnel"], scope.as_slice()].concat());
        let reasons = store.rows(&[&["funnel", "--drop-offs"], scope.as_slice()].concat());
        assert!(number(&rows[0], "reached") > 0 && number(&rows[2], "drop_off") > 0, "{rows:?}");
        for (index, row) in rows.iter().enumerate() {
            let step = index + 1;
            assert_eq!(listed(&store, &scope, &format!("step={step}")), number(row, "reached"), "{row}");
            let of_step: Vec<&Value> =
                reasons.iter().filter(|reason| number(reason, "step") == step).collect();
            let sum: usize = of_step.iter().map(|reason| number(reason, "drop_off")).sum();
            assert_eq!(sum, number(row, "drop_off"), "{row} {of_step:?}");
            for reason in of_step {
                let which = format!("step={step},class={}", reason["class"].as_str().unwrap());
                assert_eq!(listed(&store, &scope, &which), number(reason, "drop_off"), "{reason}");
            }
        }
    }
}

#[test]
fn the_same_funnel_in_another_view_counts_the_same() {
    let store = Store::new();
    store.ingest(&[sample()]);
    let scope = ["--journey", "login", "--step", "Journey started", "--step", "password"];
    let ask = |more: &[&str]| store.rows(&[&["funnel"], &scope[..], more].concat());
    let steps = ask(&[]);
    let trend = ask(&["--trend", "day"]);
    let sum = |field: &str| trend.iter().map(|row| number(row, field)).sum::<usize>();
    assert_eq!(
        (sum("entered"), sum("converted")),
        (number(&steps[0], "reached"), number(&steps[1], "reached"))
    );
    let bins = ask(&["--convert", "1..2", "--bins", "7"]);
    assert_eq!(bins.len(), 8);
    assert_eq!(
        bins.iter().map(|bin| number(bin, "conversions")).sum::<usize>(),
        number(&steps[1], "reached")
    );
    assert_eq!(bins[0]["median_ms"], steps[1]["median_from_first_ms"]);
    // from events instead of timelines
    let cells = ask(&["--breakdown", "journey_id"]);
    for field in ["reached", "median_from_previous_ms", "p99_from_first_ms"] {
        assert_eq!(cells[1][field], steps[1][field], "{field}");
    }
    let attempts = ask(&["--count", "attempts"]);
    assert!(number(&attempts[0], "attempts") >= number(&steps[0], "reached"), "{attempts:?}");
}

/// A step of a run at the one millisecond of all, with the number by which it arrived.
fn arrived(run: &str, step: &str, number: Option<u64>) -> String {
    let params = json!({ "journey_id": "j", "step_id": step, "sequence": number });
    let event = json!({ "activity": "step_completed", "timestamp": "2026-03-01T10:00:00Z", "invocation_id": run,
        "additional_params": params });
    format!("{event}\n")
}

#[test]
fn the_order_of_arrival_is_the_number_in_the_log_whatever_file_came_when() {
    let first = arrived("in order", "a", Some(1))
        + &arrived("in reverse", "a", Some(10))
        + &arrived("first without", "a", None)
        + &arrived("second without", "a", Some(1))
        + &arrived("without", "a", None);
    let second = arrived("in order", "b", Some(2))
        + &arrived("in reverse", "b", Some(9))
        + &arrived("first without", "b", Some(0))
        + &arrived("second without", "b", None)
        + &arrived("without", "b", None);
    let funnel = ["funnel", "--step", "a", "--step", "b", "--ties", "arrival", "--list", "all"];
    let levels = |store: &Store| -> BTreeMap<String, i64> {
        let level =
            |row: &Value| (row["invocation_id"].as_str().unwrap().to_owned(), row["level"].as_i64().unwrap());
        store.rows(&funnel).iter().map(level).collect()
    };
    let mut seen = Vec::new();
    for parts in [[&first, &second], [&second, &first]] {
        let store = Store::new();
        for (number, part) in parts.into_iter().enumerate() {
            let file = store.file(&format!("{number}.ndjson"), part);
            store.ingest(&[file]);
        }
        seen.push(levels(&store));
        store.ok(&["compact"]);
        seen.push(levels(&store));
        let out = store.ok(&funnel);
        assert!(out.contains("order of arrival not known of 3 events"), "{out}");
    }
    let level = |run: &str| seen[0][run];
    assert_eq!((level("in order"), level("in reverse")), (2, 1));
    assert_eq!(
        (level("first without"), level("second without")),
        (2, 1),
        "those without a number come first"
    );
    assert!(seen.iter().all(|levels| *levels == seen[0]), "{seen:?}");
}

#[test]
fn a_funnel_says_how_many_events_have_no_id_of_its_unit() {
    let event = |step: &str, second: u32, user: Value| {
        let event = json!({ "activity": "step_completed", "timestamp": format!("2026-03-01T10:00:{second:02}Z"), "invocation_id": "r",
            "user_id": user, "additional_params": { "journey_id": "login", "step_id": step } });
        format!("{event}\n")
    };
    let store = Store::new();
    let lines =
        [event("form", 1, Value::Null), event("password", 2, Value::Null), event("otp", 3, json!("ann"))]
            .concat();
    store.ingest(&[store.file("events.ndjson", lines)]);
    let funnel = |more: &[&str]| {
        let answer = store.run(
            &[&["funnel", "--journey", "login", "--step", "form", "--step", "otp", "--format", "json"], more]
                .concat(),
        );
        answer.expect(0).json()
    };
    let said = |answer: &Value| -> Vec<String> {
        let notes = answer["notes"].as_array().into_iter().flatten();
        notes.filter_map(Value::as_str).filter(|note| note.contains("left out")).map(str::to_owned).collect()
    };
    let by_user = funnel(&["--unit", "user"]);
    assert_eq!(by_user["rows"][0]["reached"], 0);
    assert_eq!(said(&by_user), ["2 of 3 stored events in the scope have no user_id and were left out"]);
    // the range is that of the events' own time
    assert!(said(&funnel(&["--unit", "user", "--from", "2026-03-01T10:00:03Z"])).is_empty());
    assert_eq!(said(&funnel(&["--unit", "correlation"])).len(), 1);
    assert!(said(&funnel(&[])).is_empty());
}

//! `explain ID` says of a run what the funnel counts of it, and why.

use serde_json::{Value, json};

use crate::harness::{Ran, Store, sample};

const OWN_STEPS: [&str; 3] = ["login_form", "password | passkey", "otp_sms"];

fn taken_in() -> Store {
    let store = Store::new();
    store.ingest(&[sample()]);
    store
}

/// The first run of journey `login` in a state, of those that a condition leaves.
fn run_in(store: &Store, state: &str, condition: &str) -> String {
    let query = format!(
        "SELECT invocation_id FROM invocations WHERE journey_id = 'login' AND state = '{state}' AND {condition} \
         ORDER BY invocation_id LIMIT 1"
    );
    let rows = store.sql(&query);
    let [row] = rows.as_slice() else { panic!("no run is {state} with {condition}") };
    row["invocation_id"].as_str().unwrap().to_owned()
}

/// The explanation of a run, as JSON.
fn explained(store: &Store, id: &str, funnel: &[String]) -> Value {
    let mut command = store.command(&["explain", id, "--format", "json"]);
    Ran::of(command.args(funnel)).expect(0).json()
}

fn notes(report: &Value) -> Vec<&str> {
    report["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

#[track_caller]
fn says(report: &Value, parts: &[&str]) {
    for part in parts {
        assert!(
            notes(report).iter().any(|note| note.contains(part)),
            "{part:?} is not in {:#?}",
            notes(report)
        );
    }
}

fn main_line() -> Vec<String> {
    ["--journey", "login"].map(str::to_owned).to_vec()
}

fn own_steps() -> Vec<String> {
    OWN_STEPS.iter().flat_map(|step| ["--step".to_owned(), (*step).to_owned()]).collect()
}

/// A run that succeeded, one that failed at a code that never came, one that is open.
fn three_runs(store: &Store) -> [(&'static str, String); 3] {
    [
        ("succeeded", run_in(store, "succeeded", "path LIKE '%otp_sms%'")),
        ("failed", run_in(store, "failed", "failing_step = 'otp_sms' AND error_code = 'otp_timeout'")),
        ("open", run_in(store, "open", "true")),
    ]
}

#[test]
fn an_explanation_is_what_the_funnel_lists_of_the_run() {
    let store = taken_in();
    let runs = three_runs(&store);
    for state in ["from events", "from folded runs"] {
        for funnel in [main_line(), own_steps()] {
            let mut list =
                store.command(&["funnel", "--list", "all", "--limit", "100000", "--format", "json"]);
            let list = Ran::of(list.args(&funnel)).expect(0).json();
            for (end, id) in &runs {
                let place = format!("{state}, {end} run {id}, {funnel:?}");
                let listed: Vec<&Value> = list["rows"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|row| row["invocation_id"] == **id)
                    .collect();
                let [listed] = listed.as_slice() else { panic!("{place}: {listed:?}") };
                let rows = explained(&store, id, &funnel)["rows"].as_array().unwrap().clone();
                let events = store.rows(&["invocation", id]);
                assert_eq!(rows.len(), events.len(), "{place}");
                for (row, event) in rows.iter().zip(&events) {
                    assert_eq!(
                        (&row["level"], &row["drop_off"]),
                        (&listed["level"], &listed["drop_off"]),
                        "{place}"
                    );
                    assert_eq!((&row["counted"], &row["state"]), (&json!(true), &json!(end)), "{place}");
                    for same in ["event_id", "activity", "step_id", "offset_ms", "outcome", "error_code"] {
                        assert_eq!(row[same], event[same], "{place}: {same}");
                    }
                }
                // no step of this funnel is optional, so its level is the number of events that the attempt took
                let takes = |row: &&Value| ["opened", "matched"].map(Value::from).contains(&row["effect"]);
                let taken = rows.iter().filter(takes).count();
                assert!(funnel[0] == "--journey" || json!(taken) == listed["level"], "{place}: {rows:#?}");
                let reported = rows.iter().filter(|row| row["attempt_reported"] == true).count();
                assert_eq!(reported, usize::from(listed["level"] != 0), "{place}");
            }
        }
        store.ok(&["compact"]);
    }
}

#[test]
fn it_says_why_a_run_stopped_where_it_did() {
    let store = taken_in();
    let [(_, succeeded), (_, failed), (_, open)] = three_runs(&store);
    // the main line, whose steps the report gives back
    let whole = explained(
        &store,
        &run_in(&store, "succeeded", "path NOT LIKE '%otp_sms%' AND path LIKE '%password%'"),
        &main_line(),
    );
    says(&whole, &["it got through all steps", "reported is attempt 1 of 1", "state succeeded"]);
    let of_main_line = explained(&store, &open, &main_line());
    says(&of_main_line, &["was not reached", "drop-off before step", ": open, for", "state open"]);
    // steps of one's own
    let own = explained(&store, &succeeded, &own_steps());
    says(&own, &["level 3 of 3: it got through all steps", "state succeeded"]);
    let own = explained(&store, &failed, &own_steps());
    says(&own, &["state failed, error", "attributed to step otp_sms, error otp_timeout"]);
    let own = explained(&store, &open, &own_steps());
    says(&own, &["level 0 of 3: no event is step 1, login_form", "state open: no end of its own yet"]);
    // without a funnel, the state alone
    let state = explained(&store, &failed, &[]);
    says(&state, &["attributed to step otp_sms, error otp_timeout"]);
    assert_eq!(state["rows"][0]["level"], Value::Null);
    let last = state["rows"].as_array().unwrap().last().unwrap();
    assert!(last["explanation"].as_str().unwrap().contains("ended the run: failed"), "{last}");
}

#[test]
fn a_rule_that_refuses_an_event_is_named_beside_it() {
    let store = taken_in();
    let failed = run_in(&store, "failed", "failing_step = 'otp_sms' AND error_code = 'otp_timeout'");
    let steps = ["--step", "Journey started", "--step", "failed:otp_sms"].map(str::to_owned);
    let ask = |more: &[&str]| {
        let funnel: Vec<String> =
            steps.iter().cloned().chain(more.iter().map(|text| (*text).to_owned())).collect();
        explained(&store, &failed, &funnel)
    };
    assert_eq!(ask(&[])["rows"][0]["level"], 2);
    let late = ask(&["--window", "1s"]);
    assert_eq!(late["rows"][0]["level"], 1);
    let rows = late["rows"].as_array().unwrap();
    let refused = rows.iter().find(|row| row["effect"] == "late").unwrap();
    assert_eq!((&refused["step_id"], &refused["outcome"]), (&json!("otp_sms"), &json!("failure")));
    let late_by = refused["offset_ms"].as_i64().unwrap() - 1_000;
    assert_eq!(refused["late_by_ms"], late_by);
    says(&late, &["level 1 of 2: step 2, failed:otp_sms, was not reached", "after the window"]);
    let broken = ask(&["--order", "strict"]);
    assert!(broken["rows"].as_array().unwrap().iter().any(|row| row["effect"] == "broke"), "{broken:#}");
    let excluded = ask(&["--exclude", "login_form between 1 and 2"]);
    assert!(
        excluded["rows"].as_array().unwrap().iter().any(|row| row["effect"] == "excluded"),
        "{excluded:#}"
    );
    // a run that the scope leaves out is told about, and why it does not count
    let elsewhere = ask(&["--journey", "signup"]);
    assert_eq!(elsewhere["rows"][0]["counted"], false);
    says(&elsewhere, &["not counted: journey"]);
}

#[test]
fn an_unknown_id_is_said_to_be_unknown() {
    let store = taken_in();
    store
        .run(&["explain", "no-such-run"])
        .expect(5)
        .says(&["no invocation \"no-such-run\" in the store", "wayfare invocations"]);
    store
        .run(&["explain", "nobody", "--unit", "user", "--step", "login_form"])
        .expect(5)
        .says(&["no user \"nobody\" in the store", "wayfare values user_id"]);
}

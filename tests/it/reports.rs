//! What has to hold inside and between reports, whatever the numbers are; and what reports refuse.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Store, sample};
use crate::server::Server;

fn store() -> Store {
    let store = Store::new();
    store.ingest(&[sample()]);
    store
}

fn count(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| panic!("no count {column} in {row}"))
}

fn length(rows: &[Value]) -> i64 {
    i64::try_from(rows.len()).unwrap()
}

fn total(rows: &[Value], column: &str) -> i64 {
    rows.iter().map(|row| count(row, column)).sum()
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or_else(|| panic!("no number {column} in {row}"))
}

/// Words of a line, as arguments.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn what_goes_into_a_node_comes_out_of_it() {
    let store = store();
    let started = count(&store.rows(&words("overview --journey login"))[0], "started");
    for kept in ["0", "1", "3", "100"] {
        let rows = store.rows(&["paths", "--journey", "login", "--limit", kept]);
        let mut balance: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for row in &rows {
            let node = |end: &str| (row[end].as_str().unwrap(), row[format!("{end}_kind")].as_str().unwrap());
            *balance.entry(node("from")).or_default() += count(row, "passages");
            *balance.entry(node("to")).or_default() -= count(row, "passages");
        }
        for ((node, kind), left) in &balance {
            if !matches!(*kind, "start" | "end") {
                assert_eq!(*left, 0, "{node} with {kept} steps");
            }
        }
        let of = |kind: &str| -> i64 {
            balance.iter().filter(|(node, _)| node.1 == kind).map(|(_, left)| left).sum()
        };
        assert_eq!((of("start"), -of("end")), (started, started), "with {kept} steps");
        let steps = balance.keys().filter(|(_, kind)| *kind == "step").count();
        assert!(steps <= kept.parse().unwrap(), "{steps} of {kept}");
    }
}

#[test]
fn passages_into_a_step_are_its_attempts() {
    let store = store();
    let paths = store.rows(&words("paths --limit 100"));
    for step in store.rows(&["steps"]) {
        let into = |row: &&Value| row["journey_id"] == step["journey_id"] && row["to"] == step["step_id"];
        let into: Vec<Value> = paths.iter().filter(into).cloned().collect();
        assert_eq!(total(&into, "passages"), count(&step, "attempts"), "{step}");
    }
}

/// The events of one failed run of the journey `pay`, whose last call failed and names `calls` as its journey.
fn failed_run(run: &str, calls: Option<&str>) -> String {
    let event = |second: u8, activity: &str, params: Value| {
        json!({ "activity": activity, "timestamp": format!("2026-03-01T10:00:{second:02}.000Z"),
            "invocation_id": run, "additional_params": params })
        .to_string()
    };
    let call = |outcome: &str| {
        let mut params =
            json!({ "connection_id": "bank", "step_id": "charge", "outcome": outcome, "latency": 40 });
        if let Some(journey) = calls {
            params["journey_id"] = journey.into();
        }
        params
    };
    [
        event(0, "journey_started", json!({ "journey_id": "pay" })),
        event(1, "step_started", json!({ "journey_id": "pay", "step_id": "charge" })),
        event(2, "external_connection_call", call("success")),
        event(3, "external_connection_call", call("failure")),
        event(4, "journey_completed_unsuccessfully", json!({ "journey_id": "pay", "step_id": "charge" })),
    ]
    .join("\n")
}

#[test]
fn calls_count_whatever_journey_they_name_and_once_where_they_are_stored_twice() {
    for calls in [[Some("pay"), Some("pay")], [Some("pay"), Some("bank")], [None, None]] {
        let store = Store::new();
        let lines = calls.iter().zip(["a", "b"]).map(|(calls, run)| failed_run(run, *calls));
        let lines = lines.collect::<Vec<_>>().join("\n");
        store.ingest(&[store.file("runs.ndjson", &lines)]);
        let of_journey = |store: &Store| {
            let [row] = &store.rows(&words("calls --journey pay"))[..] else { panic!("one connection") };
            ["calls", "failed", "invocations", "failures_explained"].map(|name| count(row, name))
        };
        assert_eq!(of_journey(&store), [4, 2, 2, 2], "{calls:?}");
        // another batch of the same events
        store.ingest(&[store.file("again.ndjson", format!("{}\n{lines}", failed_run("c", Some("pay"))))]);
        assert_eq!(of_journey(&store), [6, 3, 3, 3], "{calls:?}");
        let steps =
            store.rows(&words("calls --journey pay --by step,connection --from 2026-03-01 --to 2026-03-02"));
        assert_eq!(total(&steps, "failures_explained"), 3, "{steps:?}");
        assert!(store.rows(&words("calls --journey pay --from 2026-03-02 --to 2026-03-03")).is_empty());
    }
}

#[test]
fn the_row_of_the_rest_makes_columns_add_up() {
    let store = store();
    for (line, columns) in [
        ("failures", ["failures", "share_of_failures_numerator"].as_slice()),
        ("failures --by step,day", &["failures"]),
        ("calls --by connection,step", &["calls", "failed", "failures_explained"]),
        ("paths --variants", &["invocations", "success_rate_of_started_denominator"]),
    ] {
        let all = store.rows(&[words(line), words("--limit 100000")].concat());
        assert!(all.iter().all(|row| row["other_rows"].is_null()), "{line}: nothing is left out");
        for limit in ["0", "1", "4"] {
            let some = store.rows(&[words(line), vec!["--limit", limit]].concat());
            for column in columns {
                assert_eq!(total(&some, column), total(&all, column), "{line} --limit {limit}: {column}");
            }
            let marked: Vec<&Value> = some.iter().filter(|row| !row["other_rows"].is_null()).collect();
            let [rest] = marked.as_slice() else { panic!("{line}: one row of the rest: {some:?}") };
            assert_eq!(count(rest, "other_rows") + length(&some) - 1, length(&all), "{line}");
            assert_eq!(some.last(), Some(*rest), "{line}: the rest is last");
        }
    }
    // failures have a rate where a step is known, never one above 1, and the rest has none
    for row in store.rows(&words("failures --limit 5")) {
        if row["other_rows"].is_null() {
            assert!(
                count(&row, "failure_rate_numerator") <= count(&row, "failure_rate_denominator"),
                "{row}"
            );
        } else {
            assert_eq!((&row["failure_rate"], &row["failure_rate_numerator"]), (&Value::Null, &Value::Null));
        }
    }
}

/// A condition that a column has the value of a row.
fn is(row: &Value, column: &str) -> String {
    match row[column].as_str() {
        Some(value) => format!("{column} = '{value}'"),
        None => format!("{column} is null"),
    }
}

/// How many runs a list has.
fn listed(server: &Server, spec: Value) -> i64 {
    let mut spec = spec;
    spec["limit"] = json!(100_000);
    let answer = server.post("/api/v1/reports/invocations", &spec).expect(200).json();
    length(answer["rows"].as_array().unwrap())
}

#[test]
fn a_list_has_as_many_rows_as_the_number_says() {
    let store = store();
    // for the many lists; numbers are the same without
    store.ok(&["compact"]);
    let server = Server::start(&store, &[]);
    let list = |conditions: &[String]| listed(&server, json!({ "where": conditions }));
    for row in store.rows(&["failures"]).iter().filter(|row| row["other_rows"].is_null()).step_by(5) {
        let conditions = ["journey_id", "failing_step", "error_code"].map(|column| is(row, column));
        let conditions = [&conditions[..], &["state=failed".to_owned()]].concat();
        assert_eq!(list(&conditions), count(row, "failures"), "{row}");
    }
    let overview = store.rows(&["overview", "--by", "all"]);
    for state in ["succeeded", "failed", "abandoned", "open"] {
        assert_eq!(list(&[format!("state={state}")]), count(&overview[0], state), "{state}");
    }
    // places in a cycle, and intervals, in another zone than that of the store
    for by in ["weekday,hour_of_day", "hour", "month"] {
        let cells = store.rows(&["overview", "--by", by, "--tz", "America/New_York"]);
        for row in cells.iter().step_by(cells.len() / 2) {
            let conditions: Vec<String> = by.split(',').map(|column| is(row, column)).collect();
            let runs = listed(&server, json!({ "tz": "America/New_York", "where": conditions }));
            assert_eq!(runs, count(row, "started"), "{row}");
        }
    }
    // a step: of each count the row that has most, as a number above zero says more
    let steps = store.rows(&words("steps --journey login --by platform"));
    for name in [
        "reached",
        "completed",
        "first_try_completed",
        "failed",
        "failed_here",
        "abandoned_here",
        "open_here",
        "moved_on",
    ] {
        let row = steps.iter().max_by_key(|row| count(row, name)).unwrap();
        let behind = format!("step={} and class={name}", row["step_id"].as_str().unwrap());
        let conditions = [is(row, "journey_id"), is(row, "platform")];
        let runs = listed(&server, json!({ "where": conditions, "behind": behind }));
        assert_eq!(runs, count(row, name), "{name}: {row}");
    }
    // a transition, and a whole way
    let transitions = store.rows(&words("paths --journey login --limit 100"));
    let ends = transitions.iter().filter(|row| row["from_kind"] == "start" || row["to_kind"] == "end");
    let again = transitions.iter().filter(|row| row["from"] == row["to"]);
    for row in ends.step_by(3).chain(again).chain(&transitions[..2]) {
        let behind = format!("from={} and to={}", row["from"], row["to"]);
        let runs = listed(&server, json!({ "where": [is(row, "journey_id")], "behind": behind }));
        assert_eq!(runs, count(row, "invocations"), "{row}");
    }
    for row in store.rows(&words("paths --journey login --variants --limit 3")) {
        if row["other_rows"].is_null() {
            let behind = format!("way={}", row["steps"]);
            let runs = listed(&server, json!({ "where": [is(&row, "journey_id")], "behind": behind }));
            assert_eq!(runs, count(&row, "invocations"), "{row}");
        }
    }
    // all that a funnel lost before a step
    for row in store.rows(&words("funnel --journey login")).iter().skip(1) {
        let list = json!({ "step": count(row, "step") - 1, "class": "any" });
        let spec = json!({ "journey": ["login"], "list": list, "limit": 100_000 });
        let rows = server.post("/api/v1/reports/funnel", &spec).expect(200).json()["rows"].clone();
        assert_eq!(length(rows.as_array().unwrap()), count(row, "drop_off"), "{row}");
    }
    store
        .run(&["invocations", "--behind", "step=otp_sms and class=retries"])
        .expect(2)
        .says(&["count of a step's runs", "moved_on"]);
}

#[test]
fn pages_of_runs_neither_skip_nor_repeat() {
    let store = store();
    store.ok(&["compact"]);
    let server = Server::start(&store, &[]);
    let ids = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["invocation_id"].as_str().unwrap().to_owned()).collect()
    };
    for (sort, journey) in [("-started_at", "login"), ("error_code", "kyc"), ("-duration_ms", "kyc")] {
        let path = format!("/api/v1/invocations?journey={journey}&sort={sort}");
        let whole = ids(&server.get(&format!("{path}&limit=100000")).expect(200).json()["rows"]);
        let mut next = Some(format!("{path}&limit={}", whole.len() / 5 + 1));
        let mut walked = Vec::new();
        while let Some(path) = next {
            let page = server.get(&path).expect(200);
            walked.extend(ids(&page.json()["rows"]));
            assert!(walked.len() <= whole.len(), "{sort}: more than there are");
            // as clients do that know of links alone
            let link = page.header("link");
            next = link.map(|link| {
                let (path, kind) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
                assert_eq!(kind, "; rel=\"next\"");
                path.to_owned()
            });
            assert_eq!(page.header("x-next").is_some(), next.is_some());
        }
        assert_eq!(walked, whole, "{sort}");
    }
    store
        .run(&words("invocations --after 00"))
        .expect(2)
        .says(&["expected the `next` that the page before gave"]);
}

#[test]
fn a_comparison_is_two_overviews_and_turns_round() {
    let store = store();
    let sides = |a: &str, b: &str| {
        store.rows(&[
            "compare",
            "--journey",
            "login",
            "--a",
            &format!("version={a}"),
            "--b",
            &format!("version={b}"),
        ])
    };
    let rows = sides("2", "3");
    let versions = store.rows(&words("overview --journey login --by version"));
    let steps = store.rows(&words("steps --journey login --by version"));
    for (side, version) in [("a", "2"), ("b", "3")] {
        let overview = versions.iter().find(|row| row["journey_version"] == version).unwrap();
        for metric in ["completion_rate", "success_rate_of_started"] {
            let row = rows.iter().find(|row| row["metric"] == metric).unwrap();
            for part in ["numerator", "denominator"] {
                assert_eq!(
                    row[format!("{side}_rate_{part}")],
                    overview[format!("{metric}_{part}")],
                    "{metric}"
                );
            }
        }
        let duration = rows.iter().find(|row| row["metric"] == "duration").unwrap();
        assert_eq!(duration[format!("{side}_median_ms")], overview["p50_duration_ms"]);
        for row in rows.iter().filter(|row| row["metric"] == "step_completion") {
            let of = |step: &&Value| step["journey_version"] == version && step["step_id"] == row["step_id"];
            let step = steps.iter().find(of).unwrap();
            assert_eq!(row[format!("{side}_rate_numerator")], step["completed"], "{row}");
            assert_eq!(row[format!("{side}_rate_denominator")], step["reached"], "{row}");
            assert_eq!(row[format!("{side}_median_ms")], step["p50_duration_ms"], "{row}");
        }
    }
    for (there, back) in rows.iter().zip(sides("3", "2")) {
        assert_eq!((&there["metric"], &there["step_id"]), (&back["metric"], &back["step_id"]));
        if there["metric"] != "duration" {
            let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-12, "{there} {back}");
            near(number(there, "difference_in_rate"), -number(&back, "difference_in_rate"));
            near(number(there, "difference_in_rate_from"), -number(&back, "difference_in_rate_to"));
            near(number(there, "p_value"), number(&back, "p_value"));
        }
    }
}

#[test]
fn mix_and_rate_add_up_to_the_change() {
    let store = store();
    for by in ["platform", "journey,client", "day"] {
        let rows = store.rows(&["compare", "--a", "to=2026-03-16", "--b", "from=2026-03-16", "--by", by]);
        let rate = |side: &str| {
            let of = |part: &str| total(&rows, &format!("{side}_success_rate_of_started_{part}"));
            f64::from(i32::try_from(of("numerator")).unwrap())
                / f64::from(i32::try_from(of("denominator")).unwrap())
        };
        let effects: f64 =
            rows.iter().map(|row| number(row, "mix_effect") + number(row, "rate_effect")).sum();
        assert!((effects - (rate("b") - rate("a"))).abs() < 1e-9, "{by}: {effects}");
    }
}

#[test]
fn causes_find_what_the_sample_hides() {
    let store = store();
    let pairs = words("causes --journey login --by client,version --pairs --min-runs 10");
    let rows = store.rows(&pairs);
    assert_eq!(
        (&rows[0]["dimension"], &rows[0]["value"]),
        (&json!("client_id, journey_version"), &json!("retail_ios, 3"))
    );
    let rows = store.rows(&words("causes --journey login"));
    assert_eq!((&rows[0]["dimension"], &rows[0]["value"]), (&json!("failed_step"), &json!("otp_sms")));
    for row in &rows {
        assert!(number(row, "q_value") >= number(row, "p_value"), "{row}");
        assert!(count(row, "recoverable_runs") >= 0, "{row}");
        // what could be won back is at most what was lost
        let lost = count(row, "success_rate_denominator") - count(row, "success_rate_numerator");
        assert!(count(row, "recoverable_runs") <= lost, "{row}");
    }
    store
        .run(&words("causes --by error_category"))
        .expect(2)
        .says(&["error_category is known of runs that failed only", "failed_step"]);
}

#[test]
fn the_last_interval_is_immature() {
    let store = store();
    let rows = store.rows(&words("overview --journey login --by day"));
    let marks: Vec<bool> = rows.iter().map(|row| row["immature"].as_bool().unwrap()).collect();
    assert_eq!(marks.iter().filter(|mark| **mark).count(), 1, "{marks:?}");
    assert_eq!(marks.last(), Some(&true));
    // as of a moment in the middle of a day, that day is not over
    let rows = store.rows(&words("overview --journey login --by day --as-of 2026-03-15T12:00:00Z"));
    let last = rows.last().unwrap();
    assert_eq!((&last["day"], &last["immature"]), (&json!("2026-03-15"), &json!(true)));
    assert!(store.rows(&["overview"]).iter().all(|row| row.get("immature").is_none()));
}

#[test]
fn splitting_what_cannot_be_split_is_refused_with_the_reason() {
    let store = store();
    for (line, why) in [
        ("invocations --by client", "one row a run"),
        ("journeys --by version", "one row a journey"),
        ("values platform --by day", "one row a value"),
        ("quality --by day", "one row an issue"),
    ] {
        store.run(&words(line)).expect(2).says(&["cannot be split", why, "hint: "]);
    }
    store.run(&words("overview --where foo=1")).expect(2).says(&[
        "foo",
        "there are: ",
        "journey_version",
        "platform",
    ]);
    store
        .run(&words("overview --journey login --version 9"))
        .expect(5)
        .says(&["no version \"9\"", "there are: 1, 2, 3"]);
    store.run(&words("compare --a version=2 --b version=2")).expect(2).says(&["the same"]);
    store.run(&words("compare --a version=2 --b version=77")).expect(5).says(&["77"]);
}

/// One event as a line; `more` are parameters.
fn event(activity: &str, second: u32, run: Option<&str>, more: &Value) -> String {
    let mut event = json!({
        "activity": activity, "source": "cis", "tenant_id": "t",
        "timestamp": format!("2026-01-01T10:{:02}:{:02}Z", second / 60, second % 60),
        "additional_params": more,
    });
    if let Some(run) = run {
        event["invocation_id"] = json!(run);
    }
    format!("{event}\n")
}

#[test]
fn quality_counts_what_is_wrong_and_how_far_it_could_move_the_rate() {
    let login = json!({ "journey_id": "login" });
    let step = json!({ "journey_id": "login", "step_id": "form" });
    let (started, well, badly) =
        ("journey_started", "journey_completed_successfully", "journey_completed_unsuccessfully");
    let mut lines = Vec::new();
    // eight clean runs, six of which succeed
    for index in 0..8 {
        let run = format!("clean-{index}");
        lines.push(event(started, 0, Some(&run), &login));
        lines.push(event(if index < 6 { well } else { badly }, 5, Some(&run), &login));
    }
    lines.push(event(well, 3, Some("no-start"), &login));
    lines.extend([event(started, 0, Some("late"), &login), event(badly, 1, Some("late"), &login)]);
    lines.push(event("custom_event", 2, Some("late"), &login));
    lines.extend([event(started, 0, Some("half"), &login), event("step_completed", 1, Some("half"), &step)]);
    lines.push(event(well, 9, None, &login));
    lines.push("{ no json\n".to_owned());
    lines.push(event("thing_nobody_knows", 4, Some("clean-0"), &login));
    let store = Store::new();
    let file = store.file("dirty.ndjson", lines.concat());
    store.run(&["ingest", &file, "--max-rejects", "10"]).expect(0);
    let rows = store.rows(&["quality"]);
    let find = |issue: &str| {
        rows.iter()
            .find(|row| row["issue"].as_str().unwrap().starts_with(issue))
            .unwrap_or_else(|| panic!("{issue}: {rows:?}"))
    };
    // 7 runs succeeded (one of them without a start), 3 failed (one of them went on)
    for (issue, seen, worst, best) in [
        ("run without a start", 1, 0.6, 0.7),
        ("events after the end", 1, 0.7, 0.8),
        ("second end", 0, 0.7, 0.7),
        ("step ended without a start", 1, 7.0 / 11.0, 8.0 / 11.0),
        ("event of a journey without an invocation", 1, 7.0 / 11.0, 8.0 / 11.0),
        ("unknown activity", 1, 0.7, 0.7),
        ("rejected line", 1, 7.0 / 11.0, 8.0 / 11.0),
    ] {
        let row = find(issue);
        assert_eq!(count(row, "count"), seen, "{row}");
        for (column, expected) in [("completion_rate_at_worst", worst), ("completion_rate_at_best", best)] {
            assert!((number(row, column) - expected).abs() < 1e-12, "{column}: {expected} {row}");
        }
    }
    assert_eq!(find("run without a start")["example"], "no-start");
}

#[test]
fn a_sub_journey_with_an_invocation_of_its_own_is_nested_by_its_parent() {
    let store = Store::new();
    let parent = json!({ "journey_id": "login" });
    let child = json!({ "journey_id": "otp", "parent_invocation_id": "outer" });
    let orphan = json!({ "journey_id": "otp", "parent_invocation_id": "nobody" });
    let lines = [
        event("journey_started", 0, Some("outer"), &parent),
        event("journey_started", 1, Some("inner"), &child),
        event("journey_completed_successfully", 4, Some("inner"), &child),
        event("journey_completed_successfully", 6, Some("outer"), &parent),
        event("journey_started", 0, Some("lost"), &orphan),
    ];
    let file = store.file("nested.ndjson", lines.concat());
    store.ingest(&[file]);
    let rows = store.rows(&["sub-journeys"]);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((&row["journey_id"], &row["sub_journey"]), (&json!("login"), &json!("otp")));
    assert_eq!((&row["nested_by"], &row["outcome"]), (&json!("parent_id"), &json!("succeeded")));
    assert_eq!((count(row, "invocations"), count(row, "passages")), (1, 1));
    assert!((number(row, "p50_duration_ms") - 3000.0).abs() < 1e-9, "{row}");
    let events = store.rows(&["invocation", "outer"]);
    let seen: Vec<_> = events
        .iter()
        .map(|row| (count(row, "level"), row["inside"].as_str(), count(row, "offset_ms")))
        .collect();
    assert_eq!(seen, [(0, None, 0), (1, Some("otp"), 1_000), (1, Some("otp"), 4_000), (0, None, 6_000)]);
    let quality = store.rows(&["quality"]);
    let lost = quality.iter().find(|row| row["issue"] == "parent invocation that is not there").unwrap();
    assert_eq!((count(lost, "count"), &lost["example"]), (1, &json!("lost")));
}

#[test]
fn events_of_a_bracketed_sub_journey_are_inside_it() {
    let store = store();
    let id =
        store.sql("SELECT invocation_id FROM invocations WHERE path LIKE '%(otp%;)%$' ORDER BY 1 LIMIT 1");
    let events = store.rows(&["invocation", id[0]["invocation_id"].as_str().unwrap()]);
    let begin = events.iter().position(|row| row["activity"] == "sub_journey_started").unwrap();
    let end = events.iter().position(|row| row["activity"] == "journey_completed_successfully").unwrap();
    for (index, row) in events.iter().enumerate() {
        let within = begin < index && index <= end;
        assert_eq!(count(row, "level"), i64::from(within), "{row}");
        assert_eq!(row["inside"].as_str(), within.then_some("otp"), "{row}");
    }
}

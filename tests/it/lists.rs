//! What is behind numbers that look inside runs: causes, calls, sub-journeys, issues, merged nodes, sides of a comparison.

use serde_json::{Value, json};

use crate::harness::{Store, sample};
use crate::server::Server;

fn count(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| panic!("no count {column} in {row}"))
}

/// A condition that a column has the value of a row.
fn is(row: &Value, column: &str, name: &str) -> String {
    match &row[column] {
        Value::Null => format!("{name} is null"),
        Value::String(text) => format!("{name}={}", json!(text.replace('"', "\"\""))),
        other => format!("{name}={other}"),
    }
}

/// Rows of a list that are given; longer ones say how many there are.
const SHOWN: i64 = 50;

/// How many runs are behind a number, as the list says and has.
fn behind(server: &Server, conditions: &[&str], behind: &str) -> i64 {
    let spec = json!({ "where": conditions, "behind": behind, "limit": SHOWN });
    let answer = server.post("/api/v1/reports/invocations", &spec).expect(200).json();
    let (total, length) = (count(&answer, "rows_total"), answer["rows"].as_array().unwrap().len());
    assert_eq!(i64::try_from(length).unwrap(), total.min(SHOWN), "{behind}");
    total
}

#[test]
fn numbers_inside_runs_lead_to_lists_of_their_length() {
    let store = Store::new();
    store.ingest(&[sample()]);
    // for the many lists; numbers are the same without
    store.ok(&["compact"]);
    let server = Server::start(&store, &[]);
    of_causes(&store, &server);
    of_calls(&store, &server);
    of_merged_steps(&store, &server);
    of_a_comparison(&store, &server);
    pages_of_a_funnels_list(&store, &server);
}

fn of_causes(store: &Store, server: &Server) {
    let by = "failed_step,failed_connection,browser,hour_of_day";
    for more in [&["--by", by][..], &["--by", "client,browser", "--pairs"]] {
        let rows = store.rows(&[&["causes", "--limit", "1000", "--min-runs", "1"], more].concat());
        let mut seen = Vec::new();
        for row in &rows {
            // the first of each dimension
            if seen.contains(&&row["dimension"]) {
                continue;
            }
            seen.push(&row["dimension"]);
            let journey = is(row, "journey_id", "journey_id");
            let number = format!("{} and {}", is(row, "dimension", "dimension"), is(row, "value", "value"));
            let rest = format!("{number} and side=rest");
            for (number, rate) in [(number, "success_rate"), (rest, "success_rate_of_rest")] {
                for (part, state) in [("numerator", "state=succeeded"), ("denominator", "state!=open")] {
                    let column = format!("{rate}_{part}");
                    assert_eq!(
                        behind(server, &[&journey, state], &number),
                        count(row, &column),
                        "{column}: {row}"
                    );
                }
            }
            assert_eq!(count(row, "runs"), count(row, "success_rate_denominator"), "{row}");
        }
        assert!(seen.len() > 1, "{rows:?}");
    }
    // a failure's rate is of the runs that reached its step
    for row in store.rows(&["failures", "--limit", "3"]).iter().filter(|row| row["other_rows"].is_null()) {
        let reached = format!("dimension=step and {}", is(row, "failing_step", "value"));
        let journey = is(row, "journey_id", "journey_id");
        assert_eq!(behind(server, &[&journey], &reached), count(row, "failure_rate_denominator"), "{row}");
    }
    for (number, said) in [
        ("dimension=colour and value=red", "colour"),
        ("dimension=\"os, platform, country\" and value=a", "two"),
    ] {
        store.run(&["invocations", "--behind", number]).expect(2).says(&[said]);
    }
}

fn of_calls(store: &Store, server: &Server) {
    for by in ["connection", "connection,http_status", "step,error_code,outcome", "platform"] {
        let rows = store.rows(&["calls", "--by", by, "--limit", "1000"]);
        for (index, row) in rows.iter().enumerate() {
            for class in ["invocations", "invocations_with_failed", "failures_explained"] {
                // the first row, and those that have what most have not
                if index > 0 && (class == "invocations" || count(row, class) < 5) {
                    continue;
                }
                let columns =
                    ["connection_id", "step_id", "http_status", "outcome", "error_code", "error_category"];
                let of_call = columns.iter().filter(|column| row.get(**column).is_some());
                let mut terms: Vec<String> = of_call.map(|column| is(row, column, column)).collect();
                terms.push(format!("class={class}"));
                let platform = row.get("platform").map(|_| is(row, "platform", "platform"));
                let conditions: Vec<&str> = platform.iter().map(String::as_str).collect();
                assert_eq!(
                    behind(server, &conditions, &terms.join(" and ")),
                    count(row, class),
                    "{class}: {row}"
                );
            }
            assert!(count(row, "invocations") <= count(row, "calls"), "{row}");
        }
    }
    store
        .run(&["invocations", "--behind", "connection_id=a and class=calls"])
        .expect(2)
        .says(&["count of runs with a call"]);
}

fn of_merged_steps(store: &Store, server: &Server) {
    let rows = store.rows(&["paths", "--journey", "login", "--limit", "2"]);
    let mut kept: Vec<&str> = Vec::new();
    for (row, end) in rows.iter().flat_map(|row| [(row, "from"), (row, "to")]) {
        let step = row[end].as_str().unwrap();
        if row[format!("{end}_kind")] == "step" && !kept.contains(&step) {
            kept.push(step);
        }
    }
    assert_eq!(kept.len(), 2);
    let merged = |row: &&Value| row["from_kind"] == "other" || row["to_kind"] == "other";
    assert!(rows.iter().filter(merged).count() > 2, "{rows:?}");
    for row in &rows {
        let number = format!("from={} and to={} and kept in ({})", row["from"], row["to"], kept.join(", "));
        assert_eq!(behind(server, &["journey_id=login"], &number), count(row, "invocations"), "{row}");
    }
}

fn of_a_comparison(store: &Store, server: &Server) {
    let rows = store.rows(&["compare", "--journey", "login", "--a", "version=2", "--b", "version=3"]);
    let conditions = |metric: &str| match metric {
        "completion_rate" => ["state=succeeded", "state in (succeeded, failed)"],
        "success_rate_of_started" => ["state=succeeded", "state!=open"],
        "rejected_share" => ["failure=rejected", "state in (succeeded, failed)"],
        "error_share" => ["failure=error", "state in (succeeded, failed)"],
        "abandoned_share" => ["state=abandoned", "state!=open"],
        other => panic!("{other}"),
    };
    let common = ["journey_id=login", "journey_version=3"];
    for row in rows.iter().filter(|row| row["metric"] != "duration") {
        for (index, part) in ["numerator", "denominator"].into_iter().enumerate() {
            let runs = if row["metric"] == "step_completion" {
                let class = ["completed", "reached"][index];
                behind(server, &common, &format!("{} and class={class}", is(row, "step_id", "step")))
            } else {
                let condition = conditions(row["metric"].as_str().unwrap())[index];
                let spec = json!({ "where": [common[0], common[1], condition], "limit": 1 });
                count(&server.post("/api/v1/reports/invocations", &spec).expect(200).json(), "rows_total")
            };
            assert_eq!(runs, count(row, &format!("b_rate_{part}")), "{part}: {row}");
        }
    }
}

/// One event of a journey as a line.
fn event(activity: &str, second: u32, run: &str, more: &Value) -> String {
    let event = json!({
        "activity": activity, "source": "cis", "tenant_id": "t", "invocation_id": run,
        "timestamp": format!("2026-01-01T10:{:02}:{:02}Z", second / 60, second % 60), "additional_params": more,
    });
    format!("{event}\n")
}

#[test]
fn sub_journeys_and_issues_lead_to_runs_of_their_length() {
    let (login, otp) = (json!({ "journey_id": "login" }), json!({ "journey_id": "otp" }));
    let child = |parent: &str| json!({ "journey_id": "otp", "parent_invocation_id": parent });
    let (started, well, badly) =
        ("journey_started", "journey_completed_successfully", "journey_completed_unsuccessfully");
    let step = json!({ "journey_id": "login", "step_id": "form" });
    let mut lines = Vec::new();
    for index in 0..4 {
        let run = format!("brackets-{index}");
        lines.push(event(started, 0, &run, &login));
        // twice inside, the second time otherwise
        for (second, end) in [(1, well), (3, if index % 2 == 0 { badly } else { well })] {
            lines.push(event("sub_journey_started", second, &run, &otp));
            lines.push(event(end, second + 1, &run, &otp));
        }
        lines.push(event(well, 9, &run, &login));
    }
    for index in 0..3 {
        let run = format!("parent-{index}");
        lines.push(event(started, 0, &run, &login));
        for child_of in 0..=index {
            let inner = format!("inner-{index}-{child_of}");
            lines.push(event(started, 1, &inner, &child(&run)));
            lines.push(event(if child_of == 0 { well } else { badly }, 4, &inner, &child(&run)));
        }
        lines.push(event(well, 9, &run, &login));
    }
    // an end twice, nothing before the end, an end without a start, a step without one
    for (run, events) in [
        ("ends", [(started, &login), (well, &login), (badly, &login)].as_slice()),
        ("no-start", &[(well, &login)]),
        ("half", &[(started, &login), ("step_completed", &step)]),
        ("stops", &[(started, &login), ("sub_journey_started", &otp), (well, &otp)]),
        ("nameless", &[(started, &json!({}))]),
    ] {
        for (second, (activity, params)) in (20..).zip(events) {
            lines.push(event(activity, second, run, params));
        }
    }
    let store = Store::new();
    let first = store.file("first.ndjson", lines.concat());
    store.ingest(&[first]);
    // stored twice: the file differs, one event does not
    let again = store.file(
        "again.ndjson",
        [&lines[0], &event("custom_event", 50, "half", &login)].map(String::as_str).concat(),
    );
    store.ingest(&[again]);
    let server = Server::start(&store, &[]);
    let rows = store.rows(&["sub-journeys"]);
    assert_eq!(rows.iter().filter(|row| row["nested_by"] == "parent_id").count(), 2, "{rows:?}");
    for row in &rows {
        let terms = ["sub_journey", "outcome", "nested_by"].map(|column| is(row, column, column));
        let journey = is(row, "journey_id", "journey_id");
        assert_eq!(behind(&server, &[&journey], &terms.join(" and ")), count(row, "invocations"), "{row}");
    }
    let quality = store.rows(&["quality"]);
    let concerned: Vec<&Value> =
        quality.iter().filter(|row| row["unit"] == "runs" && count(row, "count") > 0).collect();
    assert!(concerned.len() >= 6, "{quality:?}");
    for row in concerned {
        assert_eq!(behind(&server, &[], &is(row, "issue", "issue")), count(row, "count"), "{row}");
    }
    // this one counts events; its list has the runs that have some
    assert_eq!(behind(&server, &[], "issue=\"events stored twice\""), 1);
    store
        .run(&["invocations", "--behind", "issue=\"second ent\""])
        .expect(2)
        .says(&["did you mean second end"]);
}

fn pages_of_a_funnels_list(store: &Store, server: &Server) {
    let ids = |rows: &Value| -> Vec<Value> {
        rows.as_array().unwrap().iter().map(|row| json!([row["invocation_id"], row["entered_at"]])).collect()
    };
    for list in [json!({ "step": 1, "class": "any" }), json!({ "of": "attempts" })] {
        let spec = |limit: usize, after: Value| json!({ "journey": ["login"], "list": list, "limit": limit, "after": after });
        let ask = |limit, after| server.post("/api/v1/reports/funnel", &spec(limit, after)).expect(200);
        let whole = ids(&ask(100_000, Value::Null).json()["rows"]);
        let (mut walked, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = ask(whole.len() / 4 + 1, after);
            assert_eq!(page.json()["rows_total"], json!(whole.len()));
            walked.extend(ids(&page.json()["rows"]));
            after = page.json()["next"].clone();
            assert_eq!(page.header("x-next"), after.as_str());
            if after.is_null() {
                break;
            }
            assert!(walked.len() < whole.len(), "more pages than rows");
        }
        assert_eq!(walked, whole, "{list}");
    }
    // a question in the address has the next one in a header
    let first =
        server.get("/api/v1/reports/funnel?journey=login&list=%7B%22step%22%3A1%7D&limit=5").expect(200);
    let link = first.header("link").unwrap();
    let path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
    assert_ne!(ids(&server.get(path).expect(200).json()["rows"]), ids(&first.json()["rows"]));
    let table = store.ok(&["funnel", "--journey", "login", "--list", "step=1", "--limit", "5"]);
    assert!(table.contains("rows (--limit); next page: --after "), "{table}");
    // what a table says of the next page leads there, and the last page says nothing of one
    for list in [
        &["invocations", "--journey", "login"][..],
        &["funnel", "--journey", "login", "--list", "step=1"],
        &["activity", "admin"],
    ] {
        let text = |more: &[&str]| store.ok(&[list, more].concat());
        let first = text(&["--limit", "60"]);
        let next =
            first.split_once("next page: --after ").map(|(_, rest)| rest.split_whitespace().next().unwrap());
        let second = text(&["--limit", "100000", "--after", next.unwrap()]);
        assert!(!second.contains("--after") && !second.contains("more rows"), "{list:?}: {second}");
    }
    store.run(&["funnel", "--journey", "login", "--after", "00"]).expect(2).says(&["no pages"]);
    store
        .run(&["funnel", "--journey", "login", "--list", "units", "--after", "00"])
        .expect(2)
        .says(&["expected the `next` that the page before gave, saw \"00\""]);
}

/// All rows of a list, walked page by page; every page says how many there are.
fn walked(store: &Store, list: &[&str], limit: &str) -> Vec<Value> {
    let (mut rows, mut total, mut next) = (Vec::new(), 0, None::<String>);
    loop {
        let mut question = [list, &["--limit", limit, "--format", "json"]].concat();
        question.extend(next.iter().flat_map(|next| ["--after", next.as_str()]));
        let page = store.run(&question).expect(0).json();
        let of_all = count(&page, "rows_total");
        assert!(next.is_none() || total == of_all, "{list:?}");
        total = of_all;
        rows.extend(page["rows"].as_array().unwrap().iter().cloned());
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            assert_eq!(i64::try_from(rows.len()).unwrap(), total, "{list:?}");
            return rows;
        }
    }
}

#[test]
fn events_and_lines_of_an_issue_are_listed_as_often_as_they_are_counted() {
    let login = json!({ "journey_id": "login" });
    let mut lines = vec![
        event("journey_started", 0, "r", &login),
        event(
            "journey_started",
            1,
            "lost",
            &json!({ "journey_id": "otp", "parent_invocation_id": "nobody" }),
        ),
        event("journey_started", 2, "found", &json!({ "journey_id": "otp", "parent_invocation_id": "r" })),
    ];
    for index in 0..7 {
        lines.push(event(["coffee_made", "tea_made"][index % 2], 3, "r", &login));
        lines.push(format!("{{\"activity\": nonsense {index}\n"));
    }
    for index in 0..3 {
        let orphan = json!({ "activity": "journey_completed_successfully", "source": "cis", "timestamp": format!("2026-01-01T11:00:0{index}Z"), "additional_params": login });
        lines.push(format!("{orphan}\n"));
    }
    lines.push("{}\n".to_owned());
    let store = Store::new();
    let whole = lines.concat();
    store.run(&["ingest", "--max-rejects", "100", &store.file("events.ndjson", whole)]).expect(0);
    // stored twice, and counted so
    let again = store.file("again.ndjson", format!("{}\n", lines[3]));
    store.run(&["ingest", &again]).expect(0);
    let rows = store.rows(&["quality"]);
    let listed: Vec<&Value> =
        rows.iter().filter(|row| row["unit"] != "runs" && count(row, "count") > 0).collect();
    assert!(listed.len() >= 5, "{rows:?}");
    for row in listed {
        let issue = row["issue"].as_str().unwrap();
        if issue == "events stored twice" {
            store.run(&["quality", "--list", issue]).expect(2).says(&["saw one of runs", "issue="]);
            continue;
        }
        for limit in ["1", "3", "1000"] {
            let rows = walked(&store, &["quality", "--list", issue], limit);
            assert_eq!(i64::try_from(rows.len()).unwrap(), count(row, "count"), "{issue}");
        }
    }
    let parents = walked(&store, &["quality", "--list", "parent invocation that is not there"], "9");
    assert_eq!(parents[0]["invocation_id"], "lost");
    let refused = walked(&store, &["quality", "--list", "rejected line: bad_json"], "9");
    assert_eq!((&refused[0]["line"], &refused[6]["line"]), (&json!(5), &json!(17)));
    assert!(refused[0]["detail"].as_str().unwrap().contains("saw nonsense"), "{}", refused[0]);
    for (list, said) in [
        (["--list", "unknown activty"], "did you mean unknown activity"),
        (["--list", "rejected line: bad_jsn"], "did you mean bad_json"),
        (["--list", "second end"], "`invocations` lists the runs"),
        (["--after", "00"], "counts have no pages"),
    ] {
        store.run(&[&["quality"], &list[..]].concat()).expect(2).says(&[said]);
    }
}

#[test]
fn sessions_and_recommendations_are_listed_as_often_as_they_are_counted() {
    let store = Store::new();
    store.ingest(&[sample()]);
    let odd = json!({ "activity": "risk_recommendation", "source": "risk", "timestamp": "2026-03-20T10:00:00Z",
        "additional_params": { "recommendation": { "type": "Ponder" } } });
    store.ingest(&[store.file("odd.ndjson", format!("{odd}\n"))]);
    for row in store.rows(&["sessions"]) {
        let conditions = [is(&row, "outcome", "outcome"), is(&row, "kind", "kind")];
        let list = ["sessions", "--list", "--where", &conditions[0], "--where", &conditions[1]];
        let rows = walked(&store, &list, "17");
        assert_eq!(i64::try_from(rows.len()).unwrap(), count(&row, "sessions"), "{row}");
        assert!(
            rows.is_sorted_by(|one, next| one["first_at"].as_str() >= next["first_at"].as_str()),
            "{row}"
        );
    }
    store.run(&["sessions", "--list", "--by", "day"]).expect(2).says(&["one row a session"]);
    store.run(&["sessions", "--after", "00"]).expect(2).says(&["counts have no pages"]);
    let all = &store.rows(&["risk", "--by", "all"])[0];
    assert_eq!(count(all, "other"), 1);
    for kind in ["trust", "allow", "challenge", "deny", "other"] {
        let condition = format!("recommendation_type={kind}");
        let events = store.rows(&[
            "activity",
            "risk",
            "--type",
            "risk_recommendation",
            "--where",
            &condition,
            "--limit",
            "100000",
        ]);
        assert_eq!(i64::try_from(events.len()).unwrap(), count(all, kind), "{kind}");
    }
}

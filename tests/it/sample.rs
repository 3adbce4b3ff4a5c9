//! Every number of `data/expected.json`, computed from the sample by another engine, in the reports of this one;
//! and the same bytes whatever the store's files look like.

use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{Store, read_json, repository, sample};
use crate::numbers::{compare, same};

fn expected() -> Value {
    read_json(&repository("data/expected.json"))
}

fn list<'a>(expected: &'a Value, name: &str) -> &'a [Value] {
    expected[name].as_array().unwrap()
}

fn lines() -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(sample()).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// In an order that has nothing to do with the one it came in.
fn shuffled(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_by_cached_key(|line| {
        line.bytes().fold(17_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    });
    lines
}

/// The sample in a store, nothing folded ahead.
fn fresh() -> Store {
    let store = Store::new();
    let summary = store.ingest(&[sample()]);
    assert_eq!(
        (&summary["read"], &summary["accepted"], &summary["rejected"], &summary["duplicates"]),
        (&json!(20_000), &json!(20_000), &json!(0), &json!(0))
    );
    store
}

/// The sample in a store, folded ahead.
fn compacted() -> Store {
    let store = fresh();
    store.ok(&["compact"]);
    store
}

/// The arguments of the funnel whose steps `expected.json` describes.
fn funnel_arguments(funnel: &Value) -> Vec<String> {
    let mut arguments = vec!["funnel".to_owned(), "--journey".to_owned()];
    arguments.push(funnel["journey"].as_str().unwrap().to_owned());
    arguments.extend(["--window".to_owned(), format!("{}ms", funnel["window_ms"])]);
    for step in funnel["steps"].as_array().unwrap() {
        let text = step.get("step_id").map_or("Journey started", |id| id.as_str().unwrap());
        arguments.extend(["--step".to_owned(), text.to_owned()]);
    }
    arguments
}

const BY_JOURNEY: [(&str, &str); 2] = [("journey", "journey_id"), ("version", "journey_version")];

fn check_overview(store: &Store, expected: &Value) {
    let by_journey: Vec<Value> =
        list(expected, "overview").iter().filter(|row| row["journey"] != "all").cloned().collect();
    let mut total = list(expected, "overview").iter().find(|row| row["journey"] == "all").unwrap().clone();
    total.as_object_mut().unwrap().remove("journey").unwrap();
    compare("overview", &by_journey, &store.rows(&["overview"]), &["journey"], &BY_JOURNEY);
    compare("overview of all", &[total], &store.rows(&["overview", "--by", "all"]), &[], &[]);
    let seen = store.rows(&["overview", "--by", "journey,version"]);
    let keys = ["journey", "version"];
    compare("overview by version", list(expected, "overview_by_version"), &seen, &keys, &BY_JOURNEY);
}

fn check_steps(store: &Store, expected: &Value) {
    let names = [
        ("journey", "journey_id"),
        ("step", "step_id"),
        ("completion_numerator", "completion_rate_numerator"),
        ("completion_denominator", "completion_rate_denominator"),
    ];
    compare("steps", list(expected, "steps"), &store.rows(&["steps"]), &["journey", "step"], &names);
}

fn check_failures(store: &Store, expected: &Value) {
    let by = "journey,failing_step,error_code,error_category";
    let seen = store.rows(&["failures", "--by", by, "--limit", "1000"]);
    let keys = ["journey", "failing_step", "error_code", "error_category"];
    compare("failures", list(expected, "failures"), &seen, &keys, &BY_JOURNEY);
    let count = |rows: &[Value]| rows.iter().map(|row| row["failures"].as_i64().unwrap()).sum::<i64>();
    let total = count(list(expected, "failures"));
    assert_eq!(count(&store.rows(&["failures"])), total, "with a row `other`");
    assert_eq!(count(&store.rows(&["failures", "--limit", "3", "--by", "day"])), total);
}

fn check_funnels(store: &Store, expected: &Value) {
    for funnel in list(expected, "funnels") {
        let steps = store.rows(&funnel_arguments(funnel));
        let column = |name: &str| steps.iter().map(|step| step[name].clone()).collect::<Vec<_>>();
        for (theirs, ours) in [
            ("counts", "reached"),
            ("avg_ms", "average_from_previous_ms"),
            ("median_ms", "median_from_previous_ms"),
        ] {
            let (wanted, seen) = (funnel[theirs].as_array().unwrap(), column(ours));
            let equal = wanted.len() == seen.len() && wanted.iter().zip(&seen).all(|(a, b)| same(a, b));
            assert!(equal, "{} {theirs}: expected {wanted:?}, saw {seen:?}", funnel["journey"]);
        }
    }
}

fn check_paths(store: &Store, expected: &Value) {
    let seen = store.rows(&["paths", "--limit", "100"]);
    let keys = ["journey", "from", "to"];
    compare("transitions", list(expected, "transitions"), &seen, &keys, &BY_JOURNEY);
    let seen = store.rows(&["paths", "--variants", "--limit", "1000"]);
    compare("variants", list(expected, "variants"), &seen, &["journey", "steps"], &BY_JOURNEY);
}

fn check_durations(store: &Store, expected: &Value) {
    let seen = store.rows(&["durations"]);
    compare("durations", list(expected, "durations"), &seen, &["journey", "state"], &BY_JOURNEY);
}

fn check_causes(store: &Store, expected: &Value) {
    let by = "version,client,platform,failed_step,error_code,failed_connection";
    let seen = store.rows(&["causes", "--by", by, "--limit", "1000"]);
    let names = [
        ("journey", "journey_id"),
        ("succeeded", "success_rate_numerator"),
        ("rest", "success_rate_of_rest_denominator"),
        ("rest_succeeded", "success_rate_of_rest_numerator"),
    ];
    let keys = ["journey", "dimension", "value"];
    compare("causes", list(expected, "causes"), &seen, &keys, &names);
}

fn check_sub_journeys(store: &Store, expected: &Value) {
    let keys = ["journey", "sub_journey", "outcome"];
    compare(
        "sub-journeys",
        list(expected, "sub_journeys"),
        &store.rows(&["sub-journeys"]),
        &keys,
        &BY_JOURNEY,
    );
}

fn check_events(store: &Store, expected: &Value) {
    let number = |name: &str| expected[name].as_i64().unwrap();
    assert_eq!(store.number("SELECT count(*) FROM events"), number("events"));
    assert_eq!(store.number("SELECT count(*) FROM invocations"), number("runs"));
    for (extreme, name) in [("min", "first_ms"), ("max", "as_of_ms")] {
        let query = format!("SELECT CAST({extreme}(timestamp) AS BIGINT) / 1000 FROM events");
        assert_eq!(store.number(&query), number(name));
    }
    let seen = store.sql("SELECT source, count(*) AS events FROM events GROUP BY source");
    compare("sources", list(expected, "events_by_source"), &seen, &["source"], &[]);
    let seen = store.sql("SELECT source, activity, count(*) AS events FROM events GROUP BY source, activity");
    let keys = ["source", "activity"];
    compare("activities", list(expected, "events_by_activity"), &seen, &keys, &[]);
}

fn check_other_sources(store: &Store, expected: &Value) {
    let calls = list(expected, "external_calls");
    compare("external calls", calls, &store.rows(&["calls"]), &["connection_id"], &[]);
    for (theirs, ours) in [("calls", "external_calls"), ("failed", "external_failures")] {
        let total: i64 = calls.iter().map(|row| row[theirs].as_i64().unwrap()).sum();
        assert_eq!(store.number(&format!("SELECT sum({ours}) FROM invocations")), total);
    }
    let seen = store.sql(
        "SELECT count(DISTINCT session_id) FILTER (WHERE activity = 'session_created') AS created,
           count(DISTINCT session_id) FILTER (WHERE activity = 'session_started') AS started,
           count(DISTINCT session_id) FILTER (WHERE activity = 'verification_completed') AS completed
         FROM events WHERE source = 'verify'",
    );
    compare("verification", &[expected["verification_sessions"].clone()], &seen, &[], &[]);
    let mut risk = list(expected, "risk_recommendations").to_vec();
    for row in &mut risk {
        // the list of values has counts only
        row.as_object_mut().unwrap().remove("share").unwrap();
    }
    let seen = store.rows(&["values", "params.recommendation.type", "--where", "source=risk"]);
    compare("risk", &risk, &seen, &["recommendation"], &[("recommendation", "value")]);
}

fn check_all(store: &Store) {
    let expected = expected();
    check_overview(store, &expected);
    check_steps(store, &expected);
    check_failures(store, &expected);
    check_funnels(store, &expected);
    check_paths(store, &expected);
    check_durations(store, &expected);
    check_causes(store, &expected);
    check_sub_journeys(store, &expected);
    check_events(store, &expected);
    check_other_sources(store, &expected);
}

#[test]
fn reports_give_the_expected_numbers_from_events() {
    check_all(&fresh());
}

#[test]
fn reports_give_the_expected_numbers_from_folded_runs() {
    check_all(&compacted());
}

#[test]
fn the_vendors_four_metrics_have_its_names_and_its_values() {
    let store = fresh();
    let rows = store.rows(&["overview", "--journey", "login"]);
    let [login] = rows.as_slice() else { panic!("{rows:?}") };
    let expected = expected();
    let wanted = list(&expected, "overview").iter().find(|row| row["journey"] == "login").unwrap();
    for name in ["total_invocations", "average_duration_ms", "completion_rate", "error_rate"] {
        assert!(same(&wanted[name], &login[name]), "{name}: expected {}, saw {}", wanted[name], login[name]);
    }
    let count = |name: &str| login[name].as_i64().unwrap();
    assert_eq!(count("succeeded") + count("failed"), count("total_invocations"));
    assert_eq!(login["completion_rate_numerator"], login["succeeded"]);
    assert_eq!(login["error_rate_numerator"], login["failed"]);
    assert_eq!(login["error_rate_denominator"], login["total_invocations"]);
    assert_eq!(count("rejected") + count("error"), count("failed"));
    assert_eq!(count("succeeded") + count("failed") + count("abandoned") + count("open"), count("started"));
}

/// Questions whose rows could depend on an order. All kinds of reports are tried on many layouts inside the engine.
fn questions() -> Vec<Vec<String>> {
    let expected = expected();
    let mut all: Vec<Vec<String>> = [
        "overview --by all",
        "overview --by journey,version,day",
        "overview --by platform --where country=DE --tz Europe/Berlin --from 2026-03-05 --to 2026-03-20",
        "overview --as-of 2026-03-15T12:00:00Z",
        "funnel --journey login",
        "funnel --step started:password --step error_code=otp_timeout --by platform",
        "steps --by version",
        "failures --by journey,failing_step,error_code,error_category",
        "causes --limit 200",
        "calls --by connection,http_status,version",
        "paths --limit 3 --by platform",
        "compare --a to=2026-03-16 --b from=2026-03-16 --by journey,platform",
        "quality",
        "invocations --limit 2000",
        "invocations --sort duration_ms --limit 30 --where state=failed",
        "journeys",
        "values activity --limit 100",
        "values client",
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect();
    all.extend(list(&expected, "funnels").iter().take(2).map(funnel_arguments));
    let query = "SELECT * FROM invocations ORDER BY tenant_id, invocation_id";
    all.push(vec!["sql".to_owned(), query.to_owned()]);
    all
}

/// What a question is answered with: the JSON text but for the snapshot's number.
#[track_caller]
fn answer(store: &Store, question: &[String]) -> String {
    let out = store.ok(&[question, &["--format".to_owned(), "json".to_owned()]].concat());
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("  \"snapshot\": ")).collect();
    assert_eq!(lines.len() + 1, out.lines().count(), "one line with the snapshot");
    lines.join("\n")
}

#[track_caller]
fn answers(store: &Store) -> Vec<String> {
    questions().iter().map(|question| answer(store, question)).collect()
}

/// The answers from the sample as one file, nothing folded ahead.
fn reference() -> &'static [String] {
    static REFERENCE: LazyLock<Vec<String>> = LazyLock::new(|| answers(&fresh()));
    assert!(REFERENCE.iter().all(|text| !text.contains("\"rows\": []")), "a question without an answer");
    &REFERENCE
}

#[track_caller]
fn agree(state: &str, seen: &[String]) {
    let expected = reference();
    for ((question, expected), seen) in questions().iter().zip(expected).zip(seen) {
        if expected != seen {
            let pair = expected.lines().zip(seen.lines()).find(|(expected, seen)| expected != seen);
            panic!("{state}: {question:?}: first difference, expected and seen: {pair:#?}");
        }
    }
    assert_eq!(expected.len(), seen.len());
}

#[test]
fn files_and_cache_never_change_an_answer() {
    agree("compacted", &answers(&compacted()));

    let mixed = Store::new();
    let lines = shuffled(lines());
    for (number, part) in lines.chunks(6_000).enumerate() {
        let file = mixed.file(&format!("part-{number}.ndjson"), part.concat());
        let summary = mixed.ingest(&[file]);
        assert_eq!(summary["accepted"], part.len());
    }
    agree("shuffled lines in four files", &answers(&mixed));
    mixed.ok(&["compact"]);
    agree("the same, compacted", &answers(&mixed));
}

#[test]
fn a_cache_of_some_dates_never_changes_an_answer() {
    let half = Store::new();
    let (late, early): (Vec<String>, Vec<String>) = lines().into_iter().partition(|line| {
        let at = line.split_once("\"timestamp\":").unwrap().1.trim_start_matches([' ', '"']);
        let day = at.get(..10).unwrap();
        assert!(day.starts_with("2026-03-"), "{line}");
        day >= "2026-03-14"
    });
    assert!(early.len() > 5_000 && late.len() > 5_000, "{} {}", early.len(), late.len());
    let early = half.file("early.ndjson", early.concat());
    half.ingest(&[early]);
    half.ok(&["compact"]);
    let late = half.file("late.ndjson", late.concat());
    half.ingest(&[late]);
    agree("half compacted", &answers(&half));
}

#[test]
fn threads_never_change_an_answer() {
    let threads = |number: &str| {
        let store = Store::new();
        let sample = sample();
        store.ok(&["ingest", sample.to_str().unwrap(), "--threads", number]);
        let ask = |question: &Vec<String>| {
            answer(&store, &[question.as_slice(), &["--threads".to_owned(), number.to_owned()]].concat())
        };
        questions().iter().map(ask).collect::<Vec<_>>()
    };
    agree("one thread", &threads("1"));
    agree("two threads", &threads("2"));
}

#[test]
fn the_same_file_again_is_a_no_op_that_says_so() {
    let store = fresh();
    let before = store.ok(&["overview", "--format", "json"]);
    let again = store.run(&["ingest", sample().to_str().unwrap()]).expect(0);
    again.says(&["accepted 0", "already in the store"]);
    let summary = store.ingest(&[sample()]);
    assert_eq!((&summary["accepted"], &summary["files_known"]), (&json!(0), &json!(1)), "{summary}");
    // under another name, too: what counts is what is in it
    let copy = store.beside("copy.gz");
    std::fs::copy(sample(), &copy).unwrap();
    assert_eq!(store.ingest(&[copy])["accepted"], 0);
    assert_eq!(store.ok(&["overview", "--format", "json"]), before, "not even a new snapshot");
}

#[test]
fn the_same_events_in_another_file_count_once() {
    let store = fresh();
    let mut lines = lines();
    lines.reverse();
    let file = store.file("reversed.ndjson", lines.concat());
    let summary = store.ingest(&[file]);
    assert_eq!(
        summary["read"].as_i64().unwrap(),
        ["accepted", "duplicates", "rejected"]
            .iter()
            .map(|name| summary[*name].as_i64().unwrap())
            .sum::<i64>()
    );
    let check = |state: &str| {
        for (question, expected) in questions().iter().zip(reference()) {
            // events and their values are listed as often as they were stored, and quality says how often that is
            if !matches!(question[0].as_str(), "values" | "sql" | "quality") {
                assert_eq!(*expected, answer(&store, question), "{state}");
            }
        }
    };
    check("from events");
    store.ok(&["compact"]);
    check("compacted");
}

//! One computation, many encodings.

use serde_json::{Map, Value};

use crate::harness::{Ran, Store, sample};

const QUESTIONS: [&[&str]; 9] = [
    &["overview"],
    &["funnel", "--journey", "login", "--by", "platform"],
    &["steps", "--journey", "payment"],
    &["failures", "--limit", "3"],
    &["invocations", "--limit", "7", "--where", "state=failed"],
    &["journeys"],
    &["values", "activity"],
    &[
        "sql",
        "SELECT activity, count(*) AS n, min(timestamp) AS first FROM events GROUP BY activity ORDER BY 1",
    ],
    &[
        "sql",
        "SELECT invocation_id, path, offsets_ms(offsets) AS offsets, error_message FROM invocations ORDER BY 1 LIMIT 20",
    ],
];

fn loaded() -> Store {
    let store = Store::new();
    store.ingest(&[sample()]);
    store.ok(&["compact"]);
    store
}

/// Stdout of a question in one format, with the arguments of one invocation's page among them.
fn ask(store: &Store, question: &[&str], format: &str) -> String {
    store.ok(&[question, &["--format", format]].concat())
}

fn json(store: &Store, question: &[&str]) -> (Map<String, Value>, Vec<Map<String, Value>>) {
    let report: Value = serde_json::from_str(&ask(store, question, "json")).unwrap();
    let report = report.as_object().unwrap().clone();
    let rows = report["rows"].as_array().unwrap();
    let rows = rows.iter().map(|row| row.as_object().unwrap().clone()).collect();
    (report, rows)
}

/// Whether a field of text holds the value.
fn is_field(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => field.is_empty(),
        Value::String(text) => field == text,
        // read back by the same parser, which is not exact to the last digit
        other => serde_json::from_str::<Value>(field).is_ok_and(|read| read == *other),
    }
}

/// The rows of a pipe table or of a table for people: the lines after its rule up to the first that is none.
fn lines_below_rule(text: &str, is_row: impl Fn(&str) -> bool) -> usize {
    let is_rule = |line: &str| line.starts_with("| -") || line.starts_with("| :") || line.starts_with("───");
    let mut lines = text.lines().skip_while(|line| !is_rule(line));
    assert!(lines.next().is_some(), "no rule: {text}");
    lines.take_while(|line| is_row(line)).count()
}

#[test]
fn json_is_one_object_that_says_what_it_is() {
    let store = loaded();
    let as_of = "2026-03-30T23:59:57.240Z";
    for question in QUESTIONS {
        let (report, rows) = json(&store, question);
        let mut names: Vec<&str> = report.keys().map(String::as_str).collect();
        names.retain(|name| !["notes", "rows_total", "next"].contains(name));
        assert_eq!(names, ["schema_version", "report", "spec", "snapshot", "as_of", "rows"], "{question:?}");
        assert_eq!(report["schema_version"], 1);
        assert_eq!(
            (report["report"].as_str(), report["spec"]["report"].as_str()),
            (Some(question[0]), Some(question[0]))
        );
        assert_eq!(report["as_of"], as_of);
        assert_eq!(report["snapshot"], store_version(&store), "the version of the table of events");
        assert!(!rows.is_empty(), "{question:?}");
    }
    let (report, rows) = json(&store, &["invocations", "--limit", "7"]);
    assert_eq!((rows.len(), &report["rows_total"]), (7, &Value::from(1_191)));
}

/// The newest version in the log of the table of events.
fn store_version(store: &Store) -> i64 {
    let log = std::fs::read_dir(store.path().join("events/_delta_log")).unwrap();
    let names = log.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).max().unwrap()
}

#[test]
fn relative_times_of_a_question_are_given_as_instants() {
    let store = loaded();
    for report in [
        &["overview"][..],
        &["funnel", "--journey", "login"],
        &["steps"],
        &["failures"],
        &["invocations"],
        &["journeys"],
        &["values", "activity"],
    ] {
        let (report, _) = json(&store, &[report, &["--from", "-7d", "--to", "now"]].concat());
        assert_eq!(report["spec"]["from"], "2026-03-23T23:59:57.240Z", "{}", report["report"]);
        assert_eq!(report["spec"]["to"], "2026-03-30T23:59:57.240Z", "{}", report["report"]);
    }
}

#[test]
fn all_formats_hold_the_same_rows() {
    let store = loaded();
    for question in QUESTIONS {
        let (_, rows) = json(&store, question);
        let lines: Vec<Map<String, Value>> =
            ask(&store, question, "ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, rows, "{question:?}: ndjson");

        let text = ask(&store, question, "csv");
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let header: Vec<&str> = rows[0].keys().map(String::as_str).collect();
        assert_eq!(csv.headers().unwrap(), header, "{question:?}: csv");
        let records: Vec<Vec<String>> =
            csv.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(records.len(), rows.len(), "{question:?}: csv");
        for (record, row) in records.iter().zip(&rows) {
            for (field, (name, value)) in record.iter().zip(row) {
                assert!(is_field(field, value), "{question:?}: csv: {name}: {field:?} for {value}");
            }
        }

        let markdown = ask(&store, question, "markdown");
        let count = lines_below_rule(&markdown, |line| line.starts_with('|'));
        assert_eq!(count, rows.len(), "{question:?}: {markdown}");
        let table = ask(&store, question, "table");
        assert!(table.is_ascii() || table.contains('─'), "{table}");
        let count = lines_below_rule(&table, |line| !line.is_empty() && !line.starts_with('…'));
        assert_eq!(count, rows.len(), "{question:?}: {table}");
    }
}

#[test]
fn one_invocation_has_its_events_in_every_format() {
    let store = loaded();
    let (_, rows) = json(&store, &["invocations", "--sort", "-events", "--limit", "1"]);
    let id = rows[0]["invocation_id"].as_str().unwrap();
    let question = ["invocation", id];
    let (report, events) = json(&store, &question);
    assert_eq!(
        (&report["spec"]["id"], Value::from(events.len())),
        (&Value::from(id), rows[0]["events"].clone())
    );
    assert_eq!(ask(&store, &question, "ndjson").lines().count(), events.len());
    let offsets: Vec<i64> = events.iter().map(|event| event["offset_ms"].as_i64().unwrap()).collect();
    assert!(offsets[0] == 0 && offsets.is_sorted(), "{offsets:?}");
}

#[test]
fn output_goes_into_a_file_that_holds_what_stdout_would() {
    let store = loaded();
    for (name, format) in [
        ("a.json", "json"),
        ("a.ndjson", "ndjson"),
        ("a.jsonl", "ndjson"),
        ("a.csv", "csv"),
        ("a.md", "markdown"),
        ("a.txt", "table"),
    ] {
        let path = store.beside(name);
        let ran = store.run(&["overview", "--output", path.to_str().unwrap()]).expect(0);
        assert!(ran.out.is_empty(), "{}", ran.out);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            Ran::of(store.command(&["overview", "--format", format, "--output", "-"])).expect(0).out
        );
    }
    // a format that is named weighs more than the extension
    let path = store.file("b.csv", "old");
    store.ok(&["overview", "--format", "ndjson", "--output", &path]);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with('{'));
}

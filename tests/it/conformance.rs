//! The funnel's conformance cases, as a user would run them: events through a mapping into a store, a funnel asked of
//! it, its report read. `../shared/conformance/README.md` says what the fields of a case mean.
//!
//! Further files of cases are named, parted by colons, in `WAYFARE_CONFORMANCE`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use serde_json::{Map, Value, json};
use wayfare_query::spec::Spec;
use wayfare_query::{Engine, EngineOptions, Report};

use crate::harness::{Store, repository};

/// The fields that a spec may have; another one would go unnoticed.
const SPEC_FIELDS: [&str; 23] = [
    "steps",
    "order",
    "window_ms",
    "window_from",
    "ties",
    "event_reuse",
    "entry_policy",
    "on_repeat",
    "repeat_includes_first",
    "strict_scope",
    "strict_repeats",
    "strict_reentry",
    "exclusions",
    "exclusion_effect",
    "hold_constant",
    "breakdown",
    "counting",
    "trend",
    "time_to_convert",
    "levels_by_entry",
    "clickhouse_modes",
    "notes",
    "unit",
];

const MAPPING: &str = r#"
[columns]
event_id = "id"
tenant_id = "case"
user_id = "actor"
timestamp = "at"
activity = "event"
additional_params = "props"

[activities]
other = "keep"
"#;

#[test]
fn every_conformance_case_has_the_expected_report() {
    let cases = cases();
    let mut failures = Vec::new();
    for (layout, shuffled) in [("in order", false), ("shuffled", true)] {
        let store = Store::new();
        let mapping = store.file("cases.toml", MAPPING);
        let events = store.file("events.ndjson", lines(&cases, shuffled).join("\n"));
        store.ingest(&[events.as_str(), "--mapping", &mapping]);
        failures.extend(run(&store, &cases, layout));
        if !shuffled {
            store.ok(&["compact"]);
            failures.extend(run(&store, &cases, "compacted"));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Runs all cases over a store, and prints how many passed.
fn run(store: &Store, cases: &[Value], layout: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let files = Arc::new(wayfare_query::Store::open(&store.path()).unwrap());
    let engine = Engine::new(files, EngineOptions { threads: 2, ..EngineOptions::default() });
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let asking = Asking { case, number, engine: &engine, runtime: &runtime, asked: RefCell::default() };
        let checked = asking.check();
        let (passed, failed) = families.entry(case["family"].as_str().unwrap()).or_default();
        match checked {
            Ok(()) => *passed += 1,
            Err(why) => {
                *failed += 1;
                failures.push(format!("{} ({layout}): {why}", case["id"]));
            }
        }
    }
    for (family, (passed, failed)) in &families {
        eprintln!("{layout}, {family}: passed {passed}, failed {failed}");
    }
    let (passed, failed) = families.values().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    eprintln!("{layout}, all: passed {passed}, failed {failed}");
    failures
}

#[expect(clippy::disallowed_methods, reason = "which cases there are, the one who runs the test says")]
fn cases() -> Vec<Value> {
    let mut files =
        ["own", "tricky"].map(|name| repository(&format!("tests/conformance/{name}.jsonl"))).to_vec();
    let shared = repository("../shared/conformance/cases.jsonl");
    if shared.exists() {
        files.push(shared);
    } else {
        eprintln!("NOT RUN: the conformance cases of {}; only the project's own are", shared.display());
    }
    let further = std::env::var("WAYFARE_CONFORMANCE").unwrap_or_default();
    files.extend(further.split(':').filter(|path| !path.is_empty()).map(PathBuf::from));
    files.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
        })
        .collect()
}

/// The events of all cases, each case a tenant of its own.
fn lines(cases: &[Value], shuffled: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        for (sequence, event) in case["events"].as_array().unwrap().iter().enumerate() {
            let at = chrono::DateTime::from_timestamp_millis(event["ts_ms"].as_i64().unwrap()).unwrap();
            let mut props = event["props"].as_object().cloned().unwrap_or_default();
            props.insert("sequence".to_owned(), json!(sequence));
            let line = json!({
                "id": format!("{number}-{sequence}"),
                "case": tenant(number),
                "actor": event["actor"],
                "at": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
                "event": event["event"],
                "props": props,
            });
            lines.push(line.to_string());
        }
    }
    if shuffled {
        // a fixed permutation: every line by a hash of itself
        lines.sort_by_key(|line| {
            line.bytes()
                .fold(17_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()))
                .rotate_left(29)
        });
    }
    lines
}

fn tenant(number: usize) -> String {
    format!("case-{number}")
}

struct Asking<'a> {
    case: &'a Value,
    number: usize,
    engine: &'a Engine,
    runtime: &'a tokio::runtime::Runtime,
    /// Reports by their spec: several fields are of one.
    asked: RefCell<Vec<(Spec, Report)>>,
}

impl Asking<'_> {
    /// Asks for every field of the expectation and compares.
    fn check(&self) -> Result<(), String> {
        let expected = self.case["expected"].as_object().unwrap();
        for (field, wanted) in expected {
            let seen = match field.as_str() {
                "level_by_actor" => self.levels(),
                "counts" | "avg_ms" | "median_ms" | "attempt_counts" => self.steps(field),
                "breakdown_counts" => self.cells(),
                "trend" => self.trend(),
                "ttc_avg_ms" | "bins" => self.conversions(field),
                "level_by_entry" => self.levels_by_entry(),
                other => return Err(format!("unknown field {other} of expected")),
            };
            let mut seen = seen.map_err(|why| format!("{field}: {why}"))?;
            let mut wanted = wanted.clone();
            match field.as_str() {
                "breakdown_counts" => keep_stated(&mut seen, &wanted),
                "trend" => wanted = with_our_labels(&wanted),
                _ => {}
            }
            let wanted = &wanted;
            if !same(&seen, wanted) {
                return Err(format!("{field}: expected {wanted}, saw {seen}"));
            }
        }
        Ok(())
    }

    /// The report of this case's funnel, with fields of the spec left out and others put in.
    fn ask(&self, without: &[&str], with: Value) -> Result<Report, String> {
        let given = self.case["spec"].as_object().unwrap();
        if let Some(unknown) = given.keys().find(|field| !SPEC_FIELDS.contains(&field.as_str())) {
            return Err(format!("unknown field {unknown} of the spec"));
        }
        let mut spec: Map<String, Value> = given
            .iter()
            .filter(|(field, _)| {
                !["window_ms", "levels_by_entry", "clickhouse_modes", "notes"].contains(&field.as_str())
            })
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        for &field in without {
            spec.remove(field);
        }
        spec.insert("report".into(), "funnel".into());
        spec.insert("unit".into(), "user".into());
        spec.insert("where".into(), json!([format!("tenant_id={}", tenant(self.number))]));
        if let Some(window_ms) = given.get("window_ms").and_then(Value::as_i64) {
            spec.insert("window".into(), format!("{window_ms}ms").into());
        }
        if given.contains_key("exclusions") && !given.contains_key("exclusion_effect") {
            let unordered = given.get("order").is_some_and(|order| order == "unordered");
            spec.insert(
                "exclusion_effect".into(),
                if unordered { "void_attempt" } else { "drop_actor" }.into(),
            );
        }
        if let Value::Object(with) = with {
            spec.extend(with);
        }
        let mut spec = Value::Object(spec);
        qualify(&mut spec);
        let spec: Spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        if let Some((_, report)) = self.asked.borrow().iter().find(|(other, _)| *other == spec) {
            return Ok(report.clone());
        }
        let report = self.runtime.block_on(self.engine.run(&spec)).map_err(|error| error.to_string())?;
        self.asked.borrow_mut().push((spec, report.clone()));
        Ok(report)
    }

    fn levels(&self) -> Result<Value, String> {
        let report =
            self.ask(&["breakdown", "trend", "time_to_convert"], json!({ "list": {}, "limit": 100_000 }))?;
        let levels = integers(&report.batch, "level");
        Ok(texts(&report.batch, "user_id")
            .into_iter()
            .zip(levels)
            .map(|(actor, level)| (actor, json!(level)))
            .collect())
    }

    fn levels_by_entry(&self) -> Result<Value, String> {
        let list = json!({ "list": { "of": "attempts" }, "limit": 100_000 });
        let report = self.ask(&["breakdown", "trend", "time_to_convert"], list)?;
        let entered =
            report.batch.column_by_name("entered_at").unwrap().as_primitive::<TimestampMicrosecondType>();
        let mut levels: BTreeMap<String, i64> = BTreeMap::new();
        for (at_us, level) in entered.iter().zip(integers(&report.batch, "level")) {
            let slot = levels.entry((at_us.unwrap() / 1_000).to_string()).or_default();
            *slot = level.unwrap_or_default().max(*slot);
        }
        Ok(json!(levels))
    }

    fn steps(&self, field: &str) -> Result<Value, String> {
        let report = self.ask(&["breakdown", "trend", "time_to_convert"], json!({}))?;
        let steps = self.case["spec"]["steps"].as_array().unwrap().len();
        if report.batch.num_rows() == 0 {
            let nothing = if matches!(field, "counts" | "attempt_counts") { json!(0) } else { Value::Null };
            return Ok(Value::Array(vec![nothing; steps]));
        }
        Ok(column(&report.batch, field))
    }

    fn cells(&self) -> Result<Value, String> {
        let report = self.ask(&["trend", "time_to_convert"], json!({}))?;
        let steps = self.case["spec"]["steps"].as_array().unwrap().len();
        let names = texts(&report.batch, "breakdown");
        let mut cells = Map::new();
        for (cell, name) in names.iter().step_by(steps).enumerate() {
            let rows = report.batch.slice(cell * steps, steps);
            let fields =
                ["counts", "avg_ms", "median_ms"].map(|field| (field.to_owned(), column(&rows, field)));
            cells.insert(name.clone(), Value::Object(fields.into_iter().collect()));
        }
        Ok(Value::Object(cells))
    }

    fn trend(&self) -> Result<Value, String> {
        let report = self.ask(&["breakdown", "time_to_convert"], json!({}))?;
        let interval = self.case["spec"]["trend"]["interval"].as_str().unwrap();
        let (entered, converted) = (integers(&report.batch, "entered"), integers(&report.batch, "converted"));
        let counts = entered.into_iter().zip(converted);
        let labelled = texts(&report.batch, interval).into_iter().zip(counts);
        // an interval that is not there is one of nothing
        Ok(labelled
            .filter(|(_, counts)| *counts != (Some(0), Some(0)))
            .map(|(label, counts)| {
                let label = label.strip_suffix("T00:00").unwrap_or(&label).to_owned();
                (label, json!([counts.0, counts.1]))
            })
            .collect())
    }

    fn conversions(&self, field: &str) -> Result<Value, String> {
        let report = self.ask(&["breakdown", "trend"], json!({}))?;
        let bins = integers(&report.batch, "from_ms").into_iter().zip(integers(&report.batch, "conversions"));
        Ok(match field {
            "bins" => bins.map(|(start, count)| json!([start, count])).collect(),
            _ => floats(&report.batch, "average_ms")
                .into_iter()
                .next()
                .flatten()
                .map_or(Value::Null, Value::from),
        })
    }
}

/// Properties of a case are parameters of an event.
fn qualify(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match (field.as_str(), value) {
                    ("prop", Value::String(name)) => *name = format!("params.{name}"),
                    ("props", Value::Array(names)) => {
                        for name in names {
                            *name = format!("params.{}", name.as_str().unwrap()).into();
                        }
                    }
                    (_, value) => qualify(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(qualify),
        _ => {}
    }
}

fn column(batch: &RecordBatch, field: &str) -> Value {
    match field {
        "counts" => json!(integers(batch, "reached")),
        "attempt_counts" => json!(integers(batch, "attempts")),
        "avg_ms" => json!(floats(batch, "average_from_previous_ms")),
        _ => json!(floats(batch, "median_from_previous_ms")),
    }
}

fn integers(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().iter().collect()
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let texts =
        arrow::compute::cast(batch.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Utf8).unwrap();
    let texts = texts.as_string::<i32>();
    (0..texts.len()).map(|row| texts.value(row).to_owned()).collect()
}

/// Whether two values are the same; numbers to a thousandth of a millisecond, as the cases give means.
/// Of each cell only the fields that the case states.
fn keep_stated(seen: &mut Value, wanted: &Value) {
    for (cell, fields) in seen.as_object_mut().into_iter().flatten() {
        if let (Some(fields), Some(stated)) = (fields.as_object_mut(), wanted[cell].as_object()) {
            fields.retain(|field, _| stated.contains_key(field));
        }
    }
}

/// Intervals by the labels of reports, `2026-03-01` and `2026-03-01T14:00`, however the case writes instants; one of
/// nothing is not there.
fn with_our_labels(trend: &Value) -> Value {
    let label = |text: &str| {
        let text = text.replacen(' ', "T", 1);
        let text = text.get(..16).unwrap_or(&text);
        text.strip_suffix("T00:00").unwrap_or(text).to_owned()
    };
    let intervals = trend.as_object().into_iter().flatten();
    intervals
        .filter(|(_, counts)| **counts != json!([0, 0]))
        .map(|(text, counts)| (label(text), counts.clone()))
        .collect()
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            (left.as_f64().unwrap() - right.as_f64().unwrap()).abs() < 1e-3
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

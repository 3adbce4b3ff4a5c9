//! Every report from the same events in other files, other order, with and without cache, with other threads and batches:
//! the answers are the same to the last bit.
//!
//! `WAYFARE_LAYOUTS` says how many layouts are tried beside the plain one; a few in CI, many once.

use std::sync::Arc;

use serde_json::json;
use wayfare_ingest::{
    GenerateSpec, Generator, IngestOptions, IngestProgress, Limits, Mapping, expand, ingest,
};

use crate::spec::Spec;
use crate::{Engine, EngineOptions, Store};

const NOW_MS: i64 = 1_780_000_000_000;
const EVENTS: u64 = 1_500;
const LAYOUTS_DEFAULT: u64 = 3;

/// One question of every kind.
fn specs(run: &str) -> Vec<Spec> {
    let steps = ["login_form", "otp_sms | password | passkey", "Journey completed successfully"];
    let held = json!([{ "event": "login_form" }, { "event": "password" }]);
    let exclusions = json!([{ "step": "failed:password", "from": 0, "to": 2 }]);
    let specs = json!([
        { "report": "overview", "by": ["journey", "day"] },
        { "report": "funnel", "journey": ["login"] },
        { "report": "steps", "by": ["version"] },
        { "report": "failures", "limit": 3 },
        { "report": "failures", "by": ["journey"] },
        { "report": "causes", "min_runs": 2, "pairs": true },
        { "report": "calls", "by": ["connection", "step", "platform"], "limit": 4 },
        { "report": "paths", "limit": 4 },
        { "report": "paths", "show": "variants", "limit": 5 },
        { "report": "durations" },
        { "report": "durations", "show": "histogram" },
        { "report": "compare", "a": ["platform=ios"], "b": ["platform!=ios"] },
        { "report": "compare", "a": ["platform=ios"], "b": ["platform!=ios"], "by": ["journey"] },
        { "report": "sub_journeys" },
        { "report": "quality" },
        { "report": "invocations", "limit": 1000 },
        { "report": "invocations", "behind": "step=login_form", "where": ["weekday is set"], "limit": 1000 },
        { "report": "invocations", "behind": "from=START and to=login_form", "sort": "retries", "limit": 10 },
        { "report": "journeys" },
        { "report": "values", "column": "activity" },
        { "report": "funnel", "steps": steps, "order": "strict" },
        { "report": "funnel", "steps": steps, "order": "unordered", "window": "20s" },
        { "report": "funnel", "steps": steps, "exclusions": exclusions, "exclusion_effect": "drop_actor" },
        { "report": "funnel", "steps": steps, "exclusions": exclusions, "list": {}, "limit": 1000 },
        { "report": "funnel", "steps": held, "hold_constant": { "prop": "client_id" } },
        { "report": "funnel", "steps": steps, "breakdown": { "props": ["platform", "params.channel"], "limit": 3 } },
        { "report": "funnel", "steps": steps, "trend": { "interval": "day" } },
        { "report": "funnel", "steps": steps, "time_to_convert": {} },
        { "report": "funnel", "steps": steps, "drop_offs": true },
        { "report": "funnel", "steps": steps, "counting": "attempts", "window_from": "previous_step" },
        { "report": "funnel", "steps": steps, "list": { "step": 1, "class": "abandoned" } },
        { "report": "funnel", "steps": steps, "unit": "user", "entry_policy": "sequential" },
        { "report": "funnel", "steps": steps, "unit": "correlation", "ties": "arrival", "list": { "of": "attempts" } },
        { "report": "funnel", "unit": "session" },
        { "report": "explain", "id": run },
        { "report": "explain", "id": run, "steps": steps, "order": "strict" },
        { "report": "explain", "id": run, "steps": held, "hold_constant": { "prop": "client_id" } },
        { "report": "invocation", "id": run },
        { "report": "activity", "log": "user", "limit": 200 },
        { "report": "activity", "log": "user", "by": ["hour_of_day", "activity"] },
        { "report": "activity", "log": "admin" },
        { "report": "activity", "log": "verify" },
        { "report": "activity", "log": "risk" },
        { "report": "sessions", "by": ["platform"] },
        { "report": "risk", "by": ["day"] },
    ]);
    serde_json::from_value(specs).unwrap()
}

/// How the same events can lie and be asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Files that the lines are dealt out to.
    files: u64,
    /// Turns the order of lines.
    turn: u64,
    /// Records of one commit.
    part_records: u64,
    /// Files that are taken in before the store is compacted; none when 0.
    compacted_after: u64,
    threads: usize,
    batch_rows: usize,
}

pub(super) const PLAIN: Layout =
    Layout { files: 1, turn: 0, part_records: 1_000_000, compacted_after: 0, threads: 2, batch_rows: 8192 };

impl Layout {
    /// The layout of a number: all different, and the same on every machine.
    fn of(number: u64) -> Self {
        let pick = |salt: u64, from: u64, to: u64| {
            let mixed = (number * 8 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            from + (mixed ^ (mixed >> 31)) % (to - from + 1)
        };
        let files = pick(0, 1, 5);
        Self {
            files,
            turn: pick(1, 1, 1_000_000),
            part_records: pick(2, 40, 900),
            compacted_after: pick(3, 0, files),
            threads: [1, 2, 4][usize::try_from(number % 3).unwrap()],
            batch_rows: usize::try_from(pick(4, 1, 300)).unwrap(),
        }
    }

    /// Takes the lines in.
    pub(super) async fn store(self, lines: &[String]) -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open_or_create(&folder.path().join("store")).await.unwrap());
        let options =
            EngineOptions { threads: self.threads, batch_rows: self.batch_rows, ..EngineOptions::default() };
        let engine = Engine::new(Arc::clone(&store), options);
        let mut order: Vec<&String> = lines.iter().collect();
        if self.turn > 0 {
            let key = |line: &&String| {
                line.bytes()
                    .fold(self.turn, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
            };
            order.sort_by_cached_key(key);
        }
        for number in 0..self.files {
            if number == self.compacted_after && number > 0 {
                engine.compact(NOW_MS, &|_, _, _| {}).await.unwrap();
            }
            let share = order.iter().enumerate().filter(|(index, _)| *index as u64 % self.files == number);
            let text: String = share.map(|(_, line)| line.as_str()).collect();
            let path = folder.path().join(format!("{number}.ndjson"));
            std::fs::write(&path, text).unwrap();
            let mut options = IngestOptions::new(Mapping::mosaic().unwrap(), NOW_MS);
            options.part_records = self.part_records;
            let inputs = expand(&[path.display().to_string()], &Limits::default()).unwrap();
            let quiet: Arc<dyn IngestProgress> = Arc::new(());
            ingest(&store, &inputs, &options, &quiet).await.unwrap();
        }
        if self.files == self.compacted_after {
            engine.compact(NOW_MS, &|_, _, _| {}).await.unwrap();
        }
        (folder, engine)
    }
}

/// All answers as texts, floats to the last bit.
async fn answers(engine: &Engine, run: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for spec in specs(run) {
        let report = engine.run(&spec).await.unwrap_or_else(|error| panic!("{spec:?}: {error:?}"));
        assert!(report.batch.num_rows() > 0, "{spec:?} has no rows");
        // The shortest text of a float that is read back as the same one tells all its bits.
        let rows = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(&report.batch)).unwrap();
        answers.push(format!("{}\n{rows}\n{:?} {:?}", report.title, report.rows_total, report.notes));
    }
    answers
}

#[expect(clippy::disallowed_methods, reason = "how much is tried is the caller's choice, not the program's")]
fn layouts() -> u64 {
    let asked = std::env::var("WAYFARE_LAYOUTS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(LAYOUTS_DEFAULT)
}

/// Made-up events, a line each.
pub(super) fn lines() -> Vec<String> {
    let spec = GenerateSpec { events: EVENTS, days: 4, ..GenerateSpec::default() };
    let mut text = Vec::new();
    Generator::try_new(spec).unwrap().write_to(&mut text, |_| {}).unwrap();
    String::from_utf8(text).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

/// The id of a run with many events.
async fn longest_run(engine: &Engine) -> String {
    let spec = json!({ "report": "invocations", "journey": ["login"], "sort": "-events", "limit": 1 });
    let report = engine.run(&serde_json::from_value(spec).unwrap()).await.unwrap();
    let ids = arrow::compute::cast(&report.batch.columns()[0], &arrow::datatypes::DataType::Utf8).unwrap();
    arrow::array::AsArray::as_string::<i32>(&ids).value(0).to_owned()
}

#[tokio::test]
async fn no_layout_of_the_store_changes_any_report() {
    let lines = lines();
    let (_folder, engine) = PLAIN.store(&lines).await;
    let run = longest_run(&engine).await;
    let expected = answers(&engine, &run).await;
    for number in 0..layouts() {
        let layout = Layout::of(number);
        let (_folder, engine) = layout.store(&lines).await;
        for ((spec, expected), seen) in specs(&run).iter().zip(&expected).zip(answers(&engine, &run).await) {
            assert_eq!(*expected, seen, "{layout:?}: {spec:?}");
        }
    }
}

/// What columns may be left out for: parts of reports that are not computed then.
const PARTS: [&str; 7] =
    ["_ms", "_from_first_ms", "_from_previous_ms", "_duration_ms", "_wait_ms", "failure_rate", "share_of"];

#[tokio::test]
async fn columns_are_those_of_the_whole_answer() {
    let (_folder, engine) = PLAIN.store(&lines()).await;
    let run = longest_run(&engine).await;
    for spec in specs(&run) {
        let whole = engine.run(&spec).await.unwrap().batch;
        let asked = serde_json::to_value(&spec).unwrap();
        let schema = whole.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for part in PARTS {
            let (with, without): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.contains(part));
            for mut columns in [with, without].into_iter().filter(|columns| !columns.is_empty()) {
                columns.reverse();
                let mut asked = asked.clone();
                asked["columns"] = json!(columns);
                let Ok(spec) = serde_json::from_value(asked) else { continue };
                let picked = engine.run(&spec).await.unwrap().batch;
                let places: Vec<usize> = columns.iter().map(|name| schema.index_of(name).unwrap()).collect();
                assert_eq!(picked, whole.project(&places).unwrap(), "{spec:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named() {
    let (_folder, engine) = PLAIN.store(&lines()).await;
    for spec in [
        json!({ "report": "overview", "columns": ["started", "succeded"] }),
        json!({ "report": "activity", "log": "user", "columns": ["activty"] }),
    ] {
        let spec: Spec = serde_json::from_value(spec).unwrap();
        let error = engine.run(&spec).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Invalid);
        assert!(error.to_string().contains("there is no column"), "{error}");
        assert!(engine.stream(&spec).await.is_err());
    }
}

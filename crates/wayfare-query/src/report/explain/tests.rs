//! What `explain` says of a unit is what the funnel counts it as, for random funnels over made-up events.
//!
//! `WAYFARE_EXPLAINED` says how many funnels are tried; a few in CI, many once.

use std::collections::BTreeMap;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use serde_json::{Value, json};

use crate::Engine;
use crate::report::layouts::{PLAIN, lines};
use crate::rows::{integers, texts};
use crate::spec::Spec;

const FUNNELS_DEFAULT: u64 = 24;

/// Units of each funnel that are explained.
const UNITS: usize = 5;

const STEPS: [&str; 12] = [
    "Journey started",
    "login_form",
    "password",
    "passkey | password",
    "risk_check",
    "otp_sms ?",
    "started:otp_sms",
    "failed:password",
    "issue_session",
    "http_status >= 200",
    "Journey completed successfully",
    "Journey completed unsuccessfully",
];

/// Random numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A funnel of a number, the same on every machine.
fn funnel(number: u64) -> Value {
    let mut random = Random(number);
    let mut steps = vec![random.one_of(&["Journey started", "login_form", "password"])];
    steps.extend((0..=random.below(3)).map(|_| random.one_of(&STEPS)));
    let mut funnel = json!({
        "steps": steps,
        "unit": random.one_of(&["invocation", "invocation", "invocation", "user", "correlation"]),
        "order": random.one_of(&["ordered", "ordered", "strict", "unordered"]),
        "window_from": random.one_of(&["first_step", "first_step", "previous_step"]),
        "entry_policy": random.one_of(&["any", "any", "first", "sequential"]),
        "on_repeat": random.one_of(&["ignore", "ignore", "stop"]),
        "strict_scope": random.one_of(&["all_events", "step_events"]),
        "ties": random.one_of(&["any", "any", "strictly_increasing", "arrival"]),
    });
    let mut with = |field: &str, value: Value| funnel[field] = value;
    if random.below(2) == 0 {
        with("window", random.one_of(&["5s", "20s", "2m"]).into());
    }
    if random.below(3) == 0 {
        with("exclusions", json!([{ "step": random.one_of(&STEPS), "from": 0, "to": 1 }]));
        with("exclusion_effect", random.one_of(&["end_attempt", "void_attempt", "drop_actor"]).into());
    }
    if random.below(4) == 0 {
        with("hold_constant", json!({ "prop": random.one_of(&["step_id", "client_id"]), "steps": [0, 1] }));
    }
    if random.below(3) == 0 {
        with("journey", json!(["login"]));
    }
    if random.below(3) == 0 {
        with("where", json!([random.one_of(&["platform=ios", "client_id != retail_web"])]));
    }
    funnel
}

async fn ask(engine: &Engine, funnel: &Value, report: &str, further: Value) -> RecordBatch {
    let mut spec = funnel.clone();
    spec["report"] = report.into();
    spec.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    let spec: Spec = serde_json::from_value(spec).unwrap();
    engine.run(&spec).await.unwrap_or_else(|error| panic!("{spec:?}: {error:?}")).batch
}

#[expect(clippy::disallowed_methods, reason = "how much is tried is the caller's choice, not the program's")]
fn funnels() -> u64 {
    let asked = std::env::var("WAYFARE_EXPLAINED").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(FUNNELS_DEFAULT)
}

/// The level and class of one unit, and whether it counts.
fn standing(batch: &RecordBatch) -> (Option<i64>, Option<String>, bool) {
    let levels = integers(batch, "level").unwrap();
    let counted = batch.column_by_name("counted").unwrap().as_boolean().value(0);
    ((!levels.is_null(0)).then(|| levels.value(0)), texts(batch, "drop_off").unwrap()[0].clone(), counted)
}

#[tokio::test]
async fn what_explain_says_is_what_the_funnel_counts() {
    let (_folder, engine) = PLAIN.store(&lines()).await;
    for number in 0..funnels() {
        let funnel = funnel(number);
        let list = ask(&engine, &funnel, "funnel", json!({ "list": {}, "limit": 100_000 })).await;
        let unit = format!("{}_id", funnel["unit"].as_str().unwrap());
        let levels = integers(&list, "level").unwrap();
        let classes = texts(&list, "drop_off").unwrap();
        let ids = texts(&list, &unit).unwrap();
        let listed: BTreeMap<_, _> = (0..list.num_rows())
            .map(|row| {
                let level = (!levels.is_null(row)).then(|| levels.value(row));
                (ids[row].clone().unwrap(), (level, classes[row].clone()))
            })
            .collect();
        let all = json!({ "report": "values", "column": unit, "limit": 100_000, "where": ["source=cis"] });
        let all = engine.run(&serde_json::from_value(all).unwrap()).await.unwrap().batch;
        let all: Vec<String> = texts(&all, "value").unwrap().into_iter().flatten().collect();
        let mut random = Random(number ^ 0xABCD);
        for _ in 0..UNITS {
            let id = all[random.below(all.len())].clone();
            let told = ask(&engine, &funnel, "explain", json!({ "id": id })).await;
            let (level, class, counted) = standing(&told);
            match listed.get(&id) {
                Some(expected) => assert_eq!((&(level, class), counted), (expected, true), "{id} {funnel}"),
                None => assert!(!counted, "{id} is not listed: {funnel}"),
            }
        }
    }
}

#[tokio::test]
async fn every_number_of_a_random_funnel_is_the_length_of_its_list() {
    let (_folder, engine) = PLAIN.store(&lines()).await;
    for number in 1_000..1_000 + funnels() / 3 {
        let funnel = funnel(number);
        let steps = ask(&engine, &funnel, "funnel", json!({})).await;
        let reasons = ask(&engine, &funnel, "funnel", json!({ "drop_offs": true })).await;
        let length = async |list: Value| {
            let list = ask(&engine, &funnel, "funnel", json!({ "list": list, "limit": 100_000 })).await;
            i64::try_from(list.num_rows()).unwrap()
        };
        let (reached, classes) = (integers(&steps, "reached").unwrap(), texts(&reasons, "class").unwrap());
        for step in 0..steps.num_rows() {
            assert_eq!(length(json!({ "step": step })).await, reached.value(step), "step {step} {funnel}");
        }
        let (of, lost) = (integers(&reasons, "step").unwrap(), integers(&reasons, "drop_off").unwrap());
        for (row, class) in classes.iter().enumerate() {
            let list = json!({ "step": of.value(row) - 1, "class": class });
            assert_eq!(length(list).await, lost.value(row), "{class:?} {funnel}");
        }
        // The classes add up to the drop-off, wherever no optional step blurs which step is the next one.
        let optional = funnel["steps"].to_string().contains('?');
        for step in (1..steps.num_rows()).filter(|_| !optional) {
            let sum: i64 = (0..reasons.num_rows())
                .filter(|row| of.value(*row) == i64::try_from(step + 1).unwrap())
                .map(|row| lost.value(row))
                .sum();
            assert_eq!(sum, reached.value(step - 1) - reached.value(step), "step {step} {funnel}");
        }
    }
}

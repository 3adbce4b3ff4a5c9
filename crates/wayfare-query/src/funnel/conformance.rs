//! The cases of the conformance file that need nothing but an ordered funnel, on the automaton alone.

#![expect(clippy::cast_precision_loss, reason = "counts and milliseconds of test cases are far below 2^52")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{Definition, Funnel, FunnelEvent, Outcome};

#[test]
fn ordered_conformance_cases_have_the_expected_levels_and_times() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: there are no conformance cases at {}", path.display());
        return;
    };
    let (mut passed, mut left_out, mut failures) = (0, 0, Vec::new());
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(definition) = definition(&case["spec"]) else {
            left_out += 1;
            continue;
        };
        match check(&case, definition) {
            Ok(()) => passed += 1,
            Err(why) => failures.push(format!("{}: {why}", case["id"])),
        }
    }
    eprintln!("passed {passed}, failed {}, left out {left_out}", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed > 0);
}

/// The automaton's definition; nothing where the case asks for more than it knows.
fn definition(spec: &Value) -> Option<Definition> {
    let beyond = ["exclusions", "hold_constant", "breakdown", "on_repeat"];
    let plain = spec["order"].as_str().is_none_or(|order| order == "ordered")
        && spec["window_from"].as_str().is_none_or(|from| from == "first_step");
    if !plain || beyond.iter().any(|field| spec.get(field).is_some()) {
        return None;
    }
    let steps = spec["steps"].as_array().unwrap();
    let optional = |step: &Value| u64::from(step["optional"].as_bool() == Some(true));
    Some(Definition {
        optional: (0..).zip(steps).fold(0, |set, (index, step)| set | optional(step) << index),
        window_ms: spec["window_ms"].as_i64(),
        ties: choice(&spec["ties"]),
        event_reuse: choice(&spec["event_reuse"]),
        entry_policy: choice(&spec["entry_policy"]),
        ..Definition::new(steps.len())
    })
}

fn choice<T: serde::de::DeserializeOwned + Default>(value: &Value) -> T {
    if value.is_null() { T::default() } else { serde_json::from_value(value.clone()).unwrap() }
}

fn check(case: &Value, definition: Definition) -> Result<(), String> {
    let steps = case["spec"]["steps"].as_array().unwrap();
    let mut actors: BTreeMap<&str, Vec<FunnelEvent>> = BTreeMap::new();
    for event in case["events"].as_array().unwrap() {
        let Some(actor) = event["actor"].as_str() else { continue };
        let set =
            (0..).zip(steps).fold(0, |set, (index, step)| set | u64::from(matches(event, step)) << index);
        let event = FunnelEvent { at_ms: event["ts_ms"].as_i64().unwrap(), steps: set, ..FunnelEvent::default() };
        actors.entry(actor).or_default().push(event);
    }
    let mut funnel = Funnel::try_new(definition).unwrap();
    let mut outcomes: BTreeMap<&str, Outcome> = BTreeMap::new();
    for (actor, events) in &mut actors {
        events.sort_by_key(|event| event.at_ms);
        outcomes.insert(actor, funnel.run(events).clone());
    }
    let expected = &case["expected"];
    if let Some(levels) = expected["level_by_actor"].as_object() {
        let seen: BTreeMap<_, _> =
            outcomes.iter().map(|(actor, outcome)| (*actor, outcome.level as u64)).collect();
        let wanted: BTreeMap<_, _> =
            levels.iter().map(|(actor, level)| (actor.as_str(), level.as_u64().unwrap())).collect();
        if seen != wanted {
            return Err(format!("levels {seen:?}, expected {wanted:?}"));
        }
    }
    for step in 0..steps.len() {
        let count = outcomes.values().filter(|outcome| outcome.at_ms(step).is_some()).count();
        let mut times: Vec<i64> =
            outcomes.values().filter_map(|outcome| outcome.since_previous_ms(step)).collect();
        times.sort_unstable();
        let near = |name: &str, seen: Option<f64>| match (expected.get(name).map(|list| &list[step]), seen) {
            (None, _) | (Some(Value::Null), None) => Ok(()),
            (Some(wanted), Some(seen)) if (wanted.as_f64().unwrap() - seen).abs() < 0.001 => Ok(()),
            (Some(wanted), seen) => Err(format!("{name} of step {step} {seen:?}, expected {wanted}")),
        };
        near("counts", Some(count as f64))?;
        near("avg_ms", mean(&times))?;
        near("median_ms", median(&times))?;
    }
    Ok(())
}

fn mean(times: &[i64]) -> Option<f64> {
    (!times.is_empty()).then(|| times.iter().sum::<i64>() as f64 / times.len() as f64)
}

fn median(times: &[i64]) -> Option<f64> {
    let middle = times.len().checked_sub(1)? / 2;
    Some((times[middle] + times[times.len() / 2]) as f64 / 2.0)
}

fn matches(event: &Value, step: &Value) -> bool {
    let named = match &step["event"] {
        Value::Null => true,
        Value::Array(names) => names.contains(&event["event"]),
        name => *name == event["event"],
    };
    let conditions = step["where"].as_array();
    named && conditions.into_iter().flatten().all(|condition| holds(&event["props"], condition))
}

fn holds(props: &Value, condition: &Value) -> bool {
    let (value, wanted) = (&props[condition["prop"].as_str().unwrap()], &condition["value"]);
    let op = condition["op"].as_str().unwrap();
    if value.is_null() {
        return op == "is_null";
    }
    let numbers = value.as_f64().zip(wanted.as_f64());
    match op {
        "eq" => value == wanted,
        "ne" => value != wanted,
        "in" => wanted.as_array().unwrap().contains(value),
        "not_in" => !wanted.as_array().unwrap().contains(value),
        "contains" => {
            let lower = |value: &Value| value.as_str().unwrap().to_lowercase();
            lower(value).contains(&lower(wanted))
        }
        "lt" => numbers.is_some_and(|(value, wanted)| value < wanted),
        "le" => numbers.is_some_and(|(value, wanted)| value <= wanted),
        "gt" => numbers.is_some_and(|(value, wanted)| value > wanted),
        "ge" => numbers.is_some_and(|(value, wanted)| value >= wanted),
        "is_set" => true,
        "is_null" => false,
        other => panic!("unknown operator {other}"),
    }
}

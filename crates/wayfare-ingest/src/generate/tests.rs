//! The generated events as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::catalogue;

fn lines(spec: GenerateSpec) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut last = Generated::default();
    let total = Generator::try_new(spec).unwrap().write_to(&mut bytes, |so_far| last = so_far).unwrap();
    assert_eq!(total, last);
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(total.events, text.lines().count() as u64);
    assert_eq!(total.bytes, text.len() as u64);
    text.lines().map(str::to_owned).collect()
}

fn events(spec: GenerateSpec) -> Vec<Value> {
    lines(spec)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer).and_then(Value::as_str)
}

#[test]
fn one_specification_gives_one_output() {
    let spec = GenerateSpec { events: 3_000, ..GenerateSpec::default() };
    let first = lines(spec.clone());
    assert_eq!(first, lines(spec.clone()));
    assert_ne!(first, lines(GenerateSpec { seed: 8, ..spec }));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len(), "no line comes twice");
}

#[test]
fn the_committed_sample_is_what_the_default_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.ndjson.gz");
    let mut committed = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut committed).unwrap();
    let mut made = Vec::new();
    Generator::try_new(GenerateSpec::default()).unwrap().write_to(&mut made, |_| {}).unwrap();
    assert!(committed == made, "data/sample.ndjson.gz is out of date: data/README.md says how to refresh it");
}

#[test]
fn there_are_as_many_events_as_asked_for() {
    for (events, days) in [(0, 5), (1, 1), (1_000, 1), (5_000, 30), (30_000, 3)] {
        let made = lines(GenerateSpec { events, days, ..GenerateSpec::default() }).len() as u64;
        assert_eq!(made, events);
    }
}

#[test]
fn every_event_lies_in_the_period_and_most_are_in_order() {
    let events = events(GenerateSpec { events: 10_000, days: 4, ..GenerateSpec::default() });
    let times: Vec<&str> = events.iter().map(|event| text(event, "/timestamp").unwrap()).collect();
    assert!(times.iter().all(|time| ("2026-03-01".."2026-03-05").contains(time)));
    let late = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((50..500).contains(&late), "{late} are late");
}

#[test]
fn the_sample_has_every_event_type_and_an_unknown_one() {
    let mut seen = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for event in events(GenerateSpec::default()) {
        let source = text(&event, "/source").unwrap().parse().unwrap();
        let activity = text(&event, "/activity").unwrap();
        match catalogue::find(Some(source), activity) {
            Some(found) => _ = seen.insert((source, found.key)),
            None => _ = unknown.insert(activity.to_owned()),
        }
    }
    let missing: Vec<_> = catalogue::event_types()
        .iter()
        .filter(|e| !seen.contains(&(e.source, e.key)))
        .map(|e| e.key)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), ["device_trusted"]);
}

#[test]
fn every_run_starts_once_and_ends_at_most_once() {
    let mut runs: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for event in events(GenerateSpec::default()) {
        if let Some(run) = text(&event, "/invocation_id") {
            let key = (
                text(&event, "/timestamp").unwrap().to_owned(),
                text(&event, "/activity").unwrap().to_owned(),
            );
            runs.entry(run.to_owned()).or_default().push(key);
        }
    }
    for (run, mut events) in runs {
        events.sort();
        let count = |names: &[&str]| events.iter().filter(|(_, name)| names.contains(&name.as_str())).count();
        assert_eq!(count(&["journey_started"]), 1, "{run}");
        let ends = count(&["journey_completed_successfully", "journey_completed_unsuccessfully"]);
        assert!(ends <= count(&["sub_journey_started"]) + 1, "{run}: {events:?}");
        assert!(count(&["step_completed"]) <= count(&["step_started"]), "{run}: {events:?}");
    }
}

#[test]
fn journeys_beyond_six_are_numbered() {
    let names: Vec<String> = offered(8).into_iter().map(|offered| offered.name).collect();
    assert_eq!(names[5..], ["payment", "login_2", "signup_2"]);
    assert_eq!(offered(2).len(), 2);
}

#[test]
fn every_way_leads_to_a_step_of_the_journey() {
    for journey in JOURNEYS {
        for step in journey.steps {
            let ways = step.next.iter().map(|(_, to)| *to).chain([step.give_up]);
            for way in ways {
                let targets = match way {
                    graph::To::Step(id) => vec![id],
                    graph::To::Sub(_, well, badly) => vec![well, badly],
                    _ => vec![],
                };
                for id in targets {
                    assert!(journey.step(id).is_some(), "{}: {} leads to {id}", journey.id, step.id);
                }
            }
            assert!(step.fail == 0 || !step.errors.is_empty(), "{}: {}", journey.id, step.id);
        }
        for change in journey.versions.iter().flat_map(|version| version.changes) {
            assert!(journey.step(change.step).is_some(), "{}: change of {}", journey.id, change.step);
            assert!(change.fail == 0 || !change.errors.is_empty(), "{}: {}", journey.id, change.step);
        }
    }
}

#[test]
fn a_specification_out_of_bounds_is_refused() {
    let refused = |spec| Generator::try_new(spec).unwrap_err().to_string();
    let spec = GenerateSpec::default();
    assert_eq!(refused(GenerateSpec { days: 0, ..spec.clone() }), "expected days from 1 to 3660, saw 0");
    assert_eq!(
        refused(GenerateSpec { journeys: 0, ..spec.clone() }),
        "expected journeys from 1 to 1000, saw 0"
    );
    assert!(refused(GenerateSpec { start_ms: -1, ..spec }).starts_with("expected a start in milliseconds"));
}

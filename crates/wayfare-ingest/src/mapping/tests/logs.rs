use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::with_event;
use crate::catalogue::Source;
use crate::event::EventBuilder;
use crate::{Decoder, Limits, Mapping, Origin, expand};

const DECLARATIONS: &str = r#"
[columns]
invocation_id = "case_id"
timestamp = "timestamp"
activity = "activity"
journey_id = { constant = "international_declaration" }

[activities]
journey_completed_successfully = "Payment Handled"
step_failed = "* REJECTED by *"
"#;

const PERFORMANCE: &str = r#"
lifetime = "24h"
[columns]
event_id = "event_id"
timestamp = "ts"
source = "family"
activity = "event_type"
tenant_id = "tenant_id"
journey_id = "journey_id"
journey_version = "journey_version"
invocation_id = "invocation_id"
step_id = "step_id"
error_code = "error_code"
http_status = "http_status"
latency_ms = "latency_ms"
"#;

#[test]
fn activities_become_roles_and_steps() {
    let mapper = Mapping::parse(DECLARATIONS, "m.toml").unwrap().compile(None);
    for (activity, key, outcome) in [
        ("Payment Handled", "journey_completed_successfully", None),
        ("Permit REJECTED by MISSING", "step_completed", Some("failure")),
        ("Start trip", "step_completed", None),
    ] {
        let json = format!(
            r#"{{"case_id":"c","activity":"{activity}","timestamp":"2017-01-09T00:00:00.000+01:00","amount":"1.5"}}"#
        );
        with_event(&mapper, &json, |event| {
            let event = event.unwrap();
            assert_eq!((event.source, &*event.activity), (Source::Cis, key));
            assert_eq!(event.text_column("step_id"), Some(activity));
            assert_eq!(event.text_column("outcome"), outcome);
            assert_eq!(event.text_column("invocation_id"), Some("c"));
            assert_eq!(event.text_column("journey_id"), Some("international_declaration"));
            assert_eq!(event.timestamp_us, 1_483_916_400_000_000);
            assert_eq!(event.additional_params.as_deref(), Some(r#"{"amount":"1.5"}"#));
        });
    }
}

#[test]
fn the_name_of_an_activity_survives_beside_a_step_column() {
    let text = DECLARATIONS.replace("[activities]", "step_id = \"step\"\noutcome = \"result\"\n[activities]");
    let mapper = Mapping::parse(&text, "m.toml").unwrap().compile(None);
    let json = r#"{"activity":"a REJECTED by b","timestamp":1772615727418,"step":"s","result":"fine"}"#;
    with_event(&mapper, json, |event| {
        let event = event.unwrap();
        assert_eq!(
            (event.text_column("step_id"), event.text_column("outcome")),
            (Some("s"), Some("failure"))
        );
        assert_eq!(event.additional_params.unwrap(), r#"{"activity":"a REJECTED by b","result":"fine"}"#);
    });
}

#[test]
fn other_activities_can_be_kept_or_looked_up() {
    for (other, name, activity, step_id) in [
        ("keep", "Step started", "Step started", None),
        ("catalogue", "Step started", "step_started", None),
        ("catalogue", "new", "new", None),
        ("custom_event", "new", "custom_event", Some("new")),
    ] {
        let text = format!("{DECLARATIONS}other = \"{other}\"\n");
        let mapper = Mapping::parse(&text, "m.toml").unwrap().compile(Some(Source::Cis));
        with_event(&mapper, &format!(r#"{{"activity":"{name}","timestamp":1772615727418}}"#), |event| {
            let event = event.unwrap();
            assert_eq!((&*event.activity, event.text_column("step_id")), (activity, step_id));
        });
    }
}

#[test]
fn a_flat_log_keeps_what_no_column_takes() {
    let mapper = Mapping::parse(PERFORMANCE, "m.toml").unwrap().compile(None);
    let json = r#"{"event_id":"0b8b7a1e-3f52-4f0e-9f3c-2d1c7e5a9b10","ts":1772615727418,"received_at":1772615727500,
        "tenant_id":"tenant_000","family":"cis","event_type":"External connection call","journey_id":"login",
        "journey_version":2,"invocation_id":"i","step_id":"http_call","http_status":503,"latency_ms":120,
        "custom_data":{"a":[1, 2]}}"#;
    with_event(&mapper, json, |event| {
        let event = event.unwrap();
        assert_eq!((event.source, &*event.activity), (Source::Cis, "external_connection_call"));
        assert_eq!((event.identity.id[0], event.identity.is_explicit), (0x0b, true));
        assert_eq!(event.text_column("journey_version"), Some("2"));
        assert_eq!(event.integers, [None, Some(503), Some(120)]);
        let params = r#"{"received_at":1772615727500,"custom_data":{"a":[1, 2]}}"#;
        assert_eq!(event.additional_params.as_deref(), Some(params));
    });
}

#[test]
fn dots_name_a_field_or_lead_into_an_object() {
    let text = "[columns]\ntimestamp = \"t\"\nactivity = \"a.b.c\"\nuser_id = [\"u.id\", \"u\"]\n";
    let mapper = Mapping::parse(text, "m.toml").unwrap().compile(None);
    for (fields, activity, user_id) in [
        (r#""a.b.c":"x","u":"me""#, "x", Some("me")),
        (r#""a.b":{"c":"x"},"u":{"id":7}"#, "x", Some("7")),
        (r#""a":{"b.c":"x"},"u":"{\"id\":\"me\"}""#, "x", Some("me")),
        (r#""a":{"b":{"c":"x"}},"u":{"name":"n"}"#, "x", None),
        (r#""a":{"b":{"c":"x"}},"a.b.c":"y""#, "y", None),
    ] {
        with_event(&mapper, &format!(r#"{{"t":1772615727418,{fields}}}"#), |event| {
            let event = event.unwrap();
            assert_eq!((&*event.activity, event.text_column("user_id")), (activity, user_id), "{fields}");
        });
    }
}

#[test]
fn a_real_log_is_mapped_by_a_few_lines() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/bpi2020-international.csv.gz");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return;
    }
    let inputs = expand(&[path.display().to_string()], &Limits::default()).unwrap();
    assert_eq!(inputs[0].origin, Origin::File(path));
    let limits = Limits { block_bytes: 100_000, ..Limits::default() };
    let decoder = Decoder::open(Arc::clone(&inputs[0].name), inputs[0].open().unwrap(), &limits).unwrap();
    let mapper = Mapping::parse(DECLARATIONS, "m.toml").unwrap().compile(None);
    mapper.check_header(decoder.file(), decoder.header().unwrap()).unwrap();
    let mut builder = EventBuilder::default();
    let mut cases = BTreeSet::new();
    let mut activities: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = 0;
    for block in decoder {
        let accept = |line, record: &crate::Record<'_>| {
            let event = mapper.map(record).unwrap_or_else(|defect| panic!("line {line}: {defect:?}"));
            cases.insert(event.text_column("invocation_id").unwrap().to_owned());
            *activities.entry(event.activity.to_string()).or_default() += 1;
            failures += usize::from(event.text_column("outcome") == Some("failure"));
            builder.append(&event);
            Ok(())
        };
        block.unwrap().for_each(accept, |reject| panic!("{reject:?}"));
    }
    assert_eq!((builder.len(), cases.len()), (70_727, 6_323));
    assert_eq!(activities["journey_completed_successfully"], 6_078);
    assert_eq!(activities.len(), 2);
    assert_eq!(failures, 4_095);
    let ids: Vec<_> = builder.identities().iter().map(|identity| Some(identity.id)).collect();
    let rows = builder.finish(ids).unwrap();
    assert_eq!(rows.numbers().count(), 70_727);
}

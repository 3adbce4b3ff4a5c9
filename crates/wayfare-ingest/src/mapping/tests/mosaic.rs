use super::with_event;
use crate::catalogue::{self, Source};
use crate::{Mapping, Reason};

fn mosaic() -> crate::Mapper {
    Mapping::mosaic().unwrap().compile(None)
}

#[test]
fn a_step_of_a_journey_fills_its_columns() {
    let json = r#"{ "activity": "step_completed", "timestamp": "2026-03-04T09:15:27.418Z", "tenant_id": "tn",
        "clientId": "cl_web", "user_id": null, "invocation_id": "inv", "extra": {"kept": 1.50},
        "additional_params": { "journey_id": "login", "journey_version": 3, "step_id": "otp", "step_number": 4,
            "outcome": "FAILED", "error": { "code": "expired", "message": "too \"late\"" },
            "response": {"status": "503"}, "latency_ms": 12.6 } }"#;
    with_event(&mosaic(), json, |event| {
        let event = event.unwrap();
        assert_eq!((event.source, &*event.activity), (Source::Cis, "step_completed"));
        assert_eq!(event.timestamp_us, 1_772_615_727_418_000);
        assert!(!event.identity.is_explicit);
        for (column, value) in [
            ("tenant_id", Some("tn")),
            ("client_id", Some("cl_web")),
            ("user_id", None),
            ("invocation_id", Some("inv")),
            ("journey_id", Some("login")),
            ("journey_version", Some("3")),
            ("step_id", Some("otp")),
            ("outcome", Some("failure")),
            ("error_code", Some("expired")),
            ("error_message", Some("too \"late\"")),
        ] {
            assert_eq!(event.text_column(column), value, "{column}");
        }
        assert_eq!(event.integer_column("step_number"), Some(4));
        assert_eq!(event.integer_column("http_status"), Some(503));
        assert_eq!(event.integer_column("latency_ms"), Some(13));
        let params = event.additional_params.as_deref().unwrap();
        assert!(params.starts_with(r#"{"journey_id": "login", "#), "{params}");
        assert!(params.ends_with(r#""latency_ms": 12.6,"extra":{"kept": 1.50}}"#), "{params}");
        assert!(!params.contains("invocation_id"));
    });
}

#[test]
fn the_other_sources_are_recognised() {
    let at = r#""timestamp": 1772615727418"#;
    let cases = [
        (
            r#""activity": "Risk recommendation", "additionalParams": {"context": {"ip_country": "US",
            "device_platform": "desktop", "os_name": "macOS", "browser_name": "Chrome", "device_id": "d1"}}"#,
            Source::Risk,
            "risk_recommendation",
        ),
        (
            r#""activity": "imageUploaded", "additional_params": {"session_id": "vs"}"#,
            Source::Verify,
            "image_uploaded",
        ),
        (r#""activity": "updateApp", "actor_id": "x""#, Source::Admin, "update_app"),
        (r#""activity": "create-user", "target_resource_id": "x""#, Source::Admin, "create_user"),
        (r#""activity": "create-user""#, Source::Cis, "create_user"),
        (r#""activity": "create-user", "source": "ADMIN""#, Source::Admin, "create_user"),
        (r#""activity": "Something new""#, Source::Cis, "Something new"),
        (r#""activity": "Something new", "source": "risk""#, Source::Risk, "Something new"),
    ];
    let mapper = mosaic();
    for (fields, source, activity) in cases {
        with_event(&mapper, &format!("{{{fields}, {at}}}"), |event| {
            let event = event.unwrap();
            assert_eq!((event.source, &*event.activity), (source, activity));
            assert_eq!(event.timestamp_us, 1_772_615_727_418_000);
            if source == Source::Risk && activity == "risk_recommendation" {
                let columns = ["country", "platform", "os", "browser", "device_id"];
                let values = columns.map(|column| event.text_column(column).unwrap());
                assert_eq!(values, ["US", "desktop", "macOS", "Chrome", "d1"]);
            }
            if source == Source::Verify {
                assert_eq!(event.text_column("session_id"), Some("vs"));
            }
        });
    }
    let given = Mapping::mosaic().unwrap().compile(Some(Source::Verify));
    with_event(&given, &format!(r#"{{"activity": "x", "source": "web", {at}}}"#), |event| {
        let event = event.unwrap();
        assert_eq!(event.source, Source::Verify);
        assert_eq!(event.additional_params.as_deref(), Some(r#"{"source":"web"}"#));
    });
}

#[test]
fn every_name_of_every_event_type_is_resolved() {
    let mapper = mosaic();
    for event_type in catalogue::event_types() {
        for alias in event_type.aliases() {
            let source = event_type.source;
            let json = format!(r#"{{"activity":"{alias}","timestamp":1772615727418,"source":"{source}"}}"#);
            with_event(&mapper, &json, |event| {
                let event = event.unwrap();
                assert_eq!((event.source, &*event.activity), (source, event_type.key), "{alias}");
            });
        }
    }
}

#[test]
fn what_every_event_needs_is_asked_for() {
    let mapper = mosaic();
    for (json, reason, part) in [
        (
            r#"{"activity":"x","time":1}"#,
            Reason::MissingField,
            "expected timestamp in timestamp, saw the fields activity, time",
        ),
        (
            r#"{"timestamp":1772615727418}"#,
            Reason::MissingField,
            "expected activity in activity, activity_type",
        ),
        (r#"{"timestamp":1772615727418,"activity":" "}"#, Reason::MissingField, "expected activity"),
        (r#"{"timestamp":1772615727418,"activity":{}}"#, Reason::MissingField, "expected activity"),
        (r"{}", Reason::MissingField, "saw the fields none"),
        (r#"{"timestamp":"soon","activity":"x"}"#, Reason::BadTimestamp, "saw \"soon\""),
        (r#"{"timestamp":1772615727,"activity":"x"}"#, Reason::BadTimestamp, "too small"),
        (r#"{"timestamp":true,"activity":"x"}"#, Reason::BadTimestamp, "saw \"true\""),
    ] {
        with_event(&mapper, json, |event| {
            let (seen, detail) = event.unwrap_err();
            assert_eq!(seen, reason, "{json}");
            assert!(detail.contains(part), "{detail}");
        });
    }
}

#[test]
fn nothing_is_lost() {
    let mapper = mosaic();
    let base = r#""timestamp":1772615727418,"activity":"x""#;
    for (fields, params) in [
        ("", None),
        (r#","latency_ms":"abc""#, Some(r#"{"latency_ms":"abc"}"#)),
        (r#","latency_ms":"12""#, None),
        (r#","outcome":"Success""#, None),
        (r#","outcome":"rejected""#, Some(r#"{"outcome":"rejected"}"#)),
        (r#","outcome":200"#, Some(r#"{"outcome":200}"#)),
        (r#","user_id":"","ip":" ""#, Some(r#"{"user_id":"","ip":" "}"#)),
        (r#","user_id":{"x":1}"#, Some(r#"{"user_id":{"x":1}}"#)),
        (r#","user_id":"a","userId":"b""#, Some(r#"{"userId":"b"}"#)),
        (
            r#","journey_id":"a","additional_params":{"journey_id":"b"}"#,
            Some(r#"{"journey_id":"b","event.journey_id":"a"}"#),
        ),
        (r#","additional_params":"text""#, Some(r#"{"additional_params":"text"}"#)),
        (r#","additional_params":"{\"journey_id\":\"j\"}""#, Some(r#"{"journey_id":"j"}"#)),
        (r#","additional_params":"{broken""#, Some(r#"{"additional_params":"{broken"}"#)),
        (r#","additional_params":[1]"#, Some(r#"{"additional_params":[1]}"#)),
        (
            r#","additional_params":{},"additionalParams":{"step_id":"s"}"#,
            Some(r#"{"additionalParams":{"step_id":"s"}}"#),
        ),
        (r#","event_id":"0b8b7a1e-3f52-4f0e-9f3c-2d1c7e5a9b10""#, None),
        (r#","event_id":"e1""#, Some(r#"{"event_id":"e1"}"#)),
        (r#","event_id":17"#, Some(r#"{"event_id":17}"#)),
    ] {
        with_event(&mapper, &format!("{{{base}{fields}}}"), |event| {
            let event = event.unwrap();
            assert_eq!(event.additional_params.as_deref(), params, "{fields}");
            assert_eq!(event.identity.is_explicit, fields.contains("event_id"));
            if fields.contains("step_id") {
                assert_eq!(event.text_column("step_id"), Some("s"));
            }
            if fields.contains(r#"\"j\""#) {
                assert_eq!(event.text_column("journey_id"), Some("j"));
            }
        });
    }
}

#[test]
fn settings_put_paths_in_front() {
    let settings = "other = 1\n[columns]\njourney_id = \"additional_params.meta.journey\"\ncountry = { constant = \"DE\" }\n[more]\nx = 1\n";
    let plain = Mapping::mosaic().unwrap();
    let mapping = plain.clone().override_columns(settings, "settings.toml").unwrap();
    assert_ne!(mapping.digest(), plain.digest());
    assert_eq!(plain.clone().override_columns("a = 1", "settings.toml").unwrap().digest(), plain.digest());
    let mapper = mapping.compile(None);
    let base = r#""timestamp":1772615727418,"activity":"x""#;
    for (params, journey_id) in [
        (r#"{"journey_id":"a","meta":{"journey":"b"},"country":"FR"}"#, "b"),
        (r#"{"journey_id":"a","country":"FR"}"#, "a"),
    ] {
        for name in ["additional_params", "additionalParams"] {
            with_event(&mapper, &format!(r#"{{{base},"{name}":{params}}}"#), |event| {
                let event = event.unwrap();
                assert_eq!(event.text_column("journey_id"), Some(journey_id));
                assert_eq!(event.text_column("country"), Some("DE"));
            });
        }
    }
    let error = plain.override_columns("[columns]\n\njourneyid = \"x\"", "settings.toml").unwrap_err();
    assert_eq!(error.to_string(), "there is no column \"journeyid\" (file settings.toml, line 3)");
    assert_eq!(error.advice(), Some("did you mean \"journey_id\"?"));
}

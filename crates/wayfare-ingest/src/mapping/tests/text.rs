use crate::{ErrorKind, Lifetime, Mapping};

const WHOLE: &str = r#"
lifetime = "30d"
zone = "+02:00"
[columns]
timestamp = "ts"
activity = ["event", { constant = "page_view" }]
journey_id = { constant = "shop" }
journey_version = { constant = 3 }
[activities]
journey_started = "landing"
step_failed = ["* failed", "error"]
other = "keep"
[outcomes]
success = ["good"]
"#;

#[test]
fn a_mapping_is_what_its_text_says() {
    let mapping = Mapping::parse(WHOLE, "m.toml").unwrap();
    assert_eq!(mapping.lifetime(), Lifetime::Millis(30 * 86_400_000));
    let spaced = WHOLE.replace('\n', "\n# a comment\n").replace("lifetime = ", "lifetime   =");
    assert_eq!(Mapping::parse(&spaced, "n.toml").unwrap().digest(), mapping.digest());
    for (from, to) in [
        ("30d", "31d"),
        ("+02:00", "UTC"),
        ("\"ts\"", "\"t\""),
        ("{ constant = \"page_view\" }", "\"page_view\""),
        ("step_failed", "step_completed"),
        ("keep", "catalogue"),
        ("good", "fine"),
    ] {
        let other = Mapping::parse(&WHOLE.replace(from, to), "m.toml").unwrap();
        assert_ne!(other.digest(), mapping.digest(), "{from} {to}");
    }
    assert_eq!(Mapping::mosaic().unwrap().lifetime(), Lifetime::Millis(86_400_000));
    let shortest = "columns = { timestamp = \"t\", activity = \"a\" }";
    assert_eq!(Mapping::parse(shortest, "m.toml").unwrap().lifetime(), Lifetime::Unlimited);
}

/// Puts `to` in the place of `from` and gives the complaint, hint included.
fn complaint(from: &str, to: &str) -> String {
    let error = Mapping::parse(&WHOLE.replacen(from, to, 1), "m.toml").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    format!("{error}; {}", error.advice().unwrap_or_default())
}

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    for (from, to, message) in [
        ("lifetime", "livetime", "no key \"livetime\" (file m.toml, line 2); did you mean \"lifetime\"?"),
        (
            "journey_id",
            "journeyID",
            "no column \"journeyID\" (file m.toml, line 7); did you mean \"journey_id\"?",
        ),
        ("constant = 3", "const = 3", "no key \"const\" (file m.toml, line 8); did you mean \"constant\"?"),
        (
            "step_failed",
            "step_fails",
            "no meaning \"step_fails\" (file m.toml, line 11); did you mean \"step_failed\"?",
        ),
        (
            "\"keep\"",
            "\"ignore\"",
            "no meaning \"ignore\" (file m.toml, line 12); known are: journey_started, ",
        ),
        ("success", "succes", "no key \"succes\" (file m.toml, line 14); did you mean \"success\"?"),
    ] {
        let seen = complaint(from, to);
        assert!(seen.starts_with(&format!("there is {message}")), "{seen}");
    }
}

#[test]
fn wrong_values_are_named_with_their_line() {
    for (from, to, line, message) in [
        (
            "30d",
            "a month",
            2,
            "expected a time such as \"24h\" or \"30d\", or \"unlimited\", saw \"a month\"",
        ),
        ("+02:00", "CET", 3, "expected \"UTC\" or an offset such as \"+02:00\", saw \"CET\""),
        ("\"ts\"", "[]", 5, "expected at least one path, saw none"),
        ("\"ts\"", "12", 5, "expected a string, saw integer"),
        ("\"ts\"", "\"\"", 5, "expected a path of 1 to 8 names, saw \"\""),
        ("\"ts\"", "\"a.b.c.d.e.f.g.h.i\"", 5, "expected a path of 1 to 8 names, saw \"a.b.c.d.e.f.g.h.i\""),
        ("{ constant = 3 }", "{}", 8, "expected { constant = \"…\" }, saw an empty table"),
        ("constant = 3", "constant = [3]", 8, "expected a string, saw array"),
        ("\"error\"]", "\"landing\"]", 11, "expected one meaning of \"landing\", saw two"),
    ] {
        assert_eq!(complaint(from, to), format!("{message} (file m.toml, line {line}); "));
    }
    assert!(complaint("[columns]", "[columns").starts_with("expected TOML: "));
    let message = "expected timestamp in [columns], saw none (file m.toml); say which field holds it: timestamp = \"…\"";
    assert_eq!(complaint("timestamp =", "event_id ="), message);
}

#[test]
fn a_csv_without_a_mapped_column_is_refused_early() {
    let header = |names: &str| names.split(',').map(str::to_owned).collect::<Vec<_>>();
    let text = WHOLE.replace("\"ts\"", "[\"ts\", \"time.start\"]") + "[columns.user_id]\nconstant = \"u\"\n";
    let text = text.replace("[columns]\n", "[columns]\ncountry = \"geo.country\"\n");
    let mapper = Mapping::parse(&text, "m.toml").unwrap().compile(None);
    for (names, missing) in [
        ("ts,geo.country", vec![]),
        ("time,geo", vec![]),
        ("time.start,geo,x", vec![]),
        ("tss,geo", vec!["timestamp"]),
        ("a,b", vec!["timestamp", "country"]),
    ] {
        let seen: Vec<_> =
            mapper.missing_columns(&header(names)).iter().map(|missing| missing.column).collect();
        assert_eq!(seen, missing, "{names}");
        assert_eq!(mapper.check_header("f.csv", &header(names)).is_ok(), missing.is_empty());
    }
    let error = mapper.check_header("f.csv", &header("tss,b")).unwrap_err();
    let message = "the CSV has no column \"ts\" or \"time.start\" for timestamp and none of \"geo.country\" for country (file f.csv)";
    assert_eq!(error.to_string(), message);
    assert_eq!(error.advice(), Some("it has tss, b; did you mean \"tss\"?"));
    let mosaic = Mapping::mosaic().unwrap().compile(None);
    assert_eq!(mosaic.missing_columns(&header("timestamp,activity")), []);
    let error = mosaic.check_header("f.csv", &header("time,activityType")).unwrap_err();
    assert_eq!(error.to_string(), "the CSV has no column \"timestamp\" (file f.csv)");
}

use chrono_tz::America::{New_York, Sao_Paulo};
use chrono_tz::Europe::Berlin;
use chrono_tz::Pacific::Apia;
use chrono_tz::UTC;

use super::*;

/// 2026-03-10T12:34:56.789Z
const AS_OF_MS: i64 = 1_773_146_096_789;

fn shown(text: &str, tz: Tz) -> String {
    instant_in(parse_instant_ms(text, tz, AS_OF_MS).unwrap(), UTC)
}

#[test]
fn every_form_of_an_instant_is_read() {
    let cases = [
        ("2026-03-01", "2026-02-28 23:00:00 UTC"),
        ("2026-03-01T10:00", "2026-03-01 09:00:00 UTC"),
        ("2026-03-01 10:00:30", "2026-03-01 09:00:30 UTC"),
        ("2026-03-01T10:00:00.250", "2026-03-01 09:00:00.250 UTC"),
        ("2026-03-01T10:00Z", "2026-03-01 10:00:00 UTC"),
        ("2026-03-01T10:00:00+05:30", "2026-03-01 04:30:00 UTC"),
        ("2026-03-01T10:00:00-0800", "2026-03-01 18:00:00 UTC"),
        ("2026-03-01T10:00:00+02", "2026-03-01 08:00:00 UTC"),
        ("now", "2026-03-10 12:34:56.789 UTC"),
        ("today", "2026-03-09 23:00:00 UTC"),
        ("Yesterday", "2026-03-08 23:00:00 UTC"),
        ("-7d", "2026-03-03 12:34:56.789 UTC"),
        ("-24h", "2026-03-09 12:34:56.789 UTC"),
        ("1767225600000", "2026-01-01 00:00:00 UTC"),
        ("100000000000", "1973-03-03 09:46:40 UTC"),
    ];
    for (text, instant) in cases {
        assert_eq!(shown(text, Berlin), instant, "{text}");
    }
}

#[test]
fn what_is_no_instant_is_refused() {
    for text in [
        "",
        "soon",
        "2026",
        "20260301",
        "1767225600",
        "99999999999",
        "176722560000000",
        "99999999999999999999",
        "2026-3-1",
        "2026-02-30",
        "2026-03-01T25:00",
        "2026-03-01T",
        "+12026-03-01",
        "-",
        "-7",
        "2026-03-01T10:00+2",
        "2026-03-01T10:00:00+99:00",
    ] {
        let error = parse_instant_ms(text, UTC, AS_OF_MS).expect_err(text);
        assert_eq!(error.kind(), crate::ErrorKind::Invalid, "{text}");
    }
    let error = parse_instant_ms("yesteday", UTC, AS_OF_MS).unwrap_err();
    assert_eq!(error.advice(), Some("did you mean yesterday?"));
    let error = parse_instant_ms("1767225600", UTC, AS_OF_MS).unwrap_err();
    assert_eq!(error.advice(), Some("digits alone are milliseconds since 1970: 1767225600000"));
}

#[test]
fn a_skipped_time_stands_for_the_end_of_the_gap() {
    assert_eq!(shown("2026-03-29T02:30", Berlin), "2026-03-29 01:00:00 UTC");
    assert_eq!(shown("2026-03-29T02:00", Berlin), "2026-03-29 01:00:00 UTC");
    assert_eq!(shown("2026-03-29T02:59:59.999", Berlin), "2026-03-29 01:00:00 UTC");
    assert_eq!(shown("2026-03-08T02:15", New_York), "2026-03-08 07:00:00 UTC");
    assert_eq!(shown("2018-11-04", Sao_Paulo), "2018-11-04 03:00:00 UTC");
    assert_eq!(shown("2011-12-30", Apia), "2011-12-30 10:00:00 UTC");
}

#[test]
fn a_repeated_time_stands_for_its_first_pass() {
    assert_eq!(shown("2026-10-25T02:30", Berlin), "2026-10-25 00:30:00 UTC");
    assert_eq!(shown("2026-11-01T01:30", New_York), "2026-11-01 05:30:00 UTC");
}

#[test]
fn today_is_the_day_of_the_zone() {
    let late_ms = parse_instant_ms("2026-03-10T23:30Z", UTC, 0).unwrap();
    let today = parse_instant_ms("today", Berlin, late_ms).unwrap();
    assert_eq!(instant_in(today, Berlin), "2026-03-11 00:00:00 Europe/Berlin");
}

#[test]
fn a_range_is_half_open() {
    let range = Range::parse(Some("2026-03-01"), Some("2026-03-02"), UTC, AS_OF_MS).unwrap();
    let (from_ms, to_ms) = (range.from_ms.unwrap(), range.to_ms.unwrap());
    assert_eq!(to_ms - from_ms, 86_400_000);
    assert!(range.contains(from_ms) && range.contains(to_ms - 1));
    assert!(!range.contains(from_ms - 1) && !range.contains(to_ms));
    assert_eq!(Range::parse(None, None, UTC, AS_OF_MS).unwrap(), Range::default());
}

#[test]
fn a_range_must_not_be_empty_or_reversed() {
    for to in ["2026-03-01", "2026-02-01"] {
        let error = Range::parse(Some("2026-03-01"), Some(to), UTC, AS_OF_MS).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("from 2026-03-01, that is 2026-03-01 00:00:00 UTC"), "{text}");
        assert!(text.contains(&format!("to {to}, that is {to} 00:00:00 UTC")), "{text}");
    }
    let error = Range::parse(None, Some("tomorow"), UTC, AS_OF_MS).unwrap_err();
    assert_eq!(error.context(), [("in", "to".to_owned())]);
}

#[test]
fn zones_are_found_by_name() {
    assert_eq!(parse_tz("Europe/Berlin").unwrap(), Berlin);
    assert_eq!(parse_tz(" utc ").unwrap(), UTC);
    assert_eq!(parse_tz("Europe/Berlni").unwrap_err().advice(), Some("did you mean Europe/Berlin?"));
    assert_eq!(parse_tz("new_york").unwrap_err().advice(), Some("did you mean America/New_York?"));
    assert_eq!(parse_tz("Atlantis/Capital-City").unwrap_err().advice(), None);
}

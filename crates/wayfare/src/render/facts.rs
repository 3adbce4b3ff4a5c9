//! What a report is about, in one line: which runs, which range, as of when.

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::Value;
use wayfare_query::Report;
use wayfare_query::words::{counted, instant, instant_in};

use super::human;

/// The time zone in which a report's instants are shown: the spec's, else UTC.
pub(super) fn zone(report: &Report) -> Tz {
    report.spec.get("tz").and_then(Value::as_str).and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

/// The facts, most telling first; none for a query of the user's own.
pub(super) fn facts(report: &Report) -> Vec<String> {
    if report.name == "sql" {
        return Vec::new();
    }
    let words = |key| texts(report.spec.get(key)).join(", ");
    let mut facts = Vec::new();
    for (label, key) in
        [("journey", "journey"), ("version", "version"), ("where", "where"), ("window", "window")]
    {
        let value = words(key);
        if !value.is_empty() {
            facts.push(human::one_line(&format!("{label} {value}")));
        }
    }
    let zone = zone(report);
    let bound = |key| {
        let text = words(key);
        match DateTime::parse_from_rfc3339(&text) {
            Ok(at) => instant(at.to_utc(), zone),
            Err(_) => text,
        }
    };
    facts.extend(match (bound("from"), bound("to")) {
        (from, to) if from.is_empty() && to.is_empty() => None,
        (from, to) if to.is_empty() => Some(format!("from {from} {zone}")),
        (from, to) if from.is_empty() => Some(format!("until {to} {zone}")),
        (from, to) => Some(format!("{from} to {to} {zone}")),
    });
    facts.extend(report.as_of_ms.map(|as_of_ms| format!("as of {}", instant_in(as_of_ms, zone))));
    facts
}

/// What rows there are beside the given ones, and how to see them; nothing where there are none.
pub(crate) fn more(report: &Report) -> Option<String> {
    let is_page_behind_another = report.spec.get("after").is_some_and(|after| !after.is_null());
    match (&report.next, report.rows_total) {
        (Some(next), Some(total)) => {
            Some(format!("of {} (--limit); next page: --after {next}", counted(total, "row")))
        }
        (Some(next), None) => Some(format!("next page: --after {next}")),
        // the last page, and rows before it
        (None, _) if is_page_behind_another => None,
        (None, _) => Some(report.rows_cut())
            .filter(|cut| *cut > 0)
            .map(|cut| format!("{} (--limit)", counted(cut, "more row"))),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().flat_map(|item| texts(Some(item))).collect(),
        Some(Value::Number(number)) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

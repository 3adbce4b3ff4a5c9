//! What a report is about, in one line: which runs, which range, as of when.

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::Value;
use wayfare_query::Report;

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
    facts.extend(match (words("from"), words("to")) {
        (from, to) if from.is_empty() && to.is_empty() => None,
        (from, to) if to.is_empty() => Some(format!("from {from}")),
        (from, to) if from.is_empty() => Some(format!("until {to}")),
        (from, to) => Some(format!("{from} to {to}")),
    });
    let zone = zone(report);
    if let Some(as_of) = report.as_of_ms.and_then(DateTime::from_timestamp_millis) {
        facts.push(format!("as of {} {zone}", human::instant(as_of, zone)));
    }
    facts
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().flat_map(|item| texts(Some(item))).collect(),
        Some(Value::Number(number)) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

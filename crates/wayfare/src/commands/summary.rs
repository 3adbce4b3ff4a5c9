//! What `ingest`, `compact` and `vacuum` did: lines for people on stderr, one JSON object for machines on request.

use std::io::Write as _;

use serde_json::{Value, json};
use wayfare_query::words::{count, counted, duration};
use wayfare_query::{Error, Result};

use crate::backend::{CompactSummary, IngestSummary, VacuumSummary};
use crate::out::{Out, write_failed};
use crate::progress::per_second;
use crate::render::{Format, size};
use crate::session::Session;

/// Files that a dry run of a clean-up names to people.
const FILES_SHOWN_MAX: usize = 20;

/// Opens where the JSON object goes, if one was asked for.
pub(super) fn out(session: &Session) -> Result<Option<Out>> {
    match session.format() {
        Format::Json | Format::Ndjson => session.out().map(Some),
        _ if session.global.output.is_some() => {
            Err(Error::invalid("a summary is written to a file as json or ndjson only")
                .hint("add --format json, or name the file *.json"))
        }
        _ => Ok(None),
    }
}

/// Writes the JSON object.
pub(super) fn write(summary: &Value, session: &Session, out: Option<Out>) -> Result<()> {
    let Some(mut out) = out else { return Ok(()) };
    let text = if session.format() == Format::Json { format!("{summary:#}") } else { summary.to_string() };
    writeln!(out, "{text}").map_err(write_failed)?;
    out.finish()
}

/// What was taken in, and the first places that were rejected.
pub(super) fn ingest_lines(summary: &IngestSummary) -> Vec<String> {
    let IngestSummary { files, files_known, bytes, read, accepted, duplicates, rejected, elapsed, .. } =
        summary;
    let elapsed_ms = elapsed.as_millis();
    let mut lines = vec![
        format!(
            "read {} records from {} ({}) in {}, {} a second",
            count(*read),
            counted(*files, "file"),
            size(*bytes),
            duration(elapsed.as_secs_f64() * 1000.0),
            count(per_second(*read, elapsed_ms)),
        ),
        format!(
            "accepted {} · duplicates {} · rejected {}",
            count(*accepted),
            count(*duplicates),
            count(*rejected)
        ),
    ];
    match (files_known, files) {
        (0, _) => {}
        (1, 1) => lines.push("the file is already in the store, nothing to do".to_owned()),
        (known, all) => {
            lines.push(format!("{} of {} files are already in the store", count(*known), count(*all)));
        }
    }
    if summary.rejected_before > 0 {
        lines.push(format!(
            "of their {} records {} were rejected then",
            count(summary.read_before),
            count(summary.rejected_before)
        ));
    }
    if let Some((from, to)) = &summary.lifetime_raised {
        lines.push(format!(
            "the mapping raised the store's journey_lifetime from {from} to {to}: runs are put together, and funnels \
             without --window look, that far"
        ));
    }
    for place in &summary.first_rejects {
        lines.push(format!("  {}:{}: {}: {}", place.file, place.line, place.reason, place.detail));
    }
    let shown = u64::try_from(summary.first_rejects.len()).unwrap_or(u64::MAX);
    if shown > 0 && *rejected > shown {
        let reasons: Vec<String> =
            summary.reasons.iter().map(|(reason, n)| format!("{reason} {}", count(*n))).collect();
        lines.push(format!("  … {} more rejected; in all: {}", count(rejected - shown), reasons.join(", ")));
    }
    lines
}

/// The same for machines.
pub(super) fn ingest_json(summary: &IngestSummary) -> Value {
    let places = summary.first_rejects.iter().map(|place| {
        json!({ "file": place.file, "line": place.line, "reason": place.reason, "detail": place.detail })
    });
    json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "ingest",
        "files": summary.files,
        "files_known": summary.files_known,
        "bytes": summary.bytes,
        "read": summary.read,
        "accepted": summary.accepted,
        "duplicates": summary.duplicates,
        "rejected": summary.rejected,
        "read_before": summary.read_before,
        "rejected_before": summary.rejected_before,
        "reasons": summary.reasons.iter().cloned().map(|(reason, n)| (reason, n.into())).collect::<serde_json::Map<_, _>>(),
        "first_rejects": places.collect::<Vec<_>>(),
        "journey_lifetime_raised": summary.lifetime_raised.as_ref().map(|(from, to)| json!({ "from": from, "to": to })),
        "failures": summary.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "elapsed_ms": whole_ms(summary.elapsed),
    })
}

/// What was merged and folded.
pub(super) fn compact_lines(summary: &CompactSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.events_merged > 0 {
        lines.push(format!(
            "merged {} events: {} event files are now {}; {} repeated events removed",
            count(summary.events_merged),
            count(summary.event_files_before),
            count(summary.event_files_after),
            count(summary.events_removed),
        ));
    }
    if summary.dates_folded > 0 {
        lines.push(format!(
            "folded {} runs of {} dates; {} dates were up to date",
            count(summary.invocations),
            count(summary.dates_folded),
            count(summary.dates_kept),
        ));
    }
    let elapsed = duration(summary.elapsed.as_secs_f64() * 1000.0);
    if lines.is_empty() {
        lines.push(format!("nothing to do: {} dates are up to date ({elapsed})", count(summary.dates_kept)));
    } else {
        lines.push(format!("wrote {} in {elapsed}", size(summary.bytes)));
    }
    if summary.long_invocations > 0 {
        lines.push(format!(
            "note: {} of these runs last longer than the store's journey_lifetime, {}: they are whole, but a funnel \
             without --window looks no further",
            count(summary.long_invocations),
            summary.journey_lifetime,
        ));
    }
    lines
}

/// The same for machines.
pub(super) fn compact_json(summary: &CompactSummary) -> Value {
    json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "compact",
        "event_files_before": summary.event_files_before,
        "event_files_after": summary.event_files_after,
        "events_merged": summary.events_merged,
        "events_removed": summary.events_removed,
        "dates_folded": summary.dates_folded,
        "dates_kept": summary.dates_kept,
        "invocations": summary.invocations,
        "long_invocations": summary.long_invocations,
        "bytes": summary.bytes,
        "elapsed_ms": whole_ms(summary.elapsed),
    })
}

/// What was removed.
pub(super) fn vacuum_lines(summary: &VacuumSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if summary.dry_run {
        lines.extend(summary.files.iter().take(FILES_SHOWN_MAX).cloned());
        if summary.files.len() > FILES_SHOWN_MAX {
            lines.push(format!(
                "… {} more files (--format json lists all)",
                summary.files.len() - FILES_SHOWN_MAX
            ));
        }
    }
    let (files, bytes) = (count(summary.files.len() as u64), size(summary.bytes));
    let done = if summary.dry_run { "would remove" } else { "removed" };
    lines.push(match summary.log_entries {
        0 => format!("{done} {files} files ({bytes})"),
        entries => format!("{done} {files} files and {} old log entries ({bytes})", count(entries)),
    });
    lines
}

/// The same for machines.
pub(super) fn vacuum_json(summary: &VacuumSummary) -> Value {
    json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "vacuum",
        "dry_run": summary.dry_run,
        "files": summary.files,
        "bytes": summary.bytes,
        "log_entries": summary.log_entries,
        "elapsed_ms": whole_ms(summary.elapsed),
    })
}

fn whole_ms(elapsed: std::time::Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backend::RejectedAt;

    fn summary() -> IngestSummary {
        IngestSummary {
            files: 2,
            bytes: 3_400_000,
            read: 70_727,
            accepted: 70_000,
            duplicates: 700,
            rejected: 27,
            reasons: vec![("bad_json".to_owned(), 20), ("missing_field".to_owned(), 7)],
            first_rejects: vec![RejectedAt {
                file: "a.ndjson".to_owned(),
                line: 17,
                reason: "bad_json".to_owned(),
                detail: "expected a value at column 3".to_owned(),
            }],
            elapsed: Duration::from_millis(1500),
            ..IngestSummary::default()
        }
    }

    #[test]
    fn people_see_counts_rate_and_the_first_places() {
        assert_eq!(
            ingest_lines(&summary()),
            [
                "read 70,727 records from 2 files (3.4 MB) in 1.5 s, 47,151 a second",
                "accepted 70,000 · duplicates 700 · rejected 27",
                "  a.ndjson:17: bad_json: expected a value at column 3",
                "  … 26 more rejected; in all: bad_json 20, missing_field 7",
            ]
        );
    }

    #[test]
    fn people_see_that_a_file_is_known() {
        let lines = |files_known, files| {
            let lines = ingest_lines(&IngestSummary { files, files_known, ..Default::default() });
            lines.get(2).cloned().unwrap_or_default()
        };
        assert_eq!(lines(0, 1), "");
        assert_eq!(lines(1, 1), "the file is already in the store, nothing to do");
        assert_eq!(lines(2, 5), "2 of 5 files are already in the store");
    }

    #[test]
    fn machines_see_the_same_counts() {
        let json = ingest_json(&summary());
        assert_eq!(json["read"], 70_727);
        assert_eq!(json["reasons"]["bad_json"], 20);
        assert_eq!(json["first_rejects"][0]["line"], 17);
    }
}

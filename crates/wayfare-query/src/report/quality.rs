//! `quality`: what is wrong with the events, and how far each of it could move the completion rate.
//!
//! A run that something is wrong with might in truth have succeeded or failed, whatever is seen of it. So the completion
//! rate is given as it would be if all such runs that ended had failed or had succeeded, and all such runs without an end had failed or
//! succeeded, too. An event or a line that belongs to no run could be the end of one more run each.

mod list;

use arrow::array::{Int64Array, RecordBatch};
use datafusion::logical_expr::{col, lit};
use wayfare_ingest::catalogue::{event_types, find};
use wayfare_ingest::{Role, Source};

use crate::defects::Defect;
use crate::error::of_datafusion;
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::rows::{Rows, collect, integers, quotient, texts, words};
use crate::runs::instant;
use crate::spec::{QualitySpec, suggest};
use crate::words::{count, counted};
use crate::{Error, Result};

use super::funnel::literal;
use super::{Answer, empty};

/// Something that is looked for.
#[derive(Debug, Default)]
struct Finding {
    issue: String,
    unit: &'static str,
    count: i64,
    of: i64,
    /// Runs concerned by how they ended: succeeded, failed, without an end.
    runs: [i64; 3],
    /// Runs that there may be beside those that are seen.
    unseen: i64,
    example: Option<String>,
}

pub(super) async fn rows(question: &Question<'_>, spec: &QualitySpec) -> Result<Answer> {
    question.register("runs", question.runs(&[])?)?;
    question.register("events", events(question)?)?;
    if let Some(issue) = &spec.list {
        return list::rows(question, spec, issue).await;
    }
    if spec.after.is_some() {
        return Err(Error::invalid("after is for a list: counts have no pages"));
    }
    let (mut findings, [succeeded, failed]) = of_runs(question).await?;
    findings.extend(of_events(question).await?);
    findings.extend(of_quarantine(question).await?);
    let mut answer =
        Answer::new("Quality: what is wrong with the events", table(&findings, succeeded, failed)?);
    empty::check_names(question).await?;
    let rate = quotient(succeeded, succeeded + failed);
    if let Some(rate) = rate {
        answer.notes.push(format!(
            "completion rate as seen: {:.1} % ({} of {} that ended); at worst and at best: as if all runs of the row had \
             failed, or succeeded",
            rate * 100.0,
            count(succeeded),
            counted(succeeded + failed, "run")
        ));
    }
    let narrowed = !question.conditions.is_empty() || !question.scope.version.is_empty();
    if narrowed || !question.scope.journey.is_empty() {
        answer.notes.push("events and lines are not narrowed to journeys, versions or conditions; lines not to the range, either".to_owned());
    }
    Ok(answer)
}

/// Events in the range, by their own time.
fn events(question: &Question<'_>) -> Result<datafusion::prelude::DataFrame> {
    let mut events = question.events()?;
    let mut wanted = Vec::new();
    if let Some(from_ms) = question.range.from_ms {
        wanted.push(col("timestamp").gt_eq(lit(instant(from_ms.saturating_mul(1_000)))));
    }
    if let Some(to_ms) = question.range.to_ms {
        wanted.push(col("timestamp").lt(lit(instant(to_ms.saturating_mul(1_000)))));
    }
    for wanted in wanted {
        events = events.filter(wanted).map_err(|cause| of_datafusion("cannot narrow the events", cause))?;
    }
    Ok(events)
}

/// The name of a defect in the report.
fn name(defect: Defect) -> &'static str {
    match defect {
        Defect::NoStart => "run without a start",
        Defect::BeforeStart => "events before the start",
        Defect::AfterEnd => "events after the end",
        Defect::SecondEnd => "second end",
        Defect::StepWithoutStart => "step ended without a start",
        Defect::StopsAtSubJourney => "run that stops at the end of a sub-journey",
    }
}

/// What is wrong with a run that its path does not tell: the report's name for it, and the condition.
const BESIDE_PATHS: [(&str, &str); 3] = [
    ("end before the start", "coalesce(duration_ms < 0, false)"),
    ("run without a journey", "journey_id IS NULL"),
    ("events stored twice", "duplicates > 0"),
];

/// A query for the runs of the scope that an issue concerns.
///
/// # Errors
/// `Invalid` for an issue that is none of runs.
pub(super) fn concerned(issue: &str) -> Result<String> {
    let defect = Defect::ALL.into_iter().find(|defect| name(*defect) == issue);
    let beside = BESIDE_PATHS.into_iter().find(|(name, _)| *name == issue);
    let condition = match (defect, beside) {
        (Some(defect), _) => format!("defects(path) & {} <> 0", defect.bit()),
        (None, Some((_, condition))) => condition.to_owned(),
        (None, None) => {
            let of_runs = Defect::ALL.into_iter().map(name).chain(BESIDE_PATHS.map(|(name, _)| name));
            return Err(suggest::unknown("issue of runs", issue, of_runs));
        }
    };
    Ok(format!("SELECT tenant_id, invocation_id FROM runs WHERE {condition}"))
}

async fn of_runs(question: &Question<'_>) -> Result<(Vec<Finding>, [i64; 2])> {
    let [(_, negative), (_, nameless), (_, repeated)] = BESIDE_PATHS;
    let query = format!(
        "SELECT state, defects(path) AS defects, {negative} AS negative, {nameless} AS nameless, {repeated} AS repeated,
           count(*) AS runs, sum(duplicates) AS duplicates, sum(events + duplicates) AS stored, min(invocation_id) AS example
         FROM runs GROUP BY 1, 2, 3, 4, 5"
    );
    let found = collect(question.sql(&query).await?).await?;
    let runs = integers(&found, "runs")?;
    let states = words(&found, "state")?;
    let examples = texts(&found, "example")?;
    let defects = integers(&found, "defects")?;
    let total: i64 = runs.iter().flatten().sum();
    let gather = |issue: &str, holds: &dyn Fn(usize) -> bool| {
        let mut finding = Finding { issue: issue.to_owned(), unit: "runs", of: total, ..Finding::default() };
        for row in (0..found.num_rows()).filter(|row| holds(*row)) {
            let place = match states.get(row).map(String::as_str) {
                Some("succeeded") => 0,
                Some("failed") => 1,
                _ => 2,
            };
            if let Some(count) = finding.runs.get_mut(place) {
                *count += runs.value(row);
            }
            finding.count += runs.value(row);
            let example = examples.get(row).cloned().flatten();
            finding.example = finding.example.take().into_iter().chain(example).min();
        }
        finding
    };
    let flag = |name: &str| -> Result<Vec<bool>> {
        Ok(integers(&found, name)?.iter().map(|flag| flag == Some(1)).collect())
    };
    let (negative, nameless, repeated) = (flag("negative")?, flag("nameless")?, flag("repeated")?);
    let at = |flags: &[bool], row: usize| flags.get(row).copied().unwrap_or_default();
    let mut findings: Vec<Finding> = Defect::ALL
        .into_iter()
        .map(|defect| gather(name(defect), &|row| defects.value(row) & defect.bit() != 0))
        .collect();
    let [(end_before_start, _), (without_journey, _), (twice, _)] = BESIDE_PATHS;
    findings.push(gather(end_before_start, &|row| at(&negative, row)));
    findings.push(gather(without_journey, &|row| at(&nameless, row)));
    // Each counts once already, so it moves nothing.
    let mut duplicates = gather(twice, &|row| at(&repeated, row));
    duplicates.runs = [0; 3];
    duplicates.count = integers(&found, "duplicates")?.iter().flatten().sum();
    duplicates.unit = "events";
    duplicates.of = integers(&found, "stored")?.iter().flatten().sum();
    findings.push(duplicates);
    let ended = gather("", &|_| true).runs;
    Ok((findings, [ended[0], ended[1]]))
}

/// The activities that make a journey go on.
fn of_journeys() -> String {
    let of_runs = event_types().iter().filter(|kind| role_counts(kind.role));
    of_runs.map(|kind| literal(kind.key)).collect::<Vec<_>>().join(", ")
}

fn role_counts(role: Role) -> bool {
    !matches!(role, Role::Other | Role::CustomEvent)
}

async fn of_events(question: &Question<'_>) -> Result<Vec<Finding>> {
    let (unknown, events) = activities(question).await?;
    let unknown = unknown_activities(&unknown, events);
    let mut findings = Vec::new();
    for check in Check::all(question).await? {
        findings.push(check.finding(question, events).await?);
    }
    findings.push(unknown);
    findings.push(lost_parents(question, events).await?);
    Ok(findings)
}

/// Issues of events that more than the event's own columns tell.
const UNKNOWN_ACTIVITY: &str = "unknown activity";
const LOST_PARENT: &str = "parent invocation that is not there";

/// What stands before the reason of lines that were not taken in.
const REJECTED: &str = "rejected line: ";

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Microseconds by which a clock that is wrong by years is behind, leap days left out.
const TEN_YEARS_US: i64 = 3_650 * DAY_US;

/// Something that can be wrong with an event, told by its own columns.
struct Check {
    issue: &'static str,
    /// The condition, in SQL.
    holds: String,
    /// Whether it could be the end of a run that is not counted.
    is_runs: bool,
}

impl Check {
    async fn all(question: &Question<'_>) -> Result<[Self; 3]> {
        let [earliest, latest] = ingestion(question).await?;
        let orphan = format!("source = 'cis' AND invocation_id IS NULL AND activity IN ({})", of_journeys());
        // the first half leaves files out by their statistics, the second one decides; intervals would be added to each
        // time by the calendar, which takes twenty times as long
        let later = format!(
            "timestamp > to_timestamp_micros({}) AND CAST(timestamp AS BIGINT) - CAST(ingested_at AS BIGINT) > {DAY_US}",
            earliest.saturating_add(DAY_US)
        );
        let before = format!(
            "timestamp < to_timestamp_micros({}) AND CAST(ingested_at AS BIGINT) - CAST(timestamp AS BIGINT) > {TEN_YEARS_US}",
            latest.saturating_sub(TEN_YEARS_US)
        );
        let of = |issue, holds, is_runs| Self { issue, holds, is_runs };
        Ok([
            of("event of a journey without an invocation", orphan, true),
            of("time after its ingestion by a day or more", later, false),
            of("time before its ingestion by ten years or more", before, false),
        ])
    }

    async fn finding(self, question: &Question<'_>, events: i64) -> Result<Finding> {
        let ends = "activity IN ('journey_completed_successfully', 'journey_completed_unsuccessfully')";
        let query = format!(
            "SELECT count(*) AS events, count(*) FILTER (WHERE {ends}) AS ends, min(invocation_id) AS example
             FROM events WHERE {}",
            self.holds
        );
        let found = collect(question.sql(&query).await?).await?;
        let one = |name: &str| Ok::<_, Error>(integers(&found, name)?.iter().flatten().sum::<i64>());
        Ok(Finding {
            issue: self.issue.to_owned(),
            unit: "events",
            count: one("events")?,
            of: events,
            // Only an end that finds no run is a run that is not counted.
            unseen: if self.is_runs { one("ends")? } else { 0 },
            example: texts(&found, "example")?.into_iter().flatten().next(),
            ..Finding::default()
        })
    }
}

/// When the first and the last of the events were taken in, in microseconds.
async fn ingestion(question: &Question<'_>) -> Result<[i64; 2]> {
    let query = "SELECT CAST(min(ingested_at) AS BIGINT) AS first, CAST(max(ingested_at) AS BIGINT) AS last FROM events";
    let found = collect(question.sql(query).await?).await?;
    let one = |name: &str| Ok::<_, Error>(integers(&found, name)?.iter().flatten().sum::<i64>());
    Ok([one("first")?, one("last")?])
}

/// An activity that no catalogue knows, and how many events it has.
struct Unknown {
    source: String,
    activity: String,
    events: i64,
}

/// The activities that no catalogue knows, and how many events there are at all.
async fn activities(question: &Question<'_>) -> Result<(Vec<Unknown>, i64)> {
    let query = "SELECT source, activity, count(*) AS events FROM events GROUP BY source, activity";
    let found = collect(question.sql(query).await?).await?;
    let counts = integers(&found, "events")?;
    let names = words(&found, "source")?.into_iter().zip(words(&found, "activity")?);
    let seen = names.zip(counts.values());
    let unknown =
        seen.filter(|((source, activity), _)| find(source.parse::<Source>().ok(), activity).is_none());
    let unknown = unknown.map(|((source, activity), &events)| Unknown { source, activity, events });
    Ok((unknown.collect(), counts.iter().flatten().sum()))
}

fn unknown_activities(unknown: &[Unknown], events: i64) -> Finding {
    Finding {
        issue: UNKNOWN_ACTIVITY.to_owned(),
        unit: "events",
        count: unknown.iter().map(|unknown| unknown.events).sum(),
        of: events,
        example: unknown.iter().map(|unknown| &unknown.activity).min().cloned(),
        ..Finding::default()
    }
}

/// Events that name a parent which has no event.
async fn lost_parents(question: &Question<'_>, events: i64) -> Result<Finding> {
    let none = Finding { issue: LOST_PARENT.to_owned(), unit: "events", of: events, ..Finding::default() };
    // where no event names one, the ids of all runs need not be read
    let named = "SELECT count(*) AS named FROM events WHERE parent_invocation_id IS NOT NULL";
    if integers(&collect(question.sql(named).await?).await?, "named")?.iter().flatten().sum::<i64>() == 0 {
        return Ok(none);
    }
    let query = "SELECT count(*) AS events, min(e.invocation_id) AS example FROM events e
         LEFT ANTI JOIN runs r ON r.invocation_id = e.parent_invocation_id
         WHERE e.parent_invocation_id IS NOT NULL";
    let found = collect(question.sql(query).await?).await?;
    Ok(Finding {
        count: integers(&found, "events")?.iter().flatten().sum(),
        example: texts(&found, "example")?.into_iter().flatten().next(),
        ..none
    })
}

/// Makes the lines that were not taken in known as the view `quarantine`.
fn register_quarantine(question: &Question<'_>) -> Result<()> {
    let refused = SnapshotTable::new(question.store.quarantine(), question.snapshot.quarantine.files.clone());
    let refused = question.context.read_table(std::sync::Arc::new(refused));
    let refused = refused.map_err(|cause| of_datafusion("cannot plan the quarantine", cause))?;
    question.register("quarantine", refused)
}

async fn of_quarantine(question: &Question<'_>) -> Result<Vec<Finding>> {
    register_quarantine(question)?;
    let query = "SELECT reason, count(*) AS lines, min(file || ':' || CAST(line AS VARCHAR)) AS example
         FROM quarantine GROUP BY reason ORDER BY reason";
    let found = collect(question.sql(query).await?).await?;
    let lines = integers(&found, "lines")?;
    let total: i64 = lines.iter().flatten().sum();
    let mut findings = Vec::new();
    for (row, (reason, example)) in
        words(&found, "reason")?.into_iter().zip(texts(&found, "example")?).enumerate()
    {
        let count = lines.value(row);
        findings.push(Finding {
            issue: format!("{REJECTED}{reason}"),
            unit: "lines",
            count,
            of: total,
            unseen: count,
            example,
            ..Finding::default()
        });
    }
    Ok(findings)
}

fn table(findings: &[Finding], succeeded: i64, failed: i64) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    rows.text("issue", findings.iter().map(|finding| Some(&finding.issue)));
    let counts = |count: &dyn Fn(&Finding) -> i64| -> Int64Array {
        findings.iter().map(|finding| Some(count(finding))).collect()
    };
    rows.text("unit", findings.iter().map(|finding| Some(finding.unit)));
    rows.count("count", counts(&|finding| finding.count));
    rows.count("of", counts(&|finding| finding.of));
    rows.rate("share", &counts(&|finding| finding.count), &counts(&|finding| finding.of));
    let bounds: Vec<[Option<f64>; 2]> =
        findings.iter().map(|finding| finding.completion_rates(succeeded, failed)).collect();
    rows.number("completion_rate_at_worst", bounds.iter().map(|[worst, _]| *worst));
    rows.number("completion_rate_at_best", bounds.iter().map(|[_, best]| *best));
    rows.text("example", findings.iter().map(|finding| finding.example.as_deref()));
    rows.finish()
}

impl Finding {
    /// The completion rate if all that is concerned had ended badly, and if all had ended well.
    fn completion_rates(&self, succeeded: i64, failed: i64) -> [Option<f64>; 2] {
        let [well, badly, without] = self.runs;
        let more = without + self.unseen;
        let whole = succeeded + failed + more;
        [quotient(succeeded - well, whole), quotient(succeeded + badly + more, whole)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_completion_rate_moves_by_the_runs_concerned() {
        let finding = Finding { runs: [2, 1, 3], ..Finding::default() };
        // of 6 that succeeded and 4 that failed: 2 may have failed, 1 may have succeeded, 3 more may be either
        assert_eq!(finding.completion_rates(6, 4), [Some(4.0 / 13.0), Some(10.0 / 13.0)]);
        assert_eq!(Finding::default().completion_rates(6, 4), [Some(0.6), Some(0.6)]);
        let unseen = Finding { unseen: 10, ..Finding::default() };
        assert_eq!(unseen.completion_rates(6, 4), [Some(0.3), Some(0.8)]);
        assert_eq!(Finding::default().completion_rates(0, 0), [None, None]);
    }
}

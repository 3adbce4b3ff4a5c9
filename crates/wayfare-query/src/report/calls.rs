//! `calls`: calls to external connections: how many, how many failed, how long they took, which failures they explain.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};

use crate::Result;
use crate::question::{Question, RUNS, listed, quoted};
use crate::rows::{Rows, collect, column, integers};
use crate::spec::{CALL_COLUMNS, CallClass, Scope};
use crate::words::{count as count_of, counted};

use super::funnel::literal;
use super::top::Top;
use super::{Answer, empty};

/// What is counted where nothing is asked for.
const BY_DEFAULT: &str = "connection_id";

/// Rows shown unless the scope says otherwise; the rest is one row `other`.
const ROWS_DEFAULT: usize = 20;

/// Takes the columns of a call out of the `by` list: the scope that is left is about runs.
pub(super) fn split(scope: &Scope) -> (Vec<&'static str>, Scope) {
    let named = |name: &str| {
        let spellings =
            [name.to_owned(), format!("{name}_id"), format!("error_{name}"), format!("http_{name}")];
        CALL_COLUMNS.into_iter().find(|column| spellings.iter().any(|spelling| spelling == column))
    };
    let mut rest = scope.clone();
    let mut columns: Vec<&'static str> = Vec::new();
    rest.by.retain(|name| match named(name) {
        Some(column) => {
            if !columns.contains(&column) {
                columns.push(column);
            }
            false
        }
        None => true,
    });
    if scope.by.is_empty() {
        columns.push(BY_DEFAULT);
    }
    (columns, rest)
}

pub(super) async fn rows(question: &Question<'_>, columns: &[&str]) -> Result<Answer> {
    question.register(RUNS, question.split(question.runs(&[])?)?)?;
    question.register("events", question.events()?)?;
    let told = Told::of(question).await?;
    let found = cells(question, columns, &told).await?;
    let top = Top::of(found.num_rows(), question.scope.limit.unwrap_or(ROWS_DEFAULT));
    let mut rows = Rows::default();
    for (index, name) in columns.iter().copied().chain(question.dimension_names()).enumerate() {
        let values = arrow::compute::cast(column(&found, name)?, &arrow::datatypes::DataType::Utf8)
            .map_err(|cause| crate::Error::internal("a name is no text").because(cause))?;
        top.name(&mut rows, name, &values, index == 0)?;
    }
    let count = |name| Ok::<_, crate::Error>(top.counts(&integers(&found, name)?));
    let (calls, failed, explained) = (count("calls")?, count("failed")?, count("failures_explained")?);
    rows.count("calls", calls.clone());
    rows.count("failed", failed.clone());
    rows.rate("error_rate", &failed, &calls);
    for level in ["p50", "p90", "p95", "p99"] {
        rows.add(&format!("{level}_latency_ms"), top.heads(crate::rows::field(&found, "latency", level)?)?);
    }
    rows.count("failures_explained", explained.clone());
    rows.rate("share_of_failures", &explained, &Int64Array::from(vec![told.failures; explained.len()]));
    // a run may have calls of several rows, so that runs do not add up
    for name in ["invocations", "invocations_with_failed"] {
        let runs: ArrayRef = Arc::new(integers(&found, name)?);
        rows.add(name, top.heads(&runs)?);
    }
    top.mark(&mut rows);
    let mut answer = Answer::new("Calls to external connections", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    if answer.batch.num_rows() > 0 {
        let explained: i64 = explained.iter().flatten().sum();
        answer.notes.push(format!(
            "a failed call explains {} of {}",
            count_of(explained),
            counted(told.failures, "failed run")
        ));
    }
    Ok(answer)
}

/// What the runs of the scope tell of their calls before an event is read.
struct Told {
    /// Calls, each event id once.
    calls: i64,
    /// Events that are stored more than once.
    repeats: i64,
    /// Runs that failed.
    failures: i64,
    /// The days of their events, as a condition over events.
    days: String,
}

impl Told {
    async fn of(question: &Question<'_>) -> Result<Self> {
        let query = "SELECT sum(external_calls) AS calls, sum(duplicates) AS repeats,
             count(*) FILTER (WHERE state = 'failed') AS failures,
             CAST(CAST(min(first_at) AS DATE) AS INT) AS first, CAST(CAST(max(last_at) AS DATE) AS INT) AS last
           FROM runs";
        let found = collect(question.sql(query).await?).await?;
        let one = |name: &str| Ok::<_, crate::Error>(integers(&found, name)?.iter().flatten().sum());
        let (first, last): (i64, i64) = (one("first")?, one("last")?);
        // partitions of the table, so that whole files are left out and no column is read
        let days = format!("e.date BETWEEN CAST({first} AS DATE) AND CAST({last} AS DATE)");
        Ok(Self { calls: one("calls")?, repeats: one("repeats")?, failures: one("failures")?, days })
    }
}

/// The calls of the scope, counted by columns of the call and dimensions of its run.
async fn cells(question: &Question<'_>, columns: &[&str], told: &Told) -> Result<RecordBatch> {
    let counted =
        async |reach: &str| collect(question.sql(&query(question, columns, told, reach)).await?).await;
    let journeys = &question.scope.journey;
    if !journeys.is_empty() && told.repeats == 0 {
        // Nearly always the calls of a journey's runs name the journey. Events are sorted by it, so that few are read to find
        // out; if these are as many as the runs have, they are all.
        let named: Vec<String> = journeys.iter().map(|journey| literal(journey)).collect();
        let found = counted(&format!("{} AND e.journey_id IN ({})", told.days, named.join(", "))).await?;
        if integers(&found, "calls")?.iter().flatten().sum::<i64>() == told.calls {
            return Ok(found);
        }
    }
    counted(&told.days).await
}

/// Counts the calls of the events that `reach` lets through.
fn query(question: &Question<'_>, columns: &[&str], told: &Told, reach: &str) -> String {
    let of_runs: Vec<String> = question.dimension_names().iter().map(|name| quoted(name)).collect();
    let mut keys: Vec<(String, String)> =
        columns.iter().map(|name| (format!("e.{name}"), (*name).to_owned())).collect();
    keys.extend(of_runs.iter().map(|name| (format!("r.{name}"), name.clone())));
    let list = |item: &dyn Fn(&str, &str) -> String| -> String {
        listed(keys.iter().map(|(value, name)| item(value, name)))
    };
    let keyed = list(&|value, name| format!("{value} AS {name}"));
    let names = list(&|_, name| name.to_owned());
    let grouped =
        if keys.is_empty() { String::new() } else { format!("GROUP BY {}", names.trim_end_matches(", ")) };
    let same: Vec<String> =
        keys.iter().map(|(_, name)| format!("(c.{name} IS NOT DISTINCT FROM x.{name})")).collect();
    let same = if same.is_empty() { "true".to_owned() } else { same.join(" AND ") };
    let order = listed(keys.iter().map(|(_, name)| format!("c.{name}")));
    // An event that is stored twice counts once; to look for such where there are none takes longer than all else.
    let once = if told.repeats == 0 { "" } else { "DISTINCT e.event_id, " };
    // A number stands for a run, as it takes less room than an id.
    format!(
        "WITH callers AS (
           SELECT *, row_number() OVER () AS run FROM runs WHERE external_calls > 0 OR duplicates > 0),
         calls AS (
           SELECT {once}{keyed}r.run, e.timestamp, e.latency_ms, {FAILED} AS failed
           FROM events e JOIN callers r ON {OF_RUN} WHERE {IS_CALL} AND {reach}),
         cells AS (
           SELECT {names}count(*) AS calls, count(*) FILTER (WHERE failed) AS failed,
             count(DISTINCT run) AS invocations,
             count(DISTINCT run) FILTER (WHERE failed) AS invocations_with_failed,
             time_summary(latency_ms) AS latency
           FROM calls {grouped}),
         suspects AS ({suspects}),
         explained AS (
           SELECT {names}count(*) AS failures FROM suspects WHERE place = 1 {grouped})
         SELECT {order}c.calls, c.failed, c.invocations, c.invocations_with_failed,
           coalesce(x.failures, 0) AS failures_explained, c.latency[1] AS latency
         FROM cells c LEFT JOIN explained x ON {same} WHERE c.calls > 0
         ORDER BY {}",
        format!("c.calls DESC, {order}").trim_end_matches(", "),
        suspects = suspects(columns.iter().copied(), &keyed, reach),
    )
}

/// Whether an event `e` is a call.
const IS_CALL: &str = "e.activity = 'external_connection_call' AND e.source = 'cis'";

/// Whether a call `e` failed.
const FAILED: &str = "(coalesce(e.outcome = 'failure', false) OR coalesce(e.error_code <> '', false)
   OR coalesce(e.http_status >= 400, false))";

/// Whether an event `e` is one of the run `r`.
const OF_RUN: &str = "e.invocation_id = r.invocation_id AND (e.tenant_id IS NOT DISTINCT FROM r.tenant_id)";

/// A query for the failed calls of the connections that failures are attributed to. The last of them, in `place` 1, explains the
/// failure of its run: one call a failed run. `keyed` are columns of the call `e` and its run `r`, each followed by a comma;
/// `columns` are those of the call.
fn suspects<'a>(mut columns: impl Iterator<Item = &'a str>, keyed: &str, reach: &str) -> String {
    // which of a run's calls it is does not matter where only what they share is told of it, and ids of events take long to read
    let place = if columns.all(|column| column == "connection_id") {
        "1"
    } else {
        "row_number() OVER (PARTITION BY r.tenant_id, r.invocation_id, e.connection_id
           ORDER BY e.timestamp DESC, e.event_id DESC)"
    };
    format!(
        "SELECT DISTINCT {keyed}r.tenant_id AS run_tenant, r.invocation_id AS run_id, {place} AS place
         FROM events e JOIN runs r ON {OF_RUN} AND r.connection_id = e.connection_id
         WHERE {IS_CALL} AND {FAILED} AND r.state = 'failed' AND e.timestamp <= r.ended_at AND {reach}"
    )
}

/// A query for the runs of the view [`RUNS`] that have a call which counts in a row.
pub(super) async fn callers(
    question: &Question<'_>,
    columns: &[(&'static str, Option<String>)],
    class: CallClass,
) -> Result<String> {
    question.register("events", question.events()?)?;
    let wanted = |of: &str| -> String {
        let holds = |(name, value): &(&'static str, Option<String>)| match value {
            Some(value) => format!(" AND CAST({of}{name} AS VARCHAR) = {}", literal(value)),
            None => format!(" AND {of}{name} IS NULL"),
        };
        columns.iter().map(holds).collect()
    };
    let reach = Told::of(question).await?.days;
    let made = |further: &str| {
        format!(
            "SELECT DISTINCT r.tenant_id, r.invocation_id FROM events e JOIN {RUNS} r ON {OF_RUN}
             WHERE {IS_CALL} AND {reach}{}{further}",
            wanted("e.")
        )
    };
    Ok(match class {
        CallClass::Made => made(""),
        CallClass::Failed => made(&format!(" AND {FAILED}")),
        CallClass::Explains => {
            let keyed = listed(columns.iter().map(|(name, _)| format!("e.{name}")));
            format!(
                "SELECT run_tenant AS tenant_id, run_id AS invocation_id FROM ({}) WHERE place = 1{}",
                suspects(columns.iter().map(|(name, _)| *name), &keyed, &reach),
                wanted("")
            )
        }
    })
}

//! `calls`: calls to external connections: how many, how many failed, how long they took, which failures they explain.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use crate::Result;
use crate::question::{Question, quoted};
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
    question.register("runs", question.split(question.runs(&[])?)?)?;
    question.register("events", question.events()?)?;
    let query = query(question, columns);
    let found = collect(question.sql(&query).await?).await?;
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
    let failures = failures(question).await?;
    rows.count("failures_explained", explained.clone());
    rows.rate("share_of_failures", &explained, &Int64Array::from(vec![failures; explained.len()]));
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
            counted(failures, "failed run")
        ));
    }
    Ok(answer)
}

/// The calls of the scope, counted by columns of the call and dimensions of its run.
fn query(question: &Question<'_>, columns: &[&str]) -> String {
    let of_runs: Vec<String> = question.dimension_names().iter().map(|name| quoted(name)).collect();
    let renamed: Vec<String> = of_runs
        .iter()
        .enumerate()
        .map(|(index, name)| format!("r.{name} AS run_dimension_{index}, "))
        .collect();
    let mut keys: Vec<(String, String)> =
        columns.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
    keys.extend(
        of_runs.iter().enumerate().map(|(index, name)| (format!("run_dimension_{index}"), name.clone())),
    );
    let list =
        |item: &dyn Fn(&(String, String)) -> String| keys.iter().map(item).collect::<Vec<_>>().join(", ");
    let grouped =
        if keys.is_empty() { String::new() } else { format!("GROUP BY {}", list(&|(key, _)| key.clone())) };
    let comma = if keys.is_empty() { "" } else { ", " };
    let named = list(&|(key, name)| format!("{key} AS {name}"));
    let order = list(&|(_, name)| name.clone());
    format!(
        "WITH {placed},
         cells AS (
           SELECT {named}{comma} count(*) AS calls, count(*) FILTER (WHERE failed) AS failed,
             count(*) FILTER (WHERE explains) AS failures_explained,
             count(DISTINCT run) AS invocations,
             count(DISTINCT run) FILTER (WHERE failed) AS invocations_with_failed,
             time_summary(latency_ms) AS latency
           FROM placed {grouped})
         SELECT * EXCEPT (latency), latency[1] AS latency FROM cells WHERE calls > 0
         ORDER BY calls DESC{comma}{order}",
        placed = placed(&renamed.concat()),
    )
}

/// The calls of the views `events` and `runs`, each once, as a list of common tables that ends in `placed`: whether a call
/// failed, and whether it explains the failure of its run. `of_runs` are further columns of the run `r`, each followed by a comma.
fn placed(of_runs: &str) -> String {
    // Runs first: calls of others are most, and each would have to be told apart. A number stands for a run where its calls
    // are, as it takes less room than an id. Only the last failed call of the connection that a failure is attributed to
    // explains it: one call a failed run. Such calls are few, so they alone are put in order.
    let of_runs_here = "e.activity = 'external_connection_call' AND e.source = 'cis'";
    let run = "e.invocation_id = r.invocation_id AND e.tenant_id IS NOT DISTINCT FROM r.tenant_id";
    let failed = "(coalesce(e.outcome = 'failure', false) OR coalesce(e.error_code <> '', false)
               OR coalesce(e.http_status >= 400, false))";
    format!(
        "numbered AS (SELECT *, row_number() OVER () AS run FROM runs),
         calls AS (
           SELECT DISTINCT r.run, r.tenant_id, r.invocation_id, e.event_id, e.timestamp, e.latency_ms,
             e.connection_id, e.step_id, e.http_status, e.outcome, e.error_code, e.error_category, {of_runs}
             {failed} AS failed
           FROM events e JOIN numbered r ON {run} WHERE {of_runs_here}),
         suspects AS (
           SELECT e.event_id, e.invocation_id, e.tenant_id, row_number() OVER (
               PARTITION BY e.tenant_id, e.invocation_id ORDER BY e.timestamp DESC, e.event_id DESC) AS place
           FROM events e JOIN runs r ON {run}
           WHERE {of_runs_here} AND {failed} AND r.state = 'failed' AND r.connection_id = e.connection_id
             AND e.timestamp <= r.ended_at),
         placed AS (
           SELECT c.*, s.event_id IS NOT NULL AS explains
           FROM (SELECT * FROM suspects WHERE place = 1) s RIGHT JOIN calls c
             ON s.event_id = c.event_id AND s.invocation_id = c.invocation_id
             AND s.tenant_id IS NOT DISTINCT FROM c.tenant_id)"
    )
}

/// A query for the runs of the scope that have a call which counts in a row.
pub(super) fn callers(
    question: &Question<'_>,
    columns: &[(&'static str, Option<String>)],
    class: CallClass,
) -> Result<String> {
    question.register("events", question.events()?)?;
    let mut wanted: Vec<String> = columns
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("CAST({name} AS VARCHAR) = {}", literal(value)),
            None => format!("{name} IS NULL"),
        })
        .collect();
    wanted.push(match class {
        CallClass::Made => "true".to_owned(),
        CallClass::Failed => "failed".to_owned(),
        CallClass::Explains => "explains".to_owned(),
    });
    Ok(format!(
        "WITH {} SELECT DISTINCT tenant_id, invocation_id FROM placed WHERE {}",
        placed(""),
        wanted.join(" AND ")
    ))
}

/// Failed runs of the scope.
async fn failures(question: &Question<'_>) -> Result<i64> {
    let query = "SELECT count(*) AS failures FROM runs WHERE state = 'failed'";
    let counted = collect(question.sql(query).await?).await?;
    Ok(integers(&counted, "failures")?.iter().flatten().sum())
}

//! `sessions`: verification sessions by how they ended, or how far they got.
//!
//! A session is the events of source `verify` with one session id. Its outcome, in this order of precedence:
//!
//! | outcome | rule |
//! | --- | --- |
//! | allowed, challenged, denied | it was completed; the recommendation of the completion says which |
//! | completed | it was completed without a recommendation that we know |
//! | restricted | a restriction criterion denied it |
//! | error | an error was reported |
//! | deleted | it was deleted before anything else ended it |
//! | abandoned | nothing of this, and silent for longer than the idle timeout |
//! | open | nothing of this, and within it |

use std::sync::Arc;

use arrow::array::{AsArray as _, Int64Array, StringArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use wayfare_ingest::columns::RUN_DIMENSIONS;

use crate::question::{Question, listed, quoted};
use crate::rows::{Rows, collect, column, integers};
use crate::spec::{SessionsSpec, SessionsView, parse_duration_ms};
use crate::{Error, Result, condition, fold};

use super::{Answer, empty, events};

/// Columns of a session that are the first known value among its events.
const FIRST_KNOWN: [&str; 9] =
    ["app_id", "client_id", "user_id", "device_id", "correlation_id", "platform", "os", "browser", "country"];

/// Rows shown unless the scope says otherwise.
const ROWS_DEFAULT: usize = 100;

/// The way of a session that ends well: what people read, and the event type behind it.
const WAY: [(&str, &str); 7] = [
    ("Session created", "session_created"),
    ("Session started", "session_started"),
    ("Consent approved", "consent_approved"),
    ("Image capture clicked", "image_capture_clicked"),
    ("Image uploaded", "image_uploaded"),
    ("Verification started", "verification_started"),
    ("Verification completed", "verification_completed"),
];

pub(super) async fn rows(question: &Question<'_>, spec: &SessionsSpec) -> Result<Answer> {
    let scope = &spec.scope;
    question.register("verification_events", question.events()?)?;
    let query = one_row_a_session(question)?;
    let all = question.sql(&query).await?;
    let schema = all.schema().as_arrow().clone();
    let mut wanted = events::in_range(question, "first_at");
    for condition in &question.conditions {
        wanted.push(condition::over(condition, &schema, &question.context, "a session")?);
    }
    let mut found = events::filtered(all, wanted)?;
    let mut names: Vec<String> = Vec::new();
    for name in &scope.by {
        let (name, value) = events::dimension(question, name, &schema, "first_at", "a session")?;
        found = found
            .with_column(&name, value)
            .map_err(|cause| crate::error::of_datafusion("cannot split by a dimension", cause))?;
        names.push(name);
    }
    question.register("verification_sessions", found)?;
    let mut answer = match spec.show {
        SessionsView::Outcomes => outcomes(question, &names).await?,
        SessionsView::Funnel => funnel(question, &names).await?,
    };
    answer.notes = empty::explain_events(question, answer.batch.num_rows()).await?;
    Ok(answer.limited(Some(scope.limit.unwrap_or(ROWS_DEFAULT))))
}

/// The sessions of each outcome.
async fn outcomes(question: &Question<'_>, names: &[String]) -> Result<Answer> {
    let keys = listed(names.iter().map(|name| quoted(name)));
    let counted = format!(
        "SELECT {keys} kind, outcome, count(*) AS sessions,
           sum(count(*)) OVER (PARTITION BY {keys} kind) AS of_sessions,
           time_summary(make_array(duration_ms))[1] AS durations
         FROM verification_sessions GROUP BY {keys} kind, outcome
         ORDER BY {keys} kind DESC, sessions DESC, outcome"
    );
    let counted = collect(question.sql(&counted).await?).await?;
    let mut rows = Rows::default();
    rows.take(&counted, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    rows.take(&counted, &["kind", "outcome"])?;
    let sessions = integers(&counted, "sessions")?;
    rows.count("sessions", sessions.clone());
    rows.rate("share_of_sessions", &sessions, &integers(&counted, "of_sessions")?);
    rows.percentiles(&counted, "durations", |level| format!("{level}_duration_ms"))?;
    Ok(Answer::new("Verification sessions: how they ended", rows.finish()?))
}

/// The sessions that got to each step of [`WAY`], in this order.
async fn funnel(question: &Question<'_>, names: &[String]) -> Result<Answer> {
    let keys = listed(names.iter().map(|name| quoted(name)));
    let steps: Vec<String> = WAY.iter().map(|(_, activity)| format!("activity:{activity}")).collect();
    let (grouped, ordered) = match keys.trim_end_matches(", ") {
        "" => (String::new(), String::new()),
        keys => (format!("GROUP BY {keys}"), format!("ORDER BY {keys}")),
    };
    let query = format!(
        "SELECT {keys} time_summary(funnel_ms(run['path'], run['offsets'], '{steps}')) AS steps
         FROM verification_sessions WHERE kind = 'verification' {grouped} {ordered}",
        steps = steps.join(" > "),
    );
    let found = collect(question.sql(&query).await?).await?;
    let lists = column(&found, "steps")?.as_list::<i32>();
    let (mut cells, mut numbers, mut summaries) = (Vec::new(), Vec::new(), Vec::new());
    for (cell, start) in lists.offsets().iter().enumerate().take(found.num_rows()) {
        let reached = usize::try_from(lists.value_length(cell)).unwrap_or_default();
        for step in 0..WAY.len().min(reached) {
            cells.push(cell as u64);
            numbers.push(step);
            summaries.push(u64::try_from(*start).unwrap_or_default() + step as u64);
        }
    }
    let failed = |cause| Error::internal("cannot pick summaries").because(cause);
    let (cells, summaries) = (UInt64Array::from(cells), UInt64Array::from(summaries));
    let field = |name: &str| {
        let of_all = lists.values().as_struct().column_by_name(name).cloned();
        let of_all = of_all.ok_or_else(|| Error::internal("a summary's field is missing"))?;
        take(&of_all, &summaries, None).map_err(failed)
    };
    let mut rows = Rows::default();
    for name in names {
        rows.add(name, take(column(&found, name)?, &cells, None).map_err(failed)?);
    }
    rows.count("step", numbers.iter().map(|step| i64::try_from(step + 1).ok()).collect());
    let names = numbers.iter().map(|step| WAY.get(*step).map(|(name, _)| *name));
    rows.add("name", Arc::new(names.collect::<StringArray>()));
    let reached = field("count")?.as_primitive::<Int64Type>().clone();
    let of = |row: usize, back: usize| reached.values().get(row.checked_sub(back)?).copied();
    let before = |back: fn(usize) -> usize| -> Int64Array {
        numbers.iter().enumerate().map(|(row, step)| of(row, back(*step))).collect()
    };
    let previous = before(|step| step.min(1));
    rows.count("reached", reached.clone());
    rows.rate("share_of_first", &reached, &before(|step| step));
    rows.rate("share_of_previous", &reached, &previous);
    let lost = reached.iter().zip(&previous).zip(&numbers);
    let lost = lost.map(|((now, before), step)| if *step == 0 { None } else { Some(before? - now?) });
    rows.count("drop_off", lost.collect());
    rows.add("median_from_first_ms", field("p50")?);
    rows.add("p90_from_first_ms", field("p90")?);
    Ok(Answer::new("Funnel of verification sessions", rows.finish()?))
}

/// The query for sessions: what is known of each, its kind, its outcome and how long it took.
fn one_row_a_session(question: &Question<'_>) -> Result<String> {
    let idle_ms = parse_duration_ms(&question.store.settings().idle_timeout)?;
    let texts = fold::LEADING.iter().chain(&fold::EVENT_TEXTS).chain(&RUN_DIMENSIONS);
    let folded: Vec<&str> = texts.copied().chain(["CAST(0 AS BIGINT UNSIGNED)"]).collect();
    let first_known = FIRST_KNOWN.map(|name| {
        format!(
            "first_value({name} ORDER BY timestamp, event_id) FILTER (WHERE {name} IS NOT NULL) AS {name}, "
        )
    });
    Ok(format!(
        "WITH seen AS (
           SELECT tenant_id, session_id, {first_known} fold_run({folded}) AS run,
             min(timestamp) AS first_at, max(timestamp) AS last_at,
             min(timestamp) FILTER (WHERE {COMPLETED}) AS completed_at,
             first_value(upper(param(additional_params, 'recommendation')) ORDER BY timestamp, event_id)
               FILTER (WHERE {COMPLETED}) AS recommendation,
             count(*) FILTER (WHERE activity = 'deny_by_restriction_criterion') AS restrictions,
             count(*) FILTER (WHERE activity = 'error') AS errors,
             count(*) FILTER (WHERE activity = 'session_deleted') AS deletions,
             count(*) FILTER (WHERE activity LIKE 'face_auth_%') AS face_auths,
             count(*) FILTER (WHERE activity = 'session_created') AS creations
           FROM verification_events WHERE source = 'verify' AND session_id IS NOT NULL
           GROUP BY tenant_id, session_id)
         SELECT *,
           CASE WHEN face_auths > 0 AND creations = 0 THEN 'face authentication' ELSE 'verification' END AS kind,
           CASE WHEN completed_at IS NOT NULL THEN
                  CASE recommendation WHEN 'ALLOW' THEN 'allowed' WHEN 'CHALLENGE' THEN 'challenged'
                    WHEN 'DENY' THEN 'denied' ELSE 'completed' END
                WHEN restrictions > 0 THEN 'restricted'
                WHEN errors > 0 THEN 'error'
                WHEN deletions > 0 THEN 'deleted'
                WHEN {now_us} - CAST(last_at AS BIGINT) > {idle_us} THEN 'abandoned'
                ELSE 'open' END AS outcome,
           (CAST(coalesce(completed_at, last_at) AS BIGINT) - CAST(first_at AS BIGINT)) / 1000 AS duration_ms
         FROM seen",
        first_known = first_known.concat(),
        folded = folded.join(", "),
        now_us = question.as_of_us,
        idle_us = idle_ms.saturating_mul(1_000),
    ))
}

/// The events that end a session well.
const COMPLETED: &str = "activity IN ('verification_completed', 'face_auth_session_completed')";

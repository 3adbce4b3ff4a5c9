//! `sessions`: verification sessions by how they ended. How far they got is a funnel of the unit session.
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

use datafusion::logical_expr::col;
use datafusion::prelude::DataFrame;

use crate::error::of_datafusion;
use crate::question::{Question, listed, quoted};
use crate::rows::{Rows, collect, integers};
use crate::spec::{Scope, SessionsSpec, StepSpec, parse_duration_ms};
use crate::{Error, Result, condition};

use super::pages::{self, By};
use super::{Answer, empty, events, place};

/// Columns of a session that are the first known value among its events.
const FIRST_KNOWN: [&str; 9] =
    ["app_id", "client_id", "user_id", "device_id", "correlation_id", "platform", "os", "browser", "country"];

/// Rows shown unless the scope says otherwise.
const ROWS_DEFAULT: usize = 100;

/// The columns of the list, in order, between the session and its tenant.
const LISTED: [&str; 5] = ["first_at", "last_at", "kind", "outcome", "duration_ms"];

/// The newest first; sessions of one time in the order of their ids.
const NEWEST_FIRST: [By; 3] = [
    By { column: "first_at", ascending: false },
    By { column: "session_id", ascending: true },
    By { column: "tenant_id", ascending: true },
];

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
    check(spec)?;
    question.register("verification_events", question.events()?)?;
    let query = one_row_a_session(question)?;
    let all = question.sql(&query).await?;
    let schema = all.schema().as_arrow().clone();
    let mut wanted = events::in_range(question, "first_at");
    for condition in &question.conditions {
        wanted.push(condition::over(condition, &schema, &question.context, "a session")?);
    }
    let mut found = events::filtered(all, wanted)?;
    if spec.list {
        return list(question, spec, found).await;
    }
    let mut names: Vec<String> = Vec::new();
    for name in &scope.by {
        let (name, value) = events::dimension(question, name, &schema, "first_at", "a session")?;
        found = found
            .with_column(&name, value)
            .map_err(|cause| of_datafusion("cannot split by a dimension", cause))?;
        names.push(name);
    }
    question.register("verification_sessions", found)?;
    let mut answer = outcomes(question, &names).await?;
    answer.notes = empty::explain_events(question, answer.batch.num_rows()).await?;
    Ok(answer.limited(Some(scope.limit.unwrap_or(ROWS_DEFAULT))))
}

/// Refuses what cannot be meant.
fn check(spec: &SessionsSpec) -> Result<()> {
    if spec.after.is_some() && !spec.list {
        return Err(Error::invalid("after is for a list: counts have no pages"));
    }
    match spec.scope.by.first().filter(|_| spec.list) {
        Some(by) => Err(Error::invalid(format!(
            "a list of sessions cannot be split by {by}: it has one row a session"
        ))
        .hint("a condition with `where` narrows the list")),
        None => Ok(()),
    }
}

/// A page of the sessions themselves.
async fn list(question: &Question<'_>, spec: &SessionsSpec, found: DataFrame) -> Result<Answer> {
    let scope = Scope { limit: None, ..spec.scope.clone() };
    let digest = place::digest(&SessionsSpec { scope, after: None, ..spec.clone() });
    let limit = spec.scope.limit;
    let asked = pages::Asked { order: &NEWEST_FIRST, digest, after: spec.after.as_deref(), limit };
    let columns = [&["session_id"], &LISTED[..], &FIRST_KNOWN, &["tenant_id"]].concat();
    let found = found.select(columns.iter().map(|name| col(*name)).collect::<Vec<_>>());
    let found = found.map_err(|cause| of_datafusion("cannot list the sessions", cause))?;
    let page = pages::page(found, &asked).await?;
    let mut rows = Rows::default();
    rows.take(&page.rows, &columns)?;
    let mut answer = Answer::new("Verification sessions", rows.finish()?);
    answer.rows_total = page.total;
    answer.next = page.next;
    answer.notes = empty::explain_events(question, answer.batch.num_rows()).await?;
    Ok(answer)
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

/// The way of a session that ends well, as the steps of a funnel.
pub(super) fn way() -> Vec<StepSpec> {
    WAY.iter().map(|(name, activity)| StepSpec::Text(format!("{name} := activity:{activity}"))).collect()
}

/// The query for sessions: what is known of each, its kind, its outcome and how long it took.
fn one_row_a_session(question: &Question<'_>) -> Result<String> {
    let idle_ms = parse_duration_ms(&question.store.settings().idle_timeout)?;
    let first_known = FIRST_KNOWN.map(|name| {
        format!(
            "first_value({name} ORDER BY timestamp, event_id) FILTER (WHERE {name} IS NOT NULL) AS {name}, "
        )
    });
    Ok(format!(
        "WITH seen AS (
           SELECT tenant_id, session_id, {first_known}
             min(timestamp) AS first_at, max(timestamp) AS last_at,
             min(timestamp) FILTER (WHERE {COMPLETED}) AS completed_at,
             first_value(CASE WHEN {COMPLETED} THEN upper(param(additional_params, 'recommendation')) END
               ORDER BY timestamp, event_id) FILTER (WHERE {COMPLETED}) AS recommendation,
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
        now_us = question.as_of_us,
        idle_us = idle_ms.saturating_mul(1_000),
    ))
}

/// The events that end a session well.
const COMPLETED: &str = "activity IN ('verification_completed', 'face_auth_session_completed')";

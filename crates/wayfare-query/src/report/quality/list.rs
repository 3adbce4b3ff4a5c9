//! The events or lines behind a number of the report, found by the conditions that count them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use datafusion::logical_expr::col;
use datafusion::prelude::DataFrame;
use wayfare_ingest::Reason;

use super::super::pages::{self, By};
use super::super::{Answer, place};
use super::{
    BESIDE_PATHS, Check, Defect, LOST_PARENT, REJECTED, UNKNOWN_ACTIVITY, activities, literal, name,
    register_quarantine,
};
use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::Rows;
use crate::spec::{QualitySpec, Scope, suggest};
use crate::{Error, Result};

/// The columns of an event in the list, in order; `timestamp` is shown as `happened_at`.
const OF_EVENTS: [&str; 10] = [
    "happened_at",
    "ingested_at",
    "source",
    "activity",
    "event_id",
    "invocation_id",
    "parent_invocation_id",
    "journey_id",
    "user_id",
    "tenant_id",
];

/// The columns of a line in the list, in order.
const OF_LINES: [&str; 6] = ["file", "line", "reason", "detail", "text", "ingested_at"];

/// The newest events first.
const NEWEST_FIRST: [By; 2] =
    [By { column: "happened_at", ascending: false }, By { column: "event_id", ascending: true }];

/// Lines as they stand in their files.
const BY_PLACE: [By; 2] = [By { column: "file", ascending: true }, By { column: "line", ascending: true }];

pub(super) async fn rows(question: &Question<'_>, spec: &QualitySpec, issue: &str) -> Result<Answer> {
    let (found, columns, order): (_, &[&str], _) = match issue.strip_prefix(REJECTED) {
        Some(reason) => (lines(question, reason).await?, &OF_LINES, BY_PLACE),
        None => (events(question, issue).await?, &OF_EVENTS, NEWEST_FIRST),
    };
    let found = found.select(columns.iter().map(|name| col(*name)).collect::<Vec<_>>());
    let found = found.map_err(|cause| of_datafusion("cannot list the events or lines", cause))?;
    let scope = Scope { limit: None, ..spec.scope.clone() };
    let digest = place::digest(&QualitySpec { scope, after: None, ..spec.clone() });
    let limit = spec.scope.limit;
    let asked = pages::Asked { order: &order, digest, after: spec.after.as_deref(), limit };
    let page = pages::page(found, &asked).await?;
    let mut rows = Rows::default();
    rows.take(&page.rows, columns)?;
    let mut answer = Answer::new(format!("Quality: {issue}"), rows.finish()?);
    answer.rows_total = page.total;
    answer.next = page.next;
    Ok(answer)
}

/// The lines that were rejected for a reason.
async fn lines(question: &Question<'_>, reason: &str) -> Result<DataFrame> {
    let known = Reason::ALL.map(Reason::as_str);
    if !known.contains(&reason) {
        return Err(suggest::unknown("reason of rejected lines", reason, known.into_iter()));
    }
    register_quarantine(question)?;
    question.sql(&format!("SELECT * FROM quarantine WHERE reason = {}", literal(reason))).await
}

/// The events that an issue is about.
async fn events(question: &Question<'_>, issue: &str) -> Result<DataFrame> {
    let checks = Check::all(question).await?;
    let found = if let Some(check) = checks.iter().find(|check| check.issue == issue) {
        format!("events e WHERE {}", check.holds)
    } else if issue == UNKNOWN_ACTIVITY {
        register_unknown(question).await?;
        "events e LEFT SEMI JOIN unknown u ON e.source = u.source AND e.activity = u.activity".to_owned()
    } else if issue == LOST_PARENT {
        "events e LEFT ANTI JOIN runs r ON r.invocation_id = e.parent_invocation_id
         WHERE e.parent_invocation_id IS NOT NULL"
            .to_owned()
    } else {
        return Err(no_list(issue, &checks.map(|check| check.issue)));
    };
    question.sql(&format!("SELECT e.*, e.timestamp AS happened_at FROM {found}")).await
}

fn no_list(issue: &str, of_checks: &[&str]) -> Error {
    let of_runs = Defect::ALL.into_iter().map(name).chain(BESIDE_PATHS.map(|(name, _)| name));
    if of_runs.into_iter().any(|name| name == issue) {
        return Error::invalid(format!("expected an issue of events or lines, saw one of runs, {issue:?}"))
            .hint("`invocations` lists the runs of an issue: behind is `issue=\"NAME\"`");
    }
    let of_lines = Reason::ALL.map(|reason| format!("{REJECTED}{}", reason.as_str()));
    let known = of_checks
        .iter()
        .copied()
        .chain([UNKNOWN_ACTIVITY, LOST_PARENT])
        .chain(of_lines.iter().map(String::as_str));
    suggest::unknown("issue of events or lines", issue, known)
}

/// Makes the activities that no catalogue knows known as the view `unknown`.
async fn register_unknown(question: &Question<'_>) -> Result<()> {
    let (unknown, _) = activities(question).await?;
    let sources: StringViewArray = unknown.iter().map(|unknown| Some(&unknown.source)).collect();
    let names: StringViewArray = unknown.iter().map(|unknown| Some(&unknown.activity)).collect();
    let columns: [(&str, ArrayRef); 2] = [("source", Arc::new(sources)), ("activity", Arc::new(names))];
    let unknown = RecordBatch::try_from_iter(columns)
        .map_err(|cause| Error::internal("names are no rows").because(cause))?;
    let unknown = question.context.read_batch(unknown);
    question.register("unknown", unknown.map_err(|cause| of_datafusion("cannot look for activities", cause))?)
}

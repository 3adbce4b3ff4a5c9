//! How many events of a log there are of each kind.

use arrow::array::Int64Array;
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, max, min};
use datafusion::logical_expr::{Expr, col, lit};

use crate::Result;
use crate::error::of_datafusion;
use crate::functions::{CYCLES, INTERVALS};
use crate::question::Question;
use crate::rows::{Rows, collect, integers};
use crate::spec::{ActivitySpec, Log};

use super::{Answer, Listing, ROWS_DEFAULT, events, title};

/// Whose number is counted beside the events: the column of the result and that of the events.
fn subject(log: Log) -> (&'static str, &'static str) {
    match log {
        Log::User | Log::Risk => ("users", "user_id"),
        Log::Admin => ("actors", "actor_id"),
        Log::Verify => ("sessions", "session_id"),
    }
}

pub(super) async fn rows(question: &Question<'_>, spec: &ActivitySpec) -> Result<Answer> {
    let failed = |cause| of_datafusion("cannot count the events", cause);
    let listing = Listing::of(question, spec)?;
    let files = listing.dates().concat();
    let found = listing.events_of(files)?;
    let schema = found.schema().as_arrow().clone();
    let mut names: Vec<String> = Vec::new();
    let mut keys: Vec<Expr> = Vec::new();
    for name in &spec.scope.by {
        let (name, value) = events::dimension(question, name, &schema, "timestamp", "an event")?;
        if !names.contains(&name) {
            keys.push(value.alias(format!("by_{name}")));
            names.push(name);
        }
    }
    let by = || names.iter().map(|name| col(format!("\"by_{name}\""))).collect::<Vec<_>>();
    let (subjects, subject) = subject(spec.log);
    // an event that was stored twice counts once
    let once = [by(), vec![col("event_id")]].concat();
    let facts = vec![min(col(subject)).alias("subject"), min(col("timestamp")).alias("at")];
    let counts = vec![
        count(lit(1_i64)).alias("events"),
        count_distinct(col("subject")).alias("subjects"),
        min(col("at")).alias("first_at"),
        max(col("at")).alias("last_at"),
    ];
    let of_time = names
        .first()
        .is_some_and(|name| INTERVALS.contains(&name.as_str()) || CYCLES.contains(&name.as_str()));
    let mut order = by().into_iter().map(|key| key.sort(true, false)).collect::<Vec<_>>();
    if !of_time {
        order.insert(0, col("events").sort(false, false));
    }
    let selected = [keys, vec![col("event_id"), col(subject), col("timestamp")]].concat();
    let found = found
        .select(selected)
        .and_then(|found| found.aggregate(once, facts))
        .and_then(|found| found.aggregate(by(), counts))
        .and_then(|found| found.sort(order))
        .map_err(failed)?;
    let found = collect(found).await?;
    let mut rows = Rows::default();
    for name in &names {
        let values = crate::rows::column(&found, &format!("by_{name}"))?;
        rows.add(name, std::sync::Arc::clone(values));
    }
    let counted = integers(&found, "events")?;
    let all: i64 = counted.iter().flatten().sum();
    rows.count("events", counted.clone());
    rows.rate("share_of_events", &counted, &Int64Array::from_value(all, counted.len()));
    rows.count(subjects, integers(&found, "subjects")?);
    rows.take(&found, &["first_at", "last_at"])?;
    let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
    Ok(Answer::new(format!("{} by {}", title(spec.log), names.join(", ")), rows.finish()?)
        .limited(Some(limit)))
}

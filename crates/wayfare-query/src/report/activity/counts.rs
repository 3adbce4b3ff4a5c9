//! How many events of a log there are of each kind.
//!
//! An event that was stored twice counts once. Both have one id and one date, so ids are told apart date by date, a slice
//! of dates after the other: that takes the memory of one slice however long the log is. Most slices have no id twice,
//! which is found out from the ids alone; their events are then counted as they are, all slices at once.

use arrow::array::{Array as _, AsArray as _, Int64Array, RecordBatch};
use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, max, min, sum};
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt as _;

use crate::error::of_datafusion;
use crate::functions::{CYCLES, INTERVALS};
use crate::question::Question;
use crate::rows::{Rows, collect, integers};
use crate::spec::{ActivitySpec, Log};
use crate::{Error, Result};

use super::{Answer, Listing, ROWS_DEFAULT, events, title};

/// Whose number is counted beside the events: the column of the result and that of the events.
fn subject(log: Log) -> (&'static str, &'static str) {
    match log {
        Log::User | Log::Risk => ("users", "user_id"),
        Log::Admin => ("actors", "actor_id"),
        Log::Verify => ("sessions", "session_id"),
    }
}

/// Events of the dates whose ids are told apart at once; a date with more is a slice of its own.
const SLICE_EVENTS: u64 = 1_000_000;

/// Ids that are looked through for repeats; 8 bytes are kept of each.
const IDS_MAX: usize = 1 << 24;

/// Dates in slices, all files of a date in one; `events` says how many a file has.
fn slices<F>(dates: Vec<Vec<F>>, events: impl Fn(&F) -> u64) -> Vec<Vec<F>> {
    let total = |files: &[F]| files.iter().map(&events).sum::<u64>();
    let mut slices: Vec<Vec<F>> = Vec::new();
    for date in dates {
        match slices.last_mut() {
            Some(slice) if total(slice) + total(&date) <= SLICE_EVENTS => slice.extend(date),
            _ => slices.push(date),
        }
    }
    slices
}

/// What events are counted by: names, and the columns that hold the values.
struct Keys {
    names: Vec<String>,
    values: Vec<Expr>,
}

impl Keys {
    fn of(question: &Question<'_>, spec: &ActivitySpec, schema: &Schema) -> Result<Self> {
        let mut keys = Self { names: Vec::new(), values: Vec::new() };
        for name in &spec.scope.by {
            let (name, value) = events::dimension(question, name, schema, "timestamp", "an event")?;
            if !keys.names.contains(&name) {
                keys.values.push(value.alias(format!("by_{name}")));
                keys.names.push(name);
            }
        }
        Ok(keys)
    }

    fn columns(&self) -> Vec<Expr> {
        self.names.iter().map(|name| col(format!("\"by_{name}\""))).collect()
    }

    /// The columns and some more.
    fn and<const N: usize>(&self, more: [Expr; N]) -> Vec<Expr> {
        self.columns().into_iter().chain(more).collect()
    }

    /// Events with the values, and some of their columns.
    fn of_events(&self, events: DataFrame, columns: &[&str]) -> Result<DataFrame> {
        let columns = columns.iter().map(|name| col(*name));
        events.select(self.values.iter().cloned().chain(columns).collect::<Vec<_>>()).map_err(failed)
    }
}

fn failed(cause: DataFusionError) -> Error {
    of_datafusion("cannot count the events", cause)
}

pub(super) async fn rows(question: &Question<'_>, spec: &ActivitySpec) -> Result<Answer> {
    let listing = Listing::of(question, spec)?;
    let all = listing.events_of(listing.dates().concat())?;
    let keys = Keys::of(question, spec, all.schema().as_arrow())?;
    let (subjects, subject) = subject(spec.log);
    let (mut parts, mut different) = (Vec::new(), Vec::new());
    for files in slices(listing.dates(), |file| file.statistics.rows) {
        let events = listing.events_of(files.clone())?;
        if may_have_repeats(events.clone()).await? {
            let once = count_distinct(col("event_id"));
            parts.push(collect(events_by(&keys, events, once)?).await?);
        } else {
            different.extend(files);
        }
    }
    parts.push(collect(events_by(&keys, listing.events_of(different)?, count(lit(1_i64)))?).await?);
    parts.push(collect(subjects_once(&keys, all, subject)?).await?);
    let found = collect(joined(question, &keys, parts)?).await?;
    let mut rows = Rows::default();
    for name in &keys.names {
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
    let title = format!("{} by {}", title(spec.log), keys.names.join(", "));
    Ok(Answer::new(title, rows.finish()?).limited(Some(limit)))
}

/// Whether two events may have one id: they do, or begin with the same 8 bytes, or there are too many to tell.
async fn may_have_repeats(events: DataFrame) -> Result<bool> {
    let mut batches =
        events.select(vec![col("event_id")]).map_err(failed)?.execute_stream().await.map_err(failed)?;
    let mut ids: Vec<u64> = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        let seen = crate::rows::column(&batch, "event_id")?.as_binary_view();
        if ids.len() + seen.len() > IDS_MAX {
            return Ok(true);
        }
        ids.extend(seen.iter().map(|id| {
            let first = id.and_then(<[u8]>::first_chunk);
            first.map_or(0, |first| u64::from_le_bytes(*first))
        }));
    }
    ids.sort_unstable();
    Ok(!ids.is_sorted_by(|one, next| one < next))
}

/// The events of some dates by key, counted like this, with the first and last of them; and no subjects.
fn events_by(keys: &Keys, events: DataFrame, counted: Expr) -> Result<DataFrame> {
    let facts = vec![
        counted.alias("events"),
        min(col("timestamp")).alias("first_at"),
        max(col("timestamp")).alias("last_at"),
    ];
    keys.of_events(events, &["event_id", "timestamp", "date"])?
        .aggregate(keys.and([col("date")]), facts)
        .and_then(|found| {
            let subjects = lit(0_i64).alias("subjects");
            found.select(keys.and([col("events"), subjects, col("first_at"), col("last_at")]))
        })
        .map_err(failed)
}

/// Whose the events are by key, each subject once over all dates; and no events.
fn subjects_once(keys: &Keys, events: DataFrame, subject: &str) -> Result<DataFrame> {
    let at = events.schema().field_with_unqualified_name("timestamp").map_err(failed)?.data_type().clone();
    let never = |name: &str| cast(lit(ScalarValue::Null), at.clone()).alias(name);
    keys.of_events(events, &[subject])?
        .aggregate(keys.and([col(subject)]), vec![])
        .and_then(|found| found.aggregate(keys.columns(), vec![count(col(subject)).alias("subjects")]))
        .and_then(|found| {
            let events = lit(0_i64).alias("events");
            found.select(keys.and([events, col("subjects"), never("first_at"), never("last_at")]))
        })
        .map_err(failed)
}

/// The parts as one, a row a key, in the order of the report.
fn joined(question: &Question<'_>, keys: &Keys, parts: Vec<RecordBatch>) -> Result<DataFrame> {
    let facts = vec![
        sum(col("events")).alias("events"),
        sum(col("subjects")).alias("subjects"),
        min(col("first_at")).alias("first_at"),
        max(col("last_at")).alias("last_at"),
    ];
    let first = keys.names.first().map(String::as_str).unwrap_or_default();
    let mut order: Vec<_> = keys.columns().into_iter().map(|key| key.sort(true, false)).collect();
    if !INTERVALS.contains(&first) && !CYCLES.contains(&first) {
        order.insert(0, col("events").sort(false, false));
    }
    question
        .context
        .read_batches(parts)
        .and_then(|parts| parts.aggregate(keys.columns(), facts))
        .and_then(|found| found.sort(order))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_of_whole_dates() {
        let dates = vec![vec![400_000, 400_000], vec![200_000], vec![1], vec![3_000_000]];
        assert_eq!(
            slices(dates, |events| *events),
            [vec![400_000, 400_000, 200_000], vec![1], vec![3_000_000]]
        );
    }
}

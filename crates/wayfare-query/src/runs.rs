//! The runs of a snapshot as one logical plan: cached where the cache is true, folded where it is not.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use chrono::NaiveDate;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, cast, col, lit, when};
use datafusion::prelude::{DataFrame, SessionContext};
use wayfare_ingest::columns::{RUN_DIMENSIONS, events_file_schema};
use wayfare_ingest::{DataFile, Settings, Snapshot, Store, ValueRange};

use crate::cache::Freshness;
use crate::error::of_datafusion;
use crate::fold::{self, Side};
pub(crate) use crate::folds::Folds;
use crate::functions::{run_duration, run_failure, run_state, stored_path};
use crate::provider::SnapshotTable;
use crate::spec::parse_duration_ms;
use crate::{Error, Result};

/// The tables of the store at one moment.
#[derive(Debug, Clone)]
pub(crate) struct StoreSnapshot {
    pub(crate) events: Snapshot,
    pub(crate) invocations: Snapshot,
    pub(crate) quarantine: Snapshot,
}

impl StoreSnapshot {
    /// Reads the newest version of every table.
    ///
    /// The cache is read first: one that is older than the events is known to be, the other way round it would not.
    pub(crate) async fn of(store: &Store) -> Result<Self> {
        let invocations = store.invocations().snapshot().await?;
        let events = store.events().snapshot().await?;
        let quarantine = store.quarantine().snapshot().await?;
        // after the events: a lifetime that they need was raised before they were committed
        store.reload_settings()?;
        Ok(Self { events, invocations, quarantine })
    }

    /// The time of the latest event, in microseconds; `None` without events.
    pub(crate) fn latest_us(&self) -> Option<i64> {
        let latest = |file: &DataFile| match file.statistics.ranges.get("timestamp") {
            Some(ValueRange::Micros(_, last)) => Some(*last),
            _ => None,
        };
        self.events.files.iter().filter_map(latest).max()
    }
}

/// Predicates over events whose answers the timeline is to carry, one bit each.
pub(crate) type Marks = [Expr];

/// How the runs of a snapshot are put together.
#[derive(Debug)]
pub(crate) struct RunsPlan<'a> {
    pub(crate) store: &'a Store,
    /// Which dates need not be folded.
    pub(crate) fresh: &'a Freshness,
    /// What counts as now; later events are as if they had not happened.
    pub(crate) as_of_us: i64,
    /// Whether there are such.
    pub(crate) in_the_past: bool,
    pub(crate) marks: &'a Marks,
    /// Where what is folded is kept for further queries; absent for a query that wants little of it, which is then
    /// looked for among the events.
    pub(crate) folds: Option<&'a Folds>,
}

impl RunsPlan<'_> {
    /// Makes the plan: the columns of `invocations`, then `start_date`, `state`, `failure` and `duration_ms`.
    pub(crate) fn build(&self, context: &SessionContext) -> Result<DataFrame> {
        let failed = |cause| of_datafusion("cannot plan the runs", cause);
        let believed = !self.in_the_past && self.marks.is_empty();
        let cached = if believed { self.fresh.cached.clone() } else { Vec::new() };
        let cached = SnapshotTable::new(self.store.invocations(), cached);
        let mut runs = with_paths(context.read_table(Arc::new(cached)).map_err(failed)?)?;
        let stale = if believed { self.fresh.stale_dates() } else { self.fresh.all_dates() };
        if !stale.is_empty() {
            let before = self.in_the_past.then_some(self.as_of_us);
            let plan = || folded(context, self.store, self.fresh, &stale, before, self.marks);
            let folded = match self.folds {
                Some(folds) => context.read_table(folds.once(self.marks, plan)?).map_err(failed)?,
                None => plan()?,
            };
            runs = folded.union(runs).map_err(failed)?;
        }
        self.with_state(runs)
    }

    fn with_state(&self, runs: DataFrame) -> Result<DataFrame> {
        let failed = |cause| of_datafusion("cannot plan the runs", cause);
        let silent = is_silent(&self.store.settings(), self.as_of_us)?;
        let state = run_state().call(vec![col("terminal"), silent]);
        let failure = run_failure().call(vec![col("terminal"), is_explained()]);
        let duration = run_duration().call(vec![col("started_at"), col("ended_at")]);
        // one step of the plan: each one names all columns anew
        let stored = runs.schema().columns().into_iter().map(Expr::Column);
        let further = [("state", state), ("failure", failure), ("duration_ms", duration)];
        let columns: Vec<Expr> = stored.chain(further.map(|(name, value)| value.alias(name))).collect();
        runs.select(columns).map_err(failed)
    }
}

/// Whether a run has been silent for longer than its journey's idle timeout.
pub(crate) fn is_silent(settings: &Settings, as_of_us: i64) -> Result<Expr> {
    let silence_us = lit(as_of_us) - cast(col("last_at"), DataType::Int64);
    Ok(silence_us.gt(idle_timeout_us(settings)?))
}

/// Whether an error says why a run failed.
pub(crate) fn is_explained() -> Expr {
    col("error_code").is_not_null().or(col("error_category").is_not_null())
}

/// The idle timeout of a run's journey, as an expression in microseconds.
pub(crate) fn idle_timeout_us(settings: &Settings) -> Result<Expr> {
    let parse = |text: &str| -> Result<Expr> {
        let millis = parse_duration_ms(text).map_err(|error| error.with("setting", "idle_timeout"))?;
        Ok(lit(millis.saturating_mul(1_000)))
    };
    let default = parse(&settings.idle_timeout)?;
    let mut journeys = settings.idle_timeouts.iter();
    let Some((first, timeout)) = journeys.next() else { return Ok(default) };
    let mut cases = when(col("journey_id").eq(lit(first)), parse(timeout)?);
    for (journey, timeout) in journeys {
        cases = cases.when(col("journey_id").eq(lit(journey)), parse(timeout)?);
    }
    cases.otherwise(default).map_err(|cause| of_datafusion("cannot plan the idle timeouts", cause))
}

/// The runs that start on `dates`, folded from events: the columns of `invocations`, `start_date` last.
pub(crate) fn folded(
    context: &SessionContext,
    store: &Store,
    fresh: &Freshness,
    dates: &[NaiveDate],
    before_us: Option<i64>,
    marks: &Marks,
) -> Result<DataFrame> {
    let failed = |cause| of_datafusion("cannot plan the fold", cause);
    let all = dates.len() == fresh.all_dates().len();
    let starts: Vec<Expr> = dates.iter().map(|&date| lit(date_scalar(date))).collect();
    let [.., name] = fold::KEYS;
    let side = if all { lit(Side::Wanted as u8) } else { side(dates, &starts).map_err(failed)? };
    let events = |files: Vec<DataFile>| {
        let events = SnapshotTable::new(store.events(), files).keyed().numbered();
        let events = context.read_table(Arc::new(events))?;
        let happened = match before_us {
            Some(before_us) => events.filter(col("timestamp").lt_eq(lit(instant(before_us))))?,
            None => events,
        };
        happened.with_column(name, side.clone())
    };
    let first = dates.iter().min().map(NaiveDate::to_string).unwrap_or_default();
    let is_before = |file: &DataFile| file.partition_value("date").is_some_and(|date| *date < *first);
    let mut files = fresh.events_for(dates.iter().copied());
    // neighbours in time are read by one thread; and the pieces of those that both plans read have the same numbers
    files.sort_by_cached_key(|file| (is_before(file), file.partition.clone(), first_us(file)));
    let from_first = files.iter().filter(|file| !is_before(file)).cloned().collect();
    let keys: Vec<Expr> = fold::KEYS.map(col).to_vec();
    let arguments = keys.iter().cloned().chain(fold_arguments(marks)?);
    let arguments = events(from_first).and_then(|events| events.select(arguments)).map_err(failed)?;
    let keys = events(files).and_then(|events| events.select(keys)).map_err(failed)?;
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut fields = vec![Arc::new(text("tenant_id")), Arc::new(text("invocation_id"))];
    fields.extend(fold::run_fields().iter().cloned());
    let table = fold::FoldTable::new(
        keys.logical_plan().clone(),
        arguments.logical_plan().clone(),
        Arc::new(Schema::new(fields)),
    );
    let runs = context
        .read_table(Arc::new(table))
        .and_then(|runs| runs.with_column("start_date", cast(col("first_at"), DataType::Date32)))
        .map_err(failed)?;
    if all {
        return Ok(runs);
    }
    runs.filter(col("start_date").in_list(starts, false)).map_err(failed)
}

/// The time of a file's first event, in microseconds.
fn first_us(file: &DataFile) -> Option<i64> {
    match file.statistics.ranges.get("timestamp") {
        Some(ValueRange::Micros(first, _)) => Some(*first),
        _ => None,
    }
}

/// On which side of the dates on which wanted runs begin the date of an event lies.
fn side(dates: &[NaiveDate], starts: &[Expr]) -> datafusion::common::Result<Expr> {
    let is = |side: Side| lit(side as u8);
    let Some(first) = dates.iter().min() else { return Ok(is(Side::Behind)) };
    when(col("date").lt(lit(date_scalar(*first))), is(Side::Before))
        .when(col("date").in_list(starts.to_vec(), false), is(Side::Wanted))
        .otherwise(is(Side::Behind))
}

/// Rows of the table `invocations` with the columns of a path as one.
pub(crate) fn with_paths(rows: DataFrame) -> Result<DataFrame> {
    let names = rows.schema().fields().iter().map(|field| field.name().clone());
    let columns = names.filter(|name| name != "tokens").map(|name| match name.as_str() {
        "path" => stored_path().call(vec![col("path"), col("tokens")]).alias(name),
        _ => col(Column::from_name(name)),
    });
    let columns: Vec<Expr> = columns.collect();
    rows.select(columns).map_err(|cause| of_datafusion("cannot plan the runs", cause))
}

fn fold_arguments(marks: &Marks) -> Result<Vec<Expr>> {
    let mut arguments: Vec<Expr> = fold::LEADING.iter().map(|&name| col(name)).collect();
    arguments.extend(fold::EVENT_TEXTS.iter().chain(&RUN_DIMENSIONS).map(|&name| col(name)));
    arguments.push(mask(marks)?);
    Ok(arguments)
}

/// The answers to predicates over an event as one number.
pub(crate) fn mask(marks: &Marks) -> Result<Expr> {
    let mut mask = lit(0_u64);
    for (bit, predicate) in marks.iter().enumerate() {
        let predicate = over_views(predicate)?;
        let set = 1_u64.checked_shl(u32::try_from(bit).unwrap_or(u32::MAX));
        let set = set.ok_or_else(|| Error::limit("more than 64 conditions over events in one question"))?;
        let answer = when(predicate, lit(set)).otherwise(lit(0_u64));
        mask = mask + answer.map_err(|cause| of_datafusion("cannot plan a condition", cause))?;
    }
    Ok(mask)
}

/// A predicate whose text columns are what they are everywhere else, though the fold reads keys.
fn over_views(predicate: &Expr) -> Result<Expr> {
    let texts = events_file_schema();
    let is_text = |column: &Column| {
        texts.field_with_name(&column.name).is_ok_and(|field| *field.data_type() == DataType::Utf8)
    };
    let with_views = predicate.clone().transform_up(|part| {
        Ok(match part {
            Expr::Column(column) if is_text(&column) => {
                Transformed::yes(cast(Expr::Column(column), DataType::Utf8View))
            }
            part => Transformed::no(part),
        })
    });
    Ok(with_views.map_err(|cause| of_datafusion("cannot plan a condition", cause))?.data)
}

/// An instant as a literal, from microseconds.
pub(crate) fn instant(micros: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}

/// A date as a literal.
pub(crate) fn date_scalar(date: NaiveDate) -> ScalarValue {
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    ScalarValue::Date32(i32::try_from(days).ok())
}

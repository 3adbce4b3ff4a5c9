//! A run: its events in the order of its timeline, and its state.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array as _, AsArray as _, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{TimestampMicrosecondType, UInt64Type};
use datafusion::logical_expr::{Expr, col, lit};
use wayfare_ingest::role_of;

use super::EVENTS_MAX;
use super::case::{Case, columns_of, unmet};
use crate::attempts::RunSteps;
use crate::error::of_datafusion;
use crate::fold::EVENT_TEXTS;
use crate::functions::{Paths, Prepared};
use crate::question::Question;
use crate::report::funnel::ask::Asked;
use crate::rows::{collect, column, integers, texts};
use crate::run::{RunEvent, finish};
use crate::runs::{idle_timeout_us, mask};
use crate::spec::ExplainSpec;
use crate::timeline::{Kind, Lexicon, Offsets, token};
use crate::words::{duration, instant_in};
use crate::{Error, Result};

/// What is known of a run beside its events.
#[derive(Debug)]
pub(super) struct RunFacts {
    pub(super) journey: Option<String>,
    pub(super) version: Option<String>,
    pub(super) state: String,
    /// Of a failed run `error` or `rejected`.
    pub(super) failure: Option<String>,
    /// What each event meant, row by row.
    pub(super) kinds: Vec<Kind>,
    /// The row of the event that ended it.
    pub(super) end: Option<usize>,
    /// When it last completed a step.
    pub(super) completed_ms: Option<i64>,
    duration_ms: Option<i64>,
    last_ms: i64,
    idle_ms: i64,
    failing_step: Option<String>,
    error_code: Option<String>,
}

pub(super) async fn case(question: &Question<'_>, spec: &ExplainSpec, asked: Option<&Asked>) -> Result<Case> {
    let (text, marks) = asked.map(Asked::over_timelines).transpose()?.unzip();
    let marks = marks.unwrap_or_default();
    let found = events(question, spec, &marks).await?;
    let (rows, tenant) = in_order(&found)?;
    let times = column(&rows, "happened_at")?.as_primitive::<TimestampMicrosecondType>();
    let date = |micros| chrono::DateTime::from_timestamp_micros(micros).map(|at| at.date_naive());
    let dates: BTreeSet<_> = times.iter().flatten().filter_map(date).collect();
    let dates: Vec<_> = dates.into_iter().collect();
    let failed = |cause| of_datafusion("cannot look the run up", cause);
    let runs = question.runs_of_id(&marks, &spec.id, &dates)?;
    let wanted = question.wanted_of_runs(runs.schema().as_arrow())?;
    let known = [
        "path",
        "offsets",
        "first_at",
        "last_at",
        "state",
        "failure",
        "duration_ms",
        "journey_id",
        "journey_version",
        "failing_step",
        "error_code",
    ];
    let mut columns = known.map(col).to_vec();
    columns.push(idle_timeout_us(&question.store.settings())?.alias("idle_us"));
    columns.extend(columns_of(&wanted)?);
    let of_tenant = match &tenant {
        Some(tenant) => col("tenant_id").eq(lit(tenant)),
        None => col("tenant_id").is_null(),
    };
    let run = runs.filter(of_tenant).and_then(|runs| runs.select(columns)).map_err(failed)?;
    let run = collect(run).await?;
    if run.num_rows() != 1 {
        return Err(Error::internal("a run's events are there and the run is not").with("run", &spec.id));
    }
    let offsets = column(&run, "offsets")?.as_binary_view();
    if Offsets::of(offsets.value(0))?.len() != rows.num_rows() {
        return Err(Error::internal("a run's timeline is not that of its events").with("run", &spec.id));
    }
    let mut facts = facts(&run)?;
    let mut lexicon = Lexicon::default();
    let paths = Paths::of(column(&run, "path")?, &mut lexicon)?;
    let kinds = lexicon.token_texts(paths.at(0))?.map(|text| {
        let (text, tied) = text?;
        Ok(token(text, tied)?.kind)
    });
    facts.kinds = kinds.collect::<Result<_>>()?;
    facts.end =
        facts.kinds.iter().position(|kind| matches!(kind, Kind::JourneySucceeded | Kind::JourneyFailed));
    let mut events = Vec::new();
    if let Some(text) = &text {
        let first_ms = column(&run, "first_at")?.as_primitive::<TimestampMicrosecondType>().value(0);
        let mut prepared = Prepared::of(text)?.with_every_event();
        let paths = prepared.paths(column(&run, "path")?)?;
        facts.completed_ms =
            prepared.events(paths.at(0), offsets, 0, first_ms.div_euclid(1_000), &mut events)?;
    }
    let places = (0..rows.num_rows()).map(|row| Some(row).filter(|row| *row < events.len())).collect();
    let skipped = vec![None; rows.num_rows()];
    let against = if asked.is_some() { unmet(question, &wanted, &run, 0)? } else { Vec::new() };
    Ok(Case { tenant, rows, events, places, skipped, against, run: Some(facts) })
}

/// The run's events, in no order.
async fn events(question: &Question<'_>, spec: &ExplainSpec, marks: &[Expr]) -> Result<RecordBatch> {
    let failed = |cause| of_datafusion("cannot read the events of the run", cause);
    let mut wanted = col("invocation_id").eq(lit(&spec.id)).and(col("source").eq(lit("cis")));
    if let Some(tenant) = &spec.tenant {
        wanted = wanted.and(col("tenant_id").eq(lit(tenant)));
    }
    let mut columns = vec![col("tenant_id"), col("event_id"), col("timestamp").alias("happened_at")];
    columns.extend(["http_status", "journey_id"].into_iter().chain(EVENT_TEXTS).map(col));
    columns.push(mask(marks)?.alias("marks"));
    let found = question
        .events()?
        .filter(wanted)
        .and_then(|events| events.select(columns))
        .and_then(|events| events.limit(0, Some(EVENTS_MAX + 1)))
        .map_err(failed)?;
    let found = collect(found).await?;
    if found.num_rows() == 0 {
        return Err(Error::not_found(format!("no invocation {:?} in the store", spec.id))
            .hint("`wayfare invocations` lists them; ids are compared letter by letter"));
    }
    check_size(&found)?;
    Ok(found)
}

/// Refuses a unit that is too large to be explained.
pub(super) fn check_size(found: &RecordBatch) -> Result<()> {
    if found.num_rows() > EVENTS_MAX {
        return Err(Error::limit(format!("expected at most {EVENTS_MAX} events of one unit, saw more"))
            .hint("`wayfare invocation ID` shows the first of them"));
    }
    Ok(())
}

/// The one tenant of events.
pub(super) fn tenant_of(found: &RecordBatch, id: &str) -> Result<Option<String>> {
    let tenants: BTreeSet<Option<String>> = texts(found, "tenant_id")?.into_iter().collect();
    if tenants.len() > 1 {
        return Err(Error::invalid(format!("{id:?} exists for several tenants")).hint("name one: --tenant T"));
    }
    Ok(tenants.into_iter().next().flatten())
}

/// The events in the order that the fold gives them, each id once.
fn in_order(found: &RecordBatch) -> Result<(RecordBatch, Option<String>)> {
    let tenant = tenant_of(found, "the invocation")?;
    let words = EVENT_TEXTS.map(|name| texts(found, name));
    let [activity, step_id, outcome, error_code, error_category, error_message, connection_id] = words;
    let (activity, step_id, outcome) = (activity?, step_id?, outcome?);
    let (error_code, error_category, error_message) = (error_code?, error_category?, error_message?);
    let (connection_id, journey_id) = (connection_id?, texts(found, "journey_id")?);
    let statuses = integers(found, "http_status")?;
    let ids = column(found, "event_id")?.as_binary_view();
    let times = column(found, "happened_at")?.as_primitive::<TimestampMicrosecondType>();
    let marks = column(found, "marks")?.as_primitive::<UInt64Type>();
    let mut read = Vec::with_capacity(found.num_rows());
    for row in 0..found.num_rows() {
        let id = <[u8; 16]>::try_from(ids.value(row))
            .map_err(|_odd| Error::corrupt("expected event ids of 16 bytes"))?;
        let activity = at(&activity, row).unwrap_or_default();
        read.push(RunEvent {
            id: u128::from_be_bytes(id),
            at_ms: times.value(row).div_euclid(1_000),
            role: role_of(activity),
            activity,
            step_id: at(&step_id, row),
            outcome: at(&outcome, row),
            error_code: at(&error_code, row),
            error_category: at(&error_category, row),
            error_message: at(&error_message, row),
            connection_id: at(&connection_id, row),
            journey_id: at(&journey_id, row),
            http_status: (!statuses.is_null(row)).then(|| statuses.value(row)),
            marks: marks.value(row),
        });
    }
    let mut settled = read.clone();
    finish(&mut settled, &mut RunSteps::default());
    let mut row_of: BTreeMap<RunEvent<'_>, u64> = BTreeMap::new();
    for (row, event) in (0..).zip(&read) {
        row_of.entry(*event).or_insert(row);
    }
    let order: UInt64Array = settled.iter().map(|event| row_of.get(event).copied()).collect();
    let rows = take_record_batch(found, &order)
        .map_err(|cause| Error::internal("cannot put events in order").because(cause))?;
    Ok((rows, tenant))
}

/// The text of a row.
fn at(texts: &[Option<String>], row: usize) -> Option<&str> {
    texts.get(row).and_then(Option::as_deref)
}

fn facts(run: &RecordBatch) -> Result<RunFacts> {
    let text = |name: &str| -> Result<Option<String>> { Ok(texts(run, name)?.into_iter().next().flatten()) };
    let number = |name: &str| -> Result<Option<i64>> { Ok(integers(run, name)?.iter().next().flatten()) };
    let last_us = column(run, "last_at")?.as_primitive::<TimestampMicrosecondType>().value(0);
    Ok(RunFacts {
        journey: text("journey_id")?,
        version: text("journey_version")?,
        state: text("state")?.unwrap_or_default(),
        failure: text("failure")?,
        kinds: Vec::new(),
        end: None,
        completed_ms: None,
        duration_ms: number("duration_ms")?,
        last_ms: last_us.div_euclid(1_000),
        idle_ms: number("idle_us")?.unwrap_or_default().div_euclid(1_000),
        failing_step: text("failing_step")?,
        error_code: text("error_code")?,
    })
}

impl RunFacts {
    /// Its journey, version and state, as a title has them.
    pub(super) fn headline(&self) -> String {
        let journey = self.journey.as_deref().unwrap_or("no journey");
        let version = self.version.as_ref().map(|version| format!(", version {version}"));
        let took = self.duration_ms.map(|ms| format!(" after {}", spell(ms)));
        let [version, took] = [version, took].map(Option::unwrap_or_default);
        format!("of {journey}{version}: {}{took}", self.state)
    }

    /// Why it has its state.
    pub(super) fn told(&self, question: &Question<'_>) -> String {
        let silent = question.as_of_ms().saturating_sub(self.last_ms);
        let (silent, idle) = (spell(silent), spell(self.idle_ms));
        let now = instant_in(question.as_of_ms(), question.zone);
        match (self.state.as_str(), self.failure.as_deref()) {
            ("succeeded", _) => {
                "state succeeded: its own successful end, outside all sub-journeys".to_owned()
            }
            ("failed", Some("rejected")) => {
                format!("state failed, rejected: its own unsuccessful end, with no error{}", self.blame())
            }
            ("failed", _) => format!("state failed, error: its own unsuccessful end{}", self.blame()),
            ("abandoned", _) => format!(
                "state abandoned: no end of its own, and at {now} silent for {silent}, longer than the idle timeout of {idle}"
            ),
            _ => format!(
                "state {}: no end of its own yet; at {now} silent for {silent}, within the idle timeout of {idle}",
                self.state
            ),
        }
    }

    /// The end as the classes of drop-offs see it.
    pub(super) fn end_state(&self) -> &str {
        self.failure.as_deref().unwrap_or(&self.state)
    }

    fn blame(&self) -> String {
        match (&self.failing_step, &self.error_code) {
            (Some(step), Some(code)) => format!("; attributed to step {step}, error {code}"),
            (Some(step), None) => format!("; attributed to step {step}"),
            (None, Some(code)) => format!("; error {code}"),
            (None, None) => String::new(),
        }
    }
}

/// A duration in two units.
#[expect(clippy::cast_precision_loss, reason = "shown with two units")]
pub(super) fn spell(ms: i64) -> String {
    duration(ms as f64)
}

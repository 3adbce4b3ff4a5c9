//! What every report comes back as: rows with a fixed schema, and what they were computed from.

mod activity;
mod calls;
mod causes;
mod cells;
mod compare;
mod durations;
mod empty;
mod event;
mod events;
mod explain;
mod failures;
mod funnel;
mod invocation;
mod invocations;
mod journeys;
mod main_line;
mod nesting;
mod overview;
mod pages;
mod paths;
mod place;
mod quality;
mod risk;
mod sessions;
mod sql;
mod steps;
mod sub_journeys;
mod top;
mod values;

use arrow::array::RecordBatch;
use futures::stream::{BoxStream, StreamExt as _};
use serde_json::Value;

use crate::question::Question;
use crate::spec::{QualitySpec, Scope, SessionsSpec, Spec, StepSpec, suggest};
use crate::{Engine, Error, Result};

/// The answer to one [`Spec`](crate::spec::Spec).
///
/// Column names carry unit and meaning, so that an encoder needs nothing else: `*_ms` is a duration in
/// milliseconds, `*_at` an instant (microseconds, UTC), `*_rate`, `share_*` and `*_share` a part of one between
/// 0 and 1, null where there is nothing to divide by. A rate `X` has the siblings `X_numerator`, `X_denominator`,
/// `X_low` and `X_high` ([`Report::RATE_PARTS`]).
#[derive(Debug, Clone)]
pub struct Report {
    /// The report's name, as in the spec: `overview`, `funnel`, …
    pub name: &'static str,
    /// One line for people; empty for a query of the user's own.
    pub title: String,
    /// The spec as it was answered, with relative instants and defaults resolved.
    pub spec: Value,
    /// Version of the store that was read.
    pub snapshot: i64,
    /// The as-of time, milliseconds since 1970 UTC; `None` where no event and no question says what now is.
    pub as_of_ms: Option<i64>,
    /// The rows.
    pub batch: RecordBatch,
    /// How many rows there were before the limit; `None` when none were cut or nobody counted.
    pub rows_total: Option<u64>,
    /// Where the next page goes on, for a list that is read page by page; `None` on the last one.
    pub next: Option<String>,
    /// Remarks for the reader: why the answer is empty, what was left out.
    pub notes: Vec<String>,
}

impl Report {
    /// Endings of the columns that stand beside a rate: what it was divided from and by, and its interval.
    pub const RATE_PARTS: [&'static str; 4] = ["_numerator", "_denominator", "_low", "_high"];

    /// How many rows the limit kept back.
    pub fn rows_cut(&self) -> u64 {
        let given = u64::try_from(self.batch.num_rows()).unwrap_or(u64::MAX);
        self.rows_total.map_or(0, |total| total.saturating_sub(given))
    }
}

/// Computes the report that a spec asks for.
pub(crate) async fn answer(engine: &Engine, spec: &Spec) -> Result<Report> {
    refuse_split(spec)?;
    let (scope, default_by) = asked(spec)?;
    let question = Question::open(engine, &scope, default_by, reads_runs(spec)).await?;
    let rows = match spec {
        Spec::Overview(_) => overview::rows(&question).await?,
        Spec::Funnel(spec) => funnel::rows(&question, spec).await?,
        Spec::Explain(spec) => explain::rows(&question, spec).await?,
        Spec::Steps(_) => steps::rows(&question).await?,
        Spec::Failures(_) => failures::rows(&question).await?,
        Spec::Causes(spec) => causes::rows(&question, &causes::split(&spec.scope)?.0, spec).await?,
        Spec::Calls(scope) => calls::rows(&question, &calls::split(scope).0).await?,
        Spec::Paths(spec) => paths::rows(&question, spec).await?,
        Spec::Durations(spec) => durations::rows(&question, spec).await?,
        Spec::Compare(spec) => compare::rows(&question, spec).await?,
        Spec::SubJourneys(_) => sub_journeys::rows(&question).await?,
        Spec::Quality(spec) => quality::rows(&question, spec).await?,
        Spec::Invocations(spec) => invocations::rows(&question, spec).await?,
        Spec::Invocation { id, tenant, .. } => invocation::rows(&question, id, tenant.as_deref()).await?,
        Spec::Journeys(_) => journeys::rows(&question).await?,
        Spec::Values { column, .. } => values::rows(&question, column).await?,
        Spec::Activity(spec) => activity::rows(&question, spec).await?,
        Spec::Event { id, .. } => event::rows(&question, id).await?,
        Spec::Sessions(spec) => sessions::rows(&question, spec).await?,
        Spec::Risk(scope) => risk::rows(&question, scope).await?,
        Spec::Sql { query } => sql::rows(&question, query).await?,
    };
    finish(&question, spec, rows)
}

/// A report whose rows come one batch after the other.
pub struct ReportStream {
    /// The report without rows: its batch has their schema.
    pub head: Report,
    /// The rows.
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl std::fmt::Debug for ReportStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportStream").field("head", &self.head).finish_non_exhaustive()
    }
}

/// Computes a report row by row where its rows do not depend on each other, else at once.
pub(crate) async fn stream(engine: &Engine, spec: &Spec) -> Result<ReportStream> {
    let (question, (answer, batches)) = match spec {
        Spec::Activity(listing) if listing.scope.by.is_empty() => {
            let question = Question::open(engine, &activity::scope(listing)?, &[], false).await?;
            let rows = activity::stream(&question, listing).await?;
            (question, rows)
        }
        Spec::Sql { query } => {
            let question = Question::open(engine, &Scope::default(), &[], reads_runs(spec)).await?;
            let rows = sql::stream(&question, query).await?;
            (question, rows)
        }
        _ => {
            let mut head = answer(engine, spec).await?;
            let none = RecordBatch::new_empty(head.batch.schema());
            let rows = std::mem::replace(&mut head.batch, none);
            return Ok(ReportStream { head, batches: futures::stream::iter([Ok(rows)]).boxed() });
        }
    };
    let columns = question.scope.columns.clone();
    let batches = batches.map(move |batch| picked(&batch?, &columns)).boxed();
    Ok(ReportStream { head: finish(&question, spec, answer)?, batches })
}

/// The columns of a scope out of an answer's rows.
fn picked(batch: &RecordBatch, columns: &[String]) -> Result<RecordBatch> {
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let place = |column: &String| {
        schema.index_of(column).map_err(|_unknown| suggest::unknown("column", column, names.clone()))
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>>>()?;
    batch.project(&places).map_err(|cause| Error::internal("cannot pick columns").because(cause))
}

/// The runs that a spec asks about, and the dimensions where it names none.
fn asked(spec: &Spec) -> Result<(Scope, &'static [&'static str])> {
    Ok(match spec {
        Spec::Overview(scope) => (scope.clone(), &["journey_id"]),
        Spec::Failures(scope) => (scope.clone(), &["journey_id", "failing_step", "error_code"]),
        Spec::Causes(spec) => (causes::split(&spec.scope)?.1, &causes::DIMENSIONS),
        Spec::Calls(scope) => (calls::split(scope).1, &[]),
        Spec::Durations(spec) => (spec.scope.clone(), &["journey_id"]),
        Spec::Funnel(spec) => (spec.scope.clone(), &[]),
        Spec::Explain(spec) => (spec.funnel.scope.clone(), &[]),
        Spec::Paths(spec) => (spec.scope.clone(), &[]),
        Spec::Compare(spec) => (spec.scope.clone(), &[]),
        Spec::Invocations(spec) => (spec.scope.clone(), &[]),
        Spec::Steps(scope)
        | Spec::SubJourneys(scope)
        | Spec::Quality(QualitySpec { scope, .. })
        | Spec::Journeys(scope)
        | Spec::Values { scope, .. } => (scope.clone(), &[]),
        Spec::Activity(spec) => (activity::scope(spec)?, &[]),
        Spec::Sessions(SessionsSpec { scope, .. }) | Spec::Risk(scope) => {
            (Scope { by: Vec::new(), ..scope.clone() }, &[])
        }
        Spec::Invocation { tz, .. } | Spec::Event { tz, .. } => {
            (Scope { tz: tz.clone(), ..Scope::default() }, &[])
        }
        Spec::Sql { .. } => (Scope::default(), &[]),
    })
}

/// Whether a spec asks for all runs, and not for a single one or for events.
fn reads_runs(spec: &Spec) -> bool {
    match spec {
        Spec::Explain(_)
        | Spec::Invocation { .. }
        | Spec::Event { .. }
        | Spec::Activity(_)
        | Spec::Values { .. }
        | Spec::Sessions(_)
        | Spec::Risk(_) => false,
        Spec::Sql { query } => sql::names_runs(query),
        _ => true,
    }
}

/// Refuses to split what has one row a thing already.
fn refuse_split(spec: &Spec) -> Result<()> {
    let (scope, why, hint) = match spec {
        Spec::Invocations(spec) => (&spec.scope, "it has one row a run", "`overview --by …` counts runs"),
        Spec::Journeys(scope) => {
            (scope, "it has one row a journey", "`overview --by journey,…` splits journeys")
        }
        Spec::Values { scope, .. } => (
            scope,
            "it has one row a value",
            "`--where COLUMN=VALUE` narrows the events; `sql` groups by several columns",
        ),
        Spec::Explain(spec) => {
            (&spec.funnel.scope, "it has one row an event", "`funnel --by …` splits what runs have in common")
        }
        Spec::Quality(QualitySpec { scope, .. }) => {
            (scope, "it has one row an issue", "`--journey` and `--where` narrow the runs")
        }
        _ => return Ok(()),
    };
    match scope.by.first() {
        Some(by) => Err(Error::invalid(format!("{} cannot be split by {by}: {why}", spec.name())).hint(hint)),
        None => Ok(()),
    }
}

/// What a report's own code computes.
#[derive(Debug)]
struct Answer {
    title: String,
    batch: RecordBatch,
    rows_total: Option<u64>,
    next: Option<String>,
    notes: Vec<String>,
    /// The steps of a funnel, proposed ones included.
    steps: Option<Vec<StepSpec>>,
}

impl Answer {
    fn new(title: impl Into<String>, batch: RecordBatch) -> Self {
        Self { title: title.into(), batch, rows_total: None, next: None, notes: Vec::new(), steps: None }
    }

    /// Keeps the first rows up to the scope's limit and remembers how many there were.
    fn limited(mut self, limit: Option<usize>) -> Self {
        let total = self.batch.num_rows();
        if let Some(limit) = limit.filter(|&limit| limit < total) {
            self.batch = self.batch.slice(0, limit);
            self.rows_total = u64::try_from(total).ok();
        }
        self
    }
}

fn finish(question: &Question<'_>, spec: &Spec, answer: Answer) -> Result<Report> {
    let mut echoed =
        serde_json::to_value(spec).map_err(|cause| Error::internal("a spec has no JSON").because(cause))?;
    let of_a_range = !matches!(spec, Spec::Invocation { .. } | Spec::Event { .. } | Spec::Sql { .. });
    if let Some(fields) = echoed.as_object_mut().filter(|_| of_a_range) {
        fields.insert("tz".to_owned(), question.zone.name().into());
        for (name, bound) in [("from", question.range.from_ms), ("to", question.range.to_ms)] {
            if let Some(instant) = bound.and_then(chrono::DateTime::from_timestamp_millis) {
                let text = instant.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                fields.insert(name.to_owned(), text.into());
            }
        }
    }
    if let (Some(fields), Some(steps)) = (echoed.as_object_mut(), &answer.steps) {
        let steps = serde_json::to_value(steps);
        fields.insert(
            "steps".to_owned(),
            steps.map_err(|cause| Error::internal("steps have no JSON").because(cause))?,
        );
    }
    let has_now = question.snapshot.latest_us().is_some() || question.scope.as_of.is_some();
    Ok(Report {
        name: spec.name(),
        title: answer.title,
        spec: echoed,
        snapshot: question.snapshot.events.version,
        as_of_ms: has_now.then(|| question.as_of_ms()),
        batch: picked(&answer.batch, &question.scope.columns)?,
        rows_total: answer.rows_total,
        next: answer.next,
        notes: answer.notes,
    })
}

#[cfg(test)]
mod layouts;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;

    #[test]
    fn rows_cut_are_those_beyond_the_given() {
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut report = Report {
            name: "overview",
            title: String::new(),
            spec: Value::Null,
            snapshot: 0,
            as_of_ms: None,
            batch,
            rows_total: None,
            next: None,
            notes: Vec::new(),
        };
        assert_eq!(report.rows_cut(), 0);
        report.rows_total = Some(7);
        assert_eq!(report.rows_cut(), 7);
    }
}

//! The units of a funnel, one after the other: runs from their timelines, other units from events in their order.

use arrow::array::{
    Array as _, AsArray as _, BinaryViewArray, RecordBatch, StringViewArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Int64Type, Schema, TimestampMicrosecondType, UInt64Type};
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, SortExpr, cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt as _;

use super::ask::Asked;
use super::tally::{End, Tally, UnitEvents};
use crate::condition;
use crate::error::of_datafusion;
use crate::functions::Prepared;
use crate::funnel::{Funnel, FunnelEvent, Order, Ties};
use crate::question::{Question, Wanted};
use crate::report::events;
use crate::rows::{collect, column, integers};
use crate::spec::{FunnelSpec, Unit};
use crate::{Error, Result, words};

/// Where events say in which order those of one millisecond arrived.
const ARRIVAL: &str = "params.sequence";

/// Whether the timelines of runs hold all that a funnel asks.
pub(in crate::report) fn are_timelines_enough(spec: &FunnelSpec) -> bool {
    spec.unit == Unit::Invocation
        && spec.ties != Ties::Arrival
        && spec.hold_constant.is_none()
        && spec.breakdown.is_none()
}

/// Takes in all runs of the scope.
pub(super) async fn take_runs(question: &Question<'_>, asked: &Asked, tally: &mut Tally<'_>) -> Result<()> {
    let (text, marks) = asked.over_timelines()?;
    let mut prepared = Prepared::of(&text)?;
    let failed = |cause| of_datafusion("cannot read the runs of a funnel", cause);
    let columns = ["tenant_id", "invocation_id", "first_at", "state", "failure", "path", "offsets"].map(col);
    let runs = question.runs(&marks)?.select(columns).map_err(failed)?;
    let mut batches = runs.execute_stream().await.map_err(failed)?;
    let mut events = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        let text = |name: &str| -> Result<_> { Ok(column(&batch, name)?.as_string_view()) };
        let (tenants, ids) = (text("tenant_id")?, text("invocation_id")?);
        let (states, failures) = (text("state")?, text("failure")?);
        let paths = prepared.paths(column(&batch, "path")?)?;
        let first = column(&batch, "first_at")?.as_primitive::<TimestampMicrosecondType>();
        let offsets = column(&batch, "offsets")?.as_binary_view();
        for row in 0..batch.num_rows() {
            let first_ms = first.value(row).div_euclid(1_000);
            let completed_ms = prepared.events(paths.at(row), offsets, row, first_ms, &mut events)?;
            let end = if failures.is_null(row) { states.value(row) } else { failures.value(row) };
            tally.take(&UnitEvents {
                tenant: (!tenants.is_null(row)).then(|| tenants.value(row)),
                id: ids.value(row),
                events: &events,
                cells: &[],
                end: Some(End { state: end, completed_ms }),
            })?;
        }
    }
    Ok(())
}

/// Takes in all units of the scope, from events; gives how many of these no number puts behind the one before.
pub(super) async fn take_events(
    question: &Question<'_>,
    spec: &FunnelSpec,
    asked: &Asked,
    tally: &mut Tally<'_>,
) -> Result<usize> {
    let plan = plan(question, spec, asked)?;
    let failed = |cause| of_datafusion("cannot read the events of a funnel", cause);
    let mut batches = plan.execute_stream().await.map_err(failed)?;
    let mut reading = Reading { every: asked.definition.order == Order::Strict, ..Reading::default() };
    let range = (question.range.from_ms, question.range.to_ms);
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        reading.take(&batch, tally, range)?;
    }
    reading.close(tally, range)?;
    Ok(reading.undecided)
}

/// The events of all units, those of one unit together and in order.
fn plan(question: &Question<'_>, spec: &FunnelSpec, asked: &Asked) -> Result<DataFrame> {
    let failed = |cause| of_datafusion("cannot plan the events of a funnel", cause);
    let events = question.events()?;
    let schema = events.schema().as_arrow().clone();
    let wanted = wanted(question, spec, &schema)?.into_iter().map(|wanted| wanted.holds);
    let wanted = wanted.fold(col(spec.unit.column()).is_not_null(), Expr::and);
    let columns = columns(question, spec, asked, &schema)?;
    events
        .filter(wanted)
        .and_then(|events| events.select(columns))
        .and_then(|events| events.sort(order()))
        .map_err(failed)
}

/// Says how many events in the scope belong to no unit, as they have no id of one; nothing where all do.
///
/// A run without an id is an issue of `quality`, and no remark of each funnel.
pub(super) async fn explain_nobodys(question: &Question<'_>, spec: &FunnelSpec) -> Result<Option<String>> {
    if spec.unit == Unit::Invocation {
        return Ok(None);
    }
    let failed = |cause| of_datafusion("cannot count the events of no unit", cause);
    let all = question.events()?;
    let schema = all.schema().as_arrow().clone();
    let wanted = wanted(question, spec, &schema)?.into_iter().map(|wanted| wanted.holds);
    let wanted = wanted.chain(events::in_range(question, "timestamp")).collect();
    let id = spec.unit.column();
    let facts = vec![count(lit(1_i64)).alias("all"), count(col(id)).alias("somebodys")];
    let counted = events::filtered(all, wanted)?.aggregate(vec![], facts).map_err(failed)?;
    let counted = collect(counted).await?;
    let sum = |name: &str| Ok::<_, Error>(integers(&counted, name)?.iter().flatten().sum::<i64>());
    let all = sum("all")?;
    let nobodys = all - sum("somebodys")?;
    let text = || {
        let of = words::counted(all, "stored event");
        format!("{} of {of} in the scope have no {id} and were left out", words::count(nobodys))
    };
    Ok((nobodys > 0).then(text))
}

/// What an event has to be so that a funnel looks at it.
pub(in crate::report) fn wanted(
    question: &Question<'_>,
    spec: &FunnelSpec,
    schema: &Schema,
) -> Result<Vec<Wanted>> {
    let source = match spec.unit {
        Unit::Invocation => Some("cis"),
        Unit::Session => Some("verify"),
        Unit::User | Unit::Correlation | Unit::Flow => None,
    };
    let source = source.map(|source| Wanted {
        what: "source".to_owned(),
        asked: source.to_owned(),
        value: col("source"),
        holds: col("source").eq(lit(source)),
    });
    let mut wanted: Vec<Wanted> = source.into_iter().chain(question.wanted_by_name()).collect();
    wanted.extend(question.wanted_by_condition(schema, "an event")?);
    Ok(wanted)
}

/// The columns of an event that [`Reading`] reads.
pub(in crate::report) fn columns(
    question: &Question<'_>,
    spec: &FunnelSpec,
    asked: &Asked,
    schema: &Schema,
) -> Result<Vec<Expr>> {
    let text = |name: &str| -> Result<Expr> {
        Ok(cast(condition::column(name, schema, &question.context, "an event")?, DataType::Utf8View))
    };
    let nothing = || cast(lit(""), DataType::Utf8View);
    let held = match &spec.hold_constant {
        Some(held) => text(&held.prop)?,
        None => nothing(),
    };
    let cell = match &spec.breakdown {
        Some(breakdown) => {
            let values = breakdown.props.iter().map(|prop| Ok(coalesce(vec![text(prop)?, nothing()])));
            let mut values = values.collect::<Result<Vec<_>>>()?.into_iter();
            let first = values.next().ok_or_else(|| Error::invalid("a breakdown names no property"))?;
            let joined = values.fold(first, |joined, value| {
                datafusion::functions::expr_fn::concat(vec![joined, lit("|"), value])
            });
            cast(joined, DataType::Utf8View)
        }
        None => nothing(),
    };
    let arrival = match spec.ties {
        Ties::Arrival => datafusion::logical_expr::try_cast(text(ARRIVAL)?, DataType::Int64),
        _ => lit(0_i64),
    };
    let (steps, exclusions) = asked.over_events()?;
    Ok(vec![
        col("tenant_id"),
        col(spec.unit.column()).alias("unit"),
        col("timestamp"),
        col("event_id"),
        steps.alias("steps"),
        exclusions.alias("exclusions"),
        held.alias("held"),
        cell.alias("cell"),
        arrival.alias("arrival"),
    ])
}

/// The order in which [`Reading`] reads events.
pub(in crate::report) fn order() -> Vec<SortExpr> {
    ["unit", "tenant_id", "timestamp", "arrival", "event_id"].map(|name| col(name).sort(true, true)).to_vec()
}

/// The columns of events that decide what they are to a funnel.
pub(in crate::report) struct Columns<'a> {
    times: &'a TimestampMicrosecondArray,
    ids: &'a BinaryViewArray,
    steps: &'a UInt64Array,
    exclusions: &'a UInt64Array,
    held: &'a StringViewArray,
}

impl<'a> Columns<'a> {
    pub(in crate::report) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let set = |name: &str| -> Result<_> { Ok(column(batch, name)?.as_primitive::<UInt64Type>()) };
        Ok(Self {
            times: column(batch, "timestamp")?.as_primitive(),
            ids: column(batch, "event_id")?.as_binary_view(),
            steps: set("steps")?,
            exclusions: set("exclusions")?,
            held: column(batch, "held")?.as_string_view(),
        })
    }
}

/// The unit whose events are being read.
#[derive(Debug, Default)]
pub(in crate::report) struct Reading {
    /// Whether events that match nothing are kept.
    every: bool,
    unit: Option<(Option<String>, String)>,
    events: Vec<FunnelEvent>,
    cells: Vec<u32>,
    first_ms: Option<i64>,
    /// When the event before happened, and its number of arrival.
    before: Option<(i64, Option<i64>)>,
    /// Events of the millisecond of another that no number puts behind it.
    undecided: usize,
    ids: std::collections::HashSet<Vec<u8>>,
    held: std::collections::HashMap<String, u32>,
}

impl Reading {
    /// Reads events that match nothing, too.
    pub(in crate::report) fn of_every_event() -> Self {
        Self { every: true, ..Self::default() }
    }

    fn take(
        &mut self,
        batch: &RecordBatch,
        tally: &mut Tally<'_>,
        range: (Option<i64>, Option<i64>),
    ) -> Result<()> {
        let text = |name: &str| -> Result<_> { Ok(column(batch, name)?.as_string_view()) };
        let (tenants, units, cells) = (text("tenant_id")?, text("unit")?, text("cell")?);
        let columns = Columns::of(batch)?;
        let arrivals = column(batch, "arrival")?.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let tenant = (!tenants.is_null(row)).then(|| tenants.value(row));
            let same = self
                .unit
                .as_ref()
                .is_some_and(|(before, unit)| before.as_deref() == tenant && unit == units.value(row));
            if !same {
                self.close(tally, range)?;
                self.unit = Some((tenant.map(str::to_owned), units.value(row).to_owned()));
            }
            if let Some(event) = self.event(&columns, row) {
                self.events.push(event);
                self.cells.push(tally.cell(cells.value(row)));
                let arrival = (!arrivals.is_null(row)).then(|| arrivals.value(row));
                if let Some((at_ms, number)) = self.before.replace((event.at_ms, arrival)) {
                    let is_decided = number.is_some() && number != arrival;
                    self.undecided += usize::from(at_ms == event.at_ms && !is_decided);
                }
            }
        }
        Ok(())
    }

    /// An event of the unit as the automaton sees it; nothing where it does not look.
    pub(in crate::report) fn event(&mut self, columns: &Columns<'_>, row: usize) -> Option<FunnelEvent> {
        // An event that was taken in several times counts once.
        if !self.ids.insert(columns.ids.value(row).to_vec()) {
            return None;
        }
        let at_ms = columns.times.value(row).div_euclid(1_000);
        self.first_ms.get_or_insert(at_ms);
        let (steps, exclusions) = (columns.steps.value(row), columns.exclusions.value(row));
        if steps == 0 && exclusions == 0 && !self.every {
            return None;
        }
        let held = columns.held;
        let held = if held.is_null(row) { 0 } else { self.number(held.value(row)) };
        Some(FunnelEvent { at_ms, steps, exclusions, held })
    }

    /// The number of a value to hold, from 1.
    fn number(&mut self, value: &str) -> u32 {
        let next = u32::try_from(self.held.len()).unwrap_or(u32::MAX - 1).saturating_add(1);
        match self.held.get(value) {
            Some(&number) => number,
            None => *self.held.entry(value.to_owned()).or_insert(next),
        }
    }

    /// Gives the unit to the tally, if it was entered in the range.
    fn close(&mut self, tally: &mut Tally<'_>, (from_ms, to_ms): (Option<i64>, Option<i64>)) -> Result<()> {
        let Some((tenant, unit)) = self.unit.take() else { return Ok(()) };
        let first_ms = self.first_ms.take().unwrap_or_default();
        self.before = None;
        if is_entered((from_ms, to_ms), first_ms) {
            // Inside a millisecond, the order is that of arrival or means nothing.
            let (events, cells) = (&self.events, &self.cells);
            tally.take(&UnitEvents { tenant: tenant.as_deref(), id: &unit, events, cells, end: None })?;
        }
        self.events.clear();
        self.cells.clear();
        self.ids.clear();
        self.held.clear();
        Ok(())
    }
}

/// Whether a unit whose first event is at `first_ms` was entered in the range.
pub(in crate::report) fn is_entered(range: (Option<i64>, Option<i64>), first_ms: i64) -> bool {
    range.0.is_none_or(|from_ms| from_ms <= first_ms) && range.1.is_none_or(|to_ms| first_ms < to_ms)
}

/// Makes the automaton of a funnel.
pub(in crate::report) fn automaton(asked: &Asked) -> Result<Funnel> {
    Funnel::try_new(asked.definition.clone())
}

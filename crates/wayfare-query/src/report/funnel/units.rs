//! The units of a funnel, one after the other: runs from their timelines, other units from events in their order.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType, UInt64Type};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt as _;

use super::ask::Asked;
use super::tally::{End, Tally, UnitEvents};
use crate::condition;
use crate::error::of_datafusion;
use crate::functions::Prepared;
use crate::funnel::{Funnel, FunnelEvent, Order, Ties};
use crate::question::Question;
use crate::rows::column;
use crate::spec::{FunnelSpec, Unit};
use crate::{Error, Result};

/// Where events say in which order those of one millisecond arrived.
const ARRIVAL: &str = "params.sequence";

/// Whether the timelines of runs hold all that a funnel asks.
pub(super) fn are_timelines_enough(spec: &FunnelSpec) -> bool {
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
    let order = vec![col("invocation_id").sort(true, true), col("tenant_id").sort(true, true)];
    let runs = question.runs(&marks)?.select(columns).and_then(|runs| runs.sort(order)).map_err(failed)?;
    let mut batches = runs.execute_stream().await.map_err(failed)?;
    let mut events = Vec::new();
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        let text = |name: &str| -> Result<_> { Ok(column(&batch, name)?.as_string_view()) };
        let (tenants, ids) = (text("tenant_id")?, text("invocation_id")?);
        let (states, failures, paths) = (text("state")?, text("failure")?, text("path")?);
        let first = column(&batch, "first_at")?.as_primitive::<TimestampMicrosecondType>();
        let offsets = column(&batch, "offsets")?.as_list::<i32>();
        for row in 0..batch.num_rows() {
            let times = offsets.value(row);
            let first_ms = first.value(row).div_euclid(1_000);
            let times = times.as_primitive::<Int64Type>();
            let completed_ms = prepared.events(paths.value(row), times.values(), first_ms, &mut events)?;
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

/// Takes in all units of the scope, from events.
pub(super) async fn take_events(
    question: &Question<'_>,
    spec: &FunnelSpec,
    asked: &Asked,
    tally: &mut Tally<'_>,
) -> Result<()> {
    let plan = plan(question, spec, asked)?;
    let failed = |cause| of_datafusion("cannot read the events of a funnel", cause);
    let mut batches = plan.execute_stream().await.map_err(failed)?;
    let mut reading = Reading { strict: asked.definition.order == Order::Strict, ..Reading::default() };
    let range = (question.range.from_ms, question.range.to_ms);
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        reading.take(&batch, tally, range)?;
    }
    reading.close(tally, range)
}

/// The events of all units, those of one unit together and in order.
fn plan(question: &Question<'_>, spec: &FunnelSpec, asked: &Asked) -> Result<DataFrame> {
    let failed = |cause| of_datafusion("cannot plan the events of a funnel", cause);
    let events = question.events()?;
    let schema = events.schema().as_arrow().clone();
    let unit = spec.unit.column();
    let mut wanted = col(unit).is_not_null();
    let source = match spec.unit {
        Unit::Invocation => Some("cis"),
        Unit::Session => Some("verify"),
        Unit::User | Unit::Correlation | Unit::Flow => None,
    };
    wanted = source.map_or(wanted.clone(), |source| wanted.and(col("source").eq(lit(source))));
    for (name, values) in
        [("journey_id", &question.scope.journey), ("journey_version", &question.scope.version)]
    {
        if !values.is_empty() {
            wanted = wanted.and(col(name).in_list(values.iter().map(lit).collect(), false));
        }
    }
    for condition in &question.conditions {
        wanted = wanted.and(condition::over(condition, &schema, &question.context, "an event")?);
    }
    let text = |name: &str| -> Result<Expr> {
        Ok(cast(condition::column(name, &schema, &question.context, "an event")?, DataType::Utf8View))
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
    let columns = vec![
        col("tenant_id"),
        col(unit).alias("unit"),
        col("timestamp"),
        col("event_id"),
        steps.alias("steps"),
        exclusions.alias("exclusions"),
        held.alias("held"),
        cell.alias("cell"),
        arrival.alias("arrival"),
    ];
    let order =
        ["unit", "tenant_id", "timestamp", "arrival", "event_id"].map(|name| col(name).sort(true, true));
    events
        .filter(wanted)
        .and_then(|events| events.select(columns))
        .and_then(|events| events.sort(order.to_vec()))
        .map_err(failed)
}

/// The unit whose events are being read.
#[derive(Debug, Default)]
struct Reading {
    strict: bool,
    unit: Option<(Option<String>, String)>,
    events: Vec<FunnelEvent>,
    cells: Vec<u32>,
    first_ms: Option<i64>,
    ids: std::collections::HashSet<Vec<u8>>,
    held: std::collections::HashMap<String, u32>,
}

impl Reading {
    fn take(
        &mut self,
        batch: &RecordBatch,
        tally: &mut Tally<'_>,
        range: (Option<i64>, Option<i64>),
    ) -> Result<()> {
        let text = |name: &str| -> Result<_> { Ok(column(batch, name)?.as_string_view()) };
        let (tenants, units, held, cells) = (text("tenant_id")?, text("unit")?, text("held")?, text("cell")?);
        let times = column(batch, "timestamp")?.as_primitive::<TimestampMicrosecondType>();
        let ids = column(batch, "event_id")?.as_binary_view();
        let set = |name: &str| -> Result<_> { Ok(column(batch, name)?.as_primitive::<UInt64Type>()) };
        let (steps, exclusions) = (set("steps")?, set("exclusions")?);
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
            // An event that was taken in several times counts once.
            if !self.ids.insert(ids.value(row).to_vec()) {
                continue;
            }
            let at_ms = times.value(row).div_euclid(1_000);
            self.first_ms.get_or_insert(at_ms);
            let (steps, exclusions) = (steps.value(row), exclusions.value(row));
            if steps == 0 && exclusions == 0 && !self.strict {
                continue;
            }
            let held = if held.is_null(row) { 0 } else { self.number(held.value(row)) };
            self.events.push(FunnelEvent { at_ms, steps, exclusions, held });
            self.cells.push(tally.cell(cells.value(row)));
        }
        Ok(())
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
        if from_ms.is_none_or(|from_ms| from_ms <= first_ms) && to_ms.is_none_or(|to_ms| first_ms < to_ms) {
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

/// Makes the automaton of a funnel.
pub(super) fn automaton(asked: &Asked) -> Result<Funnel> {
    Funnel::try_new(asked.definition.clone())
}

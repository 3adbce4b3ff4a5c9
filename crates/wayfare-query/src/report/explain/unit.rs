//! A unit of a funnel that is read from events: a user, correlation, session, flow; or a run where its timeline does not
//! hold all that is asked.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::logical_expr::{col, lit};

use super::case::{Case, columns_of, unmet};
use super::run::{check_size, tenant_of};
use super::{EVENTS_MAX, FURTHER, TEXTS};
use crate::error::of_datafusion;
use crate::question::Question;
use crate::report::funnel::ask::Asked;
use crate::report::funnel::units::{Columns, Reading, columns, is_entered, order, wanted};
use crate::rows::{collect, column};
use crate::spec::ExplainSpec;
use crate::words::instant_in;
use crate::{Error, Result};

pub(super) async fn case(question: &Question<'_>, spec: &ExplainSpec, asked: &Asked) -> Result<Case> {
    let failed = |cause| of_datafusion("cannot read the events of the unit", cause);
    let (unit, noun) = (spec.funnel.unit.column(), spec.funnel.unit.noun());
    let events = question.events()?;
    let schema = events.schema().as_arrow().clone();
    let wanted = wanted(question, &spec.funnel, &schema)?;
    let mut selected = columns(question, &spec.funnel, asked, &schema)?;
    selected.extend(columns_of(&wanted)?);
    let shown = TEXTS.into_iter().chain(FURTHER).filter(|name| *name != "happened_at");
    selected.extend(shown.map(col));
    selected.push(col("timestamp").alias("happened_at"));
    let mut of_unit = col(unit).eq(lit(&spec.id));
    if let Some(tenant) = &spec.tenant {
        of_unit = of_unit.and(col("tenant_id").eq(lit(tenant)));
    }
    let found = events
        .filter(of_unit)
        .and_then(|events| events.select(selected))
        .and_then(|events| events.sort(order()))
        .and_then(|events| events.limit(0, Some(EVENTS_MAX + 1)))
        .map_err(failed)?;
    let found = collect(found).await?;
    if found.num_rows() == 0 {
        return Err(Error::not_found(format!("no {noun} {:?} in the store", spec.id))
            .hint(format!("`wayfare values {unit}` lists them; ids are compared letter by letter")));
    }
    check_size(&found)?;
    let tenant = tenant_of(&found, &spec.id)?;
    read(question, found, tenant, &wanted)
}

/// Shows a funnel's reader the events that are wanted.
fn read(
    question: &Question<'_>,
    rows: RecordBatch,
    tenant: Option<String>,
    wanted: &[crate::question::Wanted],
) -> Result<Case> {
    let mut reading = Reading::of_every_event();
    let (mut events, mut places, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let columns = Columns::of(&rows)?;
    for row in 0..rows.num_rows() {
        let unmet = unmet(question, wanted, &rows, row)?;
        let event = if unmet.is_empty() { reading.event(&columns, row) } else { None };
        skipped.push(match (unmet.first(), event) {
            (Some(unmet), _) => Some(unmet.clone()),
            (None, None) => Some("stored twice, counted once".to_owned()),
            (None, Some(_)) => None,
        });
        places.push(event.map(|event| {
            events.push(event);
            events.len() - 1
        }));
    }
    let first = places.iter().position(Option::is_some);
    let times = column(&rows, "happened_at")?.as_primitive::<TimestampMicrosecondType>();
    let range = (question.range.from_ms, question.range.to_ms);
    let first_ms = first.map(|row| times.value(row).div_euclid(1_000));
    let outside = first_ms.filter(|first_ms| !is_entered(range, *first_ms));
    let against = outside.map(|first_ms| {
        format!("its first event is at {}, outside the range", instant_in(first_ms, question.zone))
    });
    Ok(Case { tenant, rows, events, places, skipped, against: against.into_iter().collect(), run: None })
}

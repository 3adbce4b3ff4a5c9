//! A unit as it is explained.

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, lit, when};

use super::run::RunFacts;
use crate::error::of_datafusion;
use crate::funnel::FunnelEvent;
use crate::question::{Question, Wanted};
use crate::rows::{column, texts};
use crate::words::instant_in;
use crate::{Error, Result};

/// One unit: its events in order, and what a funnel sees of them.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) tenant: Option<String>,
    /// The events, with the columns that are shown.
    pub(super) rows: RecordBatch,
    /// What the funnel sees.
    pub(super) events: Vec<FunnelEvent>,
    /// For each row its place among `events`; nothing for one that the funnel does not look at.
    pub(super) places: Vec<Option<usize>>,
    /// For each row why the funnel does not look at it.
    pub(super) skipped: Vec<Option<String>>,
    /// Why the unit is not counted.
    pub(super) against: Vec<String>,
    /// What is known of a run.
    pub(super) run: Option<RunFacts>,
}

impl Case {
    /// The same text on each row.
    pub(super) fn each<'t>(&self, text: Option<&'t str>) -> impl Iterator<Item = Option<&'t str>> + use<'t> {
        std::iter::repeat_n(text, self.rows.num_rows())
    }

    /// Whether a funnel looks at any of its events.
    pub(super) fn is_seen(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// The row of an event.
    pub(super) fn row_of(&self, place: usize) -> Option<usize> {
        self.places.iter().position(|found| *found == Some(place))
    }

    /// What an event is called: its step, else its activity.
    pub(super) fn name(&self, row: usize) -> String {
        let text = |name: &str| {
            let values = column(&self.rows, name).ok()?.as_string_view();
            (row < values.len() && values.is_valid(row)).then(|| values.value(row).to_owned())
        };
        let activity = text("activity").unwrap_or_default();
        match text("step_id").filter(|step| !step.is_empty()) {
            Some(step) => format!("{activity} {step}"),
            None => activity,
        }
    }
}

/// The conditions as columns: whether each holds, and the value it is about.
pub(super) fn columns_of(wanted: &[Wanted]) -> Result<Vec<Expr>> {
    let mut columns = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let holds = when(wanted.holds.clone(), lit(true)).otherwise(lit(false));
        let holds = holds.map_err(|cause| of_datafusion("cannot plan a condition", cause))?;
        columns.push(holds.alias(format!("holds_{number}")));
        columns.push(wanted.value.clone().alias(format!("value_{number}")));
    }
    Ok(columns)
}

/// For a row of [`columns_of`], the conditions that do not hold, in words.
pub(super) fn unmet(
    question: &Question<'_>,
    wanted: &[Wanted],
    found: &RecordBatch,
    row: usize,
) -> Result<Vec<String>> {
    let mut unmet = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let holds: &BooleanArray = column(found, &format!("holds_{number}"))?.as_boolean();
        if holds.value(row) {
            continue;
        }
        let value = value(question, found, &format!("value_{number}"), row)?;
        let Wanted { what, asked, .. } = wanted;
        unmet.push(match value {
            Some(value) => format!("{what} is {value}, asked for is {asked}"),
            None => format!("{what} is not known, asked for is {asked}"),
        });
    }
    Ok(unmet)
}

/// A value as people read it.
fn value(question: &Question<'_>, found: &RecordBatch, name: &str, row: usize) -> Result<Option<String>> {
    let values = column(found, name)?;
    if values.is_null(row) {
        return Ok(None);
    }
    if matches!(values.data_type(), DataType::Timestamp(..)) {
        let micros = cast(values, &DataType::Int64)
            .map_err(|cause| Error::internal("an instant is no number").because(cause))?;
        let micros = micros.as_primitive::<arrow::datatypes::Int64Type>().value(row);
        return Ok(Some(format!("at {}", instant_in(micros.div_euclid(1_000), question.zone))));
    }
    Ok(texts(found, name)?.into_iter().nth(row).flatten())
}

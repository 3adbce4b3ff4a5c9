//! `funnel`: how far runs get through a sequence of steps, and how long that takes.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::Expr;

use crate::condition;
use crate::functions::{FunnelText, PERCENTILES, StepText, definition_text};
use crate::question::Question;
use crate::rows::{Rows, collect, column};
use crate::spec::{FunnelSpec, Step, format_duration_ms, parse_duration_ms};
use crate::{Error, Result};
use wayfare_ingest::Lifetime;

use super::{Answer, empty, main_line, overview};

pub(super) async fn rows(question: &Question<'_>, spec: &FunnelSpec) -> Result<Answer> {
    let texts = match spec.steps.as_slice() {
        [] => main_line::propose(question).await?,
        texts => texts.to_vec(),
    };
    let steps = texts.iter().map(|text| Step::parse(text)).collect::<Result<Vec<_>>>()?;
    let window_ms = match &spec.window {
        Some(text) => Some(parse_duration_ms(text).map_err(|error| error.with("option", "window"))?),
        None => match question.store.settings().journey_lifetime {
            Lifetime::Unlimited => None,
            Lifetime::Millis(millis) => Some(millis),
        },
    };
    let (definition, marks) = define(question, &texts, &steps, window_ms)?;
    question.register("runs", question.split(question.runs(&marks)?)?)?;
    let query = format!(
        "SELECT {names} count(*) AS runs, time_summary(funnel_times(path, offsets, {text})) AS times
         FROM runs {grouped} {ordered}",
        names = question.names_then_comma(),
        text = literal(&definition_text(&definition)?),
        grouped = question.grouped_by(&[]),
        ordered = overview::order_by(question),
    );
    let cells = collect(question.sql(&query).await?).await?;
    let table = Table::of(question, &cells, &steps)?;
    let mut answer = Answer::new(title(question), table.rows(question)?);
    answer.notes.push(match window_ms {
        Some(window_ms) => format!("window {} from the first step", format_duration_ms(window_ms)),
        None => "no window: a run's whole life counts".to_owned(),
    });
    answer.notes.extend(empty::explain(question, usize::from(table.runs > 0)).await?);
    if table.runs > 0 {
        answer.notes.push(format!("{} runs in the scope", table.runs));
        answer.notes.extend(empty::explain_steps(question, &definition, &steps, &table.totals).await?);
    }
    Ok(answer.limited(question.scope.limit))
}

fn title(question: &Question<'_>) -> String {
    match question.scope.journey.as_slice() {
        [] => "Funnel of all journeys".to_owned(),
        journeys => format!("Funnel of {}", journeys.join(", ")),
    }
}

/// The funnel as text for the function, and the conditions over events that the timeline has to carry as marks.
fn define(
    question: &Question<'_>,
    texts: &[String],
    steps: &[Step],
    window_ms: Option<i64>,
) -> Result<(FunnelText, Vec<Expr>)> {
    let schema = question.events()?.schema().as_arrow().clone();
    let mut marks: Vec<Expr> = Vec::new();
    let mut defined = Vec::with_capacity(steps.len());
    for (text, step) in texts.iter().zip(steps) {
        let mut bits = 0;
        for conditions in step.event_tests() {
            let conditions = conditions
                .iter()
                .map(|condition| condition::over(condition, &schema, &question.context, "an event"))
                .collect::<Result<Vec<_>>>()?;
            let bit = 1_u64.checked_shl(u32::try_from(marks.len()).unwrap_or(u32::MAX));
            bits |= bit.ok_or_else(|| Error::limit("a funnel has at most 64 conditions over events"))?;
            marks.extend(conditions.into_iter().reduce(Expr::and));
        }
        defined.push(StepText { text: text.clone(), marks: bits });
    }
    Ok((FunnelText { steps: defined, window_ms }, marks))
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The summaries of all cells, one after the other, and which of them belong to which row.
struct Table<'a> {
    cells: &'a RecordBatch,
    steps: &'a [Step],
    summaries: &'a arrow::array::StructArray,
    /// For each row its cell.
    cell_of: Vec<u64>,
    /// For each row the index of the summary of times from the first step; those from the previous one lie
    /// as many steps further on.
    first_of: Vec<u64>,
    runs: i64,
    /// Runs that reached each step, over all cells.
    totals: Vec<i64>,
}

impl<'a> Table<'a> {
    fn of(_question: &Question<'_>, cells: &'a RecordBatch, steps: &'a [Step]) -> Result<Self> {
        let lists = column(cells, "times")?.as_list::<i32>();
        let summaries =
            lists.values().as_struct_opt().ok_or_else(|| Error::internal("no summaries of times"))?;
        let runs = column(cells, "runs")?.as_primitive::<Int64Type>();
        let mut table = Self {
            cells,
            steps,
            summaries,
            cell_of: Vec::new(),
            first_of: Vec::new(),
            runs: runs.values().iter().sum(),
            totals: vec![0; steps.len()],
        };
        for (cell, start) in lists.offsets().iter().enumerate().take(cells.num_rows()) {
            if runs.value(cell) == 0 {
                continue;
            }
            for step in 0..steps.len() as u64 {
                table.cell_of.push(cell as u64);
                table.first_of.push(u64::try_from(*start).unwrap_or_default() + step);
            }
        }
        let reached = table.field("count", 0)?;
        for (row, count) in reached.as_primitive::<Int64Type>().values().iter().enumerate() {
            if let Some(total) = table.totals.get_mut(row % steps.len().max(1)) {
                *total += count;
            }
        }
        Ok(table)
    }

    /// A field of the summaries, one value a row.
    fn field(&self, name: &str, further: u64) -> Result<ArrayRef> {
        let values = self
            .summaries
            .column_by_name(name)
            .ok_or_else(|| Error::internal("a summary's field is missing"))?;
        let rows: UInt64Array = self.first_of.iter().map(|index| Some(index + further)).collect();
        take(values, &rows, None).map_err(|cause| Error::internal("cannot pick summaries").because(cause))
    }

    fn rows(&self, question: &Question<'_>) -> Result<RecordBatch> {
        let mut rows = Rows::default();
        let cells: UInt64Array = self.cell_of.clone().into();
        for name in question.dimension_names() {
            let values = take(column(self.cells, name)?, &cells, None)
                .map_err(|cause| Error::internal("cannot repeat a dimension").because(cause))?;
            rows.add(name, values);
        }
        let steps = self.steps.len();
        let number = |row: usize| row % steps.max(1);
        let count = self.first_of.len();
        rows.count("step", (0..count).map(|row| i64::try_from(number(row) + 1).ok()).collect());
        let names: StringArray =
            (0..count).map(|row| self.steps.get(number(row)).map(|step| step.name.as_str())).collect();
        rows.add("name", Arc::new(names));
        let reached = self.field("count", 0)?.as_primitive::<Int64Type>().clone();
        let of = |row: usize, back: usize| reached.values().get(row - back).copied();
        let first: Int64Array = (0..count).map(|row| of(row, number(row))).collect();
        let previous: Int64Array = (0..count).map(|row| of(row, number(row).min(1))).collect();
        let lost: Int64Array = (0..count)
            .map(|row| {
                (number(row) > 0).then(|| of(row, 1).unwrap_or_default() - of(row, 0).unwrap_or_default())
            })
            .collect();
        rows.count("reached", reached.clone());
        rows.rate("share_of_first", &reached, &first);
        rows.rate("share_of_previous", &reached, &previous);
        rows.count("drop_off", lost);
        for (from, further) in [("previous", steps as u64), ("first", 0)] {
            let counts = self.field("count", further)?.as_primitive::<Int64Type>().clone();
            let sums = self.field("sum", further)?.as_primitive::<Int64Type>().clone();
            rows.mean(&format!("average_from_{from}_ms"), &sums, &counts);
            for (level, _) in PERCENTILES {
                let name = if level == "p50" { "median" } else { level };
                rows.add(&format!("{name}_from_{from}_ms"), self.field(level, further)?);
            }
        }
        rows.finish()
    }
}

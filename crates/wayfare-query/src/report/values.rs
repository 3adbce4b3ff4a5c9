//! `values`: the values of a column of `events`, most frequent first.

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{cast, col, lit};

use crate::Result;
use crate::condition;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{Rows, collect, integers};

use super::{Answer, empty, events};

/// Rows listed unless the scope says otherwise.
const ROWS_DEFAULT: usize = 50;

pub(super) async fn rows(question: &Question<'_>, name: &str) -> Result<Answer> {
    let failed = |cause| of_datafusion("cannot list the values", cause);
    let all = question.events()?;
    let schema = all.schema().as_arrow().clone();
    let value = condition::column(name, &schema, &question.context, "an event")?;
    let fitting = events::filtered(all, events::conditions(question, &schema)?)?;
    let found = fitting
        .select(vec![cast(value, arrow::datatypes::DataType::Utf8View).alias("value")])
        .and_then(|events| events.aggregate(vec![col("value")], vec![count(lit(1_i64)).alias("events")]))
        .and_then(|found| found.sort(vec![col("events").sort(false, false), col("value").sort(true, true)]))
        .map_err(failed)?;
    let found = collect(found).await?;
    let mut rows = Rows::default();
    rows.take(&found, &["value"])?;
    rows.count("events", integers(&found, "events")?);
    let limit = question.scope.limit.unwrap_or(ROWS_DEFAULT);
    let mut answer = Answer::new(format!("Values of {name}"), rows.finish()?).limited(Some(limit));
    answer.notes = empty::explain_events(question, answer.batch.num_rows()).await?;
    Ok(answer)
}

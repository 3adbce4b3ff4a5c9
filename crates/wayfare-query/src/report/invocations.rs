//! `invocations`: a list of runs.

use datafusion::logical_expr::{col, lit};

use crate::Result;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{Rows, collect, integers};
use crate::spec::{InvocationsSpec, suggest};

use super::{Answer, empty};

/// The columns of the list, in order.
const COLUMNS: [&str; 24] = [
    "invocation_id",
    "started_at",
    "state",
    "duration_ms",
    "failing_step",
    "error_code",
    "journey_id",
    "journey_version",
    "user_id",
    "last_step",
    "failure",
    "error_category",
    "ended_at",
    "client_id",
    "app_id",
    "correlation_id",
    "platform",
    "os",
    "browser",
    "country",
    "events",
    "retries",
    "external_calls",
    "tenant_id",
];

/// Rows listed unless the scope says otherwise.
const ROWS_DEFAULT: usize = 50;

pub(super) async fn rows(question: &Question<'_>, spec: &InvocationsSpec) -> Result<Answer> {
    let runs = question.runs(&[])?;
    let sort = spec.sort.as_deref().unwrap_or("-started_at");
    let (column, ascending) = match sort.strip_prefix('-') {
        Some(column) => (column, false),
        None => (sort, true),
    };
    if !COLUMNS.contains(&column) {
        return Err(suggest::unknown("column to sort by", column, COLUMNS.iter().copied()));
    }
    let failed = |cause| of_datafusion("cannot list the runs", cause);
    let total = count(question).await?;
    let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
    // Ties end in the same order whatever the threads: the key is part of the order.
    let order = vec![
        col(column).sort(ascending, false),
        col("tenant_id").sort(true, true),
        col("invocation_id").sort(true, true),
    ];
    let listed = runs
        .select(COLUMNS.map(col))
        .and_then(|runs| runs.sort(order))
        .and_then(|runs| runs.limit(0, Some(limit)))
        .map_err(failed)?;
    let listed = collect(listed).await?;
    let mut rows = Rows::default();
    rows.take(&listed, &COLUMNS)?;
    let mut answer = Answer::new("Invocations", rows.finish()?);
    answer.rows_total = u64::try_from(total).ok();
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    Ok(answer)
}

async fn count(question: &Question<'_>) -> Result<i64> {
    let counted = question
        .runs(&[])?
        .aggregate(vec![], vec![datafusion::functions_aggregate::expr_fn::count(lit(1_i64)).alias("runs")])
        .map_err(|cause| of_datafusion("cannot count the runs", cause))?;
    let counted = collect(counted).await?;
    Ok(integers(&counted, "runs")?.iter().flatten().sum())
}

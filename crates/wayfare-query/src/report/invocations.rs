//! `invocations`: a list of runs, page by page.
//!
//! | file | concept |
//! | --- | --- |
//! | `behind` | the runs that a number of another report counts |
//! | `place` | where a page ends and the next one goes on |

pub(super) mod behind;
mod place;

use datafusion::logical_expr::{SortExpr, col, lit};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{Rows, collect, integers};
use crate::spec::{InvocationsSpec, suggest};

use self::place::Place;
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
    let sort = Sort::of(spec)?;
    let after = spec.after.as_deref().map(|text| Place::parse(text, spec)).transpose()?;
    let failed = |cause| of_datafusion("cannot list the runs", cause);
    let runs = behind::runs(question, spec.behind.as_deref()).await?;
    let total = count(runs.clone()).await?;
    let limit = spec.scope.limit.unwrap_or(ROWS_DEFAULT);
    let mut listed = runs.select(COLUMNS.map(col)).map_err(failed)?;
    if let Some(after) = after {
        listed = listed.filter(after.is_before(sort)?).map_err(failed)?;
    }
    let listed = listed
        .sort(sort.order())
        // one more, which says whether there are more
        .and_then(|runs| runs.limit(0, Some(limit.saturating_add(1))))
        .map_err(failed)?;
    let found = collect(listed).await?;
    let listed = found.slice(0, limit.min(found.num_rows()));
    let mut rows = Rows::default();
    rows.take(&listed, &COLUMNS)?;
    let mut answer = Answer::new("Invocations", rows.finish()?);
    answer.rows_total = u64::try_from(total).ok();
    if found.num_rows() > limit {
        answer.next = Place::of_last(&listed, sort, spec)?.map(|place| place.to_string());
    }
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    Ok(answer)
}

/// By which column the list is ordered, and which way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sort {
    pub(super) column: &'static str,
    pub(super) ascending: bool,
}

impl Sort {
    fn of(spec: &InvocationsSpec) -> Result<Self> {
        let sort = spec.sort.as_deref().unwrap_or("-started_at");
        let (column, ascending) = match sort.strip_prefix('-') {
            Some(column) => (column, false),
            None => (sort, true),
        };
        match COLUMNS.into_iter().find(|known| *known == column) {
            Some(column) => Ok(Self { column, ascending }),
            None => Err(suggest::unknown("column to sort by", column, COLUMNS.into_iter())),
        }
    }

    /// Runs without a value last. Ties end in the same order whatever the threads: the key is part of the order.
    fn order(self) -> Vec<SortExpr> {
        vec![
            col(self.column).sort(self.ascending, false),
            col("tenant_id").sort(true, true),
            col("invocation_id").sort(true, true),
        ]
    }
}

async fn count(runs: DataFrame) -> Result<i64> {
    let counted = runs
        .aggregate(vec![], vec![datafusion::functions_aggregate::expr_fn::count(lit(1_i64)).alias("runs")])
        .map_err(|cause| of_datafusion("cannot count the runs", cause))?;
    let counted = collect(counted).await?;
    Ok(integers(&counted, "runs")?.iter().flatten().sum())
}

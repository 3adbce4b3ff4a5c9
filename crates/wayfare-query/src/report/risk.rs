//! `risk`: recommendations of fraud prevention by type, over time or by anything else.

use std::sync::Arc;

use arrow::array::{AsArray as _, Float64Array};
use arrow::datatypes::Decimal128Type;

use datafusion::logical_expr::{Expr, col, lit, when};
use datafusion::prelude::SessionContext;

use crate::Result;
use crate::error::of_datafusion;
use crate::question::{Question, listed, quoted};
use crate::rows::{Rows, collect, column, integers};
use crate::spec::Scope;

use super::{Answer, empty, events};

/// The types of a recommendation, as the platform names them, and `other` for what it may add.
const TYPES: [&str; 5] = ["trust", "allow", "challenge", "deny", OTHER];

const OTHER: &str = "other";

/// The column of an event that says which of [`TYPES`] it counts as.
pub(super) const TYPE_COLUMN: &str = "recommendation_type";

/// Which of [`TYPES`] a recommendation counts as, whatever its letter case.
pub(super) fn type_of(context: &SessionContext) -> Result<Expr> {
    let written = events::call(context, "param", vec![col("additional_params"), lit("recommendation.type")])?;
    let lower = events::call(context, "lower", vec![written])?;
    let known = TYPES.iter().filter(|kind| **kind != OTHER).map(|kind| lit(*kind)).collect();
    when(lower.clone().in_list(known, false), lower)
        .otherwise(lit(OTHER))
        .map_err(|cause| of_datafusion("cannot tell recommendations apart", cause))
}

/// What to split by unless the scope says otherwise.
const BY_DEFAULT: [&str; 1] = ["day"];

/// Rows shown unless the scope says otherwise.
const ROWS_DEFAULT: usize = 100;

/// Decimals that a score is summed with: sums of decimals do not depend on their order.
const SCORE_SCALE: u8 = 6;

pub(super) async fn rows(question: &Question<'_>, scope: &Scope) -> Result<Answer> {
    let all = question.events()?;
    let schema = all.schema().as_arrow().clone();
    let mut found = events::filtered(all, events::conditions(question, &schema)?)?;
    let by: Vec<&str> = match scope.by.as_slice() {
        [] => BY_DEFAULT.to_vec(),
        by => by.iter().map(String::as_str).filter(|name| *name != "all").collect(),
    };
    let mut names: Vec<String> = Vec::new();
    for name in by {
        let (name, value) = events::dimension(question, name, &schema, "timestamp", "an event")?;
        found = found
            .with_column(&name, value)
            .map_err(|cause| of_datafusion("cannot split by a dimension", cause))?;
        names.push(name);
    }
    let found = found.with_column(TYPE_COLUMN, type_of(&question.context)?);
    question.register(
        "risk_events",
        found.map_err(|cause| of_datafusion("cannot read the parameters", cause))?,
    )?;
    let keys = listed(names.iter().map(|name| quoted(name)));
    let grouped = |further: &str| {
        let all: Vec<String> = names
            .iter()
            .map(|name| quoted(name))
            .chain(Some(further.to_owned()).filter(|f| !f.is_empty()))
            .collect();
        if all.is_empty() { String::new() } else { format!("GROUP BY {}", all.join(", ")) }
    };
    let ordered =
        if names.is_empty() { String::new() } else { format!("ORDER BY {}", keys.trim_end_matches(", ")) };
    let counts: Vec<String> =
        TYPES.iter().map(|kind| format!("count(*) FILTER (WHERE type = '{kind}') AS {kind}")).collect();
    // an event that was stored twice counts once
    let query = format!(
        "SELECT {keys} count(*) AS recommendations, {counts}, count(score) AS scores, sum(score) AS score
         FROM (SELECT {keys} event_id,
                 min({TYPE_COLUMN}) AS type, min(score) AS score
               FROM (SELECT *, try_cast(param(additional_params, 'risk_score') AS DECIMAL(20, {SCORE_SCALE})) AS score
                     FROM risk_events WHERE source = 'risk' AND activity = 'risk_recommendation')
               {once})
         {grouped} {ordered}",
        counts = counts.join(", "),
        once = grouped("event_id"),
        grouped = grouped(""),
    );
    let found = collect(question.sql(&query).await?).await?;
    let mut rows = Rows::default();
    rows.take(&found, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let all = integers(&found, "recommendations")?;
    rows.count("recommendations", all.clone());
    for kind in TYPES {
        rows.count(kind, integers(&found, kind)?);
    }
    for kind in TYPES {
        rows.rate(&format!("{kind}_share"), &integers(&found, kind)?, &all);
    }
    rows.add("average_risk_score", Arc::new(average(&found)?));
    let mut answer = Answer::new("Risk recommendations", rows.finish()?);
    let none = all.iter().flatten().sum::<i64>() == 0;
    answer.notes = empty::explain_events(question, usize::from(!none)).await?;
    Ok(answer.limited(Some(scope.limit.unwrap_or(ROWS_DEFAULT))))
}

/// The mean score of each row, computed once from the exact sum.
#[expect(clippy::cast_precision_loss, reason = "scores are between 0 and 100")]
fn average(found: &arrow::array::RecordBatch) -> Result<Float64Array> {
    let sums = column(found, "score")?.as_primitive::<Decimal128Type>();
    let counts = integers(found, "scores")?;
    let one = 10_f64.powi(SCORE_SCALE.into());
    let mean = |(sum, count): (Option<i128>, Option<i64>)| {
        let count = count.filter(|count| *count > 0)?;
        Some(sum? as f64 / one / count as f64)
    };
    Ok(sums.iter().zip(&counts).map(mean).collect())
}

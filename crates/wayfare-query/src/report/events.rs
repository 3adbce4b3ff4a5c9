//! What reports over single events share: which events they are about, and what these can be split by.

use arrow::datatypes::{DataType, Schema};
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::condition;
use crate::dimension::calendar;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::runs::instant;
use crate::{Error, Result};

/// The scope's conditions on an event with the columns of `schema`: its journey, its time, and what else is asked.
pub(super) fn conditions(question: &Question<'_>, schema: &Schema) -> Result<Vec<Expr>> {
    let mut wanted = Vec::new();
    for (column, values) in
        [("journey_id", &question.scope.journey), ("journey_version", &question.scope.version)]
    {
        wanted.extend(any_of(column, values));
    }
    wanted.extend(in_range(question, "timestamp"));
    for condition in &question.conditions {
        wanted.push(question.holds(condition, schema, "timestamp", "an event")?.1);
    }
    Ok(wanted)
}

/// Whether an instant lies in the scope's range.
pub(super) fn in_range(question: &Question<'_>, column: &str) -> Vec<Expr> {
    let at = |millis: i64| lit(instant(millis.saturating_mul(1_000)));
    let from = question.range.from_ms.map(|from_ms| col(column).gt_eq(at(from_ms)));
    let to = question.range.to_ms.map(|to_ms| col(column).lt(at(to_ms)));
    from.into_iter().chain(to).collect()
}

/// Whether a column has one of the values; nothing for no values.
pub(super) fn any_of(column: &str, values: &[String]) -> Option<Expr> {
    (!values.is_empty()).then(|| col(column).in_list(values.iter().map(lit).collect(), false))
}

/// The rows for which all conditions hold.
pub(super) fn filtered(plan: DataFrame, wanted: Vec<Expr>) -> Result<DataFrame> {
    wanted.into_iter().try_fold(plan, |plan, wanted| {
        plan.filter(wanted).map_err(|cause| of_datafusion("cannot apply a condition", cause))
    })
}

/// Something to split by: an interval of `at`, a column, or a parameter as `params.a.b`. Gives its name and value.
pub(super) fn dimension(
    question: &Question<'_>,
    name: &str,
    schema: &Schema,
    at: &str,
    of: &str,
) -> Result<(String, Expr)> {
    if let Some(value) = calendar(&question.context, name, at, question.zone.name())? {
        return Ok((name.to_owned(), value));
    }
    let value = condition::column(name, schema, &question.context, of)?;
    let name = match &value {
        Expr::Column(column) => column.name.clone(),
        _ => name.to_owned(),
    };
    Ok((name, cast(value, DataType::Utf8View)))
}

/// Calls one of the session's functions.
pub(super) fn call(context: &SessionContext, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
    let function = context.udf(name).map_err(|cause| Error::internal("no such function").because(cause))?;
    Ok(function.call(arguments))
}

//! Conditions of a spec as expressions over a table.

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{Column, ScalarValue};
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, col, lit};
use datafusion::prelude::SessionContext;

use crate::spec::{Condition, Op, parse_instant_ms, suggest};
use crate::{Error, Result};

/// What stands before the path of a parameter.
const PARAMS: &str = "params.";

/// Turns a condition into an expression over the columns of `schema`; `of` says whose columns they are.
///
/// # Errors
/// `Invalid` for a column that is not there and for a value that does not fit the column.
pub(crate) fn over(
    condition: &Condition,
    schema: &Schema,
    context: &SessionContext,
    of: &str,
) -> Result<Expr> {
    holds(&subject(condition, schema, context, of)?, condition, schema, context)
}

/// Turns a condition into an expression over what it compares: a column of `schema`, else a text.
///
/// # Errors
/// `Invalid` for a value that does not fit the column.
pub(crate) fn holds(
    value: &Expr,
    condition: &Condition,
    schema: &Schema,
    context: &SessionContext,
) -> Result<Expr> {
    let kind = match value {
        Expr::Column(column) => schema.field_with_name(&column.name).map(|field| field.data_type().clone()),
        _ => Ok(DataType::Utf8View),
    };
    let kind = kind.map_err(|cause| Error::internal("no such field").because(cause))?;
    compare(value.clone(), &kind, condition, context)
}

/// What a condition compares.
///
/// # Errors
/// As [`column`].
pub(crate) fn subject(
    condition: &Condition,
    schema: &Schema,
    context: &SessionContext,
    of: &str,
) -> Result<Expr> {
    column(&condition.subject(), schema, context, of)
}

/// Finds a column by name, which may leave `_id` out, or a parameter by `params.` and its path.
///
/// # Errors
/// `Invalid` for a column that is not there, with the nearest name.
pub(crate) fn column(name: &str, schema: &Schema, context: &SessionContext, of: &str) -> Result<Expr> {
    if let Some(path) = name.strip_prefix(PARAMS) {
        if schema.field_with_name("additional_params").is_err() {
            return Err(Error::invalid(format!("{name} is no column of {of}"))
                .hint("conditions on parameters are for funnel steps, `values` and `sql`"));
        }
        let param = context.udf("param").map_err(|cause| Error::internal("no function").because(cause))?;
        return Ok(param.call(vec![col("additional_params"), lit(path)]));
    }
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let spellings = [name.to_owned(), format!("{name}_id"), format!("journey_{name}")];
    match spellings.iter().find(|wanted| names().any(|name| name == *wanted)) {
        Some(found) => Ok(col(Column::from_name(found))),
        None => Err(suggest::unknown(&format!("column of {of}"), name, names())),
    }
}

fn compare(column: Expr, kind: &DataType, condition: &Condition, context: &SessionContext) -> Result<Expr> {
    let values =
        condition.values.iter().map(|text| literal(text, kind, condition)).collect::<Result<Vec<_>>>()?;
    let first = || values.first().cloned().unwrap_or_else(|| lit(ScalarValue::Null));
    let operator = match condition.op {
        Op::IsSet => return Ok(column.is_not_null()),
        Op::IsNull => return Ok(column.is_null()),
        Op::In => return Ok(column.in_list(values, false)),
        Op::NotIn => return Ok(column.in_list(values, true)),
        Op::Contains | Op::NotContains => return contains(column, condition, context),
        Op::Eq => Operator::Eq,
        Op::Ne => Operator::NotEq,
        Op::Lt => Operator::Lt,
        Op::Le => Operator::LtEq,
        Op::Gt => Operator::Gt,
        Op::Ge => Operator::GtEq,
    };
    // Texts that are compared by size and look like numbers are numbers: parameters have no types.
    let by_size = matches!(condition.op, Op::Lt | Op::Le | Op::Gt | Op::Ge);
    if by_size && matches!(kind, DataType::Utf8View) {
        let number = condition.values.first().and_then(|text| text.parse::<f64>().ok());
        if let Some(number) = number {
            let column = datafusion::logical_expr::try_cast(column, DataType::Float64);
            return Ok(binary_expr(column, operator, lit(number)));
        }
    }
    Ok(binary_expr(column, operator, first()))
}

/// `contains` ignores letter case.
fn contains(column: Expr, condition: &Condition, context: &SessionContext) -> Result<Expr> {
    let function = |name| context.udf(name).map_err(|cause| Error::internal("no function").because(cause));
    let part = condition.values.first().map(|text| text.to_lowercase()).unwrap_or_default();
    let lower = function("lower")?.call(vec![cast(column, DataType::Utf8View)]);
    let found = function("contains")?.call(vec![lower, lit(part)]);
    Ok(if condition.op == Op::NotContains { !found } else { found })
}

/// A value as a literal of the column's type.
fn literal(text: &str, kind: &DataType, condition: &Condition) -> Result<Expr> {
    let unfit = |expected: &str| {
        Err(Error::invalid(format!("expected {expected}, saw {text:?}")).with("condition", condition))
    };
    match kind {
        DataType::Int64 | DataType::Int32 | DataType::UInt64 => match text.parse::<i64>() {
            Ok(number) => Ok(lit(number)),
            Err(_) => unfit("a whole number"),
        },
        DataType::Timestamp(TimeUnit::Microsecond, _) => match parse_instant_ms(text, chrono_tz::UTC, 0) {
            Ok(at_ms) => Ok(lit(crate::runs::instant(at_ms.saturating_mul(1_000)))),
            Err(_) => unfit("an instant such as 2026-03-01T10:00:00Z"),
        },
        DataType::Date32 => match text.parse() {
            Ok(date) => Ok(lit(crate::runs::date_scalar(date))),
            Err(_) => unfit("a date such as 2026-03-01"),
        },
        DataType::Utf8View | DataType::Utf8 => Ok(lit(text)),
        _ => Err(Error::invalid("this column cannot be compared").with("condition", condition)),
    }
}

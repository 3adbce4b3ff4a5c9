//! Functions that make many values out of few: their amounts are literals within a bound.
//!
//! What a table holds bounds what a query reads; these are bounded by nothing but their arguments.

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, UnaryOperator, Value as SqlValue,
};

use crate::error::of_datafusion;
use crate::words::count;
use crate::{Error, Result};

/// Values that one call may make.
const GENERATED_MAX: u64 = 1_000_000;

/// The table functions that are let through.
const TABLE_FUNCTIONS: [&str; 2] = ["generate_series", "range"];

/// Functions whose second argument says how many values or characters they make.
const REPEATING: [&str; 7] =
    ["repeat", "lpad", "rpad", "array_repeat", "list_repeat", "array_resize", "list_resize"];

/// Functions whose arguments are first, last and step.
const SERIES: [&str; 2] = ["range", "generate_series"];

/// Refuses a plan with an unbounded generator anywhere in it.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                refused = refused.take().or_else(|| check_call(part).err());
                Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })
    .map_err(|cause: DataFusionError| of_datafusion("cannot look through the query", cause))?;
    refused.map_or(Ok(()), Err)
}

fn check_call(expression: &Expr) -> Result<()> {
    let Expr::ScalarFunction(call) = expression else { return Ok(()) };
    let name = call.func.name();
    if REPEATING.contains(&name) {
        let amount = call.args.get(1).and_then(whole_number).map(i128::unsigned_abs);
        return bounded(name, amount);
    }
    if SERIES.contains(&name) {
        let numbers: Option<Vec<i128>> = call.args.iter().map(whole_number).collect();
        return bounded(name, numbers.as_deref().and_then(length));
    }
    Ok(())
}

/// Refuses a table function that is none of ours, or whose rows are too many.
pub(super) fn check_table_function(name: &str, arguments: &[FunctionArg]) -> Result<()> {
    let name = name.to_lowercase();
    if !TABLE_FUNCTIONS.contains(&name.as_str()) {
        return Err(Error::invalid(format!("there is no table function {name:?}"))
            .hint(format!("there are: {}", TABLE_FUNCTIONS.join(", "))));
    }
    let numbers: Option<Vec<i128>> = arguments
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => written_number(value),
            _ => None,
        })
        .collect();
    bounded(&name, numbers.as_deref().and_then(length))
}

fn bounded(name: &str, amount: Option<u128>) -> Result<()> {
    match amount {
        Some(amount) if amount <= GENERATED_MAX.into() => Ok(()),
        Some(_) => Err(Error::limit(format!("{name} makes more than {} values", count(GENERATED_MAX)))),
        None => {
            Err(Error::invalid(format!("{name} takes whole numbers here, not values that a query computes")))
        }
    }
}

/// How many numbers there are from the first to the last.
fn length(numbers: &[i128]) -> Option<u128> {
    let (first, last, step) = match *numbers {
        [last] => (0, last, 1),
        [first, last] => (first, last, 1),
        [first, last, step] => (first, last, step),
        _ => return None,
    };
    let span = last.checked_sub(first)?.unsigned_abs();
    Some(span.checked_div(step.unsigned_abs())?.saturating_add(1))
}

fn whole_number(expression: &Expr) -> Option<i128> {
    match expression {
        Expr::Literal(value, _) => match value {
            ScalarValue::Int64(Some(number)) => Some((*number).into()),
            ScalarValue::Int32(Some(number)) => Some((*number).into()),
            ScalarValue::UInt64(Some(number)) => Some((*number).into()),
            _ => None,
        },
        Expr::Negative(inner) => whole_number(inner)?.checked_neg(),
        Expr::Cast(cast) => whole_number(&cast.expr),
        _ => None,
    }
}

fn written_number(expression: &SqlExpr) -> Option<i128> {
    match expression {
        SqlExpr::Value(value) => match &value.value {
            SqlValue::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        SqlExpr::UnaryOp { op: UnaryOperator::Minus, expr } => written_number(expr)?.checked_neg(),
        SqlExpr::Nested(inner) => written_number(inner),
        _ => None,
    }
}

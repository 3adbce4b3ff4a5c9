//! A page of rows in the order of some columns.
//!
//! These columns need not tell rows apart: a place holds the values of the last row given, and how many rows with
//! these were given. So pages neither skip nor repeat rows that are alike, such as an event that was stored twice.

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, SortExpr, col, lit};
use datafusion::prelude::DataFrame;
use serde_json::Value;

use crate::error::of_datafusion;
use crate::report::activity::from_hex;
use crate::report::place;
use crate::rows::{collect, column, integers};
use crate::runs::instant;
use crate::{Error, Result};

/// Rows of a page unless the scope says otherwise.
const ROWS_DEFAULT: usize = 50;

/// A column that rows are ordered by.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    pub(super) column: &'static str,
    /// Nulls come last, either way.
    pub(super) ascending: bool,
}

/// What page of a list is asked for.
pub(super) struct Asked<'a> {
    /// The order of the list.
    pub(super) order: &'a [By],
    /// Of everything that decides which rows are in the list.
    pub(super) digest: String,
    /// Where the page before ended.
    pub(super) after: Option<&'a str>,
    pub(super) limit: Option<usize>,
}

/// One page.
pub(super) struct Page {
    pub(super) rows: RecordBatch,
    /// Rows of the whole list.
    pub(super) total: Option<u64>,
    /// Where the next page goes on.
    pub(super) next: Option<String>,
}

/// The values of the last row in the columns of the order, and how many rows with these came so far.
type Place = (Vec<Value>, usize);

fn failed(cause: datafusion::error::DataFusionError) -> Error {
    of_datafusion("cannot list the rows", cause)
}

/// The page of the rows of a plan.
///
/// # Errors
/// `Invalid` for a place that is none of this list.
pub(super) async fn page(plan: DataFrame, asked: &Asked<'_>) -> Result<Page> {
    let place = asked.after.map(|text| place::read::<Place>(text, &asked.digest)).transpose()?;
    let counted = plan.clone().aggregate(vec![], vec![count(lit(1_i64)).alias("rows")]).map_err(failed)?;
    let total: i64 = integers(&collect(counted).await?, "rows")?.iter().flatten().sum();
    let (mut listed, mut given) = (plan, 0);
    if let Some((values, seen)) = &place {
        listed = listed.clone().filter(from_on(&listed, asked, values)?).map_err(failed)?;
        given = *seen;
    }
    let limit = asked.limit.unwrap_or(ROWS_DEFAULT);
    let sorted = asked.order.iter().map(|by| col(by.column).sort(by.ascending, false));
    let listed = listed
        .sort(sorted.collect::<Vec<SortExpr>>())
        // one more, which says whether there are more
        .and_then(|rows| rows.limit(given, Some(limit.saturating_add(1))))
        .map_err(failed)?;
    let found = collect(listed).await?;
    let rows = found.slice(0, limit.min(found.num_rows()));
    let next = if found.num_rows() > limit { place_behind(&rows, asked, place)? } else { None };
    let next = next.map(|place| place::write(&asked.digest, &place));
    Ok(Page { rows, total: u64::try_from(total).ok(), next })
}

/// Whether a row stands at a place or behind it.
fn from_on(plan: &DataFrame, asked: &Asked<'_>, values: &[Value]) -> Result<Expr> {
    let unfit = || place::wrong("one of another list");
    let mut whole = lit(true);
    for (by, value) in asked.order.iter().zip(values).rev() {
        let kind = plan.schema().field_with_unqualified_name(by.column).map_err(failed)?.data_type();
        let is = || col(by.column);
        whole = if value.is_null() {
            is().is_null().and(whole)
        } else {
            let value = scalar(kind, value).ok_or_else(unfit)?;
            let further = if by.ascending { is().gt(value.clone()) } else { is().lt(value.clone()) };
            further.or(is().is_null()).or(is().eq(value).and(whole))
        };
    }
    if values.len() == asked.order.len() { Ok(whole) } else { Err(unfit()) }
}

/// A value of a place as one of a column; nothing where they do not fit.
fn scalar(kind: &DataType, value: &Value) -> Option<Expr> {
    Some(match (kind, value) {
        (DataType::Timestamp(..), Value::Number(micros)) => lit(instant(micros.as_i64()?)),
        (DataType::Int64, Value::Number(number)) => lit(number.as_i64()?),
        (DataType::Utf8View, Value::String(text)) => lit(text),
        (DataType::BinaryView, Value::String(hex)) => lit(ScalarValue::BinaryView(Some(from_hex(hex)?))),
        _ => return None,
    })
}

fn value(column: &ArrayRef, row: usize) -> Result<Value> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Timestamp(..) => column.as_primitive::<TimestampMicrosecondType>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Utf8View => column.as_string_view().value(row).into(),
        DataType::BinaryView => place::to_hex(column.as_binary_view().value(row)).into(),
        other => return Err(Error::internal(format!("a list cannot go on behind {other}"))),
    })
}

/// The place behind the last row; nothing without rows.
fn place_behind(rows: &RecordBatch, asked: &Asked<'_>, before: Option<Place>) -> Result<Option<Place>> {
    let Some(last) = rows.num_rows().checked_sub(1) else { return Ok(None) };
    let odd = |cause| Error::internal("the rows of a list cannot be compared").because(cause);
    let columns: Vec<ArrayRef> = asked
        .order
        .iter()
        .map(|by| column(rows, by.column).map(std::sync::Arc::clone))
        .collect::<Result<_>>()?;
    let values: Vec<Value> = columns.iter().map(|column| value(column, last)).collect::<Result<_>>()?;
    let fields = columns
        .iter()
        .map(|column| SortField::new_with_options(column.data_type().clone(), SortOptions::default()));
    let keys = RowConverter::new(fields.collect()).and_then(|converter| converter.convert_columns(&columns));
    let keys = keys.map_err(odd)?;
    let alike = (0..rows.num_rows()).rev().take_while(|row| keys.row(*row) == keys.row(last)).count();
    // where all of the page is alike, the rows before it may be, too
    let before = before.filter(|(before, _)| alike == rows.num_rows() && *before == values);
    Ok(Some((values, alike + before.map_or(0, |(_, seen)| seen))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::rows::texts;

    #[tokio::test]
    async fn pages_follow_one_another_without_a_gap_where_rows_are_alike() {
        let times: Int64Array =
            [Some(7), Some(7), Some(7), None, Some(3), Some(7), None].into_iter().collect();
        let ids: StringViewArray = ["b", "a", "a", "c", "d", "a", "c"].map(Some).into_iter().collect();
        let columns: [(&str, ArrayRef); 2] = [("at", Arc::new(times)), ("id", Arc::new(ids))];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let plan = SessionContext::new().read_batch(rows).unwrap();
        let order = [By { column: "at", ascending: false }, By { column: "id", ascending: true }];
        for limit in 1..=8 {
            let (mut walked, mut after) = (Vec::new(), None::<String>);
            loop {
                let asked = Asked {
                    order: &order,
                    digest: "d1".to_owned(),
                    after: after.as_deref(),
                    limit: Some(limit),
                };
                let page = page(plan.clone(), &asked).await.unwrap();
                assert_eq!(page.total, Some(7));
                walked.extend(texts(&page.rows, "id").unwrap().into_iter().flatten());
                after = page.next;
                if after.is_none() {
                    break;
                }
                assert!(walked.len() < 7, "{limit}: {walked:?}");
            }
            assert_eq!(walked, ["a", "a", "a", "b", "d", "c", "c"], "{limit}");
        }
        let asked = Asked { order: &order, digest: "d2".to_owned(), after: Some("d1.5b5d"), limit: None };
        assert!(page(plan.clone(), &asked).await.is_err());
    }
}

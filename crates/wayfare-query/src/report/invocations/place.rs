//! Where a page of runs ended, as text that the caller passes back.
//!
//! It holds the last run's key and its value in the column that the list is ordered by: the next page begins behind that,
//! whatever was stored meanwhile. New runs come before the first page, or in their place in the rest. A run that itself
//! moved in the meantime, as its duration was the order and it ended, may be seen again or not at all. A digest of the
//! question keeps a place from being used with another one.

use std::fmt;

use arrow::array::{Array as _, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, col, lit};
use serde_json::Value;

use super::Sort;
use crate::report::place;
use crate::rows::{column, integers, texts};
use crate::runs::instant;
use crate::spec::{InvocationsSpec, Scope};
use crate::{Error, Result};

/// The place behind a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    digest: String,
    /// The value in the column of the order: a text, or a number, of an instant its microseconds; null for none.
    value: Value,
    tenant: Option<String>,
    id: String,
}

impl Place {
    /// The place behind the last row; nothing without rows.
    pub(super) fn of_last(rows: &RecordBatch, sort: Sort, spec: &InvocationsSpec) -> Result<Option<Self>> {
        let Some(last) = rows.num_rows().checked_sub(1) else { return Ok(None) };
        let row = rows.slice(last, 1);
        let first = |name: &str| Ok::<_, Error>(texts(&row, name)?.into_iter().next().flatten());
        let value = match column(&row, sort.column)?.data_type() {
            DataType::Utf8View => first(sort.column)?.map_or(Value::Null, Value::from),
            _ => integers(&row, sort.column)?.iter().next().flatten().map_or(Value::Null, Value::from),
        };
        let id = first("invocation_id")?.unwrap_or_default();
        Ok(Some(Self { digest: digest(spec), value, tenant: first("tenant_id")?, id }))
    }

    /// Reads what [`fmt::Display`] wrote.
    ///
    /// # Errors
    /// `Invalid` for any other text, and for the place in another list.
    pub(super) fn parse(text: &str, spec: &InvocationsSpec) -> Result<Self> {
        let digest = digest(spec);
        let (value, tenant, id) = place::read(text, &digest)?;
        Ok(Self { digest, value, tenant, id })
    }

    /// Whether the place comes before a run in the list.
    pub(super) fn is_before(&self, sort: Sort) -> Result<Expr> {
        let value = || col(sort.column);
        let of_time = sort.column.ends_with("_at");
        let literal = match &self.value {
            Value::Null => None,
            Value::String(text) => Some(lit(text)),
            number => {
                let number = number.as_i64().ok_or_else(|| Error::invalid("after has no such value"))?;
                Some(if of_time { lit(instant(number)) } else { lit(number) })
            }
        };
        let tied = match &self.tenant {
            None => col("tenant_id").is_not_null().or(col("tenant_id").is_null().and(self.id_follows())),
            Some(tenant) => {
                let same = col("tenant_id").eq(lit(tenant));
                col("tenant_id").gt(lit(tenant)).or(same.and(self.id_follows()))
            }
        };
        Ok(match literal {
            // runs without a value are last
            None => value().is_null().and(tied),
            Some(literal) => {
                let further =
                    if sort.ascending { value().gt(literal.clone()) } else { value().lt(literal.clone()) };
                further.or(value().is_null()).or(value().eq(literal).and(tied))
            }
        })
    }

    fn id_follows(&self) -> Expr {
        col("invocation_id").gt(lit(&self.id))
    }
}

/// Of everything that decides which runs are in the list and in which order.
fn digest(spec: &InvocationsSpec) -> String {
    let scope = Scope { limit: None, ..spec.scope.clone() };
    let question = InvocationsSpec { scope, after: None, ..spec.clone() };
    place::digest(&question)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&place::write(&self.digest, &(&self.value, &self.tenant, &self.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_belongs_to_its_list() {
        let spec = InvocationsSpec::default();
        let place = |value: Value, tenant: Option<&str>| Place {
            digest: digest(&spec),
            value,
            tenant: tenant.map(str::to_owned),
            id: "ü-1".to_owned(),
        };
        for place in [place(7.into(), None), place("a.b".into(), Some("t")), place(Value::Null, None)] {
            let text = place.to_string();
            assert_eq!(Place::parse(&text, &spec).unwrap(), place);
            let shorter =
                InvocationsSpec { scope: Scope { limit: Some(3), ..Scope::default() }, ..spec.clone() };
            assert_eq!(Place::parse(&text, &shorter).unwrap(), place);
            let other = InvocationsSpec { sort: Some("user_id".to_owned()), ..spec.clone() };
            assert!(Place::parse(&text, &other).unwrap_err().to_string().contains("another question"));
        }
    }
}

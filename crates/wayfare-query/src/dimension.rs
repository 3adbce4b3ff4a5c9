//! What runs can be split by.

use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::SessionContext;
use wayfare_ingest::columns::RUN_DIMENSIONS;

use crate::functions::{CYCLES, INTERVALS};
use crate::spec::suggest;
use crate::{Error, Result};

/// Dimensions that only runs with an end of their own have a value of, so that they tell nothing of the others.
pub(crate) const OF_THE_END: [&str; 6] =
    ["failing_step", "failure", "error_code", "error_category", "connection_id", "state"];

/// Columns of a run that are no dimension by themselves and can be split by all the same.
const FACTS: [&str; 9] = [
    "tenant_id",
    "state",
    "failure",
    "failing_step",
    "error_code",
    "error_category",
    "connection_id",
    "last_step",
    "invocation_id",
];

/// The word that asks for no split at all.
const ALL: &str = "all";

/// One way to split runs: a name and the expression behind it.
#[derive(Debug, Clone)]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) value: Expr,
}

impl Dimension {
    /// A dimension that is a column of runs.
    pub(crate) fn column(name: &str) -> Self {
        Self { name: name.to_owned(), value: col(name) }
    }

    /// Finds a dimension by its name, which may leave a part out: `journey`, `client_id`, `step`, `code`, `platform`, `day`.
    fn find(context: &SessionContext, name: &str, tz: &str) -> Result<Self> {
        if let Some(value) = calendar(context, name, "first_at", tz)? {
            return Ok(Self { name: name.to_owned(), value });
        }
        let columns = || RUN_DIMENSIONS.iter().chain(&FACTS).copied();
        let wanted = ["", "journey_", "failing_", "error_"].map(|prefix| format!("{prefix}{name}"));
        let wanted = wanted.into_iter().chain([format!("{name}_id")]);
        let wanted: Vec<String> = wanted.collect();
        let found = wanted.iter().find_map(|wanted| columns().find(|column| column == wanted));
        found
            .map(Self::column)
            .ok_or_else(|| suggest::unknown("dimension", name, columns().chain(INTERVALS).chain(CYCLES)))
    }

    /// Reads the names of a `by` list; `default` where there is none, nothing where it says `all`.
    pub(crate) fn list(
        context: &SessionContext,
        by: &[String],
        tz: &str,
        default: &[&str],
    ) -> Result<Vec<Self>> {
        let mut found: Vec<Self> = Vec::new();
        let names: Vec<&str> =
            if by.is_empty() { default.to_vec() } else { by.iter().map(String::as_str).collect() };
        for name in names {
            if name == ALL {
                continue;
            }
            let dimension = Self::find(context, name, tz)?;
            if !found.iter().any(|other| other.name == dimension.name) {
                found.push(dimension);
            }
        }
        Ok(found)
    }
}

/// The calendar interval, or the place in a cycle, that an instant falls into; nothing for any other name.
pub(crate) fn calendar(context: &SessionContext, name: &str, at: &str, tz: &str) -> Result<Option<Expr>> {
    if !INTERVALS.contains(&name) && !CYCLES.contains(&name) {
        return Ok(None);
    }
    let function =
        context.udf("interval_start").map_err(|cause| Error::internal("no function").because(cause))?;
    Ok(Some(function.call(vec![col(at), lit(name), lit(tz)])))
}

//! `sql`: one read-only query over `events`, `invocations` and `quarantine`.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::prelude::SQLOptions;
use wayfare_ingest::nearest;

use crate::error::of_datafusion;
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::rows::collect;
use crate::{Error, Result};

use super::Answer;

/// The tables that a query can read.
const TABLES: [&str; 3] = ["events", "invocations", "quarantine"];

/// Bytes of a query's text.
const QUERY_BYTES_MAX: usize = 64 << 10;

pub(super) async fn rows(question: &Question<'_>, query: &str) -> Result<Answer> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(Error::limit(format!(
            "expected a query of at most {QUERY_BYTES_MAX} bytes, saw {}",
            query.len()
        )));
    }
    question.register("events", question.events()?)?;
    question.register("invocations", question.all_runs(&[])?)?;
    let refused = SnapshotTable::new(question.store.quarantine(), question.snapshot.quarantine.files.clone());
    let refused = question.context.read_table(Arc::new(refused));
    question.register(
        "quarantine",
        refused.map_err(|cause| of_datafusion("cannot plan the quarantine", cause))?,
    )?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let plan = question.context.sql_with_options(query, read_only).await.map_err(cannot_plan)?;
    Ok(Answer::new("", collect(plan).await?))
}

/// Says what is wrong with a query, a table by the name that stands in it.
fn cannot_plan(cause: DataFusionError) -> Error {
    let hint = "one SELECT over the tables events, invocations and quarantine";
    let text = cause.to_string();
    let unknown = text.split_once("table '").and_then(|(_, rest)| rest.split_once("' not found"));
    let Some((table, _)) = unknown else {
        return of_datafusion("the query cannot be planned", cause).hint(hint);
    };
    let table = table.strip_prefix("wayfare.store.").unwrap_or(table);
    let error = Error::invalid(format!("there is no table {table:?}: not found in the store"));
    match nearest(table, TABLES) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(hint),
    }
}

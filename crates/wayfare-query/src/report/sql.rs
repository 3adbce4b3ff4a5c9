//! `sql`: one read-only query over `events`, `invocations` and `quarantine`.

use std::sync::Arc;

use datafusion::prelude::SQLOptions;

use crate::error::of_datafusion;
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::rows::collect;
use crate::{Error, Result};

use super::Answer;

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
    let plan = question.context.sql_with_options(query, read_only).await.map_err(|cause| {
        of_datafusion("the query cannot be planned", cause)
            .hint("one SELECT over the tables events, invocations and quarantine")
    })?;
    Ok(Answer::new("", collect(plan).await?))
}

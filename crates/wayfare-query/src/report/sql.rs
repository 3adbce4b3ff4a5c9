//! `sql`: one read-only query over `events`, `invocations` and `quarantine`.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::col;
use datafusion::prelude::{DataFrame, SQLOptions};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use wayfare_ingest::nearest;

use crate::error::of_datafusion;
use crate::functions::path_text;
use crate::gate;
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::{Error, Result};

use super::Answer;

/// The tables that a query can read.
const TABLES: [&str; 3] = ["events", "invocations", "quarantine"];

/// All rows at once; their number is bounded by the memory of a question.
pub(super) async fn rows(question: &Question<'_>, query: &str) -> Result<Answer> {
    let (answer, mut batches) = stream(question, query).await?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = batches.try_next().await? {
        bytes += batch.get_array_memory_size();
        if bytes > question.memory_bytes {
            return Err(Error::limit("the result is larger than the memory of a question").hint(
                "add a LIMIT, or write it as ndjson, csv, parquet or arrow: these do not hold it in memory",
            ));
        }
        rows.push(batch);
    }
    let batch = concat_batches(&answer.batch.schema(), &rows)
        .map_err(|cause| Error::internal("cannot join the rows").because(cause))?;
    Ok(Answer { batch, ..answer })
}

/// The rows as they come.
pub(super) async fn stream(
    question: &Question<'_>,
    query: &str,
) -> Result<(Answer, BoxStream<'static, Result<RecordBatch>>)> {
    let plan = plan(question, query).await?;
    let failed = |cause| of_datafusion("cannot answer the query", cause);
    let batches = plan.execute_stream().await.map_err(failed)?;
    let empty = RecordBatch::new_empty(batches.schema());
    Ok((Answer::new("", empty), batches.map_err(failed).boxed()))
}

/// Whether a query may read the table of runs.
pub(super) fn names_runs(query: &str) -> bool {
    query.to_ascii_lowercase().contains("invocations")
}

async fn plan(question: &Question<'_>, query: &str) -> Result<DataFrame> {
    let statement = gate::admit(query)?;
    question.register("events", question.events()?)?;
    let runs = question.all_runs(&[])?.with_column("path", path_text().call(vec![col("path")]));
    question.register("invocations", runs.map_err(|cause| of_datafusion("cannot plan the runs", cause))?)?;
    let refused = SnapshotTable::new(question.store.quarantine(), question.snapshot.quarantine.files.clone());
    let refused = question.context.read_table(Arc::new(refused));
    question.register(
        "quarantine",
        refused.map_err(|cause| of_datafusion("cannot plan the quarantine", cause))?,
    )?;
    let failed = |cause| of_datafusion("the query cannot be planned", cause);
    let plan = question.context.state().statement_to_plan(statement).await.map_err(cannot_plan)?;
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    read_only.verify_plan(&plan).map_err(failed)?;
    gate::check_plan(&plan)?;
    question.context.execute_logical_plan(plan).await.map_err(failed)
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

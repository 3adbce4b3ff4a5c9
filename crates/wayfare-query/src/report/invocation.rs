//! `invocation ID`: the events of one run, in order, with what the fold made of them.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray as _, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{SortOptions, concat_batches, filter_record_batch};
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, col, lit, when};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{Rows, collect, column};
use crate::words::{counted, duration};
use crate::{Error, Result};

use super::{Answer, nesting};

/// Events of one run that are shown; a run has some dozens, a runaway one may have millions.
const EVENTS_MAX: usize = 100_000;

/// The columns of the events panel after the offset, the most telling first.
const COLUMNS: [&str; 19] = [
    "activity",
    "step_id",
    "outcome",
    "error_code",
    "connection_id",
    "http_status",
    "latency_ms",
    "happened_at",
    "error_category",
    "error_message",
    "step_type",
    "user_id",
    "client_id",
    "app_id",
    "device_id",
    "ip",
    "correlation_id",
    "additional_params",
    "event_id",
];

/// The columns that tell the events of nested journeys apart.
const NESTING: [&str; 2] = ["invocation_id", "journey_id"];

/// The events for which a filter holds, in order.
async fn events(question: &Question<'_>, wanted: Expr) -> Result<RecordBatch> {
    let failed = |cause| of_datafusion("cannot read the events of the run", cause);
    let columns: Vec<&str> = COLUMNS.map(stored).into_iter().chain(NESTING).collect();
    let plan = question.events_where(wanted, &columns).await?;
    let schema = plan.schema();
    let state = question.context.state();
    let columns = DFSchema::try_from(Arc::clone(&schema)).map_err(failed)?;
    let options = SortOptions { descending: false, nulls_first: true };
    let key = |key| {
        let key = state.create_physical_expr(key, &columns).map_err(failed)?;
        Ok(PhysicalSortExpr::new(key, options))
    };
    let order = order()?.into_iter().map(key).collect::<Result<Vec<_>>>()?;
    let order = LexOrdering::new(order).ok_or_else(|| Error::internal("the events have no order"))?;
    let plan = SortExec::new(order, Arc::new(CoalescePartitionsExec::new(plan))).with_fetch(Some(EVENTS_MAX));
    let events = physical_plan::collect(Arc::new(plan), state.task_ctx()).await.map_err(failed)?;
    concat_batches(&schema, &events).map_err(|cause| Error::internal("cannot join the events").because(cause))
}

/// The column of the table that holds a column of the answer.
fn stored(name: &'static str) -> &'static str {
    match name {
        "happened_at" => "timestamp",
        _ => name,
    }
}

/// A value of a column of texts.
pub(super) fn text(value: &str) -> Expr {
    lit(ScalarValue::Utf8View(Some(value.to_owned())))
}

pub(super) async fn rows(question: &Question<'_>, id: &str, tenant: Option<&str>) -> Result<Answer> {
    let family = nesting::family(question, id, tenant).await?;
    let ids: Vec<Expr> = family.keys().map(|id| text(id)).collect();
    let mut wanted = match ids.as_slice() {
        // a list is hashed, and with it the id of every row
        [id] => col("invocation_id").eq(id.clone()),
        _ => col("invocation_id").in_list(ids, false),
    };
    if let Some(tenant) = tenant {
        wanted = wanted.and(col("tenant_id").eq(text(tenant)));
    }
    let events = without_repeats(&events(question, wanted).await?)?;
    let title = title(question, &events, id, tenant).await?;
    let times = column(&events, "timestamp")?.as_primitive::<TimestampMicrosecondType>();
    let start = times.iter().flatten().next().unwrap_or_default();
    let millis = |micros: i64| micros.div_euclid(1_000);
    let offsets: Int64Array = times.iter().map(|at| at.map(|at| millis(at) - millis(start))).collect();
    let mut rows = Rows::default();
    rows.add("offset_ms", Arc::new(offsets));
    for name in COLUMNS {
        rows.add(name, Arc::clone(column(&events, stored(name))?));
    }
    let (levels, inside) = nesting::levels(&events, &family)?;
    rows.count("level", levels);
    rows.text("inside", inside.iter().map(Option::as_deref));
    rows.take(&events, &["invocation_id"])?;
    let mut answer = Answer::new(title, rows.finish()?);
    let nested: BTreeSet<&str> = inside.iter().flatten().map(String::as_str).collect();
    if !nested.is_empty() {
        let nested: Vec<&str> = nested.into_iter().collect();
        answer
            .notes
            .push(format!("with sub-journeys: {}; `inside` says which events are theirs", nested.join(", ")));
    }
    if answer.batch.num_rows() == EVENTS_MAX {
        answer.notes.push(format!("only the first {} are shown", counted(EVENTS_MAX, "event")));
    }
    Ok(answer)
}

/// One line on the run as the fold sees it.
async fn title(
    question: &Question<'_>,
    events: &RecordBatch,
    id: &str,
    tenant: Option<&str>,
) -> Result<String> {
    let failed = |cause| of_datafusion("cannot look the run up", cause);
    // A run began when one of its events happened: on no other date it has to be looked for.
    let times = column(events, "timestamp")?.as_primitive::<TimestampMicrosecondType>();
    let date = |micros| chrono::DateTime::from_timestamp_micros(micros).map(|at| at.date_naive());
    let dates: BTreeSet<_> = times.iter().flatten().filter_map(date).collect();
    let mut found = question.runs_of_id(&[], id, &dates.into_iter().collect::<Vec<_>>())?;
    if let Some(tenant) = tenant {
        found = found.filter(col("tenant_id").eq(lit(tenant))).map_err(failed)?;
    }
    let found = found.select_columns(&["journey_id", "journey_version", "state", "duration_ms"]);
    let found = collect(found.map_err(failed)?).await?;
    let word = |name: &str| -> Result<String> {
        let values = column(&found, name)?.as_string_view();
        Ok(values.iter().next().flatten().unwrap_or("–").to_owned())
    };
    match found.num_rows() {
        0 => Err(Error::not_found(format!("no invocation {id:?} in the store"))
            .hint("`wayfare invocations` lists them; ids are compared letter by letter")),
        1 => {
            let duration = column(&found, "duration_ms")?.as_primitive::<arrow::datatypes::Int64Type>();
            let took = match duration.iter().next().flatten() {
                Some(millis) => format!(" after {}", duration_of(millis)),
                None => String::new(),
            };
            let (journey, version) = (word("journey_id")?, word("journey_version")?);
            Ok(format!("Invocation {id} of {journey}, version {version}: {}{took}", word("state")?))
        }
        _ => Err(Error::invalid(format!("invocation {id:?} exists for several tenants"))
            .hint("name one: --tenant T")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with two units")]
fn duration_of(millis: i64) -> String {
    duration(millis as f64)
}

/// By time; inside one millisecond in the order of the timeline.
fn order() -> Result<[Expr; 4]> {
    let is = |activity: &str| col("activity").eq(lit(activity));
    let failed_step = col("outcome").eq(lit("failure")).or(col("error_code").is_not_null());
    let rank: Expr = when(is("journey_started"), lit(0))
        .when(is("sub_journey_started"), lit(1))
        .when(is("step_started"), lit(2))
        .when(is("external_connection_call"), lit(3))
        .when(is("custom_event"), lit(4))
        .when(is("step_completed").and(failed_step), lit(7))
        .when(is("step_completed"), lit(6))
        .when(is("journey_completed_successfully"), lit(8))
        .when(is("journey_completed_unsuccessfully"), lit(9))
        .otherwise(lit(5))
        .map_err(|cause| of_datafusion("cannot order the events", cause))?;
    let millis =
        datafusion::logical_expr::cast(col("timestamp"), arrow::datatypes::DataType::Int64) / lit(1_000_i64);
    Ok([millis, rank, col("step_id"), col("event_id")])
}

/// Leaves out events whose id was there before.
fn without_repeats(events: &RecordBatch) -> Result<RecordBatch> {
    let mut seen = HashSet::new();
    let ids = column(events, "event_id")?.as_binary_view();
    let first: BooleanArray = ids.iter().map(|id| Some(seen.insert(id))).collect();
    filter_record_batch(events, &first).map_err(|cause| Error::internal("cannot drop repeats").because(cause))
}

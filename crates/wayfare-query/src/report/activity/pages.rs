//! Reading a log in order, date by date: one page, or everything.

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::col;
use datafusion::prelude::DataFrame;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use std::sync::Arc;
use wayfare_ingest::DataFile;

use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{collect, column};
use crate::{Error, Result};

use super::{Listing, columns, cursor};

/// The time and id of an event, by which a list is ordered.
type Place = (i64, Vec<u8>);

/// The texts that are JSON, and told as such to whoever reads a report.
const JSON: &str = "arrow.json";

/// One page, and the place of its last event if there are more.
pub(super) async fn page(listing: &Listing<'_>, limit: usize) -> Result<(RecordBatch, Option<Place>)> {
    let mut place = listing.cursor.as_ref().map(cursor::Cursor::place);
    let (mut parts, mut rows) = (Vec::new(), 0);
    'dates: for files in listing.dates() {
        // repeats shorten what was asked for, so ask again until the date is at its end
        loop {
            let asked = limit.saturating_add(1) - rows;
            let found = collect(ordered(listing, files.clone(), place.as_ref(), Some(asked))?).await?;
            let (given, mut last) = (found.num_rows(), None);
            let found = without_repeats(&found, &mut last)?;
            rows += found.num_rows();
            place = last.or(place);
            parts.push(found);
            if rows > limit {
                break 'dates;
            }
            if given < asked {
                break;
            }
        }
    }
    let schema = schema(listing)?;
    let all = concat_batches(&parts.first().map_or(schema, RecordBatch::schema), &parts)
        .map_err(|cause| Error::internal("cannot join the rows").because(cause))?;
    let page = all.slice(0, limit.min(all.num_rows()));
    let last = (all.num_rows() > limit).then(|| place_of_last(&page)).transpose()?.flatten();
    Ok((marked(&page)?, last))
}

/// All rows from the cursor on, at most `limit`, in batches.
pub(super) fn stream(
    listing: &Listing<'_>,
    limit: Option<usize>,
) -> Result<(SchemaRef, BoxStream<'static, Result<RecordBatch>>)> {
    let place = listing.cursor.as_ref().map(cursor::Cursor::place);
    let plans = listing.dates().into_iter().map(|files| ordered(listing, files, place.as_ref(), None));
    let plans: Vec<DataFrame> = plans.collect::<Result<_>>()?;
    let failed = |cause| of_datafusion("cannot read the events", cause);
    let batches = stream::iter(plans)
        .then(move |plan: DataFrame| async move {
            let batches = plan.execute_stream().await.map_err(failed)?;
            Ok::<_, Error>(batches.map_err(failed))
        })
        .try_flatten();
    let (mut last, mut room) = (None, limit.unwrap_or(usize::MAX));
    let batches = batches.map(move |batch| {
        let batch = without_repeats(&batch?, &mut last)?;
        let batch = batch.slice(0, room.min(batch.num_rows()));
        room -= batch.num_rows();
        marked(&batch).map(|batch| (batch, room))
    });
    // the batch that fills the room is the last one
    let batches = batches.scan(false, |full, batch| {
        let before = std::mem::replace(full, batch.as_ref().is_ok_and(|(_, room)| *room == 0));
        futures::future::ready((!before).then_some(batch.map(|(batch, _)| batch)))
    });
    Ok((marked(&RecordBatch::new_empty(schema(listing)?))?.schema(), batches.boxed()))
}

/// The rows of some files behind a place, in order.
fn ordered(
    listing: &Listing<'_>,
    files: Vec<DataFile>,
    place: Option<&Place>,
    fetch: Option<usize>,
) -> Result<DataFrame> {
    let oldest_first = listing.spec.oldest_first;
    let failed = |cause| of_datafusion("cannot list the events", cause);
    let mut events = listing.events_of(files)?;
    if let Some(place) = place {
        events = events.filter(cursor::behind(place, oldest_first)).map_err(failed)?;
    }
    let order = vec![col("happened_at").sort(oldest_first, false), col("event_id").sort(true, false)];
    let events = events.select(columns::selected(listing.spec.log)).and_then(|events| events.sort(order));
    match fetch {
        Some(fetch) => events.and_then(|events| events.limit(0, Some(fetch))).map_err(failed),
        None => events.map_err(failed),
    }
}

fn schema(listing: &Listing<'_>) -> Result<SchemaRef> {
    Ok(Arc::new(ordered(listing, Vec::new(), None, None)?.schema().as_arrow().clone()))
}

/// Leaves out events that were stored before: they follow one another. `last` is the place of the last event.
fn without_repeats(batch: &RecordBatch, last: &mut Option<Place>) -> Result<RecordBatch> {
    let Some(end) = place_of_last(batch)? else { return Ok(batch.clone()) };
    let ids = column(batch, "event_id")?.as_binary_view();
    let mut before = last.as_ref().map(|(_, id)| id.clone());
    let first: BooleanArray = ids
        .iter()
        .map(|id| {
            let is_first = id != before.as_deref();
            if is_first {
                before = id.map(<[u8]>::to_vec);
            }
            Some(is_first)
        })
        .collect();
    *last = Some(end);
    filter_record_batch(batch, &first).map_err(|cause| Error::internal("cannot drop repeats").because(cause))
}

fn place_of_last(batch: &RecordBatch) -> Result<Option<Place>> {
    let Some(row) = batch.num_rows().checked_sub(1) else { return Ok(None) };
    let times = column(batch, "happened_at")?.as_primitive::<TimestampMicrosecondType>();
    let ids = column(batch, "event_id")?.as_binary_view();
    Ok(Some((times.value(row), ids.value(row).to_vec())))
}

/// Says of the parameters that they are JSON.
pub(in crate::report) fn marked(batch: &RecordBatch) -> Result<RecordBatch> {
    let mark = |field: &Arc<Field>| match field.name().as_str() {
        "additional_params" => {
            let mark = ("ARROW:extension:name".to_owned(), JSON.to_owned());
            Arc::new(field.as_ref().clone().with_metadata([mark].into()))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = batch.schema_ref().fields().iter().map(mark).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())
        .map_err(|cause| Error::internal("a report's columns do not fit").because(cause))
}

/// When the latest batch was stored.
pub(super) async fn last_ingest_us(question: &Question<'_>) -> Result<i64> {
    let latest = question
        .events()?
        .aggregate(vec![], vec![max(col("ingested_at")).alias("latest")])
        .map_err(|cause| of_datafusion("cannot find the latest batch", cause))?;
    let latest = collect(latest).await?;
    let latest = column(&latest, "latest")?.as_primitive::<TimestampMicrosecondType>();
    Ok(latest.iter().flatten().max().unwrap_or_default())
}

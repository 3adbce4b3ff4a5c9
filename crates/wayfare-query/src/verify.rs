//! Checks a store, the cache included: the runs that it holds must be those that the events give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use chrono::NaiveDate;
use datafusion::logical_expr::col;
use datafusion::prelude::{DataFrame, SessionContext};
use wayfare_ingest::{Check, DataFile, FileProgress, Finding, Health, Store};

use crate::cache::Freshness;
use crate::compact::plain;
use crate::error::of_datafusion;
use crate::functions::path_text;
use crate::provider::SnapshotTable;
use crate::runs::{StoreSnapshot, folded, with_paths};
use crate::{Error, Result};

/// Start dates that are folded and compared at once; bounds the memory.
const DATES_AT_ONCE_MAX: usize = 7;

/// Looks at every file; when the events are sound, at the truth of the cache, too.
pub(crate) async fn verify(
    store: &Store,
    context: &SessionContext,
    threads: usize,
    progress: FileProgress<'_>,
) -> Result<Health> {
    let mut health = wayfare_ingest::verify(store, threads, progress).await?;
    if health.findings.iter().all(|finding| finding.table == store.quarantine().name()) {
        health.findings.extend(cache(store, context).await?);
    }
    Ok(health)
}

/// Folds the cached dates anew and compares.
async fn cache(store: &Store, context: &SessionContext) -> Result<Vec<Finding>> {
    let snapshot = StoreSnapshot::of(store).await?;
    let fresh = Freshness::of(store, context, &snapshot).await?;
    let mut by_date: BTreeMap<NaiveDate, Vec<DataFile>> = BTreeMap::new();
    for file in &fresh.cached {
        // the cache's own check of its partitions has passed
        if let Some(date) = file.partition_value("start_date").and_then(|date| date.parse().ok()) {
            by_date.entry(date).or_default().push(file.clone());
        }
    }
    let dates: Vec<NaiveDate> = by_date.keys().copied().collect();
    let at_once = if fresh.is_bounded() { DATES_AT_ONCE_MAX } else { dates.len().max(1) };
    let mut findings = Vec::new();
    for dates in dates.chunks(at_once) {
        let files: Vec<DataFile> =
            dates.iter().filter_map(|date| by_date.get(date)).flatten().cloned().collect();
        let kept = context
            .read_table(Arc::new(SnapshotTable::new(store.invocations(), files)))
            .map_err(|cause| of_datafusion("cannot plan the cache", cause))
            .and_then(with_paths)?;
        let kept = rows_by_date(store, kept).await?;
        let wanted = rows_by_date(store, folded(context, store, &fresh, dates, None, &[])?).await?;
        let all: BTreeSet<i32> = kept.keys().chain(wanted.keys()).copied().collect();
        for day in all.into_iter().filter(|day| kept.get(day) != wanted.get(day)) {
            let date = NaiveDate::default() + chrono::Duration::days(day.into());
            for file in by_date.get(&date).into_iter().flatten() {
                findings.push(Finding {
                    table: store.invocations().name(),
                    file: file.path.clone(),
                    check: Check::Cache,
                    detail: "the runs are not those that the events give".to_owned(),
                    rows: file.statistics.rows,
                });
            }
        }
    }
    Ok(findings)
}

/// The runs of a plan by start date, each as comparable bytes, sorted. A path is compared as text: the same tokens may be
/// listed in many ways.
async fn rows_by_date(store: &Store, runs: DataFrame) -> Result<BTreeMap<i32, Vec<OwnedRow>>> {
    let of_file = store.invocations().file_schema().fields().iter().filter(|field| field.name() != "tokens");
    let fields = of_file.map(|field| match field.name().as_str() {
        "path" => Arc::new(Field::new("path", DataType::Utf8, false)),
        _ => Arc::clone(field),
    });
    let fields: Vec<FieldRef> = fields.collect();
    let failed = |cause| Error::internal("cannot compare runs").because(cause);
    let keys = fields.iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(keys).map_err(failed)?;
    let runs = runs
        .with_column("path", path_text().call(vec![col("path")]))
        .map_err(|cause| of_datafusion("cannot compare runs", cause))?;
    let batches: Vec<RecordBatch> =
        runs.collect().await.map_err(|cause| of_datafusion("cannot fold the runs", cause))?;
    let mut by_date: BTreeMap<i32, Vec<OwnedRow>> = BTreeMap::new();
    for batch in batches {
        let days =
            batch.column_by_name("start_date").cloned().ok_or_else(|| Error::internal("no start date"))?;
        let columns = fields.iter().map(|field| plain(&batch, field)).collect::<Result<Vec<_>>>()?;
        let rows = converter.convert_columns(&columns).map_err(failed)?;
        for (day, row) in days.as_primitive::<Date32Type>().values().iter().zip(rows.iter()) {
            by_date.entry(*day).or_default().push(row.owned());
        }
    }
    for rows in by_date.values_mut() {
        rows.sort_unstable();
    }
    Ok(by_date)
}

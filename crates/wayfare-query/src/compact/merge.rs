//! Merges sorted event files into one sorted stream, a batch of each file in memory at a time.

use std::sync::Arc;

use arrow::compute::SortOptions;
use chrono::DateTime;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;
use wayfare_ingest::{DataFile, EVENTS_LAYOUT, Store};

use crate::error::of_datafusion;
use crate::provider::STORE_URL;
use crate::{Error, Result};

/// Rows of a batch: as many rows of each file are in memory at once.
const BATCH_ROWS: usize = 1024;

/// The rows of event files of one partition, in their common order.
pub(super) fn merged(
    store: &Store,
    context: &SessionContext,
    files: &[DataFile],
) -> Result<SendableRecordBatchStream> {
    let failed = |cause| of_datafusion("cannot merge event files", cause);
    let schema = Arc::clone(store.events().file_schema());
    let nulls_first = SortOptions { descending: false, nulls_first: true };
    let keys = EVENTS_LAYOUT.sorted_by.iter().map(|name| {
        let column = col(name, &schema).map_err(failed)?;
        Ok(PhysicalSortExpr::new(column, nulls_first))
    });
    let order = LexOrdering::new(keys.collect::<Result<Vec<_>>>()?)
        .ok_or_else(|| Error::internal("events have no order"))?;
    let table = TableSchema::builder(Arc::clone(&schema)).build();
    let url = ObjectStoreUrl::parse(STORE_URL).map_err(failed)?;
    let groups = files.iter().map(|file| FileGroup::new(vec![whole(file)])).collect();
    let scan = FileScanConfigBuilder::new(url, Arc::new(ParquetSource::new(table)))
        .with_file_groups(groups)
        .with_output_ordering(vec![order.clone()])
        .build();
    let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(scan);
    let plan = Arc::new(SortPreservingMergeExec::new(order, scan));
    let config = context.copied_config().with_batch_size(BATCH_ROWS);
    let task = TaskContext::default().with_session_config(config).with_runtime(context.runtime_env());
    execute_stream(plan, Arc::new(task)).map_err(failed)
}

fn whole(file: &DataFile) -> PartitionedFile {
    PartitionedFile::new_from_meta(ObjectMeta {
        location: file.location.clone(),
        last_modified: DateTime::UNIX_EPOCH,
        size: file.size_bytes,
        e_tag: None,
        version: None,
    })
}

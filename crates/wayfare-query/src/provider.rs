//! A table of the store at one snapshot, as `DataFusion` scans it.
//!
//! The file list comes from the log, never from a folder listing. Files are pruned by partition values and by the
//! value ranges that the log keeps, before any of them is opened; look-ups leave out row groups by bloom filters, too.

mod kept;
mod look_up;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, DFSchema, Result as DataFusionResult, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::SessionContext;
use object_store::ObjectMeta;
use wayfare_ingest::{DataFile, EVENTS_LAYOUT, FileLayout, Table, ValueRange};

pub(crate) use kept::{FOOTER_BYTES, FOOTERS_BYTES, Kept};
use kept::{Filters, Readers};
use look_up::{LookUp, is_look_up};

use crate::keyed::keyed_type;
use crate::tenant::Tenant;

/// The URL under which the store's file access is known to a session.
pub(crate) const STORE_URL: &str = "wayfare://store";

/// Rows of a piece of a file, at least: about a row group.
const PIECE_ROWS_MIN: u64 = 128 << 10;

/// The column that [`SnapshotTable::numbered`] adds.
pub(crate) const FILE_NUMBER: &str = "file_number";

/// One table of the store at one snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotTable {
    schema: TableSchema,
    files: Vec<DataFile>,
    /// How the files are laid out; only that of events is asked for.
    layout: Option<&'static FileLayout>,
    numbered: bool,
    keyed: bool,
}

impl SnapshotTable {
    /// Makes a scan over `files` of `table`; text columns are read as views.
    pub(crate) fn new(table: &Table, files: Vec<DataFile>) -> Self {
        let fields = table.file_schema().fields().iter().map(|field| as_view(field));
        let file_schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let partitions: Vec<_> =
            table.partition_fields().iter().map(|field| Arc::new(as_view(field))).collect();
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(partitions).build();
        let layout = (table.name() == "events").then_some(&EVENTS_LAYOUT);
        Self { schema, files, layout, numbered: false, keyed: false }
    }

    /// The columns of a file, text and bytes as views.
    pub(crate) fn file_schema(&self) -> SchemaRef {
        Arc::clone(self.schema.file_schema())
    }

    /// Reads the texts of columns that have a dictionary as keys into it.
    pub(crate) fn keyed(self) -> Self {
        let has_dictionary = |name: &str| self.layout.is_some_and(|layout| layout.has_dictionary(name));
        let fields = self.schema.file_schema().fields().iter().map(|field| match field.data_type() {
            DataType::Utf8View if has_dictionary(field.name()) => {
                Arc::new(field.as_ref().clone().with_data_type(keyed_type()))
            }
            _ => Arc::clone(field),
        });
        let file_schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let partitions = self.schema.table_partition_cols().to_vec();
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(partitions).build();
        Self { schema, keyed: true, ..self }
    }

    /// Adds the column [`FILE_NUMBER`], which is the same for rows that lie in order in one file; a file may be read as
    /// several. One stream reads all rows of a number.
    pub(crate) fn numbered(self) -> Self {
        let mut partitions = self.schema.table_partition_cols().to_vec();
        partitions.push(Arc::new(Field::new(FILE_NUMBER, DataType::UInt32, false)));
        let file_schema = Arc::clone(self.schema.file_schema());
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(partitions).build();
        Self { schema, numbered: true, ..self }
    }

    fn partition_values(&self, file: &DataFile) -> DataFusionResult<Vec<ScalarValue>> {
        let columns = self.schema.table_partition_cols();
        columns
            .iter()
            .filter(|field| field.name() != FILE_NUMBER)
            .map(|field| {
                ScalarValue::try_from_string(text_of(file, field.name()).to_owned(), field.data_type())
            })
            .collect()
    }

    fn scanned(&self, file: &DataFile, projection: Option<&Vec<usize>>) -> DataFusionResult<PartitionedFile> {
        let scanned = PartitionedFile::new_from_meta(meta_of(file));
        let scanned = scanned.with_partition_values(self.partition_values(file)?);
        let fields = self.schema.file_schema().fields();
        let is_read = |index: usize| projection.is_none_or(|columns| columns.contains(&index));
        let is_empty = |index: usize| {
            fields.get(index).is_some_and(|field| file.statistics.is_empty_column(field.name()))
        };
        // What else statistics tell was asked of all files at once, and is not again file by file.
        if !(0..fields.len()).any(|index| is_read(index) && is_empty(index)) {
            return Ok(scanned);
        }
        Ok(scanned.with_statistics(Arc::new(empty_columns(file, self.schema.file_schema()))))
    }

    /// What reads the files; page indexes only where they are wanted.
    fn readers(
        &self,
        runtime: &RuntimeEnv,
        filters: Arc<Filters>,
        indexed: bool,
    ) -> DataFusionResult<Readers> {
        let store = runtime.object_store(&ObjectStoreUrl::parse(STORE_URL)?)?;
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let readers = Readers::new(store, footers, filters, indexed);
        Ok(if self.keyed { readers.typed(self.file_schema()) } else { readers })
    }

    /// The rows of each row group for themselves, in order and without partition columns; `batch_rows` tells how many at a time by
    /// how many row groups there are.
    pub(crate) async fn streams(
        &self,
        context: &SessionContext,
        batch_rows: impl Fn(usize) -> usize,
    ) -> DataFusionResult<Vec<SendableRecordBatchStream>> {
        let runtime = context.runtime_env();
        let readers = self.readers(&runtime, Kept::default().filters, false)?;
        let mut groups = Vec::new();
        for file in &self.files {
            let scanned = PartitionedFile::new_from_meta(meta_of(file));
            let scanned = scanned.with_statistics(Arc::new(empty_columns(file, &self.file_schema())));
            let count = readers.row_groups(&scanned).await?;
            groups.extend((0..count).map(|number| FileGroup::new(vec![only_group(&scanned, number, count)])));
        }
        let source = ParquetSource::new(TableSchema::builder(self.file_schema()).build());
        let source = source.with_parquet_file_reader_factory(Arc::new(readers));
        let count = groups.len();
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE_URL)?, Arc::new(source))
            .with_file_groups(groups)
            .build();
        let scan = DataSourceExec::from_data_source(config);
        let config = context.copied_config().with_batch_size(batch_rows(count));
        let task = Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime));
        (0..count).map(|group| scan.execute(group, Arc::clone(&task))).collect()
    }

    /// All filters as one expression over the table's columns; `None` without filters.
    fn filter(
        &self,
        state: &dyn Session,
        filters: &[Expr],
    ) -> DataFusionResult<Option<Arc<dyn PhysicalExpr>>> {
        let Some(filter) = conjunction(filters.to_vec()) else { return Ok(None) };
        let schema = DFSchema::try_from(Arc::clone(self.schema.table_schema()))?;
        state.create_physical_expr(filter, &schema).map(Some)
    }

    /// The files that may hold rows for which a filter is true.
    fn pruned(&self, filter: &Arc<dyn PhysicalExpr>) -> DataFusionResult<Vec<&DataFile>> {
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(self.schema.table_schema()))
            .build(Arc::clone(filter));
        let Some(predicate) = predicate else { return Ok(self.files.iter().collect()) };
        let keep = predicate.prune(self)?;
        Ok(self.files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }

    fn bound(
        &self,
        column: &Column,
        pick: impl Fn(&DataFile, &str) -> Option<ScalarValue>,
    ) -> Option<ArrayRef> {
        let field = self.schema.table_schema().field_with_name(&column.name).ok()?;
        let null = ScalarValue::try_from(field.data_type()).ok()?;
        let values = self.files.iter().map(|file| {
            let value = pick(file, field.name()).unwrap_or_else(|| null.clone());
            value.cast_to(field.data_type()).unwrap_or_else(|_unfit| null.clone())
        });
        ScalarValue::iter_to_array(values).ok()
    }
}

/// Files, large ones in pieces, numbered in their order. Of files with the same partition values, which follow one another,
/// each group has a share of neighbours with about as many rows.
fn numbered_pieces(files: &[(PartitionedFile, u64)], groups: usize) -> Vec<FileGroup> {
    let mut shares: Vec<Vec<PartitionedFile>> = vec![Vec::new(); groups.max(1)];
    let mut number = 0;
    for files in files.chunk_by(|(left, _), (right, _)| left.partition_values == right.partition_values) {
        let all_rows = files.iter().map(|(_, rows)| *rows).sum::<u64>().max(1);
        let mut before = 0;
        for (file, rows) in files {
            let pieces = usize::try_from(rows / PIECE_ROWS_MIN).unwrap_or(usize::MAX).max(1);
            for mut piece in pieces_of(file, pieces) {
                piece.partition_values.push(ScalarValue::UInt32(Some(number)));
                number += 1;
                let share = usize::try_from(before * groups as u64 / all_rows).unwrap_or(usize::MAX);
                let last = shares.len() - 1;
                shares.get_mut(share.min(last)).into_iter().for_each(|share| share.push(piece.clone()));
                before += rows / pieces as u64;
            }
        }
    }
    shares.into_iter().filter(|pieces| !pieces.is_empty()).map(FileGroup::new).collect()
}

/// The plan of a [`SnapshotTable::numbered`] scan without the pieces whose number is not wanted.
pub(crate) fn only_pieces(
    plan: Arc<dyn ExecutionPlan>,
    is_wanted: impl Fn(u32) -> bool,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let is_wanted = |piece: &PartitionedFile| match piece.partition_values.last() {
        Some(ScalarValue::UInt32(Some(number))) => is_wanted(*number),
        _ => true,
    };
    let narrowed = plan.transform_down(|plan| {
        let Some(scan) = plan.downcast_ref::<DataSourceExec>() else { return Ok(Transformed::no(plan)) };
        let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>() else {
            return Ok(Transformed::no(plan));
        };
        let wanted = |group: &FileGroup| {
            FileGroup::new(group.iter().filter(|piece| is_wanted(piece)).cloned().collect())
        };
        let groups = config.file_groups.iter().map(wanted).collect();
        let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>))
    });
    Ok(narrowed?.data)
}

/// A file as so many ranges of bytes; a row group belongs to the range in which it begins.
fn pieces_of(file: &PartitionedFile, pieces: usize) -> Vec<PartitionedFile> {
    if pieces < 2 {
        return vec![file.clone()];
    }
    let size = i64::try_from(file.object_meta.size).unwrap_or(i64::MAX);
    let count = i64::try_from(pieces).unwrap_or(i64::MAX);
    let bound = |piece: i64| size / count * piece;
    let range = |piece: i64| {
        let end = if piece + 1 == count { size } else { bound(piece + 1) };
        // that it has no values of a column is true of each piece, too
        file.clone().with_range(bound(piece), end)
    };
    (0..count).map(range).collect()
}

/// One row group of a file that has so many.
fn only_group(file: &PartitionedFile, number: usize, count: usize) -> PartitionedFile {
    let mut access = ParquetAccessPlan::new_none(count);
    access.scan(number);
    file.clone().with_extension(access)
}

/// That a file has no values of some columns: the scan makes them up instead of reading them.
fn empty_columns(file: &DataFile, schema: &Schema) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    let rows = Precision::Exact(usize::try_from(file.statistics.rows).unwrap_or(usize::MAX));
    statistics.num_rows = rows;
    for (column, field) in statistics.column_statistics.iter_mut().zip(schema.fields()) {
        if file.statistics.is_empty_column(field.name()) {
            column.null_count = rows;
        }
    }
    statistics
}

fn meta_of(file: &DataFile) -> ObjectMeta {
    ObjectMeta {
        location: file.location.clone(),
        last_modified: DateTime::UNIX_EPOCH,
        size: file.size_bytes,
        e_tag: None,
        version: None,
    }
}

fn as_view(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        other => other.clone(),
    };
    Field::new(field.name(), kind, field.is_nullable())
}

fn text_of<'a>(file: &'a DataFile, column: &str) -> &'a str {
    file.partition_value(column).unwrap_or_default()
}

fn partition_scalar(file: &DataFile, column: &str) -> Option<ScalarValue> {
    let text = file.partition_value(column)?;
    match text.parse::<NaiveDate>() {
        Ok(_) if column.ends_with("date") => {
            ScalarValue::try_from_string(text.to_owned(), &DataType::Date32).ok()
        }
        _ => Some(ScalarValue::from(text)),
    }
}

fn low(file: &DataFile, column: &str) -> Option<ScalarValue> {
    match file.statistics.ranges.get(column) {
        Some(ValueRange::Text(low, _)) => Some(ScalarValue::from(low.as_str())),
        Some(ValueRange::Micros(low, _)) => Some(micros(*low)),
        None => partition_scalar(file, column),
    }
}

fn high(file: &DataFile, column: &str) -> Option<ScalarValue> {
    match file.statistics.ranges.get(column) {
        Some(ValueRange::Text(_, high)) => Some(ScalarValue::from(high.as_str())),
        Some(ValueRange::Micros(_, high)) => Some(micros(*high)),
        None => partition_scalar(file, column),
    }
}

fn micros(value: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()))
}

impl PruningStatistics for SnapshotTable {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, low)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, high)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let count = |file: &DataFile| file.statistics.nulls.get(&column.name).copied();
        Some(Arc::new(self.files.iter().map(count).collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.files.iter().map(|file| Some(file.statistics.rows)).collect::<UInt64Array>()))
    }

    fn contained(
        &self,
        _column: &Column,
        _values: &std::collections::HashSet<ScalarValue>,
    ) -> Option<BooleanArray> {
        None
    }
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        // Pruning leaves rows that do not fit, so every filter is applied again above the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        match Tenant::of(state) {
            Some(tenant) => tenant.scan(self, state, projection, filters).await,
            None => self.scan_files(state, projection, filters, limit).await,
        }
    }
}

impl SnapshotTable {
    /// Plans a scan of all tenants' rows; `TableProvider::scan` decides whether that is allowed.
    pub(crate) async fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let filter = self.filter(state, filters)?;
        let files = match &filter {
            Some(filter) => self.pruned(filter)?,
            None => self.files.iter().collect(),
        };
        let url = ObjectStoreUrl::parse(STORE_URL)?;
        let runtime = state.runtime_env();
        let kept = state.config().get_extension::<Filters>().unwrap_or_else(|| Kept::default().filters);
        let readers = Arc::new(self.readers(runtime, kept, filter.is_some())?);
        let threads = state.config().target_partitions();
        let mut scanned = files
            .iter()
            .map(|file| Ok((self.scanned(file, projection)?, file.statistics.rows)))
            .collect::<DataFusionResult<Vec<_>>>()?;
        let look_up = filters.iter().any(is_look_up);
        if let (Some(filter), true) = (&filter, look_up) {
            scanned = LookUp::of(filter).narrowed(scanned, &readers, threads).await?;
        }
        let rows = scanned.iter().map(|(_, rows)| rows).sum::<u64>();
        let groups = if self.numbered {
            numbered_pieces(&scanned, threads)
        } else {
            FileGroup::new(scanned.into_iter().map(|(file, _)| file).collect()).split_files(threads)
        };
        let source = ParquetSource::new(self.schema.clone());
        let source = source.with_parquet_file_reader_factory(readers);
        let source = source.with_pushdown_filters(look_up).with_bloom_filter_on_read(false);
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        if groups.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.table_schema().project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            // pieces stay in their groups
            .with_preserve_order(self.numbered)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

//! What questions read of files again and again, kept from one to the next: footers, page indexes and bloom filters.
//!
//! A file of the store never changes and no other gets its name, so what was read of it stays true.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::{Result as DataFusionResult, TableReference};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache as _, CacheKey, CacheValue};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};
use datafusion::parquet::bloom_filter::Sbbf;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder,
    RowGroupMetaData,
};
use datafusion::parquet::schema::types::TypePtr;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;

/// Bytes read from the end of a file at once, in the hope that they hold its whole footer; else a second read follows.
pub(crate) const FOOTER_BYTES: usize = 64 << 10;

/// Bytes of footers and page indexes that are kept; those not used for longest go first.
pub(crate) const FOOTERS_BYTES: usize = 64 << 20;

/// Bytes of bloom filters that are kept.
const FILTERS_BYTES: usize = 64 << 20;

/// Bytes of a block of a bloom filter (Parquet format, "split block Bloom filter").
const FILTER_BLOCK_BYTES: usize = 32;

/// Footers, page indexes and bloom filters that an engine has read.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) footers: Arc<FileMetadataCache>,
    pub(crate) filters: Arc<Filters>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            footers: Arc::new(DefaultCache::new(FOOTERS_BYTES)),
            filters: Arc::new(Filters(DefaultCache::new(FILTERS_BYTES))),
        }
    }
}

/// The bloom filters of a column of a file, one a row group that has one.
pub(super) type FiltersOfColumn = Arc<[Option<Sbbf>]>;

/// Bloom filters by file and column.
pub(crate) struct Filters(DefaultCache<Place, KeptFilters>);

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filters").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    file: Path,
    column: String,
}

impl CacheKey for Place {
    fn size(&self) -> usize {
        self.file.as_ref().len() + self.column.len() + size_of::<Self>()
    }

    fn table_ref(&self) -> Option<&TableReference> {
        None
    }
}

#[derive(Clone)]
struct KeptFilters(FiltersOfColumn);

impl CacheValue for KeptFilters {
    fn size(&self) -> usize {
        let bits =
            self.0.iter().flatten().map(|filter| filter.num_blocks() * FILTER_BLOCK_BYTES).sum::<usize>();
        size_of_val(&*self.0) + bits
    }
}

/// Makes readers that look among what is kept first.
#[derive(Debug)]
pub(super) struct Readers {
    files: CachedParquetFileReaderFactory,
    filters: Arc<Filters>,
    indexed: bool,
    /// What columns are read as, where that is not told from the file.
    types: Option<SchemaRef>,
}

impl Readers {
    /// `indexed`: page indexes are wanted, where files have them.
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        footers: Arc<FileMetadataCache>,
        filters: Arc<Filters>,
        indexed: bool,
    ) -> Self {
        Self { files: CachedParquetFileReaderFactory::new(store, footers), filters, indexed, types: None }
    }

    /// Reads columns with the types that they have in a schema.
    pub(super) fn typed(self, schema: SchemaRef) -> Self {
        Self { types: Some(schema), ..self }
    }

    /// The number of a file's row groups.
    pub(super) async fn row_groups(&self, file: &PartitionedFile) -> DataFusionResult<usize> {
        let mut reader = self.reader(file)?;
        Ok(footer_alone(&mut *reader).await?.num_row_groups())
    }

    fn reader(&self, file: &PartitionedFile) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        self.files.create_reader(0, file.clone(), Some(FOOTER_BYTES), &ExecutionPlanMetricsSet::new())
    }

    /// The bloom filters of a column, read where they are not kept; none for a column that the file has not.
    pub(super) async fn filters(
        &self,
        file: &PartitionedFile,
        column: &str,
    ) -> DataFusionResult<FiltersOfColumn> {
        let place = Place { file: file.object_meta.location.clone(), column: column.to_owned() };
        if let Some(KeptFilters(filters)) = self.filters.0.get(&place) {
            return Ok(filters);
        }
        let mut reader = self.reader(file)?;
        let filters: FiltersOfColumn = read_filters(&mut *reader, column).await?.into();
        self.filters.0.put(&place, KeptFilters(Arc::clone(&filters)));
        Ok(filters)
    }
}

/// A footer without page indexes.
async fn footer_alone(reader: &mut dyn AsyncFileReader) -> ParquetResult<Arc<ParquetMetaData>> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
    reader.get_metadata(Some(&options)).await
}

/// The bloom filters of a column, by row group.
async fn read_filters(reader: &mut dyn AsyncFileReader, column: &str) -> ParquetResult<Vec<Option<Sbbf>>> {
    // most files are not looked into any further
    let footer = footer_alone(reader).await?;
    let chunk = |group: &RowGroupMetaData| {
        let chunk = group.columns().iter().find(|chunk| chunk.column_path().string() == column)?;
        Some((place_of_filter(chunk)?, chunk.clone()))
    };
    let chunks: Vec<_> = footer.row_groups().iter().map(chunk).collect();
    let places = chunks.iter().flatten().map(|(place, _)| place.clone()).collect();
    let mut bytes = reader.get_byte_ranges(places).await?.into_iter();
    let filter = |chunk: Option<(_, ColumnChunkMetaData)>| {
        let Some(((_, chunk), bytes)) = chunk.and_then(|chunk| Some((chunk, bytes.next()?))) else {
            return Ok(None);
        };
        // the bytes begin where the filter does
        let chunk = chunk.into_builder().set_bloom_filter_offset(Some(0)).build()?;
        Sbbf::read_from_column_chunk(&chunk, &bytes)
    };
    chunks.into_iter().map(filter).collect()
}

fn place_of_filter(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
    Some(start..start.checked_add(u64::try_from(chunk.bloom_filter_length()?).ok()?)?)
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        let file =
            self.files.create_reader(partition_index, partitioned_file, metadata_size_hint, metrics)?;
        Ok(Box::new(Reader { file, indexed: self.indexed, types: self.types.clone() }))
    }
}

struct Reader {
    file: Box<dyn AsyncFileReader + Send>,
    indexed: bool,
    types: Option<SchemaRef>,
}

impl Reader {
    /// A footer with its page index, where that is wanted: read later, it would not be kept.
    async fn footer(&mut self, options: Option<&ArrowReaderOptions>) -> ParquetResult<Arc<ParquetMetaData>> {
        let footer = self.file.get_metadata(options).await?;
        if !self.indexed || !lacks_page_index(&footer) {
            return Ok(footer);
        }
        let indexed = options.cloned().unwrap_or_default();
        let indexed = indexed.with_page_index_policy(PageIndexPolicy::Optional);
        self.file.get_metadata(Some(&indexed)).await
    }
}

/// A footer that says what its columns are to be read as, as one does that Arrow's own writer left its schema in.
/// One with other columns than `schema` stays as it is.
fn with_types(footer: &Arc<ParquetMetaData>, schema: &Schema) -> Arc<ParquetMetaData> {
    let about = footer.file_metadata();
    let of_file = |field: &TypePtr| schema.field_with_name(field.name()).cloned();
    let fields: Result<Vec<_>, _> = about.schema().get_fields().iter().map(of_file).collect();
    let Ok(fields) = fields else { return Arc::clone(footer) };
    let types = encode_arrow_schema(&Schema::new(fields));
    let about = FileMetaData::new(
        about.version(),
        about.num_rows(),
        about.created_by().map(str::to_owned),
        Some(vec![KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), types)]),
        about.schema_descr_ptr(),
        about.column_orders().cloned(),
    );
    let footer = ParquetMetaDataBuilder::new(about)
        .set_row_groups(footer.row_groups().to_vec())
        .set_column_index(footer.column_index().cloned())
        .set_offset_index(footer.offset_index().cloned());
    Arc::new(footer.build())
}

/// Whether the file has a page index that was not read with the footer.
fn lacks_page_index(footer: &ParquetMetaData) -> bool {
    let mut columns = footer.row_groups().iter().flat_map(RowGroupMetaData::columns);
    footer.column_index().is_none() && columns.any(|column| column.column_index_offset().is_some())
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.file.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.file.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer = self.footer(options).await?;
            Ok(match &self.types {
                Some(types) => with_types(&footer, types),
                None => footer,
            })
        }
        .boxed()
    }
}

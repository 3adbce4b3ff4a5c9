//! What questions read of files again and again, kept from one to the next: footers, page indexes and bloom filters.
//!
//! A file of the store never changes and no other gets its name, so what was read of it stays true.

use std::ops::Range;
use std::sync::Arc;

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
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::path::Path;

/// Bytes of footers and page indexes that are kept; those not used for longest go first.
pub(crate) const FOOTERS_BYTES: usize = 64 << 20;

/// Bytes of bloom filters that are kept.
const FILTERS_BYTES: usize = 64 << 20;

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

/// Bloom filters by their place in a file.
pub(crate) struct Filters(DefaultCache<Place, Filter>);

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filters").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    file: Path,
    bytes: Range<u64>,
}

impl CacheKey for Place {
    fn size(&self) -> usize {
        self.file.as_ref().len() + size_of::<Self>()
    }

    fn table_ref(&self) -> Option<&TableReference> {
        None
    }
}

#[derive(Clone)]
struct Filter(Bytes);

impl CacheValue for Filter {
    fn size(&self) -> usize {
        self.0.len()
    }
}

/// Makes readers that look among what is kept first.
#[derive(Debug)]
pub(super) struct Readers {
    files: CachedParquetFileReaderFactory,
    filters: Arc<Filters>,
    indexed: bool,
}

impl Readers {
    /// `indexed`: page indexes are wanted, where files have them.
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        footers: Arc<FileMetadataCache>,
        filters: Arc<Filters>,
        indexed: bool,
    ) -> Self {
        Self { files: CachedParquetFileReaderFactory::new(store, footers), filters, indexed }
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        let path = partitioned_file.object_meta.location.clone();
        let file =
            self.files.create_reader(partition_index, partitioned_file, metadata_size_hint, metrics)?;
        Ok(Box::new(Reader { file, path, filters: Arc::clone(&self.filters), indexed: self.indexed }))
    }
}

struct Reader {
    file: Box<dyn AsyncFileReader + Send>,
    path: Path,
    filters: Arc<Filters>,
    indexed: bool,
}

/// Whether the file has a page index that was not read with the footer.
fn lacks_page_index(footer: &ParquetMetaData) -> bool {
    let mut columns = footer.row_groups().iter().flat_map(RowGroupMetaData::columns);
    footer.column_index().is_none() && columns.any(|column| column.column_index_offset().is_some())
}

impl AsyncFileReader for Reader {
    /// Pages are read by [`Self::get_byte_ranges`]; bloom filters are what is read alone.
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            let place = Place { file: self.path.clone(), bytes: range.clone() };
            if let Some(Filter(bytes)) = self.filters.0.get(&place) {
                return Ok(bytes);
            }
            let bytes = self.file.get_bytes(range).await?;
            self.filters.0.put(&place, Filter(bytes.clone()));
            Ok(bytes)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.file.get_byte_ranges(ranges)
    }

    /// Footers come with their page index where it is wanted: read later, it would not be kept.
    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer = self.file.get_metadata(options).await?;
            if !self.indexed || !lacks_page_index(&footer) {
                return Ok(footer);
            }
            let indexed = options.cloned().unwrap_or_default();
            let indexed = indexed.with_page_index_policy(PageIndexPolicy::Optional);
            self.file.get_metadata(Some(&indexed)).await
        }
        .boxed()
    }
}

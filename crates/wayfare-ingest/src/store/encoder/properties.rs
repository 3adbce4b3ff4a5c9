//! What Parquet's writer is told of a layout.

use arrow::datatypes::SchemaRef;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
};
use parquet::schema::types::ColumnPath;

use crate::store::layout::FileLayout;
use crate::{Error, Result};

/// Rows of one row group: small enough that two cores get work from one day's file and that a selective
/// query skips most of it, large enough for dictionaries to pay.
pub(super) const ROW_GROUP_ROWS_MAX: usize = 131_072;

/// Rows of one page where pages have an index: for the few rows of a run, a look-up unpacks a page of each column.
const INDEXED_PAGE_ROWS_MAX: usize = 8_192;

/// A dictionary may grow to this size before a column falls back to plain values. Paths and ids repeat
/// across a whole row group, so the default of 1 MiB would give up too early.
const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// The share of values that a bloom filter lets pass although they are not there: a look-up asks some hundred filters, and
/// opens a file for each that is wrong.
const FILTER_FALSE_SHARE: f64 = 0.001;

/// The properties of files with these columns.
///
/// # Errors
/// `Internal` when zstd has no such level.
pub(super) fn properties(schema: &SchemaRef, layout: FileLayout) -> Result<WriterProperties> {
    let sorting = layout
        .sorted_by
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .filter_map(|index| i32::try_from(index).ok())
        .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
        .collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(
            ZstdLevel::try_new(layout.zstd_level)
                .map_err(|cause| Error::internal("zstd level").because(cause))?,
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(match layout.grouped_by {
            // A row group is a page or two: an index of them would say nothing new.
            Some(_) => EnabledStatistics::Chunk,
            None => EnabledStatistics::Page,
        })
        .set_sorting_columns(Some(sorting))
        // together, so that one read gets those of all row groups
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_created_by(concat!("wayfare ", env!("CARGO_PKG_VERSION")).to_owned());
    if layout.grouped_by.is_none() {
        properties = properties.set_data_page_row_count_limit(INDEXED_PAGE_ROWS_MAX);
    }
    for &name in layout.plain {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for &name in layout.unranked {
        properties =
            properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for &name in layout.packed {
        properties = as_it_is(properties, name, Encoding::DELTA_BINARY_PACKED);
    }
    for &name in layout.raw {
        properties = as_it_is(properties, name, Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for &name in layout.prefixed {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BYTE_ARRAY);
    }
    for &name in layout.shared {
        properties = properties.set_column_dictionary_page_size_limit(ColumnPath::from(name), usize::MAX);
    }
    for &name in layout.hot {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::SNAPPY);
    }
    for &name in layout.filtered {
        // A filter is sized for a whole row group of different values and then folded to what its values need.
        properties = properties.set_column_bloom_filter_fpp(ColumnPath::from(name), FILTER_FALSE_SHARE);
    }
    Ok(properties.build())
}

/// A column in an encoding that needs no further packing.
fn as_it_is(properties: WriterPropertiesBuilder, name: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(name);
    properties
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column.clone(), encoding)
        .set_column_compression(column, Compression::UNCOMPRESSED)
}

//! What the footer says of the values of a column chunk of texts: ranges of its pages and of all of it.
//!
//! A text is compared once a page, however many rows have it.

use parquet::basic::{BoundaryOrder, Type};
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaDataBuilder, ColumnIndexBuilder, LevelHistogram};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescriptor;

use super::bound::Bound;
use super::distinct::Distinct;

/// Ranges of the pages so far.
pub(super) struct Ranges<'a> {
    distinct: &'a Distinct,
    properties: &'a WriterProperties,
    kept: EnabledStatistics,
    /// For each text the page, counted from 1, that it was seen in last.
    seen_in: Vec<u32>,
    pages: u32,
    nulls: u64,
    level_max: i16,
    /// How many rows have no value and a value; none of a column where all have one.
    levels: Option<LevelHistogram>,
    index: ColumnIndexBuilder,
    chunk: Option<Range<'a>>,
    /// That of the last page with values.
    last: Option<Range<'a>>,
    ascending: bool,
    descending: bool,
}

/// The first and the last of some texts.
#[derive(Clone, Copy)]
struct Range<'a> {
    low: &'a [u8],
    high: &'a [u8],
}

impl Range<'_> {
    fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

impl<'a> Ranges<'a> {
    /// Ranges of a column with these texts, as far as the properties want them.
    pub(super) fn new(
        about: &ColumnDescriptor,
        properties: &'a WriterProperties,
        distinct: &'a Distinct,
    ) -> Self {
        let kept = properties.statistics_enabled(about.path());
        let texts = if kept == EnabledStatistics::None { 0 } else { distinct.len() };
        Self {
            distinct,
            properties,
            kept,
            seen_in: vec![0; texts],
            pages: 0,
            nulls: 0,
            level_max: about.max_def_level(),
            levels: LevelHistogram::try_new(about.max_def_level()),
            index: ColumnIndexBuilder::new(Type::BYTE_ARRAY),
            chunk: None,
            last: None,
            ascending: true,
            descending: true,
        }
    }

    /// Takes in a page of rows without a value and texts by their numbers.
    pub(super) fn add(&mut self, nulls: usize, numbers: &[u32]) {
        if self.kept == EnabledStatistics::None {
            return;
        }
        self.pages += 1;
        self.nulls += nulls as u64;
        let mut levels = LevelHistogram::try_new(self.level_max);
        if let (Some(page), Some(chunk)) = (&mut levels, &mut self.levels) {
            page.increment_by(0, count(nulls));
            page.increment_by(1, count(numbers.len()));
            chunk.add(page);
        }
        let range = self.range_of(numbers);
        self.chunk = match (self.chunk, range) {
            (Some(chunk), Some(range)) => Some(chunk.with(range)),
            (chunk, range) => chunk.or(range),
        };
        if self.kept == EnabledStatistics::Page {
            self.add_to_index(nulls, range);
            self.index.append_histograms(&None, &levels);
        }
    }

    fn range_of(&mut self, numbers: &[u32]) -> Option<Range<'a>> {
        let (mut range, mut last) = (None::<Range<'a>>, None);
        for &number in numbers {
            if last.replace(number) == Some(number) {
                continue;
            }
            let Some(seen_in) = self.seen_in.get_mut(number as usize) else { continue };
            if std::mem::replace(seen_in, self.pages) != self.pages {
                let text = self.distinct.text(number);
                let text = Range { low: text, high: text };
                range = Some(range.map_or(text, |range| range.with(text)));
            }
        }
        range
    }

    fn add_to_index(&mut self, nulls: usize, range: Option<Range<'a>>) {
        let bytes_max = self.properties.column_index_truncate_length();
        let (low, high) = match range {
            Some(Range { low, high }) => {
                (Bound::lower(low, bytes_max).bytes, Bound::upper(high, bytes_max).bytes)
            }
            None => (Vec::new(), Vec::new()),
        };
        self.index.append(range.is_none(), low, high, count(nulls));
        if let Some(range) = range {
            if let Some(last) = self.last {
                self.ascending &= last.low <= range.low && last.high <= range.high;
                self.descending &= last.low >= range.low && last.high >= range.high;
            }
            self.last = Some(range);
        }
    }

    /// Says of the chunk what was seen of it. The index is that of its pages.
    pub(super) fn finish(
        mut self,
        chunk: ColumnChunkMetaDataBuilder,
        text_bytes: i64,
    ) -> Result<(ColumnChunkMetaDataBuilder, Option<ColumnIndexMetaData>)> {
        if self.kept == EnabledStatistics::None {
            return Ok((chunk, None));
        }
        let bytes_max = self.properties.statistics_truncate_length();
        let low = self.chunk.map(|range| Bound::lower(range.low, bytes_max));
        let high = self.chunk.map(|range| Bound::upper(range.high, bytes_max));
        let (low_is_exact, high_is_exact) =
            (low.as_ref().is_some_and(|low| low.is_exact), high.as_ref().is_some_and(|high| high.is_exact));
        let value = |bound: Bound| ByteArray::from(bound.bytes);
        let values = ValueStatistics::new(low.map(value), high.map(value), None, Some(self.nulls), false)
            .with_min_is_exact(low_is_exact)
            .with_max_is_exact(high_is_exact);
        let chunk = chunk
            .set_statistics(Statistics::ByteArray(values))
            .set_unencoded_byte_array_data_bytes(Some(text_bytes))
            .set_definition_level_histogram(self.levels);
        if self.kept != EnabledStatistics::Page {
            return Ok((chunk, None));
        }
        self.index.set_boundary_order(match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        Ok((chunk, Some(self.index.build()?)))
    }
}

/// A count as the format has it; a page has far fewer rows than that.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

//! A column chunk of texts with a dictionary, written without looking at the text of every row.
//!
//! Columns of events say the same few things. Where the rows come as keys into texts, a key that was seen before in the row group
//! has its number in the dictionary, and its text is neither hashed nor compared again. Parquet's own
//! writer does both for every row. What is written is what that one would write.

use std::iter;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, LargeStringArray, StringArray, UInt32Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};
use bytes::Bytes;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::schema::types::ColumnDescPtr;

use super::distinct::Distinct;
use super::hybrid;
use super::packer::Packer;
use super::pages::Pages;
use super::properties::ROW_GROUP_ROWS_MAX;
use super::ranges::Ranges;

/// The number of a row without a text.
const NONE: u32 = u32::MAX;

/// The rows of one column in one row group.
pub(super) struct TextChunk {
    about: ColumnDescPtr,
    properties: WriterPropertiesPtr,
    distinct: Distinct,
    rows: usize,
    /// The number of each row's text. Rows behind the last one have none.
    numbers: Vec<u32>,
    /// The texts that rows had keys into last, and for each its number, where it has one.
    known: Option<(StringArray, Vec<u32>)>,
}

impl TextChunk {
    /// An empty chunk, if a column of this type is one of texts with a dictionary that the packer can pack.
    pub(super) fn of(
        kind: &DataType,
        about: &ColumnDescPtr,
        properties: &WriterPropertiesPtr,
    ) -> Option<Self> {
        Self::fits(kind, about, properties).then(|| Self {
            about: Arc::clone(about),
            properties: Arc::clone(properties),
            distinct: Distinct::default(),
            rows: 0,
            numbers: Vec::new(),
            known: None,
        })
    }

    /// Whether a column of this type is one of texts with a dictionary that the packer can pack.
    pub(super) fn fits(kind: &DataType, about: &ColumnDescPtr, properties: &WriterPropertiesPtr) -> bool {
        let is_text = match kind {
            DataType::Utf8 | DataType::Utf8View => true,
            DataType::Dictionary(_, values) => **values == DataType::Utf8,
            _ => false,
        };
        is_text
            && properties.dictionary_enabled(about.path())
            && Packer::knows(properties.compression(about.path()))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the array does not hold texts.
    pub(super) fn add(&mut self, column: &ArrayRef) -> Result<()> {
        let before = self.rows;
        self.rows += column.len();
        if column.null_count() == column.len() {
            return Ok(());
        }
        if before > 0 {
            // rows come in many batches, up to a whole row group
            self.numbers.reserve(ROW_GROUP_ROWS_MAX.saturating_sub(self.numbers.len()));
            self.numbers.resize(before, NONE);
        }
        if let Some((keys, texts)) = keyed(column) {
            self.add_keys(keys, texts);
        } else {
            self.add_texts(cast(column, &DataType::Utf8)?.as_string());
        }
        Ok(())
    }

    fn add_keys(&mut self, keys: &UInt32Array, texts: &StringArray) {
        let Self { distinct, numbers, known, .. } = self;
        let (_, known) = match known.take_if(|(before, _)| is_same(before, texts)) {
            Some(known_before) => known.insert(known_before),
            None => known.insert((texts.clone(), vec![NONE; texts.len()])),
        };
        let mut number = |key: u32| {
            let Some(number) = known.get_mut(key as usize) else { return NONE };
            if *number == NONE && texts.is_valid(key as usize) {
                *number = distinct.number(texts.value(key as usize));
            }
            *number
        };
        match keys.nulls() {
            None => numbers.extend(keys.values().iter().map(|key| number(*key))),
            Some(_) => numbers.extend(keys.iter().map(|key| key.map_or(NONE, &mut number))),
        }
    }

    fn add_texts(&mut self, texts: &StringArray) {
        let Self { distinct, numbers, .. } = self;
        numbers.extend(texts.iter().map(|text| text.map_or(NONE, |text| distinct.number(text))));
    }

    /// Whether the dictionary has grown to the size at which a column goes on without.
    pub(super) fn is_full(&self) -> bool {
        self.distinct.page().len() >= self.properties.column_dictionary_page_size_limit(self.about.path())
    }

    /// All rows as an array.
    ///
    /// # Errors
    /// When there are more rows than an array can hold.
    pub(super) fn to_array(&self) -> Result<ArrayRef> {
        let numbers = self.numbers.iter().copied().chain(iter::repeat(NONE)).take(self.rows);
        let keys = numbers.map(|number| Some(number).filter(|&number| number != NONE));
        let texts = self.distinct.texts().map(String::from_utf8_lossy);
        let texts = Arc::new(LargeStringArray::from_iter_values(texts));
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys.collect(), texts)?))
    }

    /// Writes the chunk: its bytes, and what the footer says of them as if they were a file.
    ///
    /// # Errors
    /// When a page is larger than the format allows.
    pub(super) fn finish(self, packer: &mut Packer) -> Result<(Bytes, ColumnCloseResult)> {
        let Self { about, properties, distinct, rows, mut numbers, .. } = self;
        if !numbers.is_empty() {
            numbers.resize(rows, NONE);
        }
        let texts = u32::try_from(distinct.len()).unwrap_or(NONE);
        let how = properties.compression(about.path());
        let mut pages = Pages::begin(packer, how, distinct.page(), texts)?;
        let mut ranges = Ranges::new(&about, &properties, &distinct);
        let mut page = PageBuffer::default();
        let mut text_bytes = 0;
        let page_rows = properties.data_page_row_count_limit().max(1);
        for start in (0..rows).step_by(page_rows) {
            let count = page_rows.min(rows - start);
            page.fill(
                numbers.get(start..start + count).unwrap_or_default(),
                count,
                about.max_def_level() > 0,
            );
            ranges.add(count - page.values.len(), &page.values);
            let bytes = page.values.iter().map(|number| distinct.text_len(*number)).sum::<usize>();
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            pages.add(&page.bytes, u32::try_from(count).unwrap_or(NONE), bytes)?;
            text_bytes += bytes;
        }
        let bloom_filter = match properties.bloom_filter_properties(about.path()) {
            Some(filter) => Some(filter_of(&distinct, filter.fpp())?),
            None => None,
        };
        let pages = pages.finish(Arc::clone(&about))?;
        let (metadata, column_index) = ranges.finish(pages.metadata, text_bytes)?;
        let close = ColumnCloseResult {
            bytes_written: pages.bytes.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter,
            column_index,
            offset_index: Some(pages.offsets),
        };
        Ok((pages.bytes, close))
    }
}

/// Whether two arrays are one, not only alike.
fn is_same(left: &StringArray, right: &StringArray) -> bool {
    left.offsets().ptr_eq(right.offsets()) && left.values().ptr_eq(right.values())
}

/// The keys and texts of a column that has them.
fn keyed(column: &ArrayRef) -> Option<(&UInt32Array, &StringArray)> {
    let column = column.as_dictionary_opt::<UInt32Type>()?;
    Some((column.keys(), column.values().as_string_opt()?))
}

/// A filter that holds all texts and lets the share `fpp` of others pass.
fn filter_of(distinct: &Distinct, fpp: f64) -> Result<Sbbf> {
    let mut filter = Sbbf::new_with_ndv_fpp(distinct.len() as u64, fpp)?;
    for text in distinct.texts() {
        filter.insert(text);
    }
    filter.fold_to_target_fpp(fpp);
    Ok(filter)
}

/// What goes into a page, and room for it that is used again.
#[derive(Default)]
struct PageBuffer {
    bytes: Vec<u8>,
    levels: Vec<u32>,
    /// The numbers of the rows that have a text.
    values: Vec<u32>,
}

impl PageBuffer {
    /// Makes a page of `count` rows, with levels where a row may have no text. Without numbers no row has one.
    fn fill(&mut self, rows: &[u32], count: usize, has_levels: bool) {
        let Self { bytes, levels, values } = self;
        bytes.clear();
        values.clear();
        values.extend(rows.iter().copied().filter(|&number| number != NONE));
        if has_levels {
            let start = bytes.len();
            bytes.extend([0; 4]);
            if values.len() == count || values.is_empty() {
                hybrid::repeat(u32::from(!values.is_empty()), count, 1, bytes);
            } else {
                levels.clear();
                levels.extend(rows.iter().map(|&number| u32::from(number != NONE)));
                hybrid::encode(levels, 1, bytes);
            }
            let length = u32::try_from(bytes.len() - 4).unwrap_or(NONE).to_le_bytes();
            if let Some(place) = bytes.get_mut(start..start + 4) {
                place.copy_from_slice(&length);
            }
        }
        let width = hybrid::bit_width(values.iter().copied().max().unwrap_or(0));
        bytes.push(width);
        hybrid::encode(values, width, bytes);
    }
}

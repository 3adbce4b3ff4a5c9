//! Turns the rows of batches into packed events.
//!
//! Which texts a row has is told by its keys into the dictionaries of its row group. All keys of a row that make its shape
//! are put side by side into one number, column by column, so that the shape of most rows is found by that number and no
//! text is looked at; the dimensions of a row are looked up where a key differs from the row before.

use std::ops::Range;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, Int64Array, StringArray, StringViewArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType, UInt64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wayfare_ingest::columns::RUN_DIMENSIONS;

use super::intern::{Interned, NONE};
use super::vocabulary::{Dimensions, Packed, Shape, Vocabulary};
use super::{EVENT_TEXTS, LEADING, TEXTS};
use crate::keyed::{is_one, mark_changes, texts_of};

/// Bits of the number that the keys of a row are put into. Tests have few keys.
const CODE_BITS: u32 = if cfg!(test) { 4 } else { u64::BITS };

/// Bits that a number which stands for others takes.
const DENSE_BITS: u32 = u32::BITS;

/// What is known of the columns that rows come from.
#[derive(Debug, Default)]
pub(super) struct Packer {
    /// For each column of texts those that rows had keys into last.
    known: [Known; TEXTS],
    statuses: Interned<i64>,
    /// The shape of each code, as long as keys mean the same and take as many bits.
    shapes: HashMap<u64, u32, RandomState>,
    /// Codes of the first columns by number, where the keys of all do not fit into one.
    dense: [Codes; EVENT_TEXTS.len()],
    /// The bits that the status and each text take in a code.
    bits: Vec<u32>,
    /// Of the batch at hand, for each row its code, and whether a dimension may differ from the row before.
    codes: Vec<u64>,
    changes: Vec<bool>,
}

/// Columns that make a shape: texts, and the HTTP status.
const SHAPED: usize = EVENT_TEXTS.len() + 1;

type Codes = HashMap<u64, u64, RandomState>;

/// The columns of one batch.
pub(super) struct Batch<'a> {
    ids: &'a BinaryViewArray,
    times: &'a TimestampMicrosecondArray,
    statuses: &'a Int64Array,
    texts: Vec<Texts<'a>>,
    marks: &'a UInt64Array,
}

/// A column of texts.
enum Texts<'a> {
    /// Nothing but nulls.
    None,
    Keys {
        keys: &'a [u32],
        nulls: Option<&'a NullBuffer>,
        texts: &'a StringArray,
    },
    Views(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    fn of(column: &'a ArrayRef) -> DataFusionResult<Self> {
        if column.null_count() == column.len() {
            return Ok(Self::None);
        }
        if let Some(views) = column.as_string_view_opt() {
            return Ok(Self::Views(views));
        }
        let keyed = column.as_dictionary_opt();
        let keys = keyed.and_then(|keyed| {
            Some(Self::Keys {
                keys: keyed.keys().values(),
                nulls: keyed.keys().nulls(),
                texts: texts_of(keyed)?,
            })
        });
        keys.ok_or_else(|| exec_datafusion_err!("the fold: expected texts, saw {}", column.data_type()))
    }

    /// Appends the key of each row to its code, in so many bits; 0 stands for no text.
    fn append_to(&self, codes: &mut [u64], bits: u32) -> DataFusionResult<()> {
        match self {
            Self::None => codes.iter_mut().for_each(|code| *code <<= bits),
            Self::Keys { keys, nulls: None, .. } => {
                for (code, &key) in codes.iter_mut().zip(*keys) {
                    *code = *code << bits | (u64::from(key) + 1);
                }
            }
            Self::Keys { keys, nulls: Some(nulls), .. } => {
                for ((code, &key), valid) in codes.iter_mut().zip(*keys).zip(nulls.iter()) {
                    *code = *code << bits | if valid { u64::from(key) + 1 } else { 0 };
                }
            }
            Self::Views(_) => return Err(exec_datafusion_err!("the fold: expected keys of events' texts")),
        }
        Ok(())
    }

    /// Marks the rows whose text may be another than that of the row before.
    fn mark_changes(&self, changes: &mut [bool]) {
        match self {
            Self::None => {}
            Self::Keys { keys, nulls, .. } => mark_changes(keys, *nulls, changes),
            Self::Views(views) => {
                let marks = changes.iter_mut().skip(1);
                for (mark, (text, before)) in marks.zip(views.iter().skip(1).zip(*views)) {
                    *mark |= text != before;
                }
            }
        }
    }
}

impl<'a> Batch<'a> {
    fn of(columns: &'a [ArrayRef]) -> DataFusionResult<Self> {
        let [ids, times, statuses, texts @ .., marks] = columns else {
            return Err(exec_datafusion_err!("the fold: expected {} columns", LEADING.len() + TEXTS + 1));
        };
        Ok(Self {
            ids: ids.as_binary_view(),
            times: times.as_primitive::<TimestampMicrosecondType>(),
            statuses: statuses.as_primitive::<Int64Type>(),
            texts: texts.iter().map(Texts::of).collect::<DataFusionResult<_>>()?,
            marks: marks.as_primitive::<UInt64Type>(),
        })
    }

    fn rows(&self) -> usize {
        self.ids.len()
    }

    fn status(&self, row: usize) -> Option<i64> {
        self.statuses.is_valid(row).then(|| self.statuses.value(row))
    }
}

impl Packer {
    /// Looks at the columns of a batch.
    pub(super) fn look_at<'a>(&mut self, columns: &'a [ArrayRef]) -> DataFusionResult<Batch<'a>> {
        let batch = Batch::of(columns)?;
        let mut same = true;
        for (known, texts) in self.known.iter_mut().zip(&batch.texts) {
            same &= known.turn_to(texts);
        }
        self.encode(&batch, same)?;
        self.changes.clear();
        self.changes.resize(batch.rows(), false);
        for texts in batch.texts.iter().skip(EVENT_TEXTS.len()) {
            texts.mark_changes(&mut self.changes);
        }
        Ok(batch)
    }

    /// Puts the keys of each row into one number; `same` tells whether they mean what they meant in the batch before.
    fn encode(&mut self, batch: &Batch<'_>, same: bool) -> DataFusionResult<()> {
        let Self { known, statuses, codes, bits, dense, .. } = self;
        codes.clear();
        match batch.statuses.null_count() {
            nulls if nulls == batch.rows() => codes.resize(nulls, 0),
            _ => codes.extend(
                batch
                    .statuses
                    .iter()
                    .map(|status| status.map_or(0, |status| u64::from(statuses.number(status)) + 1)),
            ),
        }
        let mut used = bits_of(statuses.len());
        let counts = known.iter().map(|known| known.numbers.len());
        let now: Vec<u32> = [statuses.len()].into_iter().chain(counts).take(SHAPED).map(bits_of).collect();
        if !same || now != *bits {
            *bits = now;
            self.shapes.clear();
            dense.iter_mut().for_each(Codes::clear);
        }
        let columns = batch.texts.iter().zip(bits.iter().skip(1)).zip(dense);
        for ((texts, &bits), dense) in columns {
            if used + bits > CODE_BITS && bits > 0 {
                for code in codes.iter_mut() {
                    let next = dense.len() as u64;
                    *code = *dense.entry(*code).or_insert(next);
                }
                used = DENSE_BITS;
            }
            texts.append_to(codes, bits)?;
            used += bits;
        }
        Ok(())
    }

    /// Packs some rows of the batch at hand.
    pub(super) fn pack(
        &mut self,
        batch: &Batch<'_>,
        rows: Range<usize>,
        vocabulary: &mut Vocabulary,
        events: &mut Vec<Packed>,
    ) -> DataFusionResult<()> {
        events.reserve(rows.len());
        let mut dimensions = None;
        for row in rows {
            if self.changes.get(row) == Some(&true) {
                dimensions = None;
            }
            let dimensions = *dimensions.get_or_insert_with(|| self.dimensions(batch, row, vocabulary));
            events.push(Packed {
                id: id_of(batch.ids.value(row))?,
                at_ms: batch.times.value(row).div_euclid(1_000),
                marks: if batch.marks.is_null(row) { 0 } else { batch.marks.value(row) },
                shape: self.shape(batch, row, vocabulary),
                dimensions,
            });
        }
        Ok(())
    }

    /// The number of a row's shape.
    fn shape(&mut self, batch: &Batch<'_>, row: usize, vocabulary: &mut Vocabulary) -> u32 {
        let code = self.codes.get(row).copied().unwrap_or_default();
        if let Some(&shape) = self.shapes.get(&code) {
            return shape;
        }
        let mut texts = [NONE; EVENT_TEXTS.len()];
        for (number, (column, known)) in texts.iter_mut().zip(batch.texts.iter().zip(&mut self.known)) {
            *number = known.number(column, row, vocabulary);
        }
        let shape = vocabulary.shape(Shape { texts, http_status: batch.status(row) });
        self.shapes.insert(code, shape);
        shape
    }

    /// The number of a row's dimensions.
    fn dimensions(&mut self, batch: &Batch<'_>, row: usize, vocabulary: &mut Vocabulary) -> u32 {
        let mut dimensions: Dimensions = [NONE; RUN_DIMENSIONS.len()];
        let columns = batch.texts.iter().zip(&mut self.known).skip(EVENT_TEXTS.len());
        for (number, (column, known)) in dimensions.iter_mut().zip(columns) {
            *number = known.number(column, row, vocabulary);
        }
        vocabulary.number_of(dimensions)
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        let codes = self.dense.iter().map(Codes::capacity).sum::<usize>() + self.shapes.capacity();
        let known = self.known.iter().map(|known| known.numbers.capacity()).sum::<usize>();
        codes * size_of::<(u64, u64)>() + known * size_of::<u32>() + self.codes.capacity() * size_of::<u64>()
    }
}

/// The number of a text that no row has had yet.
const UNSEEN: u32 = NONE - 1;

/// The distinct texts of a column in a row group, and for each its number in the vocabulary.
#[derive(Debug, Default)]
struct Known {
    texts: Option<StringArray>,
    numbers: Vec<u32>,
}

impl Known {
    /// Takes over the texts that a column has keys into; tells whether they are those of before.
    fn turn_to(&mut self, column: &Texts<'_>) -> bool {
        let Texts::Keys { texts, .. } = column else { return true };
        if self.texts.as_ref().is_some_and(|known| is_one(known, texts)) {
            return true;
        }
        self.texts = Some((*texts).clone());
        self.numbers.clear();
        self.numbers.resize(texts.len(), UNSEEN);
        false
    }

    /// The number of a row's text. A text that has a key is looked at once in a row group.
    fn number(&mut self, column: &Texts<'_>, row: usize, vocabulary: &mut Vocabulary) -> u32 {
        match column {
            Texts::None => NONE,
            Texts::Views(views) => vocabulary.texts.number_of(views.is_valid(row).then(|| views.value(row))),
            Texts::Keys { keys, nulls, texts } => {
                let key = keys.get(row).filter(|_| nulls.is_none_or(|nulls| nulls.is_valid(row)));
                let known = key.and_then(|&key| Some((key, self.numbers.get_mut(key as usize)?)));
                let Some((key, number)) = known else { return NONE };
                if *number == UNSEEN {
                    *number = vocabulary.texts.number_of(Some(texts.value(key as usize)));
                }
                *number
            }
        }
    }
}

/// How many bits tell so many texts and none from one another.
fn bits_of(texts: usize) -> u32 {
    usize::BITS - texts.leading_zeros()
}

fn id_of(bytes: &[u8]) -> DataFusionResult<[u64; 2]> {
    let halves = bytes.split_first_chunk().and_then(|(high, low)| Some((high, low.try_into().ok()?)));
    let (high, low) =
        halves.ok_or_else(|| exec_datafusion_err!("the fold: expected event ids of 16 bytes"))?;
    Ok([u64::from_be_bytes(*high), u64::from_be_bytes(low)])
}

//! The texts of one column: numbers row by row, and each text once as long as it comes again soon.
//!
//! Most columns of events say the same few things, or say the same for as long as a run lasts. So a row costs four
//! bytes and a short look-up, and a column without any text costs nothing.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, StringArray, UInt32Array, new_null_array};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, UInt32Type};
use arrow::error::ArrowError;
use foldhash::fast::FixedState;

/// The number that stands for no text.
const NONE: u32 = u32::MAX;

/// Places for texts that are remembered, a power of two: room for the runs that are under way at one time.
const RECENT: usize = 1024;

/// Texts of the rows so far.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The number of each row's text. Rows behind the last text are not there.
    keys: Vec<u32>,
    /// All texts, one behind the other.
    text: String,
    /// Where each text ends.
    ends: Vec<i32>,
    /// The latest text of every place that hashes lead to: more of its hash, and its number.
    recent: Vec<(u32, u32)>,
}

/// Texts of all rows, to be taken out in any order.
#[derive(Debug)]
pub(super) struct TextColumn {
    keys: Vec<u32>,
    texts: Arc<StringArray>,
}

impl Texts {
    /// Takes all rows away and keeps the room.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.text.clear();
        self.ends.clear();
    }

    /// Gives a row its text. Rows come in order; those left out have none.
    pub(super) fn set(&mut self, row: usize, text: &str) {
        let key = self.number(text);
        self.keys.resize(row, NONE);
        self.keys.push(key);
    }

    /// Adds the rows of another column behind the first `rows` of this one. Its texts follow the own as they are: looking
    /// each up again would cost more than the few that both have.
    pub(super) fn extend(&mut self, rows: usize, other: &Self) {
        if other.keys.is_empty() {
            return;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(NONE);
        let end = end_of(&self.text);
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|further| end.saturating_add(*further)));
        self.keys.resize(rows, NONE);
        // No text stays none.
        self.keys.extend(other.keys.iter().map(|key| number.saturating_add(*key)));
    }

    fn get(&self, number: usize) -> Option<&[u8]> {
        let end = usize::try_from(*self.ends.get(number)?).ok()?;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.as_bytes().get(usize::try_from(start).ok()?..end)
    }

    /// The number of a text: the one it has, when it is remembered.
    fn number(&mut self, text: &str) -> u32 {
        if self.recent.is_empty() {
            self.recent = vec![(0, NONE); RECENT];
        }
        let (place, tag) = place_and_tag(text);
        let (known_tag, known) = self.recent.get(place).copied().unwrap_or((0, NONE));
        if known_tag == tag && self.get(known as usize) == Some(text.as_bytes()) {
            return known;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(NONE);
        self.text.push_str(text);
        self.ends.push(end_of(&self.text));
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = (tag, number);
        }
        number
    }

    /// Ends the column with the first `rows` rows.
    ///
    /// # Errors
    /// When the texts are more than an array can hold.
    pub(super) fn finish(mut self) -> Result<TextColumn, ArrowError> {
        if i32::try_from(self.text.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(self.text.len()));
        }
        self.ends.insert(0, 0);
        let ends = ScalarBuffer::from(self.ends);
        let texts =
            StringArray::try_new(OffsetBuffer::new(ends), Buffer::from(self.text.into_bytes()), None)?;
        Ok(TextColumn { keys: self.keys, texts: Arc::new(texts) })
    }
}

/// Where the last text ends. A part's texts are far from 2 GiB; beyond that the column does not finish.
fn end_of(text: &str) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

/// Where a text is remembered, and what tells it from nearly all others that would be there.
fn place_and_tag(text: &str) -> (usize, u32) {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(text.as_bytes());
    let hash = hasher.finish();
    let half = |half: u64| u32::try_from(half & u64::from(u32::MAX)).unwrap_or_default();
    (half(hash) as usize % RECENT, half(hash >> 32))
}

impl TextColumn {
    fn key(&self, row: u32) -> u32 {
        self.keys.get(row as usize).copied().unwrap_or(NONE)
    }

    /// The place of every text in the order of texts, by its number; equal texts have the same one. 0 is no text's.
    fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<(&str, u32)> =
            self.texts.iter().zip(0..).filter_map(|(text, number)| Some((text?, number))).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        let mut rank = 0;
        for equal in sorted.chunk_by(|(left, _), (right, _)| left == right) {
            rank += 1;
            for (_, number) in equal {
                if let Some(place) = ranks.get_mut(*number as usize) {
                    *place = rank;
                }
            }
        }
        ranks
    }

    /// Takes all rows away and keeps the room, if nobody else has the texts.
    pub(super) fn into_texts(self) -> Texts {
        let room = Arc::into_inner(self.texts).and_then(|texts| {
            let (ends, text, _) = texts.into_parts();
            Some((ends.into_inner().into_inner().into_vec().ok()?, text.into_vec().ok()?))
        });
        let (ends, text) = room.unwrap_or_default();
        let mut texts = Texts { keys: self.keys, text: emptied(text), ends, recent: Vec::new() };
        texts.clear();
        texts
    }

    /// A number for every row that sorts like its text, no text first.
    pub(super) fn row_ranks(&self) -> impl Fn(u32) -> u32 {
        let ranks = self.ranks();
        move |row| ranks.get(self.key(row) as usize).copied().unwrap_or(0)
    }

    /// The texts of some rows. They share the texts of the column.
    ///
    /// # Errors
    /// When there are more rows than an array can hold.
    pub(super) fn take(&self, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        if self.keys.is_empty() {
            return Ok(new_null_array(&DataType::Utf8, rows.len()));
        }
        let keys: Vec<u32> = rows.iter().map(|row| self.key(*row)).collect();
        let nulls = keys.contains(&NONE).then(|| keys.iter().map(|key| *key != NONE).collect::<NullBuffer>());
        let keys = UInt32Array::try_new(keys.into(), nulls)?;
        Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::clone(&self.texts) as ArrayRef)?))
    }
}

fn emptied(mut bytes: Vec<u8>) -> String {
    bytes.clear();
    String::from_utf8(bytes).unwrap_or_default()
}

/// One text for all of some rows.
///
/// # Errors
/// When there are more rows than an array can hold.
pub(super) fn repeated(text: &str, rows: usize) -> Result<ArrayRef, ArrowError> {
    let texts = StringArray::from_iter_values([text]);
    let keys = UInt32Array::from_value(0, rows);
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(texts))?))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;
    use arrow::compute::cast;
    use proptest::prelude::*;

    use super::*;

    fn column(texts: &[Option<&str>]) -> Texts {
        let mut column = Texts::default();
        for (row, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                column.set(row, text);
            }
        }
        column
    }

    fn taken(column: &TextColumn, rows: &[u32]) -> Vec<Option<String>> {
        let plain = cast(&column.take(rows).unwrap(), &DataType::Utf8).unwrap();
        plain.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn a_text_that_comes_again_is_kept_once() {
        let mut all = column(&[Some("a"), None, Some("a"), Some("")]);
        all.extend(5, &column(&[None, Some("b"), Some("c"), Some("b")]));
        let column = all.finish().unwrap();
        assert_eq!(column.texts.iter().flatten().collect::<Vec<_>>(), ["a", "", "b", "c"]);
        assert_eq!(
            taken(&column, &[8, 1, 100, 3]),
            [Some("b"), None, None, Some("")].map(|text| text.map(str::to_owned))
        );
    }

    proptest! {
        #[test]
        fn rows_come_out_as_they_went_in_and_ranks_sort_like_texts(
            blocks in proptest::collection::vec(proptest::collection::vec(proptest::option::of("[ab]{0,3}|[a-z]{12}"), 0..60), 0..5)
        ) {
            let mut all = Texts::default();
            let mut expected: Vec<Option<String>> = Vec::new();
            for block in &blocks {
                let texts: Vec<Option<&str>> = block.iter().map(Option::as_deref).collect();
                all.extend(expected.len(), &column(&texts));
                expected.extend(block.iter().cloned());
            }
            let column = all.finish().unwrap();
            let rows: Vec<u32> = (0..).take(expected.len()).collect();
            prop_assert_eq!(&taken(&column, &rows), &expected);
            let rank = column.row_ranks();
            for pair in rows.windows(2) {
                let [left, right] = pair else { unreachable!() };
                prop_assert_eq!(rank(*left).cmp(&rank(*right)), expected[*left as usize].cmp(&expected[*right as usize]));
            }
        }
    }
}

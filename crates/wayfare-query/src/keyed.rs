//! Columns of texts as keys into distinct texts, the way Parquet keeps them: a reader that hands them on need not make a text of each row.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, StringArray, StringViewArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, UInt32Type};
use arrow::error::ArrowError;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// A column of keys and the texts that they stand for.
pub(crate) type Keyed = DictionaryArray<UInt32Type>;

/// The type of such a column.
pub(crate) fn keyed_type() -> DataType {
    static KEYED: LazyLock<DataType> =
        LazyLock::new(|| DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8)));
    KEYED.clone()
}

/// The texts of a column; none where it has others than [`keyed_type`] says.
pub(crate) fn texts_of(column: &Keyed) -> Option<&StringArray> {
    column.values().as_string_opt()
}

/// Whether two arrays are one in memory, not only alike: then a key means the same in both.
pub(crate) fn is_one(left: &StringArray, right: &StringArray) -> bool {
    left.offsets().ptr_eq(right.offsets()) && left.values().ptr_eq(right.values())
}

/// The texts of a batch, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    keys: UInt32Array,
    texts: StringArray,
}

impl Rows {
    /// The texts of a column of [`keyed_type`]; none of another.
    pub(crate) fn of(column: &ArrayRef) -> Option<Self> {
        let column: &Keyed = column.as_dictionary_opt()?;
        Some(Self { keys: column.keys().clone(), texts: texts_of(column)?.clone() })
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The text of a row.
    pub(crate) fn at(&self, row: usize) -> Option<&str> {
        self.key(row).map(|key| self.texts.value(key as usize))
    }

    /// Marks the rows whose key is another than that of the row before.
    pub(crate) fn mark_changes(&self, marks: &mut [bool]) {
        mark_changes(self.keys.values(), self.keys.nulls(), marks);
    }

    /// Whether two rows have the same key. Two keys may stand for one text where a dictionary holds it twice.
    pub(crate) fn has_same_key(&self, row: usize, other: usize) -> bool {
        self.key(row) == self.key(other)
    }

    fn key(&self, row: usize) -> Option<u32> {
        self.keys.is_valid(row).then(|| self.keys.value(row))
    }
}

/// Marks the rows whose key may be another than that of the row before.
pub(crate) fn mark_changes(keys: &[u32], nulls: Option<&NullBuffer>, marks: &mut [bool]) {
    mark_differences(keys, marks);
    let Some(nulls) = nulls else { return };
    let mut before = nulls.iter().next();
    for (mark, valid) in marks.iter_mut().zip(nulls.iter()) {
        *mark |= before.replace(valid) != Some(valid);
    }
}

/// Marks the places whose number is another than the one before.
pub(crate) fn mark_differences(numbers: &[u32], marks: &mut [bool]) {
    let behind = numbers.get(1..).unwrap_or_default();
    let marks = marks.get_mut(1..).unwrap_or_default();
    for ((mark, number), before) in marks.iter_mut().zip(behind).zip(numbers) {
        *mark |= number != before;
    }
}

/// Some rows of a column of views as keys. Equal views have one key; a text that lies in two places has two.
///
/// # Errors
/// When the distinct texts are more than an array can hold.
pub(crate) fn keyed_rows(texts: &StringViewArray, rows: &UInt32Array) -> Result<Keyed, ArrowError> {
    let mut known: HashMap<u128, u32, RandomState> = HashMap::default();
    let mut distinct = Vec::new();
    let mut last = None;
    let mut key = |row: u32| {
        let row = row as usize;
        let view = texts.views().get(row).copied().filter(|_| texts.is_valid(row))?;
        if let Some((_, key)) = last.filter(|(before, _)| *before == view) {
            return Some(key);
        }
        let next = u32::try_from(distinct.len()).ok()?;
        let key = *known.entry(view).or_insert_with(|| {
            distinct.push(texts.value(row));
            next
        });
        last = Some((view, key));
        Some(key)
    };
    let keys: UInt32Array = rows.values().iter().map(|&row| key(row)).collect();
    let bytes = distinct.iter().copied().map(str::len).sum();
    i32::try_from(bytes).map_err(|_large| ArrowError::OffsetOverflowError(bytes))?;
    Keyed::try_new(keys, Arc::new(StringArray::from_iter_values(distinct)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_views_have_keys() {
        let long = "longer than a view holds";
        let views: StringViewArray =
            [Some(long), None, Some("a"), Some(long), Some("")].into_iter().collect();
        let order = UInt32Array::from(vec![4, 0, 3, 1, 2, 0, 0]);
        let keyed = keyed_rows(&views, &order).unwrap();
        let texts = texts_of(&keyed).unwrap();
        let read: Vec<_> = keyed.keys().iter().map(|key| key.map(|key| texts.value(key as usize))).collect();
        assert_eq!(read, [Some(""), Some(long), Some(long), None, Some("a"), Some(long), Some(long)]);
    }

    #[test]
    fn rows_have_their_texts_and_tell_keys_apart() {
        let keys = UInt32Array::from(vec![Some(1), Some(1), None, Some(0), Some(2)]);
        let texts = StringArray::from(vec!["a", "b", "b"]);
        let column: ArrayRef = Arc::new(Keyed::try_new(keys, Arc::new(texts.clone())).unwrap());
        let rows = Rows::of(&column).unwrap();
        let at: Vec<_> = (0..rows.len()).map(|row| rows.at(row)).collect();
        assert_eq!(at, [Some("b"), Some("b"), None, Some("a"), Some("b")]);
        assert!(rows.has_same_key(0, 1) && !rows.has_same_key(1, 4) && !rows.has_same_key(2, 3));
        assert!(Rows::of(&(Arc::new(texts.clone()) as ArrayRef)).is_none());
        assert!(is_one(&texts, &texts.clone()) && !is_one(&texts, &StringArray::from(vec!["a", "b", "b"])));
    }
}

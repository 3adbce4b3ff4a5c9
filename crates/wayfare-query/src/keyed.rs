//! Columns of texts as keys into distinct texts, the way Parquet keeps them: a reader that hands them on need not make a text of each row.

use std::sync::LazyLock;

use arrow::array::{Array as _, ArrayRef, AsArray as _, DictionaryArray, StringArray, UInt32Array};
use arrow::datatypes::{DataType, UInt32Type};

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

    /// Whether two rows have the same key. Two keys may stand for one text where a dictionary holds it twice.
    pub(crate) fn has_same_key(&self, row: usize, other: usize) -> bool {
        self.key(row) == self.key(other)
    }

    fn key(&self, row: usize) -> Option<u32> {
        self.keys.is_valid(row).then(|| self.keys.value(row))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

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

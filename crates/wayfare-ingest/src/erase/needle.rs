//! Tells whether a row names an id.
//!
//! In a column for ids of its kind the whole value has to be the id. In any other text it has to be a word: the letters and
//! digits around it must not go on, so that `u-1001` is not found in `u-10012`. A short id would be found in every
//! number, and is looked for in columns only.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::DataType;

use super::Subject;
use crate::Result;

/// Ids shorter than this are not looked for in texts.
const WORD_BYTES_MIN: usize = 6;
/// In ids shorter than this, `-` and `_` join words: `user-7` is not a part of `user-7-test`.
const LONG_BYTES_MIN: usize = 16;

/// The ids that are looked for. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Needles {
    needles: Arc<[Needle]>,
}

#[derive(Debug)]
struct Needle {
    columns: &'static [&'static str],
    id: String,
}

/// Rows that name an id.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// One answer a row.
    pub(super) rows: Vec<bool>,
    /// Places where an id stands inside a longer word.
    pub(super) inside_words: u64,
}

impl Needles {
    pub(super) fn new(subjects: &[Subject]) -> Result<Self> {
        let needle = |subject: &Subject| -> Result<Needle> {
            Ok(Needle { columns: subject.kind.columns(), id: subject.checked()?.to_owned() })
        };
        Ok(Self { needles: subjects.iter().map(needle).collect::<Result<_>>()? })
    }

    /// Looks at all texts of a batch.
    pub(super) fn look(&self, batch: &RecordBatch) -> Named {
        let mut named = Named { rows: vec![false; batch.num_rows()], inside_words: 0 };
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if field.data_type() != &DataType::Utf8 {
                continue;
            }
            let values = column.as_string::<i32>();
            for needle in self.needles.iter() {
                if needle.columns.contains(&field.name().as_str()) {
                    whole(values, &needle.id, &mut named);
                } else if needle.id.len() >= WORD_BYTES_MIN {
                    words(values, &needle.id, &mut named);
                }
            }
        }
        named
    }
}

fn whole(values: &StringArray, id: &str, named: &mut Named) {
    for (row, value) in named.rows.iter_mut().zip(values) {
        *row |= value == Some(id);
    }
}

/// Searches all values of a column at once: they lie behind each other in one buffer.
fn words(values: &StringArray, id: &str, named: &mut Named) {
    let offsets = values.value_offsets();
    let first = offsets.first().copied().unwrap_or_default();
    let place = |offset: i32| usize::try_from(offset).unwrap_or_default();
    let end = place(offsets.last().copied().unwrap_or_default());
    let buffer = values.value_data().get(..end).unwrap_or_default();
    // the buffer of a text column is text
    let text = std::str::from_utf8(buffer).unwrap_or_default();
    let mut from = place(first);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(id)).map(|found| from + found) {
        let row = offsets.partition_point(|&offset| place(offset) <= at) - 1;
        let value = if row < values.len() { values.value(row) } else { "" };
        let inside = at - place(offsets.get(row).copied().unwrap_or_default());
        if inside + id.len() <= value.len()
            && let Some(row) = named.rows.get_mut(row)
        {
            if is_word(value, inside, id.len()) {
                *row = true;
            } else {
                named.inside_words += 1;
            }
        }
        from = at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    }
    // escaped letters are found in the few values that have any
    if text.get(place(first)..).is_some_and(|text| text.contains('\\')) {
        for (row, value) in named.rows.iter_mut().zip(values) {
            if let Some(Cow::Owned(plain)) = value.map(unescaped) {
                *row |= plain.match_indices(id).any(|(at, _)| is_word(&plain, at, id.len()));
            }
        }
    }
}

/// Whether the `length` bytes at `at` are not part of a longer word.
pub(crate) fn is_word(text: &str, at: usize, length: usize) -> bool {
    let goes_on = |letter: char| {
        letter.is_alphanumeric() || (length < LONG_BYTES_MIN && (letter == '-' || letter == '_'))
    };
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + length..).and_then(|text| text.chars().next());
    !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
}

/// The text with the escapes of JSON undone.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.strip_prefix('u').and_then(|code| code.get(..4));
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let (letter, skipped) = match (code, after.chars().next()) {
            (Some(letter), _) => (letter, 5),
            (None, Some(letter)) => (letter, letter.len_utf8()),
            (None, None) => break,
        };
        plain.push(letter);
        rest = after.get(skipped..).unwrap_or_default();
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use arrow::array::ArrayRef;

    use super::super::SubjectKind;
    use super::*;

    fn look(id: &str, column: &str, values: &[&str]) -> (Vec<bool>, u64) {
        let values: ArrayRef = Arc::new(values.iter().map(|value| Some(*value)).collect::<StringArray>());
        let batch = RecordBatch::try_from_iter([(column, values)]).unwrap();
        let subject = Subject { kind: SubjectKind::User, id: id.to_owned() };
        let named = Needles::new(&[subject]).unwrap().look(&batch);
        (named.rows, named.inside_words)
    }

    #[test]
    fn a_column_for_ids_has_to_be_the_id() {
        assert_eq!(look("7", "user_id", &["7", "77", ""]), (vec![true, false, false], 0));
        assert_eq!(look("u-1001", "actor_id", &["u-1001", "u-1001 "]), (vec![true, false], 0));
    }

    #[test]
    fn a_text_has_to_have_it_as_a_word() {
        let texts = [
            r#"{"who":"u-1001"}"#,
            r#"{"who":"u-10012"}"#,
            "mail from u-1001.",
            "au-1001",
            "u-1001-x and u-1001",
            r#"{"who":"u\u002d1001"}"#,
            "u-10",
            "01 ends what the row before began",
        ];
        let (rows, inside) = look("u-1001", "additional_params", &texts);
        assert_eq!(rows, [true, false, true, false, true, true, false, false]);
        assert_eq!(inside, 3);
    }

    #[test]
    fn a_short_id_is_not_looked_for_in_texts() {
        assert_eq!(look("200", "additional_params", &[r#"{"http_status":200}"#]), (vec![false], 0));
    }

    #[test]
    fn a_long_id_is_found_behind_a_prefix() {
        let id = "0b8b7a1e-3f52-4f0e-9f3c-2d1c7e5a9b10";
        assert_eq!(
            look(id, "error_message", &[&format!("user_{id}-old"), &format!("a{id}")]),
            (vec![true, false], 1)
        );
    }
}

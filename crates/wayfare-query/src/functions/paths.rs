//! Work that is done once a distinct path, not once a run.
//!
//! The store keeps the runs of a journey sorted by path, and Parquet's dictionary holds a path once: rows of one path
//! follow one another and have one and the same view. So a batch falls into few stretches, which are told apart by
//! comparing 16 bytes a row, and only the first row of a stretch looks its text up.

use std::collections::HashMap;

use arrow::array::{Array as _, BinaryViewArray, StringViewArray};
use foldhash::fast::RandomState;

use crate::timeline::Offsets;
use crate::{Error, Result};

/// Paths that have a number. With a kilobyte of results each they take 32 MB; frequent paths come early, and what comes after
/// them is worked out anew each time.
const NUMBERED_MAX: usize = 32_768;

/// The number of a path among those of [`PathNumbers`].
pub(super) type PathNumber = u32;

/// Numbers of paths, from 0 on, by which what was worked out of them is kept.
#[derive(Debug, Default)]
pub(super) struct PathNumbers {
    numbers: HashMap<Box<str>, PathNumber, RandomState>,
    bytes: usize,
}

impl PathNumbers {
    /// The number of a path, the next one for a new path; none when there is no room for it.
    pub(super) fn number(&mut self, path: &str) -> Option<PathNumber> {
        if let Some(&number) = self.numbers.get(path) {
            return Some(number);
        }
        let next = PathNumber::try_from(self.numbers.len()).ok();
        let next = next.filter(|_| self.numbers.len() < NUMBERED_MAX)?;
        self.bytes += path.len() + size_of::<(Box<str>, PathNumber)>();
        self.numbers.insert(path.into(), next);
        Some(next)
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}

/// The end of the stretch of rows from `start` on that have one and the same text; what is the same text in other places
/// may begin a new stretch.
pub(super) fn stretch(texts: &StringViewArray, start: usize, end: usize) -> usize {
    let views = texts.views();
    let first = views.get(start);
    let same = |row: &usize| views.get(*row) == first && texts.is_null(*row) == texts.is_null(start);
    (start + 1..end).find(|row| !same(row)).unwrap_or(end)
}

/// The offsets of a run, as many as its path has tokens.
///
/// # Errors
/// `Corrupt` when they are none, or not one a token.
pub(super) fn offsets_at(offsets: &BinaryViewArray, row: usize, tokens: usize) -> Result<Offsets<'_>> {
    let offsets = Offsets::of(offsets.value(row))?;
    if offsets.len() == tokens {
        return Ok(offsets);
    }
    Err(Error::corrupt(format!("a path of {tokens} tokens has {} offsets", offsets.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_view_are_one_stretch() {
        let texts = StringViewArray::from(vec![Some("a"), Some("a"), Some("b"), None, None, Some("")]);
        let mut ends = Vec::new();
        let mut start = 0;
        while start < texts.len() {
            start = stretch(&texts, start, texts.len());
            ends.push(start);
        }
        assert_eq!(ends, [2, 3, 5, 6]);
        assert_eq!(stretch(&texts, 0, 1), 1);
    }

    #[test]
    fn a_path_has_one_number_until_there_is_no_room() {
        let mut numbers = PathNumbers::default();
        for _ in 0..2 {
            for (number, path) in (0..).zip(0..NUMBERED_MAX) {
                assert_eq!(numbers.number(&path.to_string()), Some(number));
            }
            assert_eq!(numbers.number("^"), None);
        }
        assert!(numbers.size() > NUMBERED_MAX);
    }
}

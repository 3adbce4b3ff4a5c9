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

/// Paths whose results are kept. With a kilobyte each they take 32 MB; frequent paths come early, and what comes after
/// them is worked out anew each time.
const KEPT_MAX: usize = 32_768;

/// What was worked out of paths.
#[derive(Debug)]
pub(super) struct ByPath<T> {
    places: HashMap<Box<str>, usize, RandomState>,
    kept: Vec<T>,
    /// The last one that found no room.
    passing: Option<T>,
    bytes: usize,
}

impl<T> Default for ByPath<T> {
    fn default() -> Self {
        Self { places: HashMap::default(), kept: Vec::new(), passing: None, bytes: 0 }
    }
}

impl<T> ByPath<T> {
    /// What `work` makes of a path, from memory where it is there.
    pub(super) fn get(&mut self, path: &str, work: impl FnOnce(&str) -> Result<T>) -> Result<&mut T> {
        let place = match self.places.get(path) {
            Some(&place) => place,
            None if self.kept.len() < KEPT_MAX => {
                self.kept.push(work(path)?);
                self.bytes += path.len();
                self.places.insert(path.into(), self.kept.len() - 1);
                self.kept.len() - 1
            }
            None => {
                let made = work(path)?;
                return Ok(self.passing.insert(made));
            }
        };
        match self.kept.get_mut(place) {
            Some(kept) => Ok(kept),
            None => Err(Error::internal("a path's place is lost")),
        }
    }

    /// Bytes in use, without what the results own.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.kept.capacity() * (size_of::<T>() + 32)
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
    fn work_is_done_once_a_path_until_there_is_no_room() {
        let mut known = ByPath::default();
        let mut worked = 0;
        for _ in 0..2 {
            for path in 0..=KEPT_MAX {
                let length = known.get(&path.to_string(), |path| {
                    worked += 1;
                    Ok(path.len())
                });
                assert_eq!(*length.unwrap(), path.to_string().len());
            }
        }
        assert_eq!(worked, KEPT_MAX + 2);
    }
}

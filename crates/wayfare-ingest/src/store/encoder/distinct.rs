//! The distinct texts of a column, each with a number in the order in which they came.

use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Texts by number, and numbers by text.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    /// The texts as a dictionary page has them: each behind its length, four bytes with the lowest first.
    page: Vec<u8>,
    /// Where in it each text lies.
    places: Vec<Range<usize>>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Distinct {
    /// The number of a text, a new one when it was not seen before.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let Self { page, places, numbers, hasher } = self;
        let bytes = text.as_bytes();
        let text_of = |number: u32| places.get(number as usize).and_then(|place| page.get(place.clone()));
        let hash = hasher.hash_one(bytes);
        if let Some(number) = numbers.find(hash, |&number| text_of(number) == Some(bytes)) {
            return *number;
        }
        let new = u32::try_from(places.len()).unwrap_or(u32::MAX);
        numbers.insert_unique(hash, new, |&number| hasher.hash_one(text_of(number).unwrap_or_default()));
        // a text is part of an array, whose texts are shorter than 2 GiB
        page.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        let start = page.len();
        page.extend_from_slice(bytes);
        places.push(start..page.len());
        new
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// All of them as a dictionary page has them.
    pub(super) fn page(&self) -> &[u8] {
        &self.page
    }

    /// The bytes of a text; empty when there is none with that number.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        let place = self.places.get(number as usize).cloned();
        place.and_then(|place| self.page.get(place)).unwrap_or_default()
    }

    /// The length of a text in bytes.
    pub(super) fn text_len(&self, number: u32) -> usize {
        self.places.get(number as usize).map_or(0, Range::len)
    }

    /// All of them in order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|place| self.page.get(place.clone()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let mut distinct = Distinct::default();
        let long = "x".repeat(300);
        let seen = ["b", "", "b", "ä", &long, "", "ä"].map(|text| distinct.number(text));
        assert_eq!(seen, [0, 1, 0, 2, 3, 1, 2]);
        assert_eq!(distinct.texts().collect::<Vec<_>>(), [b"b", &b""[..], "ä".as_bytes(), long.as_bytes()]);
        assert_eq!((distinct.text(2), distinct.text(9)), ("ä".as_bytes(), &b""[..]));
        assert_eq!(distinct.page()[..11], [1, 0, 0, 0, b'b', 0, 0, 0, 0, 2, 0]);
    }

    #[test]
    fn many_texts_keep_their_numbers() {
        let mut distinct = Distinct::default();
        let numbers = |distinct: &mut Distinct| {
            (0..70_000).map(|n| distinct.number(&format!("text {n}"))).collect::<Vec<_>>()
        };
        let first = numbers(&mut distinct);
        assert_eq!(first, (0..70_000).collect::<Vec<u32>>());
        assert_eq!(numbers(&mut distinct), first);
        assert_eq!(distinct.len(), 70_000);
    }
}

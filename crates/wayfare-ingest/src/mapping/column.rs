//! The columns that a mapping can fill.

use std::iter;

use crate::columns::{ENVELOPE_TEXT, PROMOTED_INTEGER, PROMOTED_TEXT};

/// The number of text columns of an event.
pub(crate) const TEXT_COLUMNS: usize = ENVELOPE_TEXT.len() + PROMOTED_TEXT.len();
/// The number of integer columns of an event.
pub(crate) const INTEGER_COLUMNS: usize = PROMOTED_INTEGER.len();
/// The number of columns that a mapping can fill.
pub(super) const COLUMNS: usize = NAMED.len() + TEXT_COLUMNS + INTEGER_COLUMNS;

// each has a bit of a word
const _: () = assert!(COLUMNS <= u64::BITS as usize);

const NAMED: [&str; 5] = ["activity", "timestamp", "event_id", "source", "additional_params"];

/// One of the columns, as its place in the list of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Column(usize);

impl Column {
    pub(super) const ACTIVITY: Self = Self(0);
    pub(super) const TIMESTAMP: Self = Self(1);
    pub(super) const EVENT_ID: Self = Self(2);
    pub(super) const SOURCE: Self = Self(3);
    pub(super) const PARAMS: Self = Self(4);

    pub(super) fn find(name: &str) -> Option<Self> {
        names().position(|column| column == name).map(Self)
    }

    pub(super) fn name(self) -> &'static str {
        names().nth(self.0).unwrap_or_default()
    }

    pub(super) fn index(self) -> usize {
        self.0
    }

    /// The column in a word of all of them.
    pub(super) fn bit(self) -> u64 {
        1 << self.0
    }

    /// The columns of a word of bits, in order.
    pub(super) fn of_bits(mut bits: u64) -> impl Iterator<Item = Self> {
        iter::from_fn(move || {
            let place = bits.trailing_zeros() as usize;
            // takes the lowest bit away
            bits &= bits.checked_sub(1)?;
            Some(Self(place))
        })
    }

    /// The place in [`crate::Event::text`], if the column has one.
    pub(super) fn text_place(self) -> Option<usize> {
        self.0.checked_sub(NAMED.len()).filter(|place| *place < TEXT_COLUMNS)
    }

    /// The column at a place of [`crate::Event::text`].
    pub(super) fn text(place: usize) -> Self {
        Self(NAMED.len() + place)
    }

    /// The column at a place of [`crate::Event::integers`].
    pub(super) fn integer(place: usize) -> Self {
        Self(NAMED.len() + TEXT_COLUMNS + place)
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMED.into_iter().chain(ENVELOPE_TEXT).chain(PROMOTED_TEXT).chain(PROMOTED_INTEGER)
}

/// The place of a text column in [`crate::Event::text`].
pub(crate) fn text_place(name: &str) -> Option<usize> {
    ENVELOPE_TEXT.into_iter().chain(PROMOTED_TEXT).position(|column| column == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        for name in names() {
            assert_eq!(Column::find(name).unwrap().name(), name);
        }
        assert_eq!(names().count(), COLUMNS);
        assert_eq!(Column::text(text_place("country").unwrap()), Column::find("country").unwrap());
        assert_eq!(Column::integer(0), Column::find("step_number").unwrap());
        assert_eq!(Column::PARAMS.name(), "additional_params");
        assert_eq!(Column::SOURCE.name(), "source");
    }

    #[test]
    fn columns_of_bits_are_those_that_were_put_in() {
        let columns =
            [Column::ACTIVITY, Column::PARAMS, Column::text(0), Column::integer(INTEGER_COLUMNS - 1)];
        let bits = columns.iter().fold(0, |bits, column| bits | column.bit());
        assert_eq!(Column::of_bits(bits).collect::<Vec<_>>(), columns);
        assert_eq!(Column::of_bits(0).count(), 0);
        assert_eq!(columns.map(Column::text_place), [None, None, Some(0), None]);
    }
}

//! Values kept once and named by a number.

use std::collections::HashMap;

use std::hash::Hash;

use foldhash::fast::RandomState;

/// The number that stands for "no text".
pub(super) const NONE: u32 = u32::MAX;

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Box<str>, u32, RandomState>,
    by_number: Vec<Box<str>>,
    bytes: usize,
}

impl Texts {
    /// The number of a text, given on first sight.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.by_number.len()).unwrap_or(NONE);
        self.bytes += 2 * text.len();
        self.by_number.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// The text of a number.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.by_number.get(number as usize).map(AsRef::as_ref)
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.by_number.capacity() * 64
    }
}

/// Small values of one type by number.
#[derive(Debug)]
pub(super) struct Interned<T> {
    numbers: HashMap<T, u32, RandomState>,
    values: Vec<T>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), values: Vec::new() }
    }
}

impl<T: Copy + Eq + Hash> Interned<T> {
    /// The number of a value, given on first sight.
    pub(super) fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(NONE);
        *self.numbers.entry(value).or_insert_with(|| {
            self.values.push(value);
            next
        })
    }

    /// The value of a number.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.values.capacity() * (2 * size_of::<T>() + 16)
    }
}

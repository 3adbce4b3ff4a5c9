//! Values kept once and named by a number.

use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

/// The number that stands for "no text".
pub(super) const NONE: u32 = u32::MAX;

/// Texts by number, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each text ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Texts {
    /// The number of a text, given on first sight.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        let known = self.numbers.find(hash, |&number| at(&self.all, &self.ends, number) == Some(text));
        if let Some(&number) = known {
            return number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(NONE);
        self.all.push_str(text);
        self.ends.push(self.all.len());
        let Self { all, ends, numbers, hasher } = self;
        let hash_of = |&number: &u32| hasher.hash_one(at(all, ends, number).unwrap_or_default());
        numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// The number of a text; an empty one is none.
    pub(super) fn number_of(&mut self, text: Option<&str>) -> u32 {
        text.filter(|text| !text.is_empty()).map_or(NONE, |text| self.number(text))
    }

    /// The text of a number.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        at(&self.all, &self.ends, number)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * size_of::<usize>() + self.numbers.capacity() * 5
    }
}

fn at<'a>(all: &'a str, ends: &[usize], number: u32) -> Option<&'a str> {
    let number = number as usize;
    let start = match number.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    all.get(start..*ends.get(number)?)
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

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.values.capacity() * (2 * size_of::<T>() + 16)
    }
}

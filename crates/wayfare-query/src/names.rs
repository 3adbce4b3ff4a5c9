//! Texts by number, so that what is done often compares numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The number of a text among [`Names`].
pub(crate) type NameNumber = u32;

/// Texts in the order in which they came, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    numbers: HashMap<Box<str>, NameNumber, RandomState>,
    texts: Vec<Box<str>>,
}

impl Names {
    /// The number of a text, a new one for a new text.
    pub(crate) fn number(&mut self, text: &str) -> NameNumber {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        // Whoever fills this has a bound far below the number's type.
        let number = NameNumber::try_from(self.texts.len()).unwrap_or(NameNumber::MAX);
        self.numbers.insert(text.into(), number);
        self.texts.push(text.into());
        number
    }

    /// The number of a text that came before.
    pub(crate) fn get(&self, text: &str) -> Option<NameNumber> {
        self.numbers.get(text).copied()
    }

    /// The text of a number; empty where there is none.
    pub(crate) fn text(&self, number: NameNumber) -> &str {
        self.texts.get(number as usize).map_or("", AsRef::as_ref)
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Forgets all texts.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
    }
}

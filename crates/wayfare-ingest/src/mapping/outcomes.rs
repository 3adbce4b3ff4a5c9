//! The words that mean success and failure.

use std::collections::HashMap;

pub(super) const SUCCESS: &str = "success";
pub(super) const FAILURE: &str = "failure";

/// Words of the column `outcome` and what they mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcomes {
    pub(super) success: Vec<String>,
    pub(super) failure: Vec<String>,
}

impl Outcomes {
    /// The meaning of every word in lower case; failure wins when a word is in both lists.
    pub(super) fn index(&self) -> HashMap<String, &'static str> {
        let success = self.success.iter().map(|word| (word.to_lowercase(), SUCCESS));
        let failure = self.failure.iter().map(|word| (word.to_lowercase(), FAILURE));
        success.chain(failure).collect()
    }

    pub(super) fn parts(&self, part: &mut impl FnMut(&str)) {
        for (name, words) in [(SUCCESS, &self.success), (FAILURE, &self.failure)] {
            part(name);
            for word in words {
                part(word);
            }
        }
    }
}

/// Finds the meaning of a word, letter case ignored.
pub(super) fn meaning(index: &HashMap<String, &'static str>, word: &str) -> Option<&'static str> {
    let word = word.trim();
    index.get(word).or_else(|| index.get(&word.to_lowercase())).copied()
}

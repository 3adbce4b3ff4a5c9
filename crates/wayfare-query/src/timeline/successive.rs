//! Paths one after the other, each of which begins much as the one before.
//!
//! Runs of a journey are sorted by path. Of two neighbouring paths of 300 bytes three quarters are the same, so what was made of
//! those tokens is taken over, and a path costs what is new in it. Nothing is looked up, and nothing but the last path is kept.

use super::parse::{is_between, token_texts, token_texts_behind};
use crate::Result;

/// Bytes that are compared at once.
const COMPARED_BYTES: usize = 32;

/// The path at hand, and what was made of it up to each of its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Successive<S> {
    path: Vec<u8>,
    /// For each token where its text ends, and what was made of the path up to there.
    tokens: Vec<(usize, S)>,
}

impl<S> Default for Successive<S> {
    fn default() -> Self {
        Self { path: Vec::new(), tokens: Vec::new() }
    }
}

impl<S: Copy + Default> Successive<S> {
    /// Goes on to the next path and gives what was made of it. `step` takes what was made of the tokens before one, how many they
    /// are, the text of the one, and whether it is tied.
    ///
    /// # Errors
    /// Those of `step`.
    pub(crate) fn follow(
        &mut self,
        path: &str,
        mut step: impl FnMut(S, usize, &str, bool) -> Result<S>,
    ) -> Result<S> {
        let bytes = path.as_bytes();
        let same = same_bytes(&self.path, bytes);
        let is_shared =
            |end: usize| end < same || (end == same && bytes.get(end).copied().is_none_or(is_between));
        self.tokens.truncate(self.tokens.partition_point(|&(end, _)| is_shared(end)));
        self.path.truncate(same);
        self.path.extend_from_slice(bytes.get(same..).unwrap_or_default());
        let (mut texts, mut start, mut made) = match self.tokens.last() {
            Some(&(end, made)) => (token_texts_behind(path, end), end + 1, made),
            None => (token_texts(path), 0, S::default()),
        };
        for (text, tied) in &mut texts {
            made = step(made, self.tokens.len(), text, tied)?;
            let end = start + text.len();
            self.tokens.push((end, made));
            start = end + 1;
        }
        Ok(made)
    }

    /// Number of tokens of the path at hand.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Forgets the path at hand.
    pub(crate) fn clear(&mut self) {
        self.path.clear();
        self.tokens.clear();
    }
}

/// How many bytes two texts have in common at their beginning.
fn same_bytes(left: &[u8], right: &[u8]) -> usize {
    let chunks = left.as_chunks::<COMPARED_BYTES>().0.iter().zip(right.as_chunks().0);
    let whole = chunks.take_while(|(left, right)| left == right).count() * COMPARED_BYTES;
    let rests = (left.get(whole..).unwrap_or_default(), right.get(whole..).unwrap_or_default());
    whole + rests.0.iter().zip(rests.1).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every token with what `tied` says of it, as one text.
    fn read(followed: &mut Successive<usize>, path: &str, seen: &mut Vec<(String, bool)>) -> usize {
        let made = followed.follow(path, |made, index, text, tied| {
            seen.truncate(made);
            assert_eq!(index, seen.len());
            seen.push((text.to_owned(), tied));
            Ok(seen.len())
        });
        let made = made.unwrap();
        seen.truncate(made);
        made
    }

    proptest! {
        /// Whatever came before, all tokens of a path are gone through.
        #[test]
        fn a_path_is_read_as_it_is_alone(
            paths in proptest::collection::vec("(([>+]a{1,40}é?)([;,][>+][ab]{0,40}é?){0,4})?", 1..12),
        ) {
            let (mut followed, mut seen) = (Successive::default(), Vec::new());
            for path in &paths {
                let alone: Vec<(String, bool)> =
                    token_texts(path).map(|(text, tied)| (text.to_owned(), tied)).collect();
                prop_assert_eq!(read(&mut followed, path, &mut seen), alone.len());
                prop_assert_eq!(followed.len(), alone.len());
                prop_assert_eq!(&seen, &alone);
            }
        }
    }

    #[test]
    fn tokens_that_are_shared_are_not_read_again() {
        let mut followed = Successive::default();
        let mut read = |path| {
            let mut texts = Vec::new();
            followed
                .follow(path, |(), _, text, _| {
                    texts.push(text.to_owned());
                    Ok(())
                })
                .unwrap();
            texts
        };
        assert_eq!(read("^;>a;+a"), ["^", ">a", "+a"]);
        assert_eq!(read("^;>a;+a;$"), ["$"]);
        assert_eq!(read("^;>a;+ab"), ["+ab"]);
        assert_eq!(read("^;>a,+ab"), ["+ab"]);
        assert_eq!(read("^;>a"), [""; 0]);
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read("^;>a"), ["^", ">a"]);
    }
}

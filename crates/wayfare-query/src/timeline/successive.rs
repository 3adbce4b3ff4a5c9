//! Paths one after the other, each of which begins much as the one before.
//!
//! Runs of a journey are sorted by path. Of two neighbouring paths three quarters are the same, so what was made of
//! those tokens is taken over, and a path costs what is new in it. Nothing is looked up, and nothing but the last path is kept.

use super::lexicon::{Lexicon, ListNumber, Path, TokenNumber};
use crate::Result;

/// Bytes that are compared at once.
const COMPARED_BYTES: usize = 16;

/// The path at hand, and what was made of it up to each of its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Successive<S> {
    codes: Vec<u8>,
    /// The list that the codes point into.
    list: Option<ListNumber>,
    /// For each token where its code ends, and what was made of the path up to there.
    tokens: Vec<(usize, S)>,
}

/// A path that was turned to.
#[derive(Debug)]
pub(crate) struct Turned<'a, S> {
    followed: &'a mut Successive<S>,
    path: Path<'a>,
    start: usize,
    /// What was made of the tokens that it shares with the path before.
    pub(crate) shared: S,
}

impl<S> Default for Successive<S> {
    fn default() -> Self {
        Self { codes: Vec::new(), list: None, tokens: Vec::new() }
    }
}

impl<S: Copy + Default> Successive<S> {
    /// Turns to the next path: forgets the tokens that it does not share with the one at hand.
    pub(crate) fn turn_to<'a>(&'a mut self, path: Path<'a>) -> Turned<'a, S> {
        if self.list != Some(path.list) {
            self.clear();
            self.list = Some(path.list);
        }
        let same = same_bytes(&self.codes, path.codes);
        // from behind: it is few tokens that are not shared
        while self.tokens.last().is_some_and(|&(end, _)| end > same) {
            self.tokens.pop();
        }
        self.codes.truncate(same);
        self.codes.extend_from_slice(path.codes.get(same..).unwrap_or_default());
        let (start, shared) = self.tokens.last().copied().unwrap_or_default();
        Turned { followed: self, path, start, shared }
    }

    /// Number of tokens of the path at hand.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Forgets the path at hand.
    pub(crate) fn clear(&mut self) {
        self.codes.clear();
        self.list = None;
        self.tokens.clear();
    }
}

impl<S: Copy> Turned<'_, S> {
    /// Goes through the other tokens and gives what was made of the path. `step` takes what was made of the tokens before one, how
    /// many they are, the one, and whether it is tied.
    ///
    /// # Errors
    /// Those of `step`, and `Corrupt` for codes that are no path.
    pub(crate) fn go_on(
        self,
        lexicon: &Lexicon,
        mut step: impl FnMut(S, usize, TokenNumber, bool) -> Result<S>,
    ) -> Result<S> {
        let (tokens, mut made) = (&mut self.followed.tokens, self.shared);
        for token in lexicon.tokens_from(self.path, self.start)? {
            let (token, tied, end) = token?;
            made = step(made, tokens.len(), token, tied)?;
            tokens.push((end, made));
        }
        Ok(made)
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
    use crate::timeline::push_code;

    /// Tokens by place, and the codes of a path of them.
    fn codes(tokens: &[(u32, bool)]) -> Vec<u8> {
        let mut codes = Vec::new();
        for &(place, tied) in tokens {
            push_code(&mut codes, place, tied);
        }
        codes
    }

    /// A lexicon with two lists, of which the second is the first from the end.
    fn lexicon() -> (Lexicon, [ListNumber; 2]) {
        let mut texts: Vec<String> = (0..99).map(|number| format!(">{number}")).collect();
        let mut lexicon = Lexicon::default();
        let first = lexicon.list(&texts.join(";"));
        texts.reverse();
        let second = lexicon.list(&texts.join(";"));
        (lexicon, [first, second])
    }

    proptest! {
        /// Whatever came before, all tokens of a path are gone through.
        #[test]
        fn a_path_is_read_as_it_is_alone(
            paths in proptest::collection::vec((0_usize..2, proptest::collection::vec((60_u32..67, any::<bool>()), 0..5)), 1..12),
        ) {
            let (lexicon, lists) = lexicon();
            let (mut followed, mut seen) = (Successive::default(), Vec::new());
            for (list, tokens) in &paths {
                let codes = codes(tokens);
                let path = Path { codes: &codes, list: lists[*list] };
                let turned = followed.turn_to(path);
                seen.truncate(turned.shared);
                let made = turned.go_on(&lexicon, |made: usize, index, token, tied| {
                    assert_eq!((made, index), (seen.len(), seen.len()));
                    seen.push((lexicon.text(token).to_owned(), tied));
                    Ok(seen.len())
                });
                prop_assert_eq!(made.unwrap(), seen.len());
                let alone = lexicon.token_texts(path).unwrap();
                let alone: Vec<(String, bool)> =
                    alone.map(|token| token.map(|(text, tied)| (text.to_owned(), tied)).unwrap()).collect();
                prop_assert_eq!(followed.len(), tokens.len());
                prop_assert_eq!(&seen, &alone);
            }
        }
    }

    #[test]
    fn tokens_that_are_shared_are_not_read_again() {
        let (lexicon, [list, other]) = lexicon();
        let mut followed = Successive::default();
        let mut read = |tokens: &[(u32, bool)], list| {
            let mut numbers = Vec::new();
            let codes = codes(tokens);
            let turned = followed.turn_to(Path { codes: &codes, list });
            turned
                .go_on(&lexicon, |(), _, token, _| {
                    numbers.push(token);
                    Ok(())
                })
                .unwrap();
            numbers
        };
        assert_eq!(read(&[(0, false), (70, false), (71, false)], list), [0, 70, 71]);
        assert_eq!(read(&[(0, false), (70, false), (71, false), (5, false)], list), [5]);
        assert_eq!(read(&[(0, false), (70, false), (71, true)], list), [71]);
        assert_eq!(read(&[(0, false), (70, false)], list), [0; 0]);
        assert_eq!(read(&[(0, false), (70, false)], other), [98, 28]);
        assert_eq!(read(&[], other), [0; 0]);
        assert_eq!(read(&[(0, false)], other), [98]);
    }
}

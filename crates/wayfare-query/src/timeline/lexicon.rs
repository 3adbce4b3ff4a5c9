//! Tokens by number: a reader of many paths knows a token by the number that it gave its text on first sight.
//!
//! Paths lie in the store as codes beside a list of the tokens that these stand for, which is the same for many runs. A
//! list is looked up once, token by token; from then on nothing looks at texts.
//!
//! ```
//! use wayfare_query::attempts::RunSteps;
//! use wayfare_query::timeline::Lexicon;
//!
//! let mut lexicon = Lexicon::default();
//! let path = lexicon.coded("^;>otp;-otp:expired;>otp;+otp;$");
//! let mut steps = RunSteps::default();
//! steps.read(path.path(), &lexicon)?;
//! assert_eq!(steps.attempted().collect::<Vec<_>>(), ["otp", "otp"]);
//! # Ok::<(), wayfare_query::Error>(())
//! ```

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::code::{code_at, push_code};
use super::token_texts;
use crate::names::Names;
use crate::{Error, Result};

/// The number of a token's text in a lexicon.
pub type TokenNumber = u32;

/// Stands between the tokens of a list. It is written in another way inside a token.
pub(crate) const BETWEEN_TOKENS: char = ';';

/// Token texts that are known; with more of them all are forgotten before the next batch.
const TOKENS_KNOWN_MAX: usize = 65_536;

/// A path of the batch at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<'a> {
    /// For each token its place in the list.
    pub(crate) codes: &'a [u8],
    /// The list that the codes point into.
    pub(crate) list: ListNumber,
}

/// The number of a list of tokens; no two lists of a lexicon ever have the same.
pub type ListNumber = u64;

/// The texts of tokens by number, and the lists of the batch at hand.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    texts: Names,
    lists: Vec<List>,
    lists_seen: ListNumber,
    epoch: u32,
}

#[derive(Debug, Clone)]
struct List {
    number: ListNumber,
    text: Box<str>,
    tokens: Box<[TokenNumber]>,
}

impl Lexicon {
    /// Goes on to the next batch: its paths point into lists that are told by [`Self::list`].
    pub(crate) fn begin_batch(&mut self) {
        if self.texts.len() > TOKENS_KNOWN_MAX {
            self.texts.clear();
            self.lists.clear();
            self.epoch = self.epoch.wrapping_add(1);
        }
        // batches of one journey have the same list one after the other
        let last = self.lists.pop();
        self.lists.clear();
        self.lists.extend(last);
    }

    /// The number of a list of tokens.
    pub(crate) fn list(&mut self, text: &str) -> ListNumber {
        if let Some(known) = self.lists.iter().find(|list| *list.text == *text) {
            return known.number;
        }
        let names = &mut self.texts;
        let tokens = text.split(BETWEEN_TOKENS).filter(|token| !token.is_empty());
        let tokens = tokens.map(|token| names.number(token)).collect();
        self.lists_seen += 1;
        let number = self.lists_seen;
        self.lists.push(List { number, text: text.into(), tokens });
        number
    }

    /// Codes a path that [`super::encode`] wrote, with a list of its own. It holds for the batch at hand.
    pub fn coded(&mut self, text: &str) -> CodedPath {
        let (mut coder, mut codes) = (Coder::default(), Vec::new());
        coder.push(text, &mut codes);
        CodedPath { codes, list: self.list(coder.list()) }
    }

    /// Token numbers stand for other texts when this changes.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The text of a token.
    pub(crate) fn text(&self, token: TokenNumber) -> &str {
        self.texts.text(token)
    }

    /// The tokens of a path from the one on that begins at a byte: its number, whether it is tied, and where it ends.
    ///
    /// # Errors
    /// `Corrupt` for a path that points to no token, or whose list is not of this batch.
    pub(super) fn tokens_from<'a>(&'a self, path: Path<'a>, start: usize) -> Result<TokenNumbers<'a>> {
        let list = self.lists.iter().rev().find(|list| list.number == path.list);
        let list = list.ok_or_else(|| Error::internal("a path of another batch"))?;
        Ok(TokenNumbers { codes: path.codes, at: start, tokens: &list.tokens })
    }

    /// The numbers of the tokens of a path.
    ///
    /// # Errors
    /// As [`Self::tokens_from`].
    pub(crate) fn tokens<'a>(&'a self, path: Path<'a>) -> Result<impl Iterator<Item = Result<TokenNumber>>> {
        Ok(self.tokens_from(path, 0)?.map(|token| token.map(|(token, _, _)| token)))
    }

    /// The tokens of a path: their texts, and whether each is tied to the one before.
    ///
    /// # Errors
    /// As [`Self::tokens_from`].
    pub(crate) fn token_texts<'a>(
        &'a self,
        path: Path<'a>,
    ) -> Result<impl Iterator<Item = Result<(&'a str, bool)>>> {
        let tokens = self.tokens_from(path, 0)?;
        Ok(tokens.map(|token| token.map(|(token, tied, _)| (self.text(token), tied))))
    }

    /// The tokens of a path, each as twice its number, and one more where it is tied to the one before.
    ///
    /// # Errors
    /// As [`Self::tokens_from`].
    pub(crate) fn numbers(&self, path: Path<'_>, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.clear();
        for token in self.tokens_from(path, 0)? {
            let (token, tied, _) = token?;
            numbers.push(token << 1 | u32::from(tied));
        }
        Ok(())
    }

    /// The texts of all tokens in their order, and for each number its place among them.
    pub(crate) fn ranked(&self) -> (Vec<String>, Vec<u32>) {
        let mut texts: Vec<(&str, TokenNumber)> = (0..self.texts.len())
            .filter_map(|number| TokenNumber::try_from(number).ok())
            .map(|number| (self.text(number), number))
            .collect();
        texts.sort_unstable();
        let mut ranks = vec![0; texts.len()];
        for (rank, &(_, number)) in (0..).zip(&texts) {
            if let Some(of_number) = ranks.get_mut(number as usize) {
                *of_number = rank;
            }
        }
        (texts.into_iter().map(|(text, _)| text.to_owned()).collect(), ranks)
    }

    /// Writes a path as [`super::encode`] does.
    ///
    /// # Errors
    /// As [`Self::tokens_from`].
    pub(crate) fn write(&self, path: Path<'_>, text: &mut String) -> Result<()> {
        text.clear();
        for token in self.token_texts(path)? {
            let (token, tied) = token?;
            if !text.is_empty() {
                text.push(if tied { ',' } else { BETWEEN_TOKENS });
            }
            text.push_str(token);
        }
        Ok(())
    }
}

/// A path that was coded alone.
#[derive(Debug, Clone)]
pub struct CodedPath {
    codes: Vec<u8>,
    list: ListNumber,
}

impl CodedPath {
    /// The path.
    pub fn path(&self) -> Path<'_> {
        Path { codes: &self.codes, list: self.list }
    }
}

/// Writes paths as codes and lists their tokens.
#[derive(Debug, Default)]
pub(crate) struct Coder {
    places: HashMap<String, u32, RandomState>,
    list: String,
}

impl Coder {
    /// Lists a token, if it is not.
    pub(crate) fn place(&mut self, token: &str) -> u32 {
        let Self { places, list } = self;
        let next = u32::try_from(places.len()).unwrap_or(u32::MAX);
        *places.entry_ref(token).or_insert_with(|| {
            if next > 0 {
                list.push(BETWEEN_TOKENS);
            }
            list.push_str(token);
            next
        })
    }

    /// Appends the codes of a path.
    pub(crate) fn push(&mut self, text: &str, codes: &mut Vec<u8>) {
        for (token, tied) in token_texts(text) {
            push_code(codes, self.place(token), tied);
        }
    }

    /// The list, as [`Lexicon::list`] takes it.
    pub(crate) fn list(&self) -> &str {
        &self.list
    }
}

/// Iterator over the tokens of a path.
#[derive(Debug, Clone)]
pub(super) struct TokenNumbers<'a> {
    codes: &'a [u8],
    at: usize,
    tokens: &'a [TokenNumber],
}

impl Iterator for TokenNumbers<'_> {
    type Item = Result<(TokenNumber, bool, usize)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.codes.len() {
            return None;
        }
        let read = code_at(self.codes, self.at).and_then(|(place, tied, end)| {
            let token = self.tokens.get(place as usize).copied();
            let token = token.ok_or_else(|| Error::corrupt("a path points to a token that is not listed"))?;
            Ok((token, tied, end))
        });
        self.at = read.as_ref().map_or(self.codes.len(), |(_, _, end)| *end);
        Some(read)
    }
}

/// What is known of tokens, by their numbers.
#[derive(Debug, Clone)]
pub(crate) struct OfTokens<T> {
    epoch: u32,
    known: Vec<Option<T>>,
}

impl<T> Default for OfTokens<T> {
    fn default() -> Self {
        Self { epoch: 0, known: Vec::new() }
    }
}

impl<T: Copy> OfTokens<T> {
    /// What is known of a token; `work_out` tells it from its text on first sight.
    ///
    /// # Errors
    /// Those of `work_out`.
    #[inline]
    pub(crate) fn get(
        &mut self,
        lexicon: &Lexicon,
        token: TokenNumber,
        work_out: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        match self.known.get(token as usize) {
            Some(&Some(known)) if self.epoch == lexicon.epoch => Ok(known),
            _ => self.learn(lexicon, token, work_out),
        }
    }

    #[cold]
    fn learn(
        &mut self,
        lexicon: &Lexicon,
        token: TokenNumber,
        work_out: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        if self.epoch != lexicon.epoch {
            self.clear();
            self.epoch = lexicon.epoch;
        }
        let place = token as usize;
        if self.known.len() <= place {
            self.known.resize(place + 1, None);
        }
        let known = work_out(lexicon.text(token))?;
        if let Some(of_token) = self.known.get_mut(place) {
            *of_token = Some(known);
        }
        Ok(known)
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_text_has_one_number_in_all_lists() {
        let mut lexicon = Lexicon::default();
        let read = |lexicon: &Lexicon, codes: &[u8], list| -> Result<Vec<TokenNumber>> {
            let tokens = lexicon.tokens_from(Path { codes, list }, 0)?;
            tokens.map(|token| Ok(token?.0)).collect()
        };
        lexicon.begin_batch();
        let (first, second) = (lexicon.list("^;>a"), lexicon.list(">a;>b"));
        assert_ne!(first, second);
        assert_eq!(read(&lexicon, &[0, 2], first).unwrap(), [0, 1]);
        assert_eq!(read(&lexicon, &[0, 2], second).unwrap(), [1, 2]);
        lexicon.begin_batch();
        assert_eq!(lexicon.list(">a;>b"), second);
        assert_eq!(read(&lexicon, &[], first).unwrap_err().kind(), ErrorKind::Internal);
        assert_ne!(lexicon.list("^;>a"), first);
        assert_eq!(read(&lexicon, &[4], second).unwrap_err().kind(), ErrorKind::Corrupt);
        let mut text = String::new();
        lexicon.write(Path { codes: &[0, 3], list: second }, &mut text).unwrap();
        assert_eq!(text, ">a,>b");
    }

    #[test]
    fn too_many_texts_are_forgotten_with_what_is_known_of_them() {
        let (mut lexicon, mut lengths) = (Lexicon::default(), OfTokens::default());
        let mut length =
            |lexicon: &Lexicon, token| lengths.get(lexicon, token, |text| Ok(text.len())).unwrap();
        let many: Vec<String> = (0..=TOKENS_KNOWN_MAX).map(|number| format!(">{number}")).collect();
        lexicon.begin_batch();
        lexicon.list(&many.join(";"));
        assert_eq!(length(&lexicon, 10), 3);
        lexicon.begin_batch();
        lexicon.list(&many[990..].join(";"));
        assert_eq!(length(&lexicon, 10), 5);
    }
}

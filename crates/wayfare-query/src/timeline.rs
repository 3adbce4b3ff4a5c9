//! The timeline of a run as text: one token an event, in order.
//!
//! A token is a kind character, a name, an optional `:` detail and an optional `#` marks number. Between
//! two tokens stands `;` when the second lies at a later millisecond and `,` when both lie at the same one,
//! so the text alone decides ties. Journeys take few distinct paths, so an automaton has to read a distinct path only
//! once, and they consist of few tokens, so that a path is kept as numbers beside a list of these ([`Lexicon`]).
//!
//! ```
//! use wayfare_query::timeline::{Kind, Token, encode, tokens};
//!
//! let start = Token::new(Kind::JourneyStarted, "");
//! let step = Token::new(Kind::StepFailed, "otp").with_detail("expired");
//! let path = encode([&start, &step]);
//! assert_eq!(path, "^;-otp:expired");
//! assert_eq!(tokens(&path).collect::<Result<Vec<_>, _>>()?, [start, step]);
//! # Ok::<(), wayfare_query::Error>(())
//! ```

mod code;
mod encode;
mod kind;
mod lexicon;
mod offsets;
mod parse;
mod successive;

use std::borrow::Cow;

pub(crate) use code::{code_at, push_code};
pub use encode::{encode, push};
pub use kind::Kind;
pub use lexicon::{CodedPath, Lexicon, ListNumber, Path, TokenNumber};
pub(crate) use lexicon::{Coder, OfTokens};
pub(crate) use offsets::{Offsets, write as write_offsets};
pub use parse::{Tokens, tokens};
pub(crate) use parse::{token, token_texts};
pub(crate) use successive::Successive;

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// What happened.
    pub kind: Kind,
    /// Whose event it is: a step id, a connection id, an activity, as the kind says; may be empty.
    pub name: Cow<'a, str>,
    /// How it went: an error code, an HTTP status, an unusual outcome.
    pub detail: Option<Cow<'a, str>>,
    /// Answers to predicates that the timeline does not hold, one bit a predicate.
    pub marks: u64,
    /// Whether it lies at the same millisecond as the token before; false for the first.
    pub tied: bool,
}

impl<'a> Token<'a> {
    /// Makes a token without detail and marks, later than the one before.
    pub fn new(kind: Kind, name: impl Into<Cow<'a, str>>) -> Self {
        Self { kind, name: name.into(), detail: None, marks: 0, tied: false }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'a, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds marks.
    #[must_use]
    pub fn with_marks(mut self, marks: u64) -> Self {
        self.marks = marks;
        self
    }

    /// Puts the token at the same millisecond as the one before.
    #[must_use]
    pub fn tied(mut self) -> Self {
        self.tied = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_token() -> impl Strategy<Value = Token<'static>> {
        let kind = (0..Kind::ALL.len()).prop_map(|index| Kind::ALL[index]);
        let text = "[a-z%;,:#\\x00-\\x1f\\x7f\u{80}é日]{0,6}";
        (kind, text, proptest::option::of(text), prop_oneof![Just(0), any::<u64>()], any::<bool>()).prop_map(
            |(kind, name, detail, marks, tied)| Token {
                kind,
                name: name.into(),
                detail: detail.map(Into::into),
                marks,
                tied,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(mut written in proptest::collection::vec(any_token(), 0..8)) {
            if let Some(first) = written.first_mut() {
                first.tied = false;
            }
            let path = encode(&written);
            prop_assert!(!path.chars().any(char::is_control), "{path:?}");
            let read = tokens(&path).collect::<Result<Vec<_>, _>>().unwrap();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\^>@x*~+()$!a;,:#%0-9A-F-]{0,24}") {
            if let Ok(read) = tokens(&text).collect::<Result<Vec<_>, _>>() {
                let again = encode(&read);
                prop_assert_eq!(tokens(&again).collect::<Result<Vec<_>, _>>().unwrap(), read);
            }
        }
    }
}

//! Texts with quoted parts: what stands between quotes is a value, never syntax.
//!
//! A quote, `"` or `'`, opens at the start or after a space or one of `= ~ < > ! : | , ( .`, so that the
//! apostrophe of a word is none. It closes at the next quote of its kind; twice in a row it stands for itself.

use crate::{Error, Result};

/// A text and which of its bytes lie in quotes.
#[derive(Debug)]
pub(super) struct Quoted<'a> {
    text: &'a str,
    inside: Vec<bool>,
}

impl<'a> Quoted<'a> {
    /// Finds the quotes of `text`.
    ///
    /// # Errors
    ///
    /// `Invalid` when one is not closed.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let mut inside = Vec::with_capacity(text.len());
        let mut open = None;
        let mut before = ' ';
        for (at, character) in text.char_indices() {
            let was_open = open.is_some();
            match open {
                Some((quote, _)) if character == quote => open = None,
                None if is_quote(character)
                    && (opens_after(before) || reopens(before, character, &inside)) =>
                {
                    open = Some((character, at));
                }
                _ => {}
            }
            inside.resize(at + character.len_utf8(), was_open || open.is_some());
            before = character;
        }
        match open {
            None => Ok(Self { text, inside }),
            Some((quote, at)) => {
                let rest = text.get(at..).unwrap_or_default();
                Err(Error::invalid(format!("expected a closing {quote} after {rest}")))
            }
        }
    }

    /// Whether the byte at `at` lies outside quotes.
    pub(super) fn is_outside(&self, at: usize) -> bool {
        self.inside.get(at) == Some(&false)
    }

    /// What stands before and after the first `separator` outside quotes, trimmed.
    pub(super) fn split_once(&self, separator: &str) -> Option<(&'a str, &'a str)> {
        let at = self.places(separator).next()?;
        let (before, after) = self.text.split_at_checked(at)?;
        Some((before.trim(), after.strip_prefix(separator)?.trim()))
    }

    /// The places of `pattern` outside quotes.
    fn places(&self, pattern: &str) -> impl Iterator<Item = usize> {
        self.text.match_indices(pattern).map(|(at, _)| at).filter(|at| self.is_outside(*at))
    }

    /// The parts between `separator` outside quotes, trimmed.
    pub(super) fn split(&self, separator: &str) -> Vec<&'a str> {
        let mut parts = Vec::new();
        let mut from = 0;
        for at in self.places(separator) {
            parts.extend(self.text.get(from..at).map(str::trim));
            from = at + separator.len();
        }
        parts.extend(self.text.get(from..).map(str::trim));
        parts
    }
}

pub(super) fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'')
}

fn opens_after(before: char) -> bool {
    before.is_whitespace() || "=~<>!:|,(.".contains(before)
}

/// Whether a quote follows one of its kind that has just closed.
fn reopens(before: char, quote: char, inside: &[bool]) -> bool {
    before == quote && inside.last() == Some(&true)
}

/// Takes a quoted value from the front: its content and what follows it; nothing where none begins or ends.
pub(super) fn take(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| is_quote(*quote))?;
    let mut content = String::new();
    let mut rest = text.strip_prefix(quote)?;
    loop {
        let (part, after) = rest.split_once(quote)?;
        content.push_str(part);
        let Some(more) = after.strip_prefix(quote) else { return Some((content, after)) };
        content.push(quote);
        rest = more;
    }
}

/// The value that `text` stands for: the content of its quotes, else itself.
pub(super) fn value(text: &str) -> Result<String> {
    match take(text) {
        None => Ok(text.to_owned()),
        Some((content, "")) => Ok(content),
        Some((_, rest)) => {
            Err(Error::invalid(format!("expected nothing after the closing quote, saw {rest}")))
        }
    }
}

/// Writes `value` so that it is read back as it is: in quotes unless it is plain.
pub(super) fn write(value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./@+".contains(character);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_what_they_hold() {
        let quoted = Quoted::parse("\"a|b\" | c | 'd''|e'").unwrap();
        assert_eq!(quoted.split("|"), ["\"a|b\"", "c", "'d''|e'"]);
        assert_eq!(quoted.split_once("|"), Some(("\"a|b\"", "c | 'd''|e'")));
    }

    #[test]
    fn an_apostrophe_in_a_word_is_no_quote() {
        assert_eq!(Quoted::parse("user's | phone").unwrap().split("|"), ["user's", "phone"]);
    }

    #[test]
    fn an_open_quote_is_refused() {
        let error = Quoted::parse("a=\"b").unwrap_err();
        assert_eq!(error.message(), "expected a closing \" after \"b");
    }

    #[test]
    fn values_lose_their_quotes() {
        assert_eq!(value("plain text").unwrap(), "plain text");
        assert_eq!(value("'it''s'").unwrap(), "it's");
        assert_eq!(value("\"\"").unwrap(), "");
        assert!(value("\"a\" b").is_err());
        assert_eq!(write("a b\"c"), "\"a b\"\"c\"");
    }
}

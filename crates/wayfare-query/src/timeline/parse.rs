//! Reading timelines.

use std::borrow::Cow;

use super::{Kind, Token};
use crate::{Error, Result};

/// The tokens of a path, in order. Nothing is allocated for a token without escapes.
///
/// # Errors
///
/// An item is `Corrupt` where the text is malformed; the iterator ends after it.
pub fn tokens(path: &str) -> Tokens<'_> {
    Tokens { texts: token_texts(path), index: 0 }
}

/// Iterator over the tokens of a path, made by [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    texts: TokenTexts<'a>,
    index: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (text, tied) = self.texts.next()?;
        let index = self.index;
        self.index += 1;
        let token = token(text, tied).map_err(|error| error.with("token", index));
        if token.is_err() {
            self.texts.rest = None;
        }
        Some(token)
    }
}

/// The tokens of a path as they are written, and whether each is tied to the one before.
pub(crate) fn token_texts(path: &str) -> TokenTexts<'_> {
    TokenTexts { rest: (!path.is_empty()).then_some(path), tied: false }
}

/// Iterator made by [`token_texts`].
#[derive(Debug, Clone)]
pub(crate) struct TokenTexts<'a> {
    rest: Option<&'a str>,
    tied: bool,
}

impl<'a> Iterator for TokenTexts<'a> {
    type Item = (&'a str, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let tied = self.tied;
        let end = rest.bytes().position(is_between);
        let (text, tail) = end.and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, ""));
        self.tied = tail.starts_with(',');
        self.rest = tail.get(1..);
        Some((text, tied))
    }
}

/// Whether a byte stands between two tokens.
fn is_between(byte: u8) -> bool {
    matches!(byte, b';' | b',')
}

/// One token as it is written.
///
/// # Errors
///
/// `Corrupt` where the text is malformed.
pub(crate) fn token(text: &str, tied: bool) -> Result<Token<'_>> {
    parse(text, tied).map_err(|why| Error::corrupt(why).with("text", text.escape_debug()))
}

fn parse(text: &str, tied: bool) -> Result<Token<'_>, &'static str> {
    let mut characters = text.chars();
    let kind = characters.next().and_then(Kind::from_char).ok_or("unknown kind of timeline token")?;
    let body = characters.as_str();
    let (body, marks) = match body.split_once('#') {
        None => (body, 0),
        Some((body, marks)) => (body, parse_marks(marks)?),
    };
    let (name, detail) = match body.split_once(':') {
        None => (body, None),
        Some((name, detail)) => (name, Some(detail)),
    };
    if detail.is_some_and(|detail| detail.contains(':')) {
        return Err("second detail in a timeline token");
    }
    let detail = detail.map(unescape).transpose()?;
    Ok(Token { kind, name: unescape(name)?, detail, marks, tied })
}

fn parse_marks(text: &str) -> Result<u64, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let marks = if digits { text.parse().ok() } else { None };
    marks.filter(|marks| *marks != 0).ok_or("marks of a timeline token are no positive number")
}

fn unescape(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err("bad escape in a timeline token"),
            },
            other => other,
        });
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_not_utf8| "escapes in a timeline token are no UTF-8")
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn read(path: &str) -> Result<Vec<Token<'_>>> {
        tokens(path).collect()
    }

    #[test]
    fn the_empty_path_has_no_tokens() {
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_comma_ties_a_token_to_the_one_before() {
        let ties: Vec<_> = read("^,>a;+a,$").unwrap().iter().map(|token| token.tied).collect();
        assert_eq!(ties, [false, true, false, true]);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let read = read("xsms:503").unwrap();
        assert!(matches!(
            (&read[0].name, &read[0].detail),
            (Cow::Borrowed("sms"), Some(Cow::Borrowed("503")))
        ));
    }

    #[test]
    fn malformed_text_is_corrupt() {
        for path in [
            "?a", ";", "^;", "^,,^", ">a%", ">a%2", ">a%zz", ">a%FF", ">a:b:c", ">a#", ">a#0", ">a#+1",
            ">a#1:x",
        ] {
            let error = read(path).expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{path}");
        }
    }

    #[test]
    fn nothing_follows_an_error() {
        assert_eq!(tokens("^;?;^").count(), 2);
    }
}

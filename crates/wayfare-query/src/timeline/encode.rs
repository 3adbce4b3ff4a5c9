//! Writing timelines.

use std::fmt::Write as _;

use super::{Kind, Token};

/// The text of a sequence of tokens; empty for none.
pub fn encode<'t, 'a: 't>(tokens: impl IntoIterator<Item = &'t Token<'a>>) -> String {
    let mut path = String::new();
    for token in tokens {
        push(&mut path, token.kind, &token.name, token.detail.as_deref(), token.marks, token.tied);
    }
    path
}

/// Appends one token to `path`. On the first token `tied` has no meaning and is ignored.
pub fn push(path: &mut String, kind: Kind, name: &str, detail: Option<&str>, marks: u64, tied: bool) {
    if !path.is_empty() {
        path.push(if tied { ',' } else { ';' });
    }
    path.push(kind.as_char());
    push_escaped(path, name);
    if let Some(detail) = detail {
        path.push(':');
        push_escaped(path, detail);
    }
    if marks != 0 {
        // Writing into a String cannot fail.
        let _written = write!(path, "#{marks}");
    }
}

/// Whether a text may hold special characters. All of them are ASCII, but for the control characters U+0080 to U+009F,
/// which begin with the byte C2.
fn may_be_special(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'%' | b';' | b',' | b':' | b'#' | 0..0x20 | 0x7f | 0xc2))
}

/// Whether a character would end or disguise a token and so is written as `%XX` a byte.
fn is_special(character: char) -> bool {
    matches!(character, '%' | ';' | ',' | ':' | '#') || character.is_control()
}

fn push_escaped(path: &mut String, text: &str) {
    if !may_be_special(text) {
        path.push_str(text);
        return;
    }
    for character in text.chars() {
        if is_special(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                let _written = write!(path, "%{byte:02X}");
            }
        } else {
            path.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_token_is_written() {
        let tokens = [
            Token::new(Kind::JourneyStarted, ""),
            Token::new(Kind::StepStarted, "otp").tied(),
            Token::new(Kind::CallFailed, "sms").with_detail("503"),
            Token::new(Kind::StepCompleted, "otp").with_detail("skipped").with_marks(5),
        ];
        assert_eq!(encode(&tokens), "^,>otp;xsms:503;+otp:skipped#5");
    }

    #[test]
    fn separators_and_control_characters_are_escaped_and_the_rest_is_kept() {
        let token = Token::new(Kind::Other, "50%; a,b: c#1\n").with_detail("grün");
        assert_eq!(encode([&token]), "~50%25%3B a%2Cb%3A c%231%0A:grün");
    }

    #[test]
    fn no_tokens_are_the_empty_path() {
        assert_eq!(encode([]), "");
    }
}

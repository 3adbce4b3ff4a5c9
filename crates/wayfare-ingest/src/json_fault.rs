//! What is wrong with a JSON text, in words: what was expected, what was seen, and where.

use serde_json::Error;
use serde_json::error::Category;

/// Characters of the text that are shown.
const SEEN_MAX: usize = 20;

/// The parser's words that say little, and ours.
const WORDS: [(&str, &str); 10] = [
    ("expected ident", "expected a value"),
    ("expected value", "expected a value"),
    ("expected `:`", "expected : and a value"),
    ("trailing characters", "expected nothing after the end"),
    ("trailing comma", "expected another member after the comma"),
    ("key must be a string", "expected a name in double quotes"),
    ("invalid escape", "expected \\n, \\\", \\u0041 or the like after a \\"),
    ("invalid number", "expected a number"),
    ("number out of range", "expected a number of a size that computers know"),
    (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "expected \\n, \\t or the like for a line break or a control character",
    ),
];

/// Says what the parser of `text` found wrong, with the place counted from 1 as `column 7`, or `line 2, column 7`.
///
/// What is JSON and not what was asked for, a text where a number has to be, is told in the parser's words.
pub fn json_fault(error: &Error, text: &str) -> String {
    let message = error.to_string();
    let bare = message.split(" at line ").next().unwrap_or_default();
    let place = |column: usize| match (error.line(), column) {
        (0, _) | (_, 0) => String::new(),
        (1, column) => format!(" at column {column}"),
        (line, column) => format!(" at line {line}, column {column}"),
    };
    if error.classify() == Category::Eof {
        let inside = bare.strip_prefix("EOF while parsing ").unwrap_or("JSON");
        return format!("expected more, saw the end inside {inside}{}", place(error.column()));
    }
    let words = WORDS.iter().find(|(parser, _)| bare == *parser).map_or(bare, |(_, words)| words);
    if error.classify() == Category::Data {
        return format!("{words}{}", place(error.column()));
    }
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // the letter that makes a word none is already behind the parser
    let behind = if bare == "expected ident" { 2 } else { 1 };
    let (start, seen) = seen(line, error.column().saturating_sub(behind));
    format!("{words}, saw {seen}{}", place(start + 1))
}

/// What stands at a byte of a line: the whole word, with where it begins, or the one character.
fn seen(line: &str, byte: usize) -> (usize, String) {
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    let byte = (0..=byte.min(line.len())).rev().find(|byte| line.is_char_boundary(*byte)).unwrap_or_default();
    let (before, after) = line.split_at(byte);
    let in_word = after.starts_with(is_word);
    let start = if in_word { before.trim_end_matches(is_word).len() } else { byte };
    let rest = line.get(start..).unwrap_or_default();
    let end = if in_word {
        rest.find(|letter| !is_word(letter))
    } else {
        rest.char_indices().nth(1).map(|(at, _)| at)
    };
    let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    match word.chars().count() {
        0 => (start, "the end of the line".to_owned()),
        1..=SEEN_MAX => (start, word.to_owned()),
        _ => (start, format!("{}…", word.chars().take(SEEN_MAX).collect::<String>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_with_what_was_seen_and_where() {
        for (text, expected) in [
            ("nonsense", "expected a value, saw nonsense at column 1"),
            ("{\"a\":tru}", "expected a value, saw tru at column 6"),
            ("{\"a\":}", "expected a value, saw } at column 6"),
            ("{\"a\":1", "expected more, saw the end inside an object at column 6"),
            ("{\"a\":\"b", "expected more, saw the end inside a string at column 7"),
            ("", "expected more, saw the end inside a value"),
            ("{\"a\":1} x", "expected nothing after the end, saw x at column 9"),
            ("{\"a\" 1}", "expected : and a value, saw 1 at column 6"),
            ("{a:1}", "expected a name in double quotes, saw a at column 2"),
            ("{\"a\":1,}", "expected another member after the comma, saw } at column 8"),
            ("{\"a\":1\n\"b\":2}", "expected `,` or `}`, saw \" at line 2, column 1"),
            ("[1 2]", "expected `,` or `]`, saw 2 at column 4"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(json_fault(&error, text), expected, "{text}");
        }
        let error = serde_json::from_str::<Vec<u8>>("{}").unwrap_err();
        assert!(json_fault(&error, "{}").starts_with("invalid type: map"), "{}", json_fault(&error, "{}"));
        let long = format!("x{}", "é".repeat(90));
        let error = serde_json::from_str::<serde_json::Value>(&long).unwrap_err();
        assert!(json_fault(&error, &long).chars().count() < 70, "{}", json_fault(&error, &long));
    }
}

//! Where a page of a list ended, as text that the caller passes back: a digest of the question, which keeps the text from
//! being used with another one, and the last row's place in the order of the list, as JSON in hexadecimal digits.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::activity::from_hex;
use crate::{Error, Result};

/// Hexadecimal digits of the question's digest.
const DIGEST_DIGITS: usize = 8;

/// A digest of everything that decides which rows are in the list and in which order.
pub(super) fn digest<Q: Serialize>(question: &Q) -> String {
    // a spec has JSON, or it could not have been asked
    let text = serde_json::to_string(question).unwrap_or_default();
    blake3::hash(text.as_bytes()).to_hex().chars().take(DIGEST_DIGITS).collect()
}

/// Writes a place in the list of a question.
pub(super) fn write<P: Serialize>(digest: &str, place: &P) -> String {
    let json = serde_json::to_string(place).unwrap_or_default();
    format!("{digest}.{}", to_hex(json.as_bytes()))
}

/// Bytes as pairs of hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// That what a caller gives as the place to go on from is none of this list.
pub(super) fn wrong(seen: &str) -> Error {
    Error::invalid(format!("expected the `next` that the page before gave, saw {seen}"))
        .with("option", "after")
        .hint("only the limit may change from page to page; without after the list begins anew")
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// `Invalid` for any other text, and for a place in another list.
pub(super) fn read<P: DeserializeOwned>(text: &str, digest: &str) -> Result<P> {
    let parts = text.split_once('.').and_then(|(digest, hex)| Some((digest, from_hex(hex)?)));
    let read = parts.and_then(|(digest, json)| Some((digest, serde_json::from_slice(&json).ok()?)));
    match read {
        None => Err(wrong(&format!("{text:?}"))),
        Some((seen, _)) if seen != digest => Err(wrong("that of another question")),
        Some((_, place)) => Ok(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_belongs_to_its_list() {
        let digest = digest(&"question");
        for place in [("a.b", None), ("ü-1", Some(-7_i64))] {
            let text = write(&digest, &place);
            assert_eq!(read::<(String, Option<i64>)>(&text, &digest).unwrap(), (place.0.to_owned(), place.1));
            let error = read::<(String, Option<i64>)>(&text, "1234abcd").unwrap_err();
            assert!(error.to_string().contains("another question"));
        }
        for text in ["", "x", "1234.zz", "1234.00"] {
            assert!(read::<(String, Option<i64>)>(text, &digest).is_err(), "{text}");
        }
    }
}

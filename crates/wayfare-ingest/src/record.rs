//! One record of an input file before it is understood, and the account of one that could not be.

use std::borrow::Cow;
use std::sync::Arc;

/// One record as the file holds it: its fields in order, nulls and empty CSV cells left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record<'a> {
    /// Name and value of every field; a name occurs once.
    pub fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl Record<'_> {
    /// Finds a field by its exact name.
    pub fn get(&self, name: &str) -> Option<&Value<'_>> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A JSON string with its escapes undone, or a CSV cell.
    Text(Cow<'a, str>),
    /// The JSON text of a number, a boolean, an object or an array, as it came: numbers keep their digits.
    Json(&'a str),
}

impl Value<'_> {
    /// The text of a scalar; objects and arrays give `None`.
    pub fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(raw) if raw.starts_with(['{', '[']) => None,
            Self::Json(raw) => Some(raw),
        }
    }
}

/// A record that was not accepted: where it stands, why, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The input's name.
    pub file: Arc<str>,
    /// The line the record starts at, from 1.
    pub line: u64,
    /// The class of the defect.
    pub reason: Reason,
    /// What was expected and what was seen.
    pub detail: String,
    /// The record's text, cut to [`crate::Limits::reject_text_bytes_max`]; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// Why a record was rejected. The names are stable: they stand in the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are not UTF-8.
    BadUtf8,
    /// The text is not JSON.
    BadJson,
    /// The JSON value is not an object.
    NotAnObject,
    /// The text is no CSV row: a quote is never closed.
    BadCsv,
    /// A CSV row has more or fewer cells than the header.
    ColumnCount,
    /// The record is longer than [`crate::Limits::line_bytes_max`].
    LineTooLong,
    /// The JSON is nested deeper than [`crate::Limits::depth_max`].
    TooDeep,
    /// A field that every event needs is not there.
    MissingField,
    /// The timestamp cannot be read.
    BadTimestamp,
    /// The timestamp is no time at which an event can have happened.
    WildTimestamp,
    /// Another value cannot be used.
    BadValue,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::BadUtf8,
        Self::BadJson,
        Self::NotAnObject,
        Self::BadCsv,
        Self::ColumnCount,
        Self::LineTooLong,
        Self::TooDeep,
        Self::MissingField,
        Self::BadTimestamp,
        Self::WildTimestamp,
        Self::BadValue,
    ];

    /// The name as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadUtf8 => "bad_utf8",
            Self::BadJson => "bad_json",
            Self::NotAnObject => "not_an_object",
            Self::BadCsv => "bad_csv",
            Self::ColumnCount => "column_count",
            Self::LineTooLong => "line_too_long",
            Self::TooDeep => "too_deep",
            Self::MissingField => "missing_field",
            Self::BadTimestamp => "bad_timestamp",
            Self::WildTimestamp => "wild_timestamp",
            Self::BadValue => "bad_value",
        }
    }
}

/// Cuts untrusted bytes to at most `bytes_max` for showing, at a character's edge.
pub(crate) fn excerpt(bytes: &[u8], bytes_max: usize) -> String {
    let cut = bytes.get(..bytes_max).unwrap_or(bytes);
    let cut = match std::str::from_utf8(cut) {
        // A character cut in half is dropped, not replaced.
        Err(error) if error.error_len().is_none() => cut.get(..error.valid_up_to()).unwrap_or(cut),
        _ => cut,
    };
    String::from_utf8_lossy(cut).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_names_of_their_own() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }

    #[test]
    fn an_excerpt_ends_at_a_character() {
        assert_eq!(excerpt("naïve".as_bytes(), 3), "na");
        assert_eq!(excerpt("naïve".as_bytes(), 4), "naï");
        assert_eq!(excerpt(b"a\xffb", 9), "a\u{fffd}b");
    }
}

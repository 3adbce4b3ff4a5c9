//! One event as the store keeps it, and many of them as columns: collected, sorted, taken out as rows of files.

mod builder;
mod rows;
mod texts;

use std::borrow::Cow;

pub(crate) use builder::EventBuilder;
pub use builder::Identity;
pub(crate) use rows::EventRows;

use crate::catalogue::Source;
use crate::columns::PROMOTED_INTEGER;
pub(crate) use crate::mapping::{INTEGER_COLUMNS, TEXT_COLUMNS, text_place};

/// One event. It borrows from the record it was mapped from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The product area.
    pub source: Source,
    /// The canonical key of a known activity, an unknown one as it came.
    pub activity: Cow<'a, str>,
    /// When it happened: microseconds since 1970, UTC.
    pub timestamp_us: i64,
    /// The id that the record brought, else a digest of source and fields, the same wherever the event was read.
    pub identity: Identity,
    /// The columns [`crate::columns::ENVELOPE_TEXT`], then [`crate::columns::PROMOTED_TEXT`].
    pub text: [Option<Cow<'a, str>>; TEXT_COLUMNS],
    /// The columns [`crate::columns::PROMOTED_INTEGER`].
    pub integers: [Option<i64>; INTEGER_COLUMNS],
    /// Everything else, the text of a JSON object.
    pub additional_params: Option<Cow<'a, str>>,
}

impl Event<'_> {
    /// The value of a text column by its name.
    pub fn text_column(&self, name: &str) -> Option<&str> {
        self.text.get(text_place(name)?)?.as_deref()
    }

    /// The value of an integer column by its name.
    pub fn integer_column(&self, name: &str) -> Option<i64> {
        *self.integers.get(PROMOTED_INTEGER.into_iter().position(|column| column == name)?)?
    }
}

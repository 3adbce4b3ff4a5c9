//! Mappings as a whole: from a TOML text and records to events.

mod logs;
mod mosaic;
mod text;

use super::Mapper;
use crate::decode::object;
use crate::{Event, Reason, Record};

/// Maps one JSON object and hands the event on.
fn with_event<T>(
    mapper: &Mapper,
    json: &str,
    check: impl FnOnce(Result<Event<'_>, (Reason, String)>) -> T,
) -> T {
    let record = Record { fields: object::fields(json).unwrap() };
    check(mapper.map(&record))
}

//! Blocks of records into columns: what a worker thread does.

use crate::decode::Block;
use crate::event::EventBuilder;
use crate::mapping::Mapper;
use crate::record::{Record, Reject};

/// A block turned into columns.
#[derive(Debug, Default)]
pub(super) struct ParsedBlock {
    pub(super) events: EventBuilder,
    pub(super) rejects: Vec<Reject>,
    pub(super) read: u64,
}

/// Maps every record of a block; a record that does not fit becomes a reject.
pub(super) fn parse(block: &Block, mapper: &Mapper) -> ParsedBlock {
    let mut parsed = ParsedBlock::default();
    let (events, rejects) = (&mut parsed.events, &mut parsed.rejects);
    let append = |_line, record: &Record<'_>| mapper.map(record).map(|event| events.append(&event));
    parsed.read = block.for_each(append, |reject| rejects.push(reject));
    parsed
}

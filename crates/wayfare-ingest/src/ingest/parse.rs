//! Blocks of records into columns: what a worker thread does.

use super::plausible::Plausible;
use crate::Reason;
use crate::decode::Block;
use crate::event::EventBuilder;
use crate::mapping::{KnownNames, Mapper};
use crate::pseudonym::Pseudonyms;
use crate::record::{Record, Reject};

/// What stands in quarantine for a text that may name a person.
const WITHHELD: &str = "withheld: the store keeps pseudonyms, see the place in the file";

/// A block turned into columns.
#[derive(Debug, Default)]
pub(super) struct ParsedBlock {
    pub(super) events: EventBuilder,
    pub(super) rejects: Vec<Reject>,
    pub(super) read: u64,
    /// The block's size.
    pub(super) bytes: usize,
}

/// Maps every record of a block into `events`, which are empty; a record that does not fit becomes a reject.
pub(super) fn parse(
    block: &Block,
    events: EventBuilder,
    mapper: &Mapper,
    plausible: Plausible,
    pseudonyms: Option<&Pseudonyms>,
) -> ParsedBlock {
    let mut parsed = ParsedBlock { events, bytes: block.size_bytes(), ..ParsedBlock::default() };
    let (events, rejects) = (&mut parsed.events, &mut parsed.rejects);
    let mut known = KnownNames::default();
    let mut add = |record: &Record<'_>| {
        let event = mapper.map_next(record, &mut known)?;
        plausible.check(&event)?;
        events.append(&event);
        Ok(())
    };
    let Some(pseudonyms) = pseudonyms else {
        let append = |_line, record: &Record<'_>| add(record);
        parsed.read = block.for_each(append, |reject| rejects.push(reject));
        return parsed;
    };
    let append = |_line, record: &Record<'_>| -> Result<(), (Reason, String)> {
        let values = pseudonyms.values(record);
        // a name that stands in the block stays there
        let names = record.fields.iter().map(|(name, _)| name.clone());
        let fields = names.zip(values.iter().map(|value| value.borrowed())).collect();
        add(&Record { fields })
    };
    let withhold = |reject: Reject| Reject { detail: WITHHELD.to_owned(), text: String::new(), ..reject };
    parsed.read = block.for_each(append, |reject| rejects.push(withhold(reject)));
    parsed
}

//! The order of a part's rows: its files, by source and date, and in each the rows by journey, run, time and id.
//!
//! Comparing texts row by row would cost more than all the rest. So the distinct journeys and runs of the part become
//! ranks, and only numbers are compared.

use crate::catalogue::Source;
use crate::event::EventRows;

/// The rows of one file, sorted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileRows {
    pub(super) source: Source,
    /// Days since 1970.
    pub(super) date: u32,
    /// Numbers of the rows in their part.
    pub(super) rows: Vec<u32>,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// Source, date, journey and run, 32 bits each.
    group: u128,
    timestamp_us: i64,
    row: u32,
}

/// Sorts the rows of a part into its files.
pub(super) fn files(events: &EventRows) -> Vec<FileRows> {
    let (journey, run) = (events.ranks_of("journey_id"), events.ranks_of("invocation_id"));
    let key = |row| {
        let (source, date) = events.partition(row);
        let parts = [source as u32, date, journey(row), run(row)];
        let group = parts.into_iter().fold(0, |group, part| (group << 32) | u128::from(part));
        Key { group, timestamp_us: events.timestamp_us(row), row }
    };
    let mut keys: Vec<Key> = events.numbers().map(key).collect();
    keys.sort_unstable_by(|left, right| {
        (left.group, left.timestamp_us)
            .cmp(&(right.group, right.timestamp_us))
            .then_with(|| events.id(left.row).cmp(&events.id(right.row)))
    });
    let of_file = |keys: &[Key]| {
        let (source, date) = keys.first().map(|key| events.partition(key.row))?;
        Some(FileRows { source, date, rows: keys.iter().map(|key| key.row).collect() })
    };
    keys.chunk_by(|left, right| left.group >> 64 == right.group >> 64).filter_map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventBuilder, Identity, text_place};

    /// Source, timestamp, journey, run and id.
    type Row = (Source, i64, Option<&'static str>, Option<&'static str>, u8);

    fn events(rows: &[Row]) -> EventRows {
        let mut builder = EventBuilder::default();
        for &(source, timestamp_us, journey, run, id) in rows {
            let mut text = std::array::from_fn(|_| None);
            text[text_place("journey_id").unwrap()] = journey.map(Into::into);
            text[text_place("invocation_id").unwrap()] = run.map(Into::into);
            builder.append(&Event {
                source,
                activity: "x".into(),
                timestamp_us,
                identity: Identity { id: [id; 16], is_explicit: true },
                text,
                integers: [None; 3],
                additional_params: None,
            });
        }
        let ids = builder.identities().iter().map(|identity| Some(identity.id)).collect();
        builder.finish(ids).unwrap()
    }

    #[test]
    fn rows_are_in_order_and_files_apart() {
        const DAY: i64 = 86_400_000_000;
        let (long, longer) = (Some("run-of-sixteen-bytes-1"), Some("run-of-sixteen-bytes-2"));
        let events = events(&[
            (Source::Verify, 0, None, None, 9),
            (Source::Cis, DAY, Some("a"), Some("r"), 8),
            (Source::Cis, 5, Some("b"), longer, 5),
            (Source::Cis, 7, Some("b"), long, 4),
            (Source::Cis, 7, Some("b"), long, 3),
            (Source::Cis, 9, Some("b"), Some("r"), 6),
            (Source::Cis, 9, None, Some("r"), 0),
            (Source::Cis, 8, Some("a"), None, 1),
            (Source::Cis, 8, Some("a"), Some(""), 2),
        ]);
        let ids = |rows: &[u32]| rows.iter().map(|row| events.id(*row).unwrap()[0]).collect::<Vec<_>>();
        let files: Vec<_> =
            files(&events).iter().map(|file| (file.source, file.date, ids(&file.rows))).collect();
        let expected = [
            (Source::Cis, 0, vec![0, 1, 2, 6, 3, 4, 5]),
            (Source::Cis, 1, vec![8]),
            (Source::Verify, 0, vec![9]),
        ];
        assert_eq!(files, expected);
    }
}

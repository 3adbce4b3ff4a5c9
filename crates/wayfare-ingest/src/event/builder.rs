//! Collects events column by column.

use super::texts::Texts;
use super::{Event, EventRows, INTEGER_COLUMNS, TEXT_COLUMNS};
use crate::Result;
use crate::catalogue::Source;

/// Who the event in a row is, before twins are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The id that the record brought, else the digest of its content.
    pub id: [u8; 16],
    /// Whether the record brought it: then two rows with one id are one event sent twice.
    pub is_explicit: bool,
}

/// Events in the order in which they came. A column without values takes no room.
#[derive(Debug)]
pub(crate) struct EventBuilder {
    pub(super) identities: Vec<Identity>,
    pub(super) timestamps: Vec<i64>,
    pub(super) sources: Vec<Source>,
    pub(super) activity: Texts,
    /// The columns of [`Event::text`].
    pub(super) text: Vec<Texts>,
    /// Rows behind the last number of a column are not there.
    pub(super) integers: [Vec<Option<i64>>; INTEGER_COLUMNS],
    pub(super) additional_params: Texts,
}

impl Default for EventBuilder {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            timestamps: Vec::new(),
            sources: Vec::new(),
            activity: Texts::default(),
            text: (0..TEXT_COLUMNS).map(|_| Texts::default()).collect(),
            integers: std::array::from_fn(|_| Vec::new()),
            additional_params: Texts::default(),
        }
    }
}

impl EventBuilder {
    /// Takes all rows away and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.identities.clear();
        self.timestamps.clear();
        self.sources.clear();
        self.activity.clear();
        self.text.iter_mut().for_each(Texts::clear);
        self.integers.iter_mut().for_each(Vec::clear);
        self.additional_params.clear();
    }

    /// Adds a row.
    pub(crate) fn append(&mut self, event: &Event<'_>) {
        let row = self.len();
        self.identities.push(event.identity);
        self.timestamps.push(event.timestamp_us);
        self.sources.push(event.source);
        self.activity.set(row, &event.activity);
        for (column, value) in self.text.iter_mut().zip(&event.text) {
            if let Some(text) = value {
                column.set(row, text);
            }
        }
        for (column, value) in self.integers.iter_mut().zip(event.integers) {
            if value.is_some() {
                column.resize(row, None);
                column.push(value);
            }
        }
        if let Some(text) = &event.additional_params {
            self.additional_params.set(row, text);
        }
    }

    /// Adds the rows of `other` behind the own.
    pub(crate) fn extend(&mut self, other: &Self) {
        let rows = self.len();
        self.identities.extend(&other.identities);
        self.timestamps.extend(&other.timestamps);
        self.sources.extend(&other.sources);
        self.activity.extend(rows, &other.activity);
        for (column, further) in self.text.iter_mut().zip(&other.text) {
            column.extend(rows, further);
        }
        for (column, further) in self.integers.iter_mut().zip(&other.integers) {
            if !further.is_empty() {
                column.resize(rows, None);
                column.extend(further);
            }
        }
        self.additional_params.extend(rows, &other.additional_params);
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.identities.len()
    }

    /// Who the rows are, in order.
    pub(crate) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Ends the rows. `ids` are their final ids; a row without one repeats another and is left out of every file.
    ///
    /// # Errors
    /// `Internal` when the texts of a column are more than 2 GiB.
    pub(crate) fn finish(self, ids: Vec<Option<[u8; 16]>>) -> Result<EventRows> {
        EventRows::try_new(ids, self)
    }
}

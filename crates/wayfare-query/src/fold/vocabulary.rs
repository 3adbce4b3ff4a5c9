//! What packed events share, by number: texts, shapes and dimensions.

use wayfare_ingest::columns::RUN_DIMENSIONS;
use wayfare_ingest::{Role, role_of};

use super::EVENT_TEXTS;
use super::intern::{Interned, NONE, Texts};
use crate::run::RunEvent;

/// What events of one kind have in common: text numbers and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) texts: [u32; EVENT_TEXTS.len()],
    pub(super) http_status: Option<i64>,
}

/// Text numbers of the dimensions that an event carries.
pub(super) type Dimensions = [u32; RUN_DIMENSIONS.len()];

/// One event: what is its own, and the numbers of what it shares with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) id: [u64; 2],
    pub(super) at_ms: i64,
    pub(super) marks: u64,
    pub(super) shape: u32,
    pub(super) dimensions: u32,
}

/// What the numbers of packed events stand for.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) texts: Texts,
    shapes: Interned<Shape>,
    roles: Vec<Role>,
    dimensions: Interned<Dimensions>,
}

impl Vocabulary {
    /// The number of a shape, given on first sight.
    pub(super) fn shape(&mut self, shape: Shape) -> u32 {
        let number = self.shapes.number(shape);
        if number as usize == self.roles.len() {
            let activity = shape.texts.first().and_then(|&number| self.texts.get(number));
            self.roles.push(role_of(activity.unwrap_or_default()));
        }
        number
    }

    /// The number of dimensions, given on first sight.
    pub(super) fn number_of(&mut self, dimensions: Dimensions) -> u32 {
        self.dimensions.number(dimensions)
    }

    /// The dimensions of a number; none where there are none.
    pub(super) fn dimensions(&self, number: u32) -> &[u32] {
        self.dimensions.get(number).map_or(&[], Dimensions::as_slice)
    }

    /// What an event means in its run.
    pub(super) fn role(&self, event: &Packed) -> Role {
        self.roles.get(event.shape as usize).copied().unwrap_or_default()
    }

    /// The number of the text that is an event's journey.
    pub(super) fn journey_of(&self, event: &Packed) -> u32 {
        // `journey_id` is the first dimension
        self.dimensions(event.dimensions).first().copied().unwrap_or(NONE)
    }

    /// An event with its texts.
    pub(super) fn event(&self, event: &Packed) -> RunEvent<'_> {
        let shape = self.shapes.get(event.shape);
        let text = |index: usize| {
            let number = shape.and_then(|shape| shape.texts.get(index).copied());
            self.texts.get(number.unwrap_or(NONE))
        };
        RunEvent {
            id: u128::from(event.id[0]) << 64 | u128::from(event.id[1]),
            at_ms: event.at_ms,
            role: self.role(event),
            activity: text(0).unwrap_or_default(),
            step_id: text(1),
            outcome: text(2),
            error_code: text(3),
            error_category: text(4),
            error_message: text(5),
            connection_id: text(6),
            journey_id: self.texts.get(self.journey_of(event)),
            http_status: shape.and_then(|shape| shape.http_status),
            marks: event.marks,
        }
    }

    /// Bytes of what grows with every run, about.
    pub(super) fn size_of_runs(&self) -> usize {
        self.texts.size() + self.dimensions.size()
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.shapes.size() + self.roles.capacity() + self.size_of_runs()
    }
}

/// The numbers that one vocabulary has for what another one knows, looked up once each.
#[derive(Debug)]
pub(super) struct Translation<'a> {
    from: &'a Vocabulary,
    shapes: Vec<u32>,
    dimensions: Vec<u32>,
}

impl<'a> Translation<'a> {
    /// Nothing of `from` is looked up yet.
    pub(super) fn of(from: &'a Vocabulary) -> Self {
        let nothing = |count| vec![NONE; count];
        Self { from, shapes: nothing(from.shapes.len()), dimensions: nothing(from.dimensions.len()) }
    }

    /// An event in the numbers of `to`, always the same one.
    pub(super) fn event(&mut self, event: &Packed, to: &mut Vocabulary) -> Packed {
        let Self { from, shapes, dimensions } = self;
        let texts = &from.texts;
        let shape = translated(shapes, event.shape, || {
            let mut shape = *from.shapes.get(event.shape)?;
            shape.texts = shape.texts.map(|number| to.texts.number_of(texts.get(number)));
            Some(to.shape(shape))
        });
        let dimensions = translated(dimensions, event.dimensions, || {
            let dimensions = from.dimensions.get(event.dimensions)?;
            let dimensions = dimensions.map(|number| to.texts.number_of(texts.get(number)));
            Some(to.number_of(dimensions))
        });
        Packed { shape, dimensions, ..*event }
    }
}

/// The number that a number has become; `look_up` finds it the first time.
fn translated(known: &mut [u32], number: u32, look_up: impl FnOnce() -> Option<u32>) -> u32 {
    let Some(known) = known.get_mut(number as usize) else { return NONE };
    if *known == NONE {
        *known = look_up().unwrap_or(NONE);
    }
    *known
}

//! Runs of one course: the same things happened in the same order, at other times and to other people. What a run is, but for
//! its times, is worked out once a course; most runs have one that others had before.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wayfare_ingest::Role;
use wayfare_ingest::columns::{RUN_COUNTS, RUN_FACTS};

use super::vocabulary::{Packed, Vocabulary};
use crate::attempts::RunSteps;
use crate::run::{Bounds, Run, RunEvent, Terminal, finish_with};
use crate::timeline::{Coder, Kind, push_code};

/// Bytes of courses, about, with which all of them are forgotten.
const BYTES_MAX: usize = 32 << 20;

/// Bytes of the list of tokens after which the next runs begin a new one: each batch of runs has a copy.
const LIST_BYTES_MAX: usize = 256 << 10;

/// Courses that runs had.
#[derive(Debug, Default)]
pub(super) struct Courses {
    known: HashMap<Vec<u64>, Course, RandomState>,
    bytes: usize,
    steps: RunSteps,
    /// Those of the paths of all courses.
    tokens: Tokens,
    /// The events of the run at hand.
    events: Vec<Packed>,
    ids: Vec<u64>,
    key: Vec<u64>,
}

/// Tokens of paths, listed.
#[derive(Debug, Default)]
struct Tokens {
    coder: Coder,
    /// The places of tokens that a shape and a kind tell all of.
    of_shapes: HashMap<(u32, Kind), u32, RandomState>,
    text: String,
}

impl Tokens {
    /// The place of an event's token.
    fn place(&mut self, shape: Option<u32>, kind: Kind, event: &RunEvent<'_>) -> u32 {
        let Self { coder, of_shapes, text } = self;
        let mut place = || {
            text.clear();
            event.write_token(kind, false, text);
            coder.place(text)
        };
        match shape.filter(|_| !is_named(event.role, event.marks)) {
            Some(shape) => *of_shapes.entry((shape, kind)).or_insert_with(place),
            None => place(),
        }
    }
}

/// Whether a shape does not tell all that an event says.
fn is_named(role: Role, marks: u64) -> bool {
    role == Role::SubJourneyStarted || marks != 0
}

/// What runs of one course have in common.
#[derive(Debug)]
pub(super) struct Course {
    /// The texts of [`RUN_FACTS`] by number.
    pub(super) facts: [u32; RUN_FACTS.len()],
    /// The values of [`RUN_COUNTS`], without duplicates.
    pub(super) counts: [i64; RUN_COUNTS.len()],
    /// Its path, as codes into [`Courses::tokens`].
    pub(super) codes: Vec<u8>,
    bounds: Bounds,
}

/// A run. Instants are UTC milliseconds.
pub(super) struct Folded<'a> {
    /// What it shares with all of its course.
    pub(super) course: &'a Course,
    /// The first event, the start, the last event and the end.
    pub(super) instants: [Option<i64>; 4],
    /// Events left out because their id was there already.
    pub(super) duplicates: i64,
    /// The times of its events.
    pub(super) times: Times<'a>,
}

/// The events of a run in order.
pub(super) struct Times<'a>(&'a [Packed]);

impl Times<'_> {
    /// Milliseconds from the first event to each.
    pub(super) fn offsets(&self) -> impl Iterator<Item = i64> {
        let first = self.0.first().map_or(0, |event| event.at_ms);
        self.0.iter().map(move |event| event.at_ms.saturating_sub(first))
    }
}

impl Courses {
    /// Begins a batch of runs, whose paths share a list of tokens.
    pub(super) fn begin_batch(&mut self) {
        if self.tokens.coder.list().len() > LIST_BYTES_MAX {
            *self = Self::default();
        }
    }

    /// Puts the events of a run together, in order of time and id.
    pub(super) fn gather<'a>(&mut self, pieces: impl Iterator<Item = &'a [Packed]>) -> &[Packed] {
        self.events.clear();
        pieces.for_each(|piece| self.events.extend_from_slice(piece));
        // mostly they are, but for events of one instant
        self.events.sort_unstable_by_key(|event| (event.at_ms, event.id));
        &self.events
    }

    /// Folds the run whose events were gathered last.
    pub(super) fn fold(&mut self, vocabulary: &mut Vocabulary) -> Folded<'_> {
        if self.bytes > BYTES_MAX {
            self.known.clear();
            self.bytes = 0;
        }
        let duplicates = self.settle(vocabulary);
        write_key(&self.events, vocabulary, &mut self.key);
        let Self { known, bytes, steps, tokens, events, key, .. } = self;
        let course = known.entry_ref(key.as_slice()).or_insert_with(|| {
            let mut read: Vec<RunEvent<'_>> = events.iter().map(|event| vocabulary.event(event)).collect();
            let mut codes = Vec::with_capacity(events.len());
            let (run, bounds) = finish_with(&mut read, steps, |token, event| {
                let shape = events.get(token.place).map(|event| event.shape);
                push_code(&mut codes, tokens.place(shape, token.kind, event), token.tied);
            });
            *bytes += size_of_val(key.as_slice()) + size_of::<Course>() + codes.len();
            let facts = facts(&run).map(|fact| vocabulary.texts.number_of(fact));
            Course { facts, counts: counts(&run), codes, bounds }
        });
        let at = |place: usize| events.get(place).map(|event| event.at_ms);
        let last = at(events.len().saturating_sub(1));
        Folded {
            course,
            instants: [at(0), at(course.bounds.started), last, course.bounds.ended.and_then(at)],
            duplicates,
            times: Times(events),
        }
    }

    /// The tokens that the paths of the batch are coded by.
    pub(super) fn tokens(&self) -> &str {
        self.tokens.coder.list()
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.bytes + 4 * self.tokens.coder.list().len()
    }

    /// Puts the gathered events into canonical order, each id once, and counts those left out. Of events that share an id
    /// the first in canonical order stays.
    fn settle(&mut self, vocabulary: &Vocabulary) -> i64 {
        let before = self.events.len();
        let sort = |events: &mut [Packed]| {
            for tied in events.chunk_by_mut(|left, right| left.at_ms == right.at_ms) {
                if tied.len() > 1 {
                    tied.sort_by(|left, right| vocabulary.event(left).canonical(&vocabulary.event(right)));
                }
            }
        };
        sort(&mut self.events);
        // ids that are the same begin alike
        self.ids.clear();
        self.ids.extend(self.events.iter().map(|event| event.id[0]));
        self.ids.sort_unstable();
        if self.ids.windows(2).any(|pair| matches!(pair, [left, right] if left == right)) {
            self.events.sort_by_key(|event| event.id);
            self.events.dedup_by_key(|event| event.id);
            self.events.sort_by_key(|event| event.at_ms);
            sort(&mut self.events);
        }
        i64::try_from(before - self.events.len()).unwrap_or(i64::MAX)
    }
}

/// What tells a course: a number an event, and two more of one that its shape does not tell all of.
fn write_key(events: &[Packed], vocabulary: &Vocabulary, key: &mut Vec<u64>) {
    key.clear();
    let mut before = None;
    for event in events {
        let tied = before.replace(event.at_ms) == Some(event.at_ms);
        let is_named = is_named(vocabulary.role(event), event.marks);
        key.push(u64::from(event.shape) << 2 | u64::from(tied) << 1 | u64::from(is_named));
        if is_named {
            key.extend([u64::from(vocabulary.journey_of(event)), event.marks]);
        }
    }
}

/// The values of [`RUN_FACTS`].
fn facts(run: &Run) -> [Option<&str>; RUN_FACTS.len()] {
    let terminal = match run.terminal {
        Terminal::Succeeded => Some("succeeded"),
        Terminal::Failed => Some("failed"),
        Terminal::None => None,
    };
    [
        terminal,
        run.failing_step.as_deref(),
        run.error_code.as_deref(),
        run.error_category.as_deref(),
        run.error_message.as_deref(),
        run.connection_id.as_deref(),
        run.last_step.as_deref(),
    ]
}

/// The values of [`RUN_COUNTS`]; the second is the duplicates.
fn counts(run: &Run) -> [i64; RUN_COUNTS.len()] {
    [
        run.events,
        run.duplicates,
        run.steps_started,
        run.steps_completed,
        run.steps_failed,
        run.retries,
        run.external_calls,
        run.external_failures,
    ]
}

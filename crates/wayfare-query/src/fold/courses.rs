//! Runs of one course: the same things happened in the same order, at other times and to other people. What a run is, but for
//! its times, is worked out once a course; most runs have one that others had before.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wayfare_ingest::Role;

use super::output::event_of;
use super::packed::{Packed, PackedEvents};
use crate::attempts::RunSteps;
use crate::run::{Bounds, Run, RunEvent, finish_between};
use crate::timeline::Coder;

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
    /// Writes the paths of all courses.
    coder: Coder,
    /// The events of the run at hand in canonical order, each once.
    events: Vec<Packed>,
    ids: Vec<[u64; 2]>,
    key: Vec<u64>,
}

/// What runs of one course have in common.
#[derive(Debug)]
struct Course {
    run: Run,
    /// Its path, with places in the list of all courses.
    codes: Vec<u8>,
    bounds: Bounds,
}

/// A run. Instants are UTC milliseconds.
pub(super) struct Folded<'a> {
    /// What it shares with all of its course; no instants, offsets and duplicates of its own, and no path.
    pub(super) of_course: &'a Run,
    /// Its path, as codes into [`Courses::tokens`].
    pub(super) codes: &'a [u8],
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
        if self.coder.list().len() > LIST_BYTES_MAX {
            *self = Self::default();
        }
    }

    /// Folds the events of a run, which are in order of time and id.
    pub(super) fn fold(&mut self, events: &[Packed], from: &PackedEvents) -> Folded<'_> {
        if self.bytes > BYTES_MAX {
            self.known.clear();
            self.bytes = 0;
        }
        let duplicates = self.settle(events, from);
        write_key(&self.events, from, &mut self.key);
        let Self { known, bytes, steps, coder, events, key, .. } = self;
        let course = known.entry_ref(key.as_slice()).or_insert_with(|| {
            let mut read: Vec<RunEvent<'_>> = events.iter().map(|event| event_of(event, from)).collect();
            let (mut run, bounds) = finish_between(&mut read, steps);
            run.offsets = Vec::new();
            let path = std::mem::take(&mut run.path);
            let mut codes = Vec::with_capacity(events.len());
            coder.push(&path, &mut codes);
            *bytes += size_of_val(key.as_slice()) + size_of::<Course>() + codes.len();
            Course { run, codes, bounds }
        });
        let at = |place: usize| events.get(place).map(|event| event.at_ms);
        let last = at(events.len().saturating_sub(1));
        Folded {
            of_course: &course.run,
            codes: &course.codes,
            instants: [at(0), at(course.bounds.started), last, course.bounds.ended.and_then(at)],
            duplicates,
            times: Times(events),
        }
    }

    /// The tokens that the paths of the batch are coded by.
    pub(super) fn tokens(&self) -> &str {
        self.coder.list()
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.bytes + 4 * self.coder.list().len()
    }

    /// Takes the events of the next run over, in canonical order and each id once, and counts those left out. Of events
    /// that share an id the first in canonical order stays.
    fn settle(&mut self, events: &[Packed], from: &PackedEvents) -> i64 {
        self.events.clear();
        self.events.extend_from_slice(events);
        self.ids.clear();
        self.ids.extend(events.iter().map(|event| event.id));
        self.ids.sort_unstable();
        let sort = |events: &mut [Packed]| {
            for tied in events.chunk_by_mut(|left, right| left.at_ms == right.at_ms) {
                if tied.len() > 1 {
                    tied.sort_by(|left, right| event_of(left, from).canonical(&event_of(right, from)));
                }
            }
        };
        sort(&mut self.events);
        if self.ids.windows(2).any(|pair| matches!(pair, [left, right] if left == right)) {
            self.events.sort_by_key(|event| event.id);
            self.events.dedup_by_key(|event| event.id);
            self.events.sort_by_key(|event| event.at_ms);
            sort(&mut self.events);
        }
        i64::try_from(events.len() - self.events.len()).unwrap_or(i64::MAX)
    }
}

/// What tells a course: a number an event, and two more of one that its shape does not tell all of.
fn write_key(events: &[Packed], from: &PackedEvents, key: &mut Vec<u64>) {
    key.clear();
    let mut before = None;
    for event in events {
        let tied = before.replace(event.at_ms) == Some(event.at_ms);
        let is_named = from.role(event.shape) == Role::SubJourneyStarted || event.marks != 0;
        key.push(u64::from(event.shape) << 2 | u64::from(tied) << 1 | u64::from(is_named));
        if is_named {
            key.extend([u64::from(from.journey_of(event)), event.marks]);
        }
    }
}

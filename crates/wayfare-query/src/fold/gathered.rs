//! Runs whose events are gathered until they are whole.

use super::segments::RunKey;
use super::vocabulary::Packed;

/// Bytes of a run's key on the heap, about.
const KEY_BYTES: usize = 64;

/// Runs by number, and their events, which come in pieces.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    keys: Vec<RunKey>,
    pieces: Vec<Piece>,
    events: Vec<Packed>,
}

/// Events of one run that lie together.
#[derive(Debug, Clone, Copy)]
struct Piece {
    run: usize,
    start: usize,
    end: usize,
}

impl Gathered {
    /// How many runs there are.
    pub(super) fn runs(&self) -> usize {
        self.keys.len()
    }

    /// Takes a further run in, and gives its number.
    pub(super) fn begin(&mut self, key: RunKey) -> usize {
        self.keys.push(key);
        self.keys.len() - 1
    }

    /// Adds the events that `append` appends to a run.
    pub(super) fn add<T>(&mut self, run: usize, append: impl FnOnce(&mut Vec<Packed>) -> T) -> T {
        let start = self.events.len();
        let appended = append(&mut self.events);
        let end = self.events.len();
        match self.pieces.last_mut() {
            Some(last) if last.run == run => last.end = end,
            _ => self.pieces.push(Piece { run, start, end }),
        }
        appended
    }

    /// The runs by number, each with its key and its events.
    pub(super) fn each_run(
        &mut self,
    ) -> impl Iterator<Item = (usize, &RunKey, impl Iterator<Item = &[Packed]>)> {
        if !self.pieces.is_sorted_by_key(|piece| piece.run) {
            self.pieces.sort_by_key(|piece| piece.run);
        }
        let (keys, events) = (self.keys.as_slice(), self.events.as_slice());
        let events_of = move |piece: &Piece| events.get(piece.start..piece.end);
        self.pieces.chunk_by(|left, right| left.run == right.run).filter_map(move |pieces| {
            let run = pieces.first()?.run;
            Some((run, keys.get(run)?, pieces.iter().filter_map(events_of)))
        })
    }

    /// Forgets the first `count` runs, each of which came in one piece, and numbers the others anew.
    pub(super) fn forget(&mut self, count: usize) {
        self.keys.drain(..count.min(self.keys.len()));
        self.pieces.retain(|piece| piece.run >= count);
        let events = self.pieces.first().map_or(self.events.len(), |piece| piece.start);
        self.events.drain(..events);
        for Piece { run, start, end } in &mut self.pieces {
            *run -= count;
            *start -= events;
            *end -= events;
        }
    }

    /// Bytes in use, about.
    pub(super) fn size(&self) -> usize {
        self.keys.capacity() * (size_of::<RunKey>() + KEY_BYTES)
            + self.pieces.capacity() * size_of::<Piece>()
            + self.events.capacity() * size_of::<Packed>()
    }
}

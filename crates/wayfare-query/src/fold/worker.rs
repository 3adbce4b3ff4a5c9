//! Folds the segments of one stream as they end, and gathers those of scattered runs until they are whole.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::folder::{Folder, RUNS_OUT};
use super::gathered::Gathered;
use super::packer::{Batch, Packer};
use super::segments::{Cutter, KEYS, Keys, RunHash, RunHasher, RunKey, Scattered, ScatteredRun, Side};
use super::vocabulary::{Packed, Translation, Vocabulary};

/// What the rows of a segment are to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// The whole run, the last one among those being folded.
    Whole,
    /// A part of the scattered run of this number.
    Part(usize),
    /// Nothing in this pass, or of a run that is not wanted.
    Passed,
}

/// One pass over the events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) number: u64,
    pub(super) passes: u64,
}

/// The fold of one stream.
#[derive(Debug)]
pub(super) struct Worker {
    schema: SchemaRef,
    hasher: RunHasher,
    scattered: Arc<Scattered>,
    pass: Pass,
    cutter: Cutter,
    segment: Segment,
    packer: Packer,
    folder: Folder,
    whole: Gathered,
    parts: Parts,
    asides: Arc<Asides>,
    memory: MemoryReservation,
}

impl Worker {
    pub(super) fn new(
        schema: SchemaRef,
        hasher: RunHasher,
        scattered: Arc<Scattered>,
        pass: Pass,
        asides: Arc<Asides>,
        memory: MemoryReservation,
    ) -> Self {
        Self {
            schema,
            hasher,
            scattered,
            pass,
            cutter: Cutter::default(),
            segment: Segment::Passed,
            packer: Packer::default(),
            folder: Folder::default(),
            whole: Gathered::default(),
            parts: Parts::default(),
            asides,
            memory,
        }
    }

    /// Whether it forgets what it has learnt before it takes the next segment.
    pub(super) fn is_full(&self) -> bool {
        self.folder.is_full()
    }

    /// Takes the next events of the stream, which all belong to runs, and gives runs that have ended.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> DataFusionResult<Vec<RecordBatch>> {
        let keys = Keys::of(batch)?;
        let starts = self.cutter.starts(&keys);
        let columns = batch.columns().get(KEYS.len()..).unwrap_or_default();
        let mut made = Vec::new();
        let forgets = self.is_full();
        let first = starts.first().copied().filter(|_| forgets).unwrap_or_default();
        if first > 0 {
            self.add(columns, &keys, 0..first, &[])?;
        }
        if forgets && !starts.is_empty() {
            made = self.close_all()?;
            self.folder.clear();
            self.packer = Packer::default();
        }
        self.add(columns, &keys, first..keys.rows(), &starts)?;
        let open = usize::from(self.segment == Segment::Whole);
        let closed = self.whole.runs().saturating_sub(open);
        if closed >= RUNS_OUT {
            made.extend(self.close(closed)?);
        }
        let size = self.packer.size() + self.folder.size() + self.whole.size() + self.parts.size();
        self.memory.try_resize(size)?;
        Ok(made)
    }

    /// Adds some rows of a batch; segments begin at `starts`.
    fn add(
        &mut self,
        columns: &[ArrayRef],
        keys: &Keys<'_>,
        rows: Range<usize>,
        starts: &[usize],
    ) -> DataFusionResult<()> {
        let mut batch = None;
        let mut row = rows.start;
        for end in starts.iter().copied().filter(|start| *start > rows.start).chain([rows.end]) {
            if starts.binary_search(&row).is_ok() {
                self.begin(keys, row);
            }
            if self.segment != Segment::Passed {
                let batch = match &mut batch {
                    Some(batch) => batch,
                    none => none.insert(self.packer.look_at(columns)?),
                };
                self.pack(batch, row..end)?;
            }
            row = end;
        }
        Ok(())
    }

    /// Adds rows to the run at hand.
    fn pack(&mut self, batch: &Batch<'_>, rows: Range<usize>) -> DataFusionResult<()> {
        let Self { packer, folder: Folder { vocabulary, .. }, whole, parts, .. } = self;
        let count = rows.len() as u64;
        let pack = |events: &mut Vec<Packed>| packer.pack(batch, rows, vocabulary, events);
        match self.segment {
            Segment::Whole => whole.add(whole.runs().saturating_sub(1), pack),
            Segment::Part(run) => parts.add(run, count, pack),
            Segment::Passed => Ok(()),
        }
    }

    fn begin(&mut self, keys: &Keys<'_>, row: usize) {
        let hash = keys.hash(row, &self.hasher);
        let is_turn = hash.0 % self.pass.passes == self.pass.number;
        self.segment = match self.scattered.get(hash) {
            Some(ScatteredRun { events, began_before: false }) if is_turn => {
                Segment::Part(self.parts.number(hash, events, || keys.run(row)))
            }
            None if self.pass.number == 0 && keys.is_on(Side::Wanted, row) => {
                self.whole.begin(keys.run(row));
                Segment::Whole
            }
            _ => Segment::Passed,
        };
    }

    /// Folds the first `count` whole runs.
    fn close(&mut self, count: usize) -> DataFusionResult<Vec<RecordBatch>> {
        let made = self.folder.fold(&mut self.whole, &self.schema, |run| run < count)?;
        self.whole.forget(count);
        Ok(made)
    }

    /// Folds the whole runs and the scattered ones that the stream had all parts of, and puts the others aside.
    fn close_all(&mut self) -> DataFusionResult<Vec<RecordBatch>> {
        let mut made = self.close(self.whole.runs())?;
        let mut parts = std::mem::take(&mut self.parts);
        let Parts { runs, missing, .. } = &mut parts;
        made.extend(self.folder.fold(runs, &self.schema, |run| missing.get(run) == Some(&0))?);
        self.asides.take(parts, &self.folder.vocabulary)?;
        Ok(made)
    }

    /// The runs that the end of the stream closes, and the scattered ones that it had all parts of.
    pub(super) fn finish(mut self) -> DataFusionResult<Vec<RecordBatch>> {
        self.close_all()
    }
}

/// The parts of scattered runs that lie in one stream.
#[derive(Debug, Default)]
struct Parts {
    numbers: HashMap<RunHash, usize, RandomState>,
    hashes: Vec<RunHash>,
    /// For each run how many of its events are still to come, here or in another stream.
    missing: Vec<u64>,
    runs: Gathered,
}

impl Parts {
    fn number(&mut self, hash: RunHash, events: u64, key: impl FnOnce() -> RunKey) -> usize {
        let Self { numbers, hashes, missing, runs } = self;
        *numbers.entry(hash).or_insert_with(|| {
            hashes.push(hash);
            missing.push(events);
            runs.begin(key())
        })
    }

    fn add<T>(&mut self, run: usize, events: u64, append: impl FnOnce(&mut Vec<Packed>) -> T) -> T {
        if let Some(missing) = self.missing.get_mut(run) {
            *missing = missing.saturating_sub(events);
        }
        self.runs.add(run, append)
    }

    /// Bytes in use, about.
    fn size(&self) -> usize {
        self.numbers.capacity() * size_of::<(RunHash, usize)>()
            + self.hashes.capacity() * size_of::<(RunHash, u64)>()
            + self.runs.size()
    }
}

/// Runs of which no stream had all parts, each in one of several places by its hash.
#[derive(Debug)]
pub(super) struct Asides(Vec<Mutex<Aside>>);

/// Some of them.
#[derive(Debug)]
pub(super) struct Aside {
    numbers: HashMap<RunHash, usize, RandomState>,
    runs: Gathered,
    folder: Folder,
    memory: MemoryReservation,
}

impl Asides {
    pub(super) fn new(count: usize, memory: impl Fn() -> MemoryReservation) -> Self {
        let aside = || Aside {
            numbers: HashMap::default(),
            runs: Gathered::default(),
            folder: Folder::default(),
            memory: memory(),
        };
        Self((0..count.max(1)).map(|_| Mutex::new(aside())).collect())
    }

    /// Takes the runs over of which parts are missing.
    fn take(&self, parts: Parts, from: &Vocabulary) -> DataFusionResult<()> {
        let Parts { hashes, missing, mut runs, .. } = parts;
        let place = |hash: &RunHash| usize::try_from(hash.0 >> 32).unwrap_or(0) % self.0.len().max(1);
        for (number, aside) in self.0.iter().enumerate() {
            // who panicked while it held the lock ends the whole fold
            let mut aside = aside.lock().unwrap_or_else(PoisonError::into_inner);
            let mut translation = Translation::of(from);
            for (run, key, pieces) in runs.each_run() {
                if let (Some(hash), Some(1..)) = (hashes.get(run), missing.get(run))
                    && place(hash) == number
                {
                    aside.add(*hash, key, pieces, &mut translation);
                }
            }
            let size = aside.size();
            aside.memory.try_resize(size)?;
        }
        Ok(())
    }

    /// All of them.
    pub(super) fn into_parts(self) -> impl Iterator<Item = Aside> {
        self.0.into_iter().map(|aside| aside.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Aside {
    fn add<'a>(
        &mut self,
        hash: RunHash,
        key: &RunKey,
        pieces: impl Iterator<Item = &'a [Packed]>,
        translation: &mut Translation<'_>,
    ) {
        let Self { numbers, runs, folder, .. } = self;
        let run = *numbers.entry(hash).or_insert_with(|| runs.begin(key.clone()));
        runs.add(run, |events| {
            events.extend(pieces.flatten().map(|event| translation.event(event, &mut folder.vocabulary)));
        });
    }

    fn size(&self) -> usize {
        self.numbers.capacity() * size_of::<(RunHash, usize)>() + self.runs.size() + self.folder.size()
    }

    /// All its runs.
    pub(super) fn finish(mut self, schema: &SchemaRef) -> DataFusionResult<Vec<RecordBatch>> {
        self.folder.fold(&mut self.runs, schema, |_| true)
    }
}

//! Folds the segments of one stream as they end, and puts the events of scattered runs aside.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, StringViewArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::execution::memory_pool::MemoryReservation;
use foldhash::fast::RandomState;

use super::packed::PackedEvents;
use super::segments::{Cutter, KEYS, Keys, RunHash, RunHasher, RunKey, Scattered, Side};

/// Runs that one batch of the output has at most.
const RUNS_OUT: usize = 4_096;

/// Bytes of texts after which they are forgotten, at the next end of a segment.
const TEXTS_MAX: usize = 32 << 20;

/// Bytes of a run's key on the heap, about.
const KEY_BYTES: usize = 64;

/// Runs being folded: their keys, and their events.
#[derive(Debug, Default)]
struct Runs {
    keys: Vec<RunKey>,
    events: PackedEvents,
}

impl Runs {
    fn emit(&mut self, count: usize, schema: &SchemaRef) -> DataFusionResult<RecordBatch> {
        let keys: Vec<RunKey> = self.keys.drain(..count.min(self.keys.len())).collect();
        let tenants: StringViewArray = keys.iter().map(|(tenant, _)| tenant.as_deref()).collect();
        let invocations: StringViewArray = keys.iter().map(|(_, invocation)| Some(&**invocation)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(tenants), Arc::new(invocations)];
        columns.extend(self.events.fold(keys.len())?);
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// What the rows of a segment are to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// The whole run, the last one among those being folded.
    Whole,
    /// A part of a scattered run with this hash.
    Part(RunHash),
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
    runs: Runs,
    memory: MemoryReservation,
}

/// What a worker makes of a batch.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) runs: Vec<RecordBatch>,
    /// For each of the [`Aside`]s, events for it.
    pub(super) aside: Vec<RecordBatch>,
}

impl Worker {
    pub(super) fn new(
        schema: SchemaRef,
        hasher: RunHasher,
        scattered: Arc<Scattered>,
        pass: Pass,
        memory: MemoryReservation,
    ) -> Self {
        Self {
            schema,
            hasher,
            scattered,
            pass,
            cutter: Cutter::default(),
            segment: Segment::Passed,
            runs: Runs::default(),
            memory,
        }
    }

    /// Takes the next events of the stream, which all belong to runs; events of scattered runs are handed back, by hash for one of `asides`.
    pub(super) fn take(&mut self, batch: &RecordBatch, asides: usize) -> DataFusionResult<Made> {
        let keys = Keys::of(batch)?;
        let starts = self.cutter.starts(&keys);
        let mut made = Made::default();
        let mut aside: Vec<Vec<u32>> = vec![Vec::new(); asides];
        if self.runs.events.texts.size() > TEXTS_MAX
            && let Some(&first) = starts.first()
        {
            self.add(batch, &keys, 0..first, &[], &mut aside)?;
            self.close(self.runs.keys.len(), &mut made)?;
            self.runs = Runs::default();
            self.add(batch, &keys, first..keys.rows(), &starts, &mut aside)?;
        } else {
            self.add(batch, &keys, 0..keys.rows(), &starts, &mut aside)?;
        }
        let open = usize::from(self.segment == Segment::Whole);
        let closed = self.runs.keys.len() - open.min(self.runs.keys.len());
        if closed >= RUNS_OUT {
            self.close(closed, &mut made)?;
        }
        if aside.iter().any(|rows| !rows.is_empty()) {
            let pick = |rows: Vec<u32>| take_record_batch(batch, &UInt32Array::from(rows));
            made.aside = aside.into_iter().map(pick).collect::<Result<_, _>>()?;
        }
        self.memory.try_resize(self.runs.events.size())?;
        Ok(made)
    }

    /// Adds some rows of a batch; segments begin at `starts`.
    fn add(
        &mut self,
        batch: &RecordBatch,
        keys: &Keys<'_>,
        rows: std::ops::Range<usize>,
        starts: &[usize],
        aside: &mut [Vec<u32>],
    ) -> DataFusionResult<()> {
        let mut run_of = Vec::with_capacity(rows.len());
        let mut kept = Vec::with_capacity(rows.len());
        let mut row = rows.start;
        for end in starts.iter().copied().filter(|start| *start > rows.start).chain([rows.end]) {
            if starts.binary_search(&row).is_ok() {
                self.begin(keys, row);
            }
            let length = end - row;
            run_of.extend(std::iter::repeat_n(self.runs.keys.len().saturating_sub(1), length));
            kept.extend(std::iter::repeat_n(self.segment == Segment::Whole, length));
            if let Segment::Part(hash) = self.segment
                && let Some(rows) =
                    aside.get_mut(usize::try_from(hash.0 >> 32).unwrap_or(0) % aside.len().max(1))
            {
                rows.extend((row..end).filter_map(|row| u32::try_from(row).ok()));
            }
            row = end;
        }
        if kept.contains(&true) {
            let columns: Vec<ArrayRef> =
                read_columns(batch).map(|column| column.slice(rows.start, rows.len())).collect();
            let kept = kept.contains(&false).then_some(kept.as_slice());
            self.runs.events.add(&columns, &run_of, kept, self.runs.keys.len())?;
        }
        Ok(())
    }

    fn begin(&mut self, keys: &Keys<'_>, row: usize) {
        let hash = keys.hash(row, &self.hasher);
        self.segment = match self.scattered.began_before(hash) {
            Some(false) if hash.0 % self.pass.passes == self.pass.number => Segment::Part(hash),
            None if self.pass.number == 0 && keys.is_on(Side::Wanted, row) => {
                self.runs.keys.push(keys.run(row));
                Segment::Whole
            }
            _ => Segment::Passed,
        };
    }

    fn close(&mut self, mut count: usize, made: &mut Made) -> DataFusionResult<()> {
        while count > 0 {
            let now = count.min(RUNS_OUT);
            made.runs.push(self.runs.emit(now, &self.schema)?);
            count -= now;
        }
        Ok(())
    }

    /// The runs that the end of the stream closes.
    pub(super) fn finish(mut self) -> DataFusionResult<Vec<RecordBatch>> {
        let mut made = Made::default();
        self.close(self.runs.keys.len(), &mut made)?;
        Ok(made.runs)
    }
}

/// The columns of a batch that the fold reads beside keys.
fn read_columns(batch: &RecordBatch) -> impl Iterator<Item = &ArrayRef> {
    batch.columns().iter().skip(KEYS.len())
}

/// Scattered runs, until all their events are there.
#[derive(Debug)]
pub(super) struct Aside {
    numbers: HashMap<RunKey, usize, RandomState>,
    runs: Runs,
    memory: MemoryReservation,
}

impl Aside {
    pub(super) fn new(memory: MemoryReservation) -> Self {
        Self { numbers: HashMap::default(), runs: Runs::default(), memory }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> DataFusionResult<()> {
        let keys = Keys::of(batch)?;
        let mut run_of = Vec::with_capacity(keys.rows());
        let mut last = None;
        for row in 0..keys.rows() {
            let same =
                last.filter(|&number| self.runs.keys.get(number).is_some_and(|run| keys.is_of(row, run)));
            let number = same.unwrap_or_else(|| {
                let next = self.runs.keys.len();
                let run = keys.run(row);
                let number = *self.numbers.entry(run.clone()).or_insert(next);
                if number == next {
                    self.runs.keys.push(run);
                }
                number
            });
            last = Some(number);
            run_of.push(number);
        }
        let columns: Vec<ArrayRef> = read_columns(batch).cloned().collect();
        self.runs.events.add(&columns, &run_of, None, self.runs.keys.len())?;
        let keys = self.runs.keys.len() * (size_of::<RunKey>() + KEY_BYTES) * 2;
        self.memory.try_resize(self.runs.events.size() + keys)
    }

    /// All its runs.
    pub(super) fn finish(mut self, schema: &SchemaRef) -> DataFusionResult<Vec<RecordBatch>> {
        self.numbers.clear();
        if self.runs.keys.is_empty() {
            return Ok(Vec::new());
        }
        let count = self.runs.keys.len();
        Ok(vec![self.runs.emit(count, schema)?])
    }
}

//! Segments: the events of one run that follow one another in one file.
//!
//! Files are sorted by journey, run and time, so most runs are one segment of one file, and can be folded where it ends.
//! Runs of several segments (over midnight, or over several files) are told by the hashes of all segments. Files of dates
//! around those whose runs are wanted hold runs that are not: a run without an event on a wanted date began on another, and
//! so did one with an event before all of them.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;

use arrow::array::{Array as _, AsArray as _, RecordBatch, UInt8Array, UInt32Array};
use arrow::compute::{filter_record_batch, is_not_null};
use arrow::datatypes::{UInt8Type, UInt32Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use foldhash::fast::RandomState;

use crate::keyed::{Rows, mark_differences};
use crate::provider::FILE_NUMBER;

/// The columns that tell segments apart, in front of all others; the last one is the [`Side`] of an event's date, the same for
/// all events of a file.
pub(super) const KEYS: [&str; 4] = ["tenant_id", "invocation_id", FILE_NUMBER, "side"];

/// A date, seen from those on which wanted runs begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Side {
    /// Before all of them. Of its events nothing but the keys is read.
    Before,
    /// One of them.
    Wanted,
    /// Behind one of them, and none itself.
    Behind,
}

/// The rows of a batch that belong to a run.
pub(super) fn of_runs(batch: RecordBatch) -> DataFusionResult<RecordBatch> {
    match batch.columns() {
        [_, invocations, ..] if invocations.null_count() > 0 => {
            Ok(filter_record_batch(&batch, &is_not_null(invocations)?)?)
        }
        _ => Ok(batch),
    }
}

/// Hashes the keys of runs, anew for each fold.
#[derive(Debug, Clone, Default)]
pub(super) struct RunHasher(RandomState, RandomState);

/// What is the same for all rows of a run, and for those of no other: 128 bits, as many as tell events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RunHash(pub(super) u64, u64);

/// What tells a run from all others.
pub(super) type RunKey = (Option<Box<str>>, Box<str>);

/// The columns [`KEYS`] of a batch.
pub(super) struct Keys<'a> {
    tenants: Rows,
    invocations: Rows,
    files: &'a UInt32Array,
    sides: &'a UInt8Array,
}

impl<'a> Keys<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> DataFusionResult<Self> {
        let [tenants, invocations, files, sides, ..] = batch.columns() else {
            return Err(exec_datafusion_err!("a fold without keys"));
        };
        let texts = |column| Rows::of(column).ok_or_else(|| exec_datafusion_err!("a fold of other texts"));
        Ok(Self {
            tenants: texts(tenants)?,
            invocations: texts(invocations)?,
            files: files.as_primitive::<UInt32Type>(),
            sides: sides.as_primitive::<UInt8Type>(),
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.invocations.len()
    }

    /// The run of a row.
    pub(super) fn run(&self, row: usize) -> RunKey {
        (self.tenants.at(row).map(Into::into), self.invocations.at(row).unwrap_or_default().into())
    }

    /// Whether a row belongs to a run.
    pub(super) fn is_of(&self, row: usize, run: &RunKey) -> bool {
        self.invocations.at(row) == Some(&*run.1) && self.tenants.at(row) == run.0.as_deref()
    }

    /// Whether the date of a row is on a side.
    pub(super) fn is_on(&self, side: Side, row: usize) -> bool {
        self.sides.value(row) == side as u8
    }

    /// The hash of a row's run.
    pub(super) fn hash(&self, row: usize, hasher: &RunHasher) -> RunHash {
        let run = (self.tenants.at(row), self.invocations.at(row));
        RunHash(hasher.0.hash_one(run), hasher.1.hash_one(run))
    }

    /// The rows that may be of another segment than the one before: some key is another.
    fn changes(&self) -> impl Iterator<Item = usize> {
        let mut changes = vec![false; self.rows()];
        self.invocations.mark_changes(&mut changes);
        self.tenants.mark_changes(&mut changes);
        mark_differences(self.files.values(), &mut changes);
        changes.into_iter().enumerate().filter_map(|(row, changes)| changes.then_some(row))
    }

    fn follows(&self, row: usize) -> bool {
        let before = row - 1;
        self.files.value(row) == self.files.value(before)
            && is_repeated(&self.invocations, row)
            && is_repeated(&self.tenants, row)
    }
}

/// Whether a text is the one in the row before. Mostly the keys tell.
fn is_repeated(texts: &Rows, row: usize) -> bool {
    texts.has_same_key(row, row - 1) || texts.at(row) == texts.at(row - 1)
}

/// Cuts the batches of one stream into segments.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    last: Option<(RunKey, u32)>,
}

impl Cutter {
    /// The rows at which segments begin; those before the first belong to the segment that the batch before ended with.
    pub(super) fn starts(&mut self, keys: &Keys<'_>) -> Vec<usize> {
        let rows = keys.rows();
        if rows == 0 {
            return Vec::new();
        }
        let goes_on =
            self.last.as_ref().is_some_and(|(run, file)| keys.is_of(0, run) && keys.files.value(0) == *file);
        let mut starts = if goes_on { Vec::new() } else { vec![0] };
        starts.extend(keys.changes().filter(|&row| !keys.follows(row)));
        self.last = Some((keys.run(rows - 1), keys.files.value(rows - 1)));
        starts
    }
}

/// A segment as a survey keeps it, in the order by which those of a run come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Surveyed {
    hash: RunHash,
    file: u32,
    rows: u32,
    is_wanted: bool,
    is_before: bool,
}

/// The segments of one stream.
#[derive(Debug)]
pub(super) struct Survey {
    cutter: Cutter,
    hasher: RunHasher,
    segments: Vec<Surveyed>,
}

impl Survey {
    pub(super) fn new(hasher: RunHasher) -> Self {
        Self { cutter: Cutter::default(), hasher, segments: Vec::new() }
    }

    /// Adds the next rows of the stream, which all belong to runs.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> DataFusionResult<()> {
        let keys = Keys::of(batch)?;
        let starts = self.cutter.starts(&keys);
        let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        if let (Some(last), first) = (self.segments.last_mut(), starts.first()) {
            last.rows = last.rows.saturating_add(count(first.copied().unwrap_or(keys.rows())));
        }
        let ends = starts.iter().skip(1).copied().chain([keys.rows()]);
        let segment = |(&start, end): (&usize, usize)| Surveyed {
            hash: keys.hash(start, &self.hasher),
            file: keys.files.value(start),
            rows: count(end - start),
            is_wanted: keys.is_on(Side::Wanted, start),
            is_before: keys.is_on(Side::Before, start),
        };
        self.segments.extend(starts.iter().zip(ends).map(segment));
        Ok(())
    }
}

/// A run of several segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScatteredRun {
    /// How many there are, in all segments.
    pub(super) events: u64,
    /// Whether it began before all wanted dates.
    pub(super) began_before: bool,
}

/// The runs of several segments, at least one of them on a wanted date.
#[derive(Debug, Default)]
pub(super) struct Scattered {
    runs: HashMap<RunHash, ScatteredRun, RandomState>,
    /// The events of those that did not begin before.
    pub(super) events: u64,
    /// The numbers of the files, or pieces of files, with events of wanted runs.
    files: HashSet<u32, RandomState>,
}

impl Scattered {
    /// Puts the surveys of all streams together.
    pub(super) fn of(surveys: Vec<Survey>) -> Self {
        let mut segments: Vec<Surveyed> = surveys.into_iter().flat_map(|survey| survey.segments).collect();
        segments.sort_unstable();
        let mut scattered = Self::default();
        let is_wanted = |run: &&[Surveyed]| run.iter().any(|segment| segment.is_wanted);
        for run in segments.chunk_by(|left, right| left.hash == right.hash).filter(is_wanted) {
            let began_before = run.iter().any(|segment| segment.is_before);
            if !began_before {
                scattered.files.extend(run.iter().map(|segment| segment.file));
            }
            if run.len() < 2 {
                continue;
            }
            let events = run.iter().map(|segment| u64::from(segment.rows)).sum::<u64>();
            let hash = run.first().map(|segment| segment.hash);
            scattered.runs.extend(hash.map(|hash| (hash, ScatteredRun { events, began_before })));
            scattered.events += if began_before { 0 } else { events };
        }
        scattered
    }

    /// Whether a file, or a piece of one, has events of wanted runs.
    pub(super) fn is_in(&self, file: u32) -> bool {
        self.files.contains(&file)
    }

    /// The run of a hash, if it is scattered.
    pub(super) fn get(&self, hash: RunHash) -> Option<ScatteredRun> {
        self.runs.get(&hash).copied()
    }
}

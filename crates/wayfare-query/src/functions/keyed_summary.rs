//! Summaries over runs by what is found inside them: `step_summary(…)`, `transitions(…)`, `run_features(…)`,
//! `sub_journeys(…)`.
//!
//! A run is cut into facts, each with keys (a step; from and to), counts and times. What the facts are is told by the path and
//! the state, so it is worked out once for all runs that are alike ([`Outline`]); a run adds the counts and the
//! differences of its offsets. Runs are counted by outline first, and an outline's counts are added once. Everything is summed inside the aggregate: no row a fact is ever made. The result
//! is a list of structs in order of the keys: the keys, the counts, the times as of `time_summary`.
//!
//! Arguments: path, offsets (where there are times; without them no time is summed up), state, a text (where the facts want one).

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, Int64Array, ListArray, StringViewArray, StructArray,
};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use foldhash::fast::RandomState;

use super::bytes::{put_i64, put_text, take_bytes, take_i64, text};
use super::external;
use super::outline::{CellNumber, Drawing, Keys, Outline, Sketch};
use super::paths::{PathNumbers, Paths, offsets_at, path_types, stretch};
use super::summary::{Recipe, Rows, Summary, group_at};
use super::tally::Tally;
use super::time_summary::{Ranks, summary_columns, summary_fields};
use super::times::Times;
use crate::attempts::RunState;
use crate::timeline::{Lexicon, Offsets, Path};
use crate::{Error, Result};

/// What runs that are alike have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alike<'a> {
    pub(super) path: Path<'a>,
    /// What knows the path's tokens.
    pub(super) lexicon: &'a Lexicon,
    pub(super) state: RunState,
    /// The text argument, whose meaning is the summary's own; empty without one.
    pub(super) option: &'a str,
}

/// What runs are cut into.
pub(super) trait Facts: Debug + Default + Eq + Hash + Send + Sync + 'static {
    /// The function's name.
    const NAME: &'static str;
    /// Names of the keys, one or two.
    const KEYS: &'static [&'static str];
    /// Names of the counts.
    const COUNTS: &'static [&'static str];
    /// Names of the times.
    const TIMES: &'static [&'static str];
    /// Whether there is a text argument.
    const OPTION: bool = false;
    /// What is kept from path to path, so that buffers stay.
    type Buffers: Debug + Default + Send + Sync;

    /// Draws the facts of runs that are alike.
    fn draw(runs: Alike<'_>, buffers: &mut Self::Buffers, sketch: &mut Sketch<'_>) -> Result<()>;

    /// Counts the facts of so many runs that are alike and follow others in the order of their paths.
    fn count(
        runs: Alike<'_>,
        number: i64,
        buffers: &mut Self::Buffers,
        sketch: &mut Sketch<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        Self::draw(runs, buffers, sketch)?;
        tally.add(sketch.counts(), number);
        Ok(())
    }
}

fn element_fields<F: Facts>() -> Fields {
    let keys = F::KEYS.iter().map(|name| Field::new(*name, DataType::Utf8View, false));
    let counts = F::COUNTS.iter().map(|name| Field::new(*name, DataType::Int64, false));
    let times = F::TIMES.iter().map(|name| Field::new(*name, DataType::Struct(summary_fields()), false));
    keys.chain(counts).chain(times).collect()
}

fn element<F: Facts>() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(element_fields::<F>()), true))
}

/// The function of some facts.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct KeyedSummary<F>(PhantomData<F>);

impl<F: Facts> Recipe for KeyedSummary<F> {
    type Summary = Cells<F>;

    fn name(&self) -> &'static str {
        F::NAME
    }

    fn arguments(&self) -> Vec<Vec<DataType>> {
        let texts = vec![DataType::Utf8View; if F::OPTION { 2 } else { 1 }];
        let of = |path: DataType| {
            let untimed = [vec![path.clone()], texts.clone()].concat();
            let timed = [vec![path, DataType::BinaryView], texts.clone()].concat();
            if F::TIMES.is_empty() { vec![untimed] } else { vec![timed, untimed] }
        };
        path_types().into_iter().flat_map(of).collect()
    }

    fn result(&self) -> DataType {
        DataType::List(element::<F>())
    }

    fn begin(&self) -> DataFusionResult<Cells<F>> {
        Ok(Cells {
            lexicon: Lexicon::default(),
            keys: Keys::default(),
            outlines: Outlines::default(),
            drawing: Drawing::default(),
            tally: Tally::new(F::COUNTS.len()),
            buffers: F::Buffers::default(),
        })
    }
}

/// What is known of the facts with the same keys.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    counts: Box<[i64]>,
    times: Box<[Times]>,
}

impl Cell {
    fn of<F: Facts>() -> Self {
        Self { counts: vec![0; F::COUNTS.len()].into(), times: vec![Times::default(); F::TIMES.len()].into() }
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + self.counts.len() * size_of::<i64>()
            + self.times.iter().map(Times::size).sum::<usize>()
    }
}

/// What is known of the runs of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    cells: HashMap<CellNumber, Cell, RandomState>,
    /// How many runs there are of an outline, whose counts are not in the cells yet.
    runs: HashMap<OutlineNumber, i64, RandomState>,
}

/// The keys of all groups' cells, and what is known of paths.
#[derive(Debug)]
pub(super) struct Cells<F: Facts> {
    lexicon: Lexicon,
    keys: Keys,
    outlines: Outlines,
    drawing: Drawing,
    tally: Tally,
    buffers: F::Buffers,
}

/// The number of an outline that is kept.
type OutlineNumber = u32;

/// No outline.
const NOT_DRAWN: OutlineNumber = OutlineNumber::MAX;

/// The outlines that are kept.
#[derive(Debug, Default)]
struct Outlines {
    paths: PathNumbers,
    /// By the number of a path for each state the outline under `option`.
    of_paths: Vec<[OutlineNumber; RunState::ALL.len()]>,
    option: String,
    kept: Vec<Outline>,
    /// The last one of a path without a number.
    passing: Option<Outline>,
}

impl Outlines {
    /// The outline of runs that are alike, and its number if it is kept; `draw` makes it where it is not known yet.
    fn of(
        &mut self,
        alike: Alike<'_>,
        draw: impl FnOnce() -> Result<Outline>,
    ) -> Result<(&Outline, Option<OutlineNumber>)> {
        if self.option != alike.option {
            self.of_paths.clear();
            alike.option.clone_into(&mut self.option);
        }
        let Some(path) = self.paths.number(alike.path, alike.lexicon)? else {
            return Ok((self.passing.insert(draw()?), None));
        };
        let path = path as usize;
        if self.of_paths.len() <= path {
            self.of_paths.resize(path + 1, [NOT_DRAWN; RunState::ALL.len()]);
        }
        let of_path = self.of_paths.get_mut(path).and_then(|states| states.get_mut(alike.state as usize));
        let number = of_path.ok_or_else(|| Error::internal("a path's place is lost"))?;
        if *number == NOT_DRAWN {
            *number = OutlineNumber::try_from(self.kept.len())
                .ok()
                .filter(|next| *next != NOT_DRAWN)
                .ok_or_else(|| Error::limit("too many kinds of runs in one question"))?;
            self.kept.push(draw()?);
        }
        let outline = self.kept.get(*number as usize);
        Ok((outline.ok_or_else(|| Error::internal("an outline is lost"))?, Some(*number)))
    }

    /// Bytes in use, without what the outlines own.
    fn size(&self) -> usize {
        self.paths.size()
            + self.kept.capacity() * (size_of::<Outline>() + size_of_val(&NOT_DRAWN) * RunState::ALL.len())
    }
}

/// The argument arrays of one batch.
struct Arguments<'a> {
    paths: Paths,
    offsets: Option<&'a BinaryViewArray>,
    states: &'a StringViewArray,
    options: Option<&'a StringViewArray>,
}

impl<'a> Arguments<'a> {
    fn of<F: Facts>(values: &'a [ArrayRef], lexicon: &mut Lexicon) -> DataFusionResult<Self> {
        let offsets = values.get(1).and_then(|offsets| offsets.as_binary_view_opt());
        let texts = values.get(1..).unwrap_or_default().iter();
        let mut texts = texts.filter(|values| values.data_type() == &DataType::Utf8View);
        let few = || exec_datafusion_err!("{}: too few arguments", F::NAME);
        let mut next = || texts.next().ok_or_else(few);
        Ok(Self {
            paths: Paths::of(values.first().ok_or_else(few)?, lexicon).map_err(external)?,
            offsets,
            states: next()?.as_string_view(),
            options: if F::OPTION { Some(next()?.as_string_view()) } else { None },
        })
    }

    /// What the runs from `row` on have in common, and the row before `end` with which they end.
    fn alike<'b>(
        &'b self,
        lexicon: &'b Lexicon,
        row: usize,
        end: usize,
    ) -> DataFusionResult<(Alike<'b>, usize)> {
        let texts = [self.states].into_iter().chain(self.options);
        let end = texts.fold(self.paths.stretch(row, end), |end, texts| stretch(texts, row, end));
        let option = self.options.filter(|options| options.is_valid(row));
        let option = option.map_or("", |options| options.value(row));
        let state = run_state(self.states.value(row))?;
        Ok((Alike { path: self.paths.at(row), lexicon, state, option }, end))
    }

    /// The one group of some runs that are only counted, and their number: those are drawn where they lie, as looking up what
    /// was drawn takes as long.
    fn counted_alone(&self, rows: &Rows<'_>, runs: Range<usize>) -> Option<(usize, i64)> {
        let groups = rows.groups.get(runs.clone())?;
        let &group = groups.first().filter(|_| self.offsets.is_none())?;
        let is_alone = groups.iter().all(|of| *of == group) && runs.clone().all(|row| rows.wants(row));
        is_alone.then(|| (group, i64::try_from(runs.len()).unwrap_or(i64::MAX)))
    }

    /// The offsets of some runs of a path of so many tokens.
    fn offsets(&self, rows: Range<usize>, tokens: usize, read: &mut Vec<Offsets<'a>>) -> Result<()> {
        read.clear();
        let Some(offsets) = self.offsets else { return Ok(()) };
        for row in rows {
            read.push(offsets_at(offsets, row, tokens)?);
        }
        Ok(())
    }
}

/// Adds what was tallied to its group.
fn settle<F: Facts>(tally: &mut Tally, groups: &mut [Group]) -> DataFusionResult<()> {
    let group = tally.group;
    tally.settle(|cell, sums| {
        let cell = group_at(groups, group)?.cells.entry(cell).or_insert_with(Cell::of::<F>);
        for (count, sum) in cell.counts.iter_mut().zip(sums) {
            *count += sum;
        }
        Ok(())
    })
}

/// The state that a word stands for.
pub(super) fn run_state(text: &str) -> DataFusionResult<RunState> {
    RunState::from_word(text).ok_or_else(|| exec_datafusion_err!("there is no state {text} of a run"))
}

impl Group {
    /// Adds what runs of one outline count.
    fn count<F: Facts>(&mut self, outline: &Outline, runs: i64) {
        for (cell, counts) in outline.counts() {
            let cell = self.cells.entry(cell).or_insert_with(Cell::of::<F>);
            for (sum, count) in cell.counts.iter_mut().zip(counts) {
                *sum += i64::from(*count) * runs;
            }
        }
    }

    /// Adds the times of runs of one outline.
    fn time<F: Facts>(&mut self, outline: &Outline, offsets: &[Offsets<'_>]) {
        for span in outline.spans() {
            let cell = self.cells.entry(span.cell).or_insert_with(Cell::of::<F>);
            if let Some(times) = cell.times.get_mut(span.times) {
                // What begins before its run does, or ends after it, has no time of its own.
                times
                    .extend(offsets.iter().filter_map(|&offsets| span.of(offsets)).filter(|time| *time >= 0));
            }
        }
    }

    /// Its cells, with all runs counted in.
    fn settled<F: Facts>(mut self, outlines: &Outlines) -> HashMap<CellNumber, Cell, RandomState> {
        let mut runs: Vec<(OutlineNumber, i64)> = std::mem::take(&mut self.runs).into_iter().collect();
        runs.sort_unstable();
        for (number, runs) in runs {
            if let Some(outline) = outlines.kept.get(number as usize) {
                self.count::<F>(outline, runs);
            }
        }
        self.cells
    }
}

impl<F: Facts> Summary for Cells<F> {
    type Group = Group;

    fn group(&self) -> Group {
        Group::default()
    }

    fn take(&mut self, rows: &Rows<'_>, groups: &mut [Group]) -> DataFusionResult<()> {
        let Self { lexicon, keys, outlines, drawing, tally, buffers } = self;
        let arguments = Arguments::of::<F>(rows.arguments, lexicon)?;
        let mut offsets = Vec::new();
        let mut row = 0;
        while row < rows.groups.len() {
            if !rows.wants(row) {
                row += 1;
                continue;
            }
            let (alike, end) = arguments.alike(lexicon, row, rows.groups.len())?;
            let sketch = &mut Sketch::new(keys, drawing, F::COUNTS.len());
            if let Some((group, runs)) = arguments.counted_alone(rows, row..end) {
                if tally.group != group {
                    settle::<F>(tally, groups)?;
                    tally.group = group;
                }
                F::count(alike, runs, buffers, sketch, tally).map_err(external)?;
                row = end;
                continue;
            }
            let outline = || F::draw(alike, buffers, sketch).map(|()| sketch.outline());
            let (outline, number) = outlines.of(alike, outline).map_err(external)?;
            while row < end {
                let group = rows.groups.get(row);
                let same = |next: &usize| rows.groups.get(*next) == group && rows.wants(*next);
                let until = (row + 1..end).find(|next| !same(next)).unwrap_or(end);
                if let Some(&group) = group.filter(|_| rows.wants(row)) {
                    let group = group_at(groups, group)?;
                    let runs = i64::try_from(until - row).unwrap_or(i64::MAX);
                    match number {
                        Some(number) => *group.runs.entry(number).or_default() += runs,
                        None => group.count::<F>(outline, runs),
                    }
                    arguments.offsets(row..until, outline.tokens(), &mut offsets).map_err(external)?;
                    group.time::<F>(outline, &offsets);
                }
                row = until;
            }
        }
        settle::<F>(tally, groups)
    }

    fn bytes(group: &Group) -> usize {
        let runs = group.runs.capacity() * size_of::<(OutlineNumber, i64)>();
        runs + group.cells.values().map(Cell::size).sum::<usize>()
    }

    fn bytes_beside(&self) -> usize {
        self.outlines.size() + self.tally.size()
    }

    fn write(&self, group: Group, out: &mut Vec<u8>) {
        let mut cells: Vec<(CellNumber, Cell)> = group.settled::<F>(&self.outlines).into_iter().collect();
        cells.sort_unstable_by_key(|(number, _)| *number);
        for (number, cell) in cells {
            let (first, second) = self.keys.texts(number);
            put_text(out, first);
            put_text(out, second);
            cell.counts.iter().for_each(|&count| put_i64(out, count));
            cell.times.iter().for_each(|times| times.write(out));
        }
    }

    fn merge(&mut self, group: &mut Group, mut written: Buffer) -> DataFusionResult<()> {
        while !written.is_empty() {
            let (first, second) = (take_bytes(&mut written)?, take_bytes(&mut written)?);
            let number = self.keys.number(text(&first)?, text(&second)?);
            let cell = group.cells.entry(number).or_insert_with(Cell::of::<F>);
            for count in &mut cell.counts {
                *count += take_i64(&mut written)?;
            }
            for times in &mut cell.times {
                times.merge(&mut written)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, groups: Vec<Group>) -> DataFusionResult<ArrayRef> {
        let groups: Vec<_> = groups.into_iter().map(|group| group.settled::<F>(&self.outlines)).collect();
        let names = self.keys.sorted();
        let mut places = vec![0; names.len()];
        for (place, &(_, _, number)) in names.iter().enumerate() {
            if let Some(of_number) = places.get_mut(number as usize) {
                *of_number = place;
            }
        }
        let place = |number: CellNumber| places.get(number as usize).copied().unwrap_or_default();
        let mut cells: Vec<(usize, &Cell)> = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in &groups {
            let before = cells.len();
            cells.extend(group.iter().map(|(&number, cell)| (place(number), cell)));
            if let Some(of_group) = cells.get_mut(before..) {
                of_group.sort_unstable_by_key(|(place, _)| *place);
            }
            lengths.push(cells.len() - before);
        }
        let keys = cells.iter().filter_map(|(place, _)| names.get(*place));
        let firsts: StringViewArray = keys.clone().map(|(first, _, _)| Some(*first)).collect();
        let seconds: StringViewArray = keys.map(|(_, second, _)| Some(*second)).collect();
        let keys: [ArrayRef; 2] = [Arc::new(firsts), Arc::new(seconds)];
        let mut columns: Vec<ArrayRef> = keys.into_iter().take(F::KEYS.len()).collect();
        for index in 0..F::COUNTS.len() {
            let counts: Int64Array = cells.iter().map(|(_, cell)| cell.counts.get(index).copied()).collect();
            columns.push(Arc::new(counts));
        }
        for index in 0..F::TIMES.len() {
            let times = cells.iter().filter_map(|(_, cell)| cell.times.get(index));
            let columns_of_times = summary_columns(times, Ranks::ALL);
            columns.push(Arc::new(StructArray::try_new(summary_fields(), columns_of_times, None)?));
        }
        let rows = StructArray::try_new_with_length(element_fields::<F>(), columns, None, cells.len())?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(element::<F>(), offsets, Arc::new(rows), None)?))
    }
}

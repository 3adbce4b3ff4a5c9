//! Summaries over runs by what is found inside them: `transitions(…)`, `run_features(…)`, `sub_journeys(…)`.
//!
//! Each run is cut into facts with two keys (from and to, dimension and value); a fact has counts and a list of times.
//! Everything is summed inside the aggregate, so that no row a fact is ever made. The result is a list of structs:
//! the keys, the counts, and the times as of `time_summary`, in order of the keys. Memory: one time a fact.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringViewArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::bytes::{put_i64, put_text, take_i64, take_text};
use super::paths::stretch;
use super::step_summary::run_state;
use super::time_summary::{one_list, summary_columns, summary_fields};
use super::times::Times;
use crate::Result;
use crate::attempts::RunState;

/// One run, as a row of `runs` has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunRow<'a> {
    pub(super) path: &'a str,
    /// Milliseconds from the first event, one a token of the path.
    pub(super) offsets: &'a [i64],
    pub(super) state: RunState,
    /// A fourth argument, whose meaning is the summary's own.
    pub(super) option: &'a str,
}

/// What a run is cut into.
pub(super) trait Facts: Debug + Default + Eq + Hash + Send + Sync + 'static {
    /// The function's name.
    const NAME: &'static str;
    /// Names of the two keys.
    const KEYS: [&'static str; 2];
    /// Names of the counts.
    const COUNTS: &'static [&'static str];
    /// Whether facts depend on when things happened, not only on the path, the state and the option.
    const TIMED: bool;
    /// What is kept from run to run, so that buffers stay.
    type Buffers: Debug + Default + Send + Sync;

    /// Adds the facts of one run.
    fn add(run: RunRow<'_>, buffers: &mut Self::Buffers, cells: &mut Cells) -> Result<()>;
}

/// The name of the struct field with the times.
const TIMES: &str = "times";

/// What is known of one pair of keys.
#[derive(Debug, Default, Clone)]
pub(super) struct Cell {
    pub(super) counts: Vec<i64>,
    pub(super) times: Times,
    run: u64,
    /// Runs that one fact stands for.
    runs: i64,
}

/// The facts seen so far.
#[derive(Debug, Default)]
pub(super) struct Cells {
    numbers: BTreeMap<String, BTreeMap<String, usize>>,
    seen: Vec<Cell>,
    counts: usize,
    run: u64,
    /// Runs that the present one stands for.
    runs: i64,
}

impl Cells {
    /// The cell of two keys, and whether the present run comes to it for the first time.
    pub(super) fn at(&mut self, first: &str, second: &str) -> (&mut Cell, bool) {
        let found = self.numbers.get(first).and_then(|seconds| seconds.get(second)).copied();
        let number = found.unwrap_or_else(|| {
            self.numbers.entry(first.to_owned()).or_default().insert(second.to_owned(), self.seen.len());
            self.seen.len()
        });
        if number == self.seen.len() {
            self.seen.push(Cell { counts: vec![0; self.counts], ..Cell::default() });
        }
        #[expect(clippy::indexing_slicing, reason = "numbers are positions in `seen`")]
        let cell = &mut self.seen[number];
        let first_time = cell.run != self.run;
        cell.run = self.run;
        cell.runs = self.runs;
        (cell, first_time)
    }

    /// The cells in order of their keys.
    fn sorted(&self) -> impl Iterator<Item = (&str, &str, &Cell)> {
        self.numbers.iter().flat_map(|(first, seconds)| {
            seconds.iter().filter_map(|(second, &number)| {
                Some((first.as_str(), second.as_str(), self.seen.get(number)?))
            })
        })
    }
}

impl Cell {
    /// Adds to the count at a position of [`Facts::COUNTS`].
    pub(super) fn count(&mut self, position: usize, more: i64) {
        if let Some(count) = self.counts.get_mut(position) {
            *count += more * self.runs;
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Summary<F> {
    signature: Signature,
    facts: PhantomData<F>,
}

/// Makes the function of some facts.
pub(super) fn keyed_summary<F: Facts>() -> AggregateUDF {
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let arguments = vec![DataType::Utf8View, offsets, DataType::Utf8View, DataType::Utf8View];
    let signature = Signature::exact(arguments, Volatility::Immutable);
    AggregateUDF::from(Summary::<F> { signature, facts: PhantomData })
}

fn element_fields<F: Facts>() -> Fields {
    let mut fields = F::KEYS.map(|name| Field::new(name, DataType::Utf8View, false)).to_vec();
    fields.extend(F::COUNTS.iter().map(|name| Field::new(*name, DataType::Int64, false)));
    fields.push(Field::new(TIMES, DataType::Struct(summary_fields()), false));
    fields.into()
}

fn element<F: Facts>() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(element_fields::<F>()), true))
}

impl<F: Facts> AggregateUDFImpl for Summary<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(element::<F>()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[cells]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let cells = Cells { counts: F::COUNTS.len(), ..Cells::default() };
        Ok(Box::new(Cumulated::<F> { cells, buffers: F::Buffers::default() }))
    }
}

#[derive(Debug)]
struct Cumulated<F: Facts> {
    cells: Cells,
    buffers: F::Buffers,
}

impl<F: Facts> Accumulator for Cumulated<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let [paths, offsets, states, options] = values else {
            return Err(exec_datafusion_err!("{}: expected path, offsets, state and a text", F::NAME));
        };
        let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
        let (states, options) = (states.as_string_view(), options.as_string_view());
        let mut row = 0;
        while row < paths.len() {
            // Runs that say the same are counted at once.
            let end = if F::TIMED {
                row + 1
            } else {
                [paths, states, options].into_iter().fold(paths.len(), |end, texts| stretch(texts, row, end))
            };
            let times = offsets.value(row);
            let times: &Int64Array = times.as_primitive::<Int64Type>();
            let option = if options.is_null(row) { "" } else { options.value(row) };
            let state = run_state(states.value(row))?;
            self.cells.run += 1;
            self.cells.runs = i64::try_from(end - row).unwrap_or(i64::MAX);
            let run = RunRow { path: paths.value(row), offsets: times.values(), state, option };
            F::add(run, &mut self.buffers, &mut self.cells)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            row = end;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let firsts: StringViewArray = self.cells.sorted().map(|(first, _, _)| Some(first)).collect();
        let seconds: StringViewArray = self.cells.sorted().map(|(_, second, _)| Some(second)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(firsts), Arc::new(seconds)];
        for index in 0..F::COUNTS.len() {
            let counts: Int64Array =
                self.cells.sorted().map(|(_, _, cell)| cell.counts.get(index).copied()).collect();
            columns.push(Arc::new(counts));
        }
        let times: Vec<&Times> = self.cells.sorted().map(|(_, _, cell)| &cell.times).collect();
        let summaries = summary_columns(times.iter().copied());
        columns.push(Arc::new(StructArray::try_new(summary_fields(), summaries, None)?));
        let rows = StructArray::try_new_with_length(element_fields::<F>(), columns, None, times.len())?;
        Ok(one_list(&element::<F>(), rows))
    }

    fn size(&self) -> usize {
        let cell =
            |cell: &Cell| cell.times.size() + cell.counts.capacity() * size_of::<i64>() + size_of::<Cell>();
        self.cells.seen.iter().map(cell).sum()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let mut state = Vec::new();
        for (first, second, cell) in self.cells.sorted() {
            put_text(&mut state, first);
            put_text(&mut state, second);
            cell.counts.iter().for_each(|&count| put_i64(&mut state, count));
            cell.times.write(&mut state);
        }
        Ok(vec![ScalarValue::Binary(Some(state))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let states = states.first().ok_or_else(|| exec_datafusion_err!("{}: no state to merge", F::NAME))?;
        for state in states.as_binary::<i32>().iter().flatten() {
            let mut rest = state;
            while !rest.is_empty() {
                let first = take_text(&mut rest)?;
                let second = take_text(&mut rest)?;
                let (cell, _) = self.cells.at(first, second);
                for count in &mut cell.counts {
                    *count += take_i64(&mut rest)?;
                }
                cell.times.merge(&mut rest)?;
            }
        }
        Ok(())
    }
}

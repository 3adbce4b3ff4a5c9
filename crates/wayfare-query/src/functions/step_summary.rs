//! `step_summary(path, offsets, state)`: for every step that runs reached, what became of it and how long it took.
//! Without the offsets, `step_summary(path, state)`, it knows no times, and they need not be read.
//!
//! A path is read once, into counts and into pairs of tokens; a run adds the counts and the differences of its offsets.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryBuilder, BooleanArray, Int64Array, ListArray, StringViewArray,
    StringViewBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, TypeSignature,
    Volatility,
};
use foldhash::fast::RandomState;

use super::bytes::{put_i64, put_text, take_i64, take_text};
use super::paths::{ByPath, stretch};
use super::time_summary::{OneGroup, row_states, summary_columns, summary_fields};
use super::times::Times;
use crate::attempts::{End, NotCompleted, RunState, RunSteps, StepFacts};
use crate::{Error, Result};

/// The counts of a step, in column order.
pub(crate) const STEP_COUNTS: [&str; 10] = [
    "reached",
    "attempts",
    "retries",
    "completed",
    "failed",
    "first_try_completed",
    "failed_here",
    "abandoned_here",
    "open_here",
    "moved_on",
];

fn element_fields() -> Fields {
    let mut fields = vec![Field::new("step_id", DataType::Utf8View, false)];
    fields.extend(STEP_COUNTS.map(|name| Field::new(name, DataType::Int64, false)));
    let times = DataType::Struct(summary_fields());
    fields.extend([Field::new("duration", times.clone(), false), Field::new("wait", times, false)]);
    fields.into()
}

fn element() -> FieldRef {
    static ELEMENT: LazyLock<FieldRef> =
        LazyLock::new(|| Arc::new(Field::new("item", DataType::Struct(element_fields()), true)));
    Arc::clone(&ELEMENT)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StepSummary {
    signature: Signature,
}

/// Makes the function.
pub(super) fn step_summary() -> AggregateUDF {
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let text = DataType::Utf8View;
    let accepted = vec![
        TypeSignature::Exact(vec![text.clone(), offsets, text.clone()]),
        TypeSignature::Exact(vec![text.clone(), text]),
    ];
    AggregateUDF::from(StepSummary { signature: Signature::one_of(accepted, Volatility::Immutable) })
}

impl AggregateUDFImpl for StepSummary {
    fn name(&self) -> &'static str {
        "step_summary"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(element()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[steps]", args.name), DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::<StepsByGroup>::default()))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(StepsByGroup::default()))
    }
}

/// One number for each of [`STEP_COUNTS`].
pub(super) type Counts = [i64; STEP_COUNTS.len()];

/// The number of a step's id in an accumulator.
type StepNumber = u32;

/// What runs say of one step.
#[derive(Debug, Default, Clone)]
struct Step {
    counts: Counts,
    durations: Times,
    waits: Times,
}

/// What a path says of every run that took it. Many are kept, so they are small.
#[derive(Debug)]
struct Outline {
    tokens: usize,
    steps: Box<[Seen]>,
    spans: Box<[Span]>,
}

/// What a path says of one step.
#[derive(Debug)]
struct Seen {
    step: StepNumber,
    attempts: u32,
    completed: bool,
    failed: bool,
    first_try_completed: bool,
    /// By the state of the run, in the order of [`RunState::ALL`].
    not_completed: [Option<NotCompleted>; RunState::ALL.len()],
}

/// A time of an attempt, as the tokens between which it lies.
#[derive(Debug)]
struct Span {
    step: StepNumber,
    from: u32,
    to: u32,
    is_wait: bool,
}

/// The ids of steps by number, so that an id is copied on first sight only.
#[derive(Debug, Default)]
struct Names {
    numbers: BTreeMap<Box<str>, StepNumber>,
}

impl Names {
    fn number(&mut self, id: &str) -> StepNumber {
        if let Some(&number) = self.numbers.get(id) {
            return number;
        }
        let number = StepNumber::try_from(self.numbers.len()).unwrap_or(StepNumber::MAX);
        self.numbers.insert(id.into(), number);
        number
    }
}

impl Outline {
    fn of(path: &str, run: &mut RunSteps, names: &mut Names) -> Result<Self> {
        run.read(path)?;
        let mut steps: Vec<Seen> = Vec::new();
        for (place, state) in RunState::ALL.iter().enumerate() {
            let mut index = 0;
            run.for_each_step(*state, |facts| {
                if place == 0 {
                    steps.push(Seen::of(&facts, names.number(facts.step)));
                }
                // Every state hands out the same steps in the same order.
                let class = steps.get_mut(index).and_then(|seen| seen.not_completed.get_mut(place));
                if let Some(class) = class {
                    *class = facts.not_completed;
                }
                index += 1;
            });
        }
        // With the tokens' own numbers as offsets, the times of an attempt name the tokens they lie between.
        let numbers: Vec<i64> = (0..).take(run.tokens()).collect();
        let token = |number: i64| u32::try_from(number).unwrap_or_default();
        let mut spans = Vec::new();
        run.for_each_attempt(&numbers, |attempt| {
            let duration = attempt.started.zip(attempt.ended).filter(|_| attempt.end == End::Completed);
            let wait = attempt.started.zip(attempt.wait_ms).map(|(start, wait)| (start - wait, start));
            for (span, is_wait) in [(duration, false), (wait, true)] {
                if let Some((from, to)) = span {
                    let step = names.number(attempt.step);
                    spans.push(Span { step, from: token(from), to: token(to), is_wait });
                }
            }
        })?;
        Ok(Self { tokens: numbers.len(), steps: steps.into(), spans: spans.into() })
    }
}

impl Seen {
    fn of(facts: &StepFacts<'_>, step: StepNumber) -> Self {
        Self {
            step,
            attempts: u32::try_from(facts.attempts).unwrap_or(u32::MAX),
            completed: facts.completed,
            failed: facts.failed,
            first_try_completed: facts.first_try_completed,
            not_completed: [None; _],
        }
    }

    /// What one run of a state adds to [`STEP_COUNTS`].
    fn counts(&self, state: RunState) -> Counts {
        let mut classes = RunState::ALL.iter().zip(self.not_completed);
        let not_completed = classes.find(|(of, _)| **of == state).and_then(|(_, class)| class);
        let class = |class| i64::from(not_completed == Some(class));
        let attempts = i64::from(self.attempts);
        [
            1,
            attempts,
            attempts - 1,
            self.completed.into(),
            self.failed.into(),
            self.first_try_completed.into(),
            class(NotCompleted::FailedHere),
            class(NotCompleted::AbandonedHere),
            class(NotCompleted::OpenHere),
            class(NotCompleted::MovedOn),
        ]
    }
}

/// What one run of a state adds to [`STEP_COUNTS`] of a step; nothing where it did not reach the step.
pub(super) fn counts_of_step(run: &RunSteps, state: RunState, step: &str) -> Option<Counts> {
    let mut counts = None;
    run.for_each_step(state, |facts| {
        if facts.step == step {
            // the number of a step serves the accumulator alone
            let seen = Seen { not_completed: [facts.not_completed; _], ..Seen::of(&facts, 0) };
            counts = Some(seen.counts(state));
        }
    });
    counts
}

/// The steps of every group.
#[derive(Debug, Default)]
struct StepsByGroup {
    groups: Vec<HashMap<StepNumber, Step, RandomState>>,
    names: Names,
    outlines: ByPath<Outline>,
    run: RunSteps,
}

/// The argument arrays of one batch.
struct Arguments<'a> {
    paths: &'a StringViewArray,
    offsets: Option<&'a ListArray>,
    states: &'a StringViewArray,
}

impl<'a> Arguments<'a> {
    fn of(values: &'a [ArrayRef]) -> DataFusionResult<Self> {
        let (paths, offsets, states) = match values {
            [paths, offsets, states] => (paths, Some(offsets.as_list()), states),
            [paths, states] => (paths, None, states),
            _ => return Err(exec_datafusion_err!("step_summary: expected path, offsets and state")),
        };
        Ok(Self { paths: paths.as_string_view(), offsets, states: states.as_string_view() })
    }
}

pub(super) fn run_state(text: &str) -> DataFusionResult<RunState> {
    RunState::from_word(text).ok_or_else(|| exec_datafusion_err!("there is no state {text} of a run"))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl StepsByGroup {
    /// Adds runs of one group, path and state.
    fn add(
        &mut self,
        arguments: &Arguments<'_>,
        rows: std::ops::Range<usize>,
        group: usize,
    ) -> DataFusionResult<()> {
        let path = arguments.paths.value(rows.start);
        let state = run_state(arguments.states.value(rows.start))?;
        let Self { groups, names, outlines, run } = self;
        let outline = outlines.get(path, |path| Outline::of(path, run, names)).map_err(external)?;
        let steps =
            groups.get_mut(group).ok_or_else(|| exec_datafusion_err!("step_summary: no such group"))?;
        let runs = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        for seen in &outline.steps {
            let step = steps.entry(seen.step).or_default();
            for (sum, count) in step.counts.iter_mut().zip(seen.counts(state)) {
                *sum += count * runs;
            }
        }
        let Some(lists) = arguments.offsets else { return Ok(()) };
        let values = lists.values().as_primitive::<Int64Type>().values();
        let starts = lists.value_offsets();
        let mut timelines = Vec::with_capacity(rows.len());
        for row in rows {
            let bound = |row: usize| starts.get(row).and_then(|&bound| usize::try_from(bound).ok());
            let timeline = bound(row).zip(bound(row + 1)).and_then(|(start, end)| values.get(start..end));
            let timeline = timeline.unwrap_or_default();
            if timeline.len() != outline.tokens {
                let message = format!("a path of {} tokens has {} offsets", outline.tokens, timeline.len());
                return Err(external(Error::corrupt(message)));
            }
            timelines.push(timeline);
        }
        for span in &outline.spans {
            let step = steps.entry(span.step).or_default();
            let times = if span.is_wait { &mut step.waits } else { &mut step.durations };
            for timeline in &timelines {
                if let (Some(from), Some(to)) =
                    (timeline.get(span.from as usize), timeline.get(span.to as usize))
                {
                    times.push(to.saturating_sub(*from));
                }
            }
        }
        Ok(())
    }
}

impl GroupsAccumulator for StepsByGroup {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize_with(total_num_groups, HashMap::default);
        let arguments = Arguments::of(values)?;
        let rows = group_indices.len();
        let wanted = |row: usize| opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let mut row = 0;
        while let Some(&group) = group_indices.get(row) {
            let end = stretch(arguments.paths, row, rows);
            let end = stretch(arguments.states, row, end);
            let alike = |next: &usize| group_indices.get(*next) == Some(&group) && wanted(*next);
            let end = (row + 1..end).find(|next| !alike(next)).unwrap_or(end);
            if wanted(row) {
                self.add(&arguments, row..end, group)?;
            }
            row = end;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        let mut ids = StringViewBuilder::new();
        let mut steps: Vec<&Step> = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in &groups {
            let before = steps.len();
            for (id, number) in &self.names.numbers {
                if let Some(step) = group.get(number) {
                    ids.append_value(id);
                    steps.push(step);
                }
            }
            lengths.push(steps.len() - before);
        }
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ids.finish())];
        for index in 0..STEP_COUNTS.len() {
            let counts: Int64Array = steps.iter().map(|step| step.counts.get(index).copied()).collect();
            columns.push(Arc::new(counts));
        }
        let durations = summary_columns(steps.iter().map(|step| &step.durations));
        let waits = summary_columns(steps.iter().map(|step| &step.waits));
        for times in [durations, waits] {
            columns.push(Arc::new(StructArray::try_new(summary_fields(), times, None)?));
        }
        let rows = StructArray::try_new(element_fields(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(element(), offsets, Arc::new(rows), None)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let mut states = BinaryBuilder::new();
        let mut state = Vec::new();
        for mut group in emit_to.take_needed(&mut self.groups) {
            state.clear();
            for (id, number) in &self.names.numbers {
                let Some(step) = group.remove(number) else { continue };
                put_text(&mut state, id);
                step.counts.iter().for_each(|&count| put_i64(&mut state, count));
                step.durations.write(&mut state);
                step.waits.write(&mut state);
            }
            states.append_value(&state);
        }
        Ok(vec![Arc::new(states.finish())])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize_with(total_num_groups, HashMap::default);
        let states = states.first().ok_or_else(|| exec_datafusion_err!("step_summary: no state to merge"))?;
        for (state, &group) in states.as_binary::<i32>().iter().zip(group_indices) {
            let mut rest = state.unwrap_or_default();
            let steps = self
                .groups
                .get_mut(group)
                .ok_or_else(|| exec_datafusion_err!("step_summary: no such group"))?;
            while !rest.is_empty() {
                let step = steps.entry(self.names.number(take_text(&mut rest)?)).or_default();
                for count in &mut step.counts {
                    *count += take_i64(&mut rest)?;
                }
                step.durations.merge(&mut rest)?;
                step.waits.merge(&mut rest)?;
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        row_states::<Self>(values, opt_filter)
    }

    fn size(&self) -> usize {
        let times = |step: &Step| step.durations.size() + step.waits.size() + size_of::<Counts>();
        let steps = self.groups.iter().flat_map(HashMap::values).map(times).sum::<usize>();
        steps + self.outlines.size()
    }
}

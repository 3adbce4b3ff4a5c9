//! `step_summary(path, offsets, state)`: for every step that runs reached, what became of it and how long it took.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringViewArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::bytes::{put_i64, put_text, put_values, take_i64, take_text, take_values};
use super::time_summary::{one_list, summary_columns, summary_fields};
use crate::attempts::{End, NotCompleted, RunState, RunSteps, StepFacts};

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
    let arguments = vec![DataType::Utf8View, offsets, DataType::Utf8View];
    AggregateUDF::from(StepSummary { signature: Signature::exact(arguments, Volatility::Immutable) })
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
        Ok(Box::new(Steps::default()))
    }
}

/// What runs say of one step.
#[derive(Debug, Default, Clone)]
struct Step {
    counts: [i64; STEP_COUNTS.len()],
    durations: Vec<i64>,
    waits: Vec<i64>,
}

impl Step {
    fn count(&mut self, facts: &StepFacts<'_>) {
        let attempts = i64::try_from(facts.attempts).unwrap_or(i64::MAX);
        let class = |class| i64::from(facts.not_completed == Some(class));
        let seen: [i64; STEP_COUNTS.len()] = [
            1,
            attempts,
            attempts - 1,
            facts.completed.into(),
            facts.failed.into(),
            facts.first_try_completed.into(),
            class(NotCompleted::FailedHere),
            class(NotCompleted::AbandonedHere),
            class(NotCompleted::OpenHere),
            class(NotCompleted::MovedOn),
        ];
        self.counts.iter_mut().zip(seen).for_each(|(count, seen)| *count += seen);
    }

    fn merge(&mut self, other: Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, seen)| *count += seen);
        self.durations.extend(other.durations);
        self.waits.extend(other.waits);
    }
}

/// The steps seen so far: numbers by id, so that an id is copied on first sight only.
#[derive(Debug, Default)]
struct Steps {
    numbers: BTreeMap<String, usize>,
    seen: Vec<Step>,
    run: RunSteps,
}

impl Steps {
    /// Lets `change` change what is known of a step.
    fn with_step(&mut self, id: &str, change: impl FnOnce(&mut Step)) {
        let number = self.numbers.get(id).copied().unwrap_or_else(|| {
            self.numbers.insert(id.to_owned(), self.seen.len());
            self.seen.push(Step::default());
            self.seen.len() - 1
        });
        if let Some(step) = self.seen.get_mut(number) {
            change(step);
        }
    }

    /// The steps in order of their ids.
    fn sorted(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.numbers.iter().filter_map(|(id, &number)| Some((id.as_str(), self.seen.get(number)?)))
    }

    fn add_run(&mut self, path: &str, offsets: &[i64], state: RunState) -> DataFusionResult<()> {
        let mut run = std::mem::take(&mut self.run);
        run.read(path).map_err(|error| DataFusionError::External(Box::new(error)))?;
        run.for_each_step(state, |facts| self.with_step(facts.step, |step| step.count(&facts)));
        run.for_each_attempt(offsets, |attempt| {
            self.with_step(attempt.step, |step| {
                if attempt.end == End::Completed {
                    step.durations.extend(attempt.duration_ms());
                }
                step.waits.extend(attempt.wait_ms);
            });
        })
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
        self.run = run;
        Ok(())
    }
}

pub(super) fn run_state(text: &str) -> DataFusionResult<RunState> {
    RunState::from_word(text).ok_or_else(|| exec_datafusion_err!("there is no state {text} of a run"))
}

impl Accumulator for Steps {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let [paths, offsets, states] = values else {
            return Err(exec_datafusion_err!("step_summary: expected path, offsets and state"));
        };
        let (paths, offsets, states) =
            (paths.as_string_view(), offsets.as_list::<i32>(), states.as_string_view());
        for row in 0..paths.len() {
            let times = offsets.value(row);
            let times: &Int64Array = times.as_primitive::<Int64Type>();
            self.add_run(paths.value(row), times.values(), run_state(states.value(row))?)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let ids: StringViewArray = self.sorted().map(|(id, _)| Some(id)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(ids)];
        for index in 0..STEP_COUNTS.len() {
            let counts: Int64Array = self.sorted().map(|(_, step)| step.counts.get(index).copied()).collect();
            columns.push(Arc::new(counts));
        }
        let (mut durations, mut waits): (Vec<_>, Vec<_>) =
            self.sorted().map(|(_, step)| (step.durations.clone(), step.waits.clone())).unzip();
        for times in [&mut durations, &mut waits] {
            columns.push(Arc::new(StructArray::try_new(summary_fields(), summary_columns(times), None)?));
        }
        Ok(one_list(&element(), StructArray::try_new(element_fields(), columns, None)?))
    }

    fn size(&self) -> usize {
        let times = |step: &Step| (step.durations.capacity() + step.waits.capacity()) * size_of::<i64>();
        self.seen.iter().map(|step| times(step) + size_of::<Step>()).sum()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let mut state = Vec::new();
        for (id, step) in self.sorted() {
            put_text(&mut state, id);
            step.counts.iter().for_each(|&count| put_i64(&mut state, count));
            put_values(&mut state, &step.durations);
            put_values(&mut state, &step.waits);
        }
        Ok(vec![ScalarValue::Binary(Some(state))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let states = states.first().ok_or_else(|| exec_datafusion_err!("step_summary: no state to merge"))?;
        for state in states.as_binary::<i32>().iter().flatten() {
            let mut rest = state;
            while !rest.is_empty() {
                let id = take_text(&mut rest)?;
                let mut other = Step::default();
                for count in &mut other.counts {
                    *count = take_i64(&mut rest)?;
                }
                take_values(&mut rest, &mut other.durations)?;
                take_values(&mut rest, &mut other.waits)?;
                self.with_step(id, |step| step.merge(other));
            }
        }
        Ok(())
    }
}

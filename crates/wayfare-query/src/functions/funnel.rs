//! `funnel_times(path, offsets, definition)`: how far a run gets through a funnel, and when.
//!
//! Gives a list of twice as many times as there are steps: for each step the milliseconds from the first step, then
//! for each the milliseconds from the step matched before; null where the step is not reached, or has none before.
//! The tokens of a path are matched against the steps once a distinct path, not once a run.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Builder, ListBuilder};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::funnel::{Definition, Funnel, FunnelEvent, Order};
use crate::spec::Step;
use crate::timeline::{Kind, Token, tokens};
use crate::{Error, Result};

/// A funnel as the function's text argument: JSON, so that a plan carries it wherever it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunnelText {
    pub(crate) steps: Vec<StepText>,
    pub(crate) exclusions: Vec<StepText>,
    pub(crate) definition: Definition,
}

/// One step: it matches a token that fits its text, if it has one, or that has one of its marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepText {
    pub(crate) text: Option<String>,
    pub(crate) marks: u64,
}

/// The function's text argument.
///
/// # Errors
/// `Internal` when the definition has no JSON.
pub(crate) fn definition_text(funnel: &FunnelText) -> Result<String> {
    serde_json::to_string(funnel).map_err(|cause| Error::internal("a funnel has no text").because(cause))
}

/// What one token of a path matches: its steps and its exclusions.
type Matched = (u64, u64);

/// What a funnel has to know of a path.
#[derive(Debug, Default)]
struct Known {
    matched: Vec<Matched>,
    /// The last token of a completed step.
    completed: Option<usize>,
}

/// A funnel ready to run over timelines.
pub(crate) struct Prepared {
    steps: Vec<(Option<Step>, u64)>,
    exclusions: Vec<(Option<Step>, u64)>,
    pub(crate) automaton: Funnel,
    /// Whether an event that matches nothing can break an attempt.
    all_events: bool,
    known: HashMap<String, Known, RandomState>,
}

/// Distinct paths whose matches are remembered.
const PATHS_KNOWN_MAX: usize = 100_000;

impl Prepared {
    pub(crate) fn of(funnel: &FunnelText) -> Result<Self> {
        let parse = |steps: &[StepText]| {
            let step = |step: &StepText| Ok((step.text.as_deref().map(Step::parse).transpose()?, step.marks));
            steps.iter().map(step).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            steps: parse(&funnel.steps)?,
            exclusions: parse(&funnel.exclusions)?,
            automaton: Funnel::try_new(funnel.definition.clone())?,
            all_events: funnel.definition.order == Order::Strict,
            known: HashMap::default(),
        })
    }

    /// Gives every event of a run, those that match nothing, too.
    pub(crate) fn with_every_event(self) -> Self {
        Self { all_events: true, ..self }
    }

    /// The events of a run that the automaton has to see; gives the instant at which the run last completed a step. Paths
    /// are matched once each.
    pub(crate) fn events(
        &mut self,
        path: &str,
        offsets: &[i64],
        first_ms: i64,
        events: &mut Vec<FunnelEvent>,
    ) -> Result<Option<i64>> {
        events.clear();
        if !self.known.contains_key(path) {
            let known = self.read(path)?;
            if self.known.len() >= PATHS_KNOWN_MAX {
                self.known.clear();
            }
            self.known.insert(path.to_owned(), known);
        }
        let Some(Known { matched, completed }) = self.known.get(path) else { return Ok(None) };
        let seen = matched.iter().zip(offsets).filter(|(matched, _)| self.all_events || **matched != (0, 0));
        events.extend(seen.map(|(&(steps, exclusions), offset)| FunnelEvent {
            at_ms: first_ms.saturating_add(*offset),
            steps,
            exclusions,
            held: 0,
        }));
        let last = completed.and_then(|index| offsets.get(index));
        Ok(last.map(|offset| first_ms.saturating_add(*offset)))
    }

    fn read(&self, path: &str) -> Result<Known> {
        let set = |steps: &[(Option<Step>, u64)], token: &Token<'_>| {
            let fits = |(step, marks): &(Option<Step>, u64)| {
                token.marks & marks != 0 || step.as_ref().is_some_and(|step| step.mark(token))
            };
            let matched = steps.iter().enumerate().filter(|(_, step)| fits(step));
            matched.fold(0, |set, (index, _)| set | 1 << index)
        };
        let mut known = Known::default();
        for (index, token) in tokens(path).enumerate() {
            let token = token?;
            if token.kind == Kind::StepCompleted {
                known.completed = Some(index);
            }
            known.matched.push((set(&self.steps, &token), set(&self.exclusions, &token)));
        }
        Ok(known)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelTimes {
    signature: Signature,
    idle: Idle,
}

/// Funnels by their text that wait for the next batch, with the paths they know; as many as threads have worked at once.
/// They change no result, so they are no part of a function's identity.
#[derive(Default)]
struct Idle(Mutex<Vec<(String, Prepared)>>);

impl Idle {
    /// Runs `work` with a funnel that waits, or else a new one.
    fn with<T>(&self, text: &str, work: impl FnOnce(&mut Prepared) -> Result<T>) -> Result<T> {
        // A thread that panicked while it held the lock left whole entries behind.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = {
            let mut idle = lock();
            let place = idle.iter().position(|(other, _)| other == text);
            place.map(|place| idle.swap_remove(place))
        };
        let (text, mut funnel) = if let Some(waiting) = waiting {
            waiting
        } else {
            let definition = serde_json::from_str(text)
                .map_err(|cause| Error::internal("not a funnel definition").because(cause))?;
            (text.to_owned(), Prepared::of(&definition)?)
        };
        let done = work(&mut funnel)?;
        lock().push((text, funnel));
        Ok(done)
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").finish_non_exhaustive()
    }
}

impl PartialEq for Idle {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Idle {}

impl Hash for Idle {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

/// Makes the function.
pub(super) fn funnel_times() -> ScalarUDF {
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let arguments = vec![DataType::Utf8View, offsets, DataType::Utf8];
    let signature = Signature::exact(arguments, Volatility::Immutable);
    ScalarUDF::from(FunnelTimes { signature, idle: Idle::default() })
}

impl ScalarUDFImpl for FunnelTimes {
    fn name(&self) -> &'static str {
        "funnel_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(Arc::new(Field::new("item", DataType::Int64, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, offsets, ColumnarValue::Scalar(ScalarValue::Utf8(Some(definition)))] =
            args.args.as_slice()
        else {
            return Err(exec_datafusion_err!("funnel_times: expected path, offsets and a definition"));
        };
        let paths: ArrayRef = paths.to_array(args.number_rows)?;
        let offsets: ArrayRef = offsets.to_array(args.number_rows)?;
        let times = self
            .idle
            .with(definition, |funnel| times(funnel, &paths, &offsets))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(times))
    }
}

fn times(funnel: &mut Prepared, paths: &ArrayRef, offsets: &ArrayRef) -> Result<ArrayRef> {
    let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
    let all_offsets = offsets.values().as_primitive::<Int64Type>().values();
    let steps = funnel.steps.len();
    let mut events: Vec<FunnelEvent> = Vec::new();
    let mut times =
        ListBuilder::with_capacity(Int64Builder::with_capacity(paths.len() * steps * 2), paths.len());
    for (row, bounds) in offsets.value_offsets().windows(2).enumerate() {
        let &[start, end] = bounds else { continue };
        let offsets = usize::try_from(start).unwrap_or_default()..usize::try_from(end).unwrap_or_default();
        funnel.events(paths.value(row), all_offsets.get(offsets).unwrap_or_default(), 0, &mut events)?;
        let outcome = funnel.automaton.run(&events);
        let entry = outcome.at_ms(0);
        for step in 0..steps {
            let from_first = outcome.at_ms(step).zip(entry).map(|(at_ms, entry)| at_ms - entry);
            times.values().append_option(from_first);
        }
        for step in 0..steps {
            times.values().append_option(outcome.since_previous_ms(step));
        }
        times.append(true);
    }
    Ok(Arc::new(times.finish()))
}

//! `funnel_times(path, offsets, definition)`: how far a run gets through a funnel, and when.
//!
//! Gives a list of twice as many times as there are steps: for each step the milliseconds from the first step, then
//! for each the milliseconds from the step matched before; null where the step is not reached, or has none before.
//! The tokens of a path are matched against the steps once a distinct path of a batch, not once a run.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, Int64Builder, ListBuilder};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde::{Deserialize, Serialize};

use crate::funnel::{Definition, Funnel, FunnelEvent};
use crate::spec::Step;
use crate::timeline::tokens;
use crate::{Error, Result};

/// A funnel as the function's text argument: JSON, so that a plan carries it wherever it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunnelText {
    pub(crate) steps: Vec<StepText>,
    pub(crate) window_ms: Option<i64>,
}

/// One step: it matches a token that fits its text, or that has one of its marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepText {
    pub(crate) text: String,
    pub(crate) marks: u64,
}

/// The function's text argument.
///
/// # Errors
/// `Internal` when the definition has no JSON.
pub(crate) fn definition_text(funnel: &FunnelText) -> Result<String> {
    serde_json::to_string(funnel).map_err(|cause| Error::internal("a funnel has no text").because(cause))
}

/// A funnel ready to run.
struct Prepared {
    steps: Vec<(Step, u64)>,
    automaton: Funnel,
}

impl Prepared {
    fn of(funnel: &FunnelText) -> Result<Self> {
        let steps = funnel
            .steps
            .iter()
            .map(|step| Ok((Step::parse(&step.text)?, step.marks)))
            .collect::<Result<Vec<_>>>()?;
        let bit =
            |index: usize| u32::try_from(index).ok().and_then(|index| 1_u64.checked_shl(index)).unwrap_or(0);
        let optional = steps
            .iter()
            .enumerate()
            .filter(|(_, (step, _))| step.optional)
            .map(|(index, _)| bit(index))
            .sum();
        let definition = Definition { optional, window_ms: funnel.window_ms, ..Definition::new(steps.len()) };
        Ok(Self { automaton: Funnel::try_new(definition)?, steps })
    }

    /// For each token of a path the set of steps that it matches.
    fn matches(&self, path: &str) -> Result<Vec<u64>> {
        tokens(path)
            .map(|token| {
                let token = token?;
                let fits = |(step, marks): &(Step, u64)| token.marks & marks != 0 || step.mark(&token);
                let matched = self.steps.iter().enumerate().filter(|(_, step)| fits(step));
                Ok(matched.fold(0, |set, (index, _)| set | 1 << index))
            })
            .collect()
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelTimes {
    signature: Signature,
}

/// Makes the function.
pub(super) fn funnel_times() -> ScalarUDF {
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let arguments = vec![DataType::Utf8View, offsets, DataType::Utf8];
    ScalarUDF::from(FunnelTimes { signature: Signature::exact(arguments, Volatility::Immutable) })
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
        let definition: FunnelText = serde_json::from_str(definition)
            .map_err(|cause| exec_datafusion_err!("funnel_times: not a funnel definition: {cause}"))?;
        let paths: ArrayRef = paths.to_array(args.number_rows)?;
        let offsets: ArrayRef = offsets.to_array(args.number_rows)?;
        let times = times(&definition, &paths, &offsets)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(times))
    }
}

fn times(definition: &FunnelText, paths: &ArrayRef, offsets: &ArrayRef) -> Result<ArrayRef> {
    let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
    let mut funnel = Prepared::of(definition)?;
    let steps = definition.steps.len();
    let mut known: HashMap<&str, Vec<u64>> = HashMap::new();
    let mut events: Vec<FunnelEvent> = Vec::new();
    let mut times =
        ListBuilder::with_capacity(Int64Builder::with_capacity(paths.len() * steps * 2), paths.len());
    for row in 0..paths.len() {
        let path = paths.value(row);
        if !known.contains_key(path) {
            known.insert(path, funnel.matches(path)?);
        }
        let matched = known.get(path).map(Vec::as_slice).unwrap_or_default();
        let offsets = offsets.value(row);
        let offsets: &Int64Array = offsets.as_primitive::<Int64Type>();
        events.clear();
        let timed = matched.iter().zip(offsets.values()).filter(|(steps, _)| **steps != 0);
        events.extend(timed.map(|(&steps, &at_ms)| FunnelEvent { at_ms, steps }));
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

//! `counts_in_step(path, state, step, column)` and `makes_transition(path, state, from, to)`: whether a run is one of those
//! that a number of `steps` or `paths` counts, by the code that counts them. Worked out once a distinct path of a batch.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, BooleanBuilder, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::paths::{ByPath, stretch};
use super::step_summary::{counts_of_step, run_state};
use super::transitions;
use crate::attempts::{RunState, RunSteps};

/// Which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    /// A count of a step: the step's id, and the count's place in [`super::STEP_COUNTS`] by name.
    Step,
    /// Runs from one node to another, as [`super::transitions`] writes nodes.
    Transition,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IsBehind {
    counted: Counted,
    signature: Signature,
}

/// Makes the functions.
pub(super) fn is_behind() -> [ScalarUDF; 2] {
    [Counted::Step, Counted::Transition].map(|counted| {
        let text = DataType::Utf8View;
        let arguments = vec![text.clone(), text, DataType::Utf8, DataType::Utf8];
        ScalarUDF::from(IsBehind { counted, signature: Signature::exact(arguments, Volatility::Immutable) })
    })
}

impl ScalarUDFImpl for IsBehind {
    fn name(&self) -> &'static str {
        match self.counted {
            Counted::Step => "counts_in_step",
            Counted::Transition => "makes_transition",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, states, first, second] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("{}: expected a path, a state and two texts", self.name()));
        };
        let (paths, states): (ArrayRef, ArrayRef) =
            (paths.to_array(args.number_rows)?, states.to_array(args.number_rows)?);
        let (first, second) = (text(first)?, text(second)?);
        let found = match self.counted {
            Counted::Step => {
                let place = super::STEP_COUNTS.iter().position(|name| *name == second);
                let place = place.ok_or_else(|| exec_datafusion_err!("steps have no count {second}"))?;
                each(paths.as_string_view(), states.as_string_view(), |run, state| {
                    counts_of_step(run, state, first).and_then(|counts| counts.get(place).copied()) > Some(0)
                })
            }
            Counted::Transition => each(paths.as_string_view(), states.as_string_view(), |run, state| {
                transitions::is_made(run, state, first, second)
            }),
        };
        Ok(ColumnarValue::Array(Arc::new(found?)))
    }
}

fn text(value: &ColumnarValue) -> DataFusionResult<&str> {
    match value {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))) => Ok(text),
        _ => Err(exec_datafusion_err!("expected a text that is the same for all runs")),
    }
}

/// Asks of every run, by its path and state; null where one of them is.
fn each(
    paths: &StringViewArray,
    states: &StringViewArray,
    holds: impl Fn(&RunSteps, RunState) -> bool,
) -> DataFusionResult<BooleanArray> {
    let external = |error: crate::Error| DataFusionError::External(Box::new(error));
    let mut known: ByPath<[bool; RunState::ALL.len()]> = ByPath::default();
    let mut steps = RunSteps::default();
    let mut built = BooleanBuilder::with_capacity(paths.len());
    let mut row = 0;
    while row < paths.len() {
        let end = stretch(states, row, stretch(paths, row, paths.len()));
        if paths.is_null(row) || states.is_null(row) {
            built.append_nulls(end - row);
        } else {
            let state = run_state(states.value(row))?;
            let answers = known.get(paths.value(row), |path| {
                steps.read(path)?;
                Ok(RunState::ALL.map(|state| holds(&steps, state)))
            });
            let answers = RunState::ALL.iter().zip(answers.map_err(external)?);
            let answer = answers.into_iter().any(|(of, answer)| *of == state && *answer);
            built.append_n(end - row, answer);
        }
        row = end;
    }
    Ok(built.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(holds: impl Fn(&RunSteps, RunState) -> bool) -> Vec<Option<bool>> {
        let paths = ["^;>a;+a;>b;+b;$", "^;>a;-a;>a", "^;>a;-a;>a", "^;>a"].map(Some);
        let states = ["succeeded", "abandoned", "open", "failed"].map(Some);
        let paths: StringViewArray = paths.into_iter().chain([None]).collect();
        let states: StringViewArray = states.into_iter().chain([Some("open")]).collect();
        each(&paths, &states, holds).unwrap().iter().collect()
    }

    #[test]
    fn runs_are_those_that_a_step_counts() {
        let of = |step: &'static str, name: &str| {
            let place = super::super::STEP_COUNTS.iter().position(|known| *known == name).unwrap();
            asked(move |run, state| counts_of_step(run, state, step).is_some_and(|counts| counts[place] > 0))
        };
        let all = |answers: [bool; 4]| answers.map(Some).into_iter().chain([None]).collect::<Vec<_>>();
        assert_eq!(of("a", "reached"), all([true; 4]));
        assert_eq!(of("b", "reached"), all([true, false, false, false]));
        assert_eq!(of("a", "failed"), all([false, true, true, false]));
        assert_eq!(of("a", "abandoned_here"), all([false, true, false, false]));
        assert_eq!(of("a", "open_here"), all([false, false, true, false]));
        assert_eq!(of("a", "failed_here"), all([false, false, false, true]));
    }

    #[test]
    fn runs_are_those_that_make_a_transition() {
        let of = |from: &'static str, to: &'static str| {
            asked(move |run, state| transitions::is_made(run, state, from, to))
        };
        let all = |answers: [bool; 4]| answers.map(Some).into_iter().chain([None]).collect::<Vec<_>>();
        assert_eq!(of("^", "=a"), all([true; 4]));
        assert_eq!(of("=a", "=a"), all([false, true, true, false]));
        assert_eq!(of("=a", "$abandoned"), all([false, true, false, false]));
        assert_eq!(of("=b", "$succeeded"), all([true, false, false, false]));
        assert_eq!(of("^", "=b"), all([false; 4]));
    }
}

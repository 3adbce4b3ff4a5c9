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

use super::keyed_summary::{Alike, Facts, run_state};
use super::outline::{CellNumber, Keys, Sketch};
use super::paths::{ByPath, stretch};
use super::step_summary::StepSummary;
use super::transitions::Transitions;
use crate::Result;
use crate::attempts::RunState;

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
        let (paths, states) = (paths.as_string_view(), states.as_string_view());
        let found = match self.counted {
            Counted::Step => {
                let place = super::STEP_COUNTS.iter().position(|name| *name == second);
                let place = place.ok_or_else(|| exec_datafusion_err!("steps have no count {second}"))?;
                each::<StepSummary>(paths, states, (first, ""), place)
            }
            Counted::Transition => each::<Transitions>(paths, states, (first, second), 0),
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

/// For every run whether it adds to the count at `place` of the cell with these keys; null where its path or state is.
fn each<F: Facts>(
    paths: &StringViewArray,
    states: &StringViewArray,
    keys: (&str, &str),
    place: usize,
) -> DataFusionResult<BooleanArray> {
    let mut known: ByPath<[bool; RunState::ALL.len()]> = ByPath::default();
    let (mut cells, mut buffers) = (Keys::default(), F::Buffers::default());
    let wanted = cells.number(keys.0, keys.1);
    let mut built = BooleanBuilder::with_capacity(paths.len());
    let mut row = 0;
    while row < paths.len() {
        let end = stretch(states, row, stretch(paths, row, paths.len()));
        if paths.is_null(row) || states.is_null(row) {
            built.append_nulls(end - row);
        } else {
            let state = run_state(states.value(row))?;
            let answers = known.get(paths.value(row), |path| {
                let mut answers = [false; RunState::ALL.len()];
                for (answer, state) in answers.iter_mut().zip(RunState::ALL) {
                    *answer = adds::<F>(
                        Alike { path, state, option: "" },
                        (&mut cells, &mut buffers),
                        wanted,
                        place,
                    )?;
                }
                Ok(answers)
            });
            let answers = answers.map_err(|error| DataFusionError::External(Box::new(error)))?;
            let answer = RunState::ALL.iter().zip(answers).any(|(of, answer)| *of == state && *answer);
            built.append_n(end - row, answer);
        }
        row = end;
    }
    Ok(built.finish())
}

/// Whether runs that are alike add to a count.
fn adds<F: Facts>(
    runs: Alike<'_>,
    (cells, buffers): (&mut Keys, &mut F::Buffers),
    wanted: CellNumber,
    place: usize,
) -> Result<bool> {
    let mut sketch = Sketch::new(cells, F::COUNTS.len());
    F::draw(runs, buffers, &mut sketch)?;
    let outline = sketch.finish();
    let mut counts = outline.counts().filter(|(cell, _)| *cell == wanted);
    Ok(counts.any(|(_, counts)| counts.get(place).is_some_and(|count| *count > 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<F: Facts>(first: &str, second: &str, place: usize) -> Vec<Option<bool>> {
        let paths = ["^;>a;+a;>b;+b;$", "^;>a;-a;>a", "^;>a;-a;>a", "^;>a"].map(Some);
        let states = ["succeeded", "abandoned", "open", "failed"].map(Some);
        let paths: StringViewArray = paths.into_iter().chain([None]).collect();
        let states: StringViewArray = states.into_iter().chain([Some("open")]).collect();
        each::<F>(&paths, &states, (first, second), place).unwrap().iter().collect()
    }

    fn all(answers: [bool; 4]) -> Vec<Option<bool>> {
        answers.map(Some).into_iter().chain([None]).collect()
    }

    #[test]
    fn runs_are_those_that_a_step_counts() {
        let of = |step, name| {
            let place = super::super::STEP_COUNTS.iter().position(|known| *known == name).unwrap();
            asked::<StepSummary>(step, "", place)
        };
        assert_eq!(of("a", "reached"), all([true; 4]));
        assert_eq!(of("b", "reached"), all([true, false, false, false]));
        assert_eq!(of("a", "failed"), all([false, true, true, false]));
        assert_eq!(of("a", "abandoned_here"), all([false, true, false, false]));
        assert_eq!(of("a", "open_here"), all([false, false, true, false]));
        assert_eq!(of("a", "failed_here"), all([false, false, false, true]));
    }

    #[test]
    fn runs_are_those_that_make_a_transition() {
        let of = |from, to| asked::<Transitions>(from, to, 0);
        assert_eq!(of("^", "=a"), all([true; 4]));
        assert_eq!(of("=a", "=a"), all([false, true, true, false]));
        assert_eq!(of("=a", "$abandoned"), all([false, true, false, false]));
        assert_eq!(of("=b", "$succeeded"), all([true, false, false, false]));
        assert_eq!(of("^", "=b"), all([false; 4]));
    }
}

//! `is_behind_step(path, state, step, '', count)` and `is_behind_transition(path, state, from, to, count)`: whether a run is
//! one of those that a count of `step_summary` or `transitions` counts. The facts are drawn by the same code, once for all
//! runs of a batch that are alike.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, BooleanBuilder, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::keyed_summary::{Alike, Facts, run_state};
use super::outline::{Keys, Sketch};
use super::paths::{ByPath, stretch};
use super::step_summary::StepSummary;
use super::transitions::Transitions;
use crate::Result;
use crate::attempts::RunState;

#[derive(Debug, PartialEq, Eq, Hash)]
struct IsBehind<F> {
    name: &'static str,
    signature: Signature,
    facts: PhantomData<F>,
}

/// Makes the functions.
pub(super) fn is_behind() -> [ScalarUDF; 2] {
    [of::<StepSummary>("is_behind_step"), of::<Transitions>("is_behind_transition")]
}

fn of<F: Facts>(name: &'static str) -> ScalarUDF {
    let arguments = [DataType::Utf8View, DataType::Utf8View, DataType::Utf8, DataType::Utf8, DataType::Utf8];
    let signature = Signature::exact(arguments.into(), Volatility::Immutable);
    ScalarUDF::from(IsBehind::<F> { name, signature, facts: PhantomData })
}

impl<F: Facts> ScalarUDFImpl for IsBehind<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, states, first, second, count] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("{}: expected path, state, two keys and a count", self.name));
        };
        let paths: ArrayRef = paths.to_array(args.number_rows)?;
        let states: ArrayRef = states.to_array(args.number_rows)?;
        let mut number = Number::<F>::of(text(first)?, text(second)?, text(count)?)?;
        let behind = number.runs(paths.as_string_view(), states.as_string_view())?;
        Ok(ColumnarValue::Array(Arc::new(behind)))
    }
}

fn text(value: &ColumnarValue) -> DataFusionResult<&str> {
    match value {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(text))) => Ok(text),
        _ => Err(exec_datafusion_err!("expected a text that is the same for all runs")),
    }
}

/// One count of one cell, and what is known of the runs behind it.
struct Number<F: Facts> {
    keys: Keys,
    cell: u32,
    position: usize,
    known: ByPath<[Option<bool>; RunState::ALL.len()]>,
    buffers: F::Buffers,
}

impl<F: Facts> Number<F> {
    fn of(first: &str, second: &str, count: &str) -> DataFusionResult<Self> {
        let position = F::COUNTS.iter().position(|name| *name == count);
        let position = position.ok_or_else(|| exec_datafusion_err!("{} has no {count}", F::NAME))?;
        let mut keys = Keys::default();
        let cell = keys.number(first, second);
        Ok(Self { keys, cell, position, known: ByPath::default(), buffers: F::Buffers::default() })
    }

    /// Whether each run counts, by its path and state; null where one of them is.
    fn runs(&mut self, paths: &StringViewArray, states: &StringViewArray) -> DataFusionResult<BooleanArray> {
        let external = |error: crate::Error| DataFusionError::External(Box::new(error));
        let mut built = BooleanBuilder::with_capacity(paths.len());
        let mut row = 0;
        while row < paths.len() {
            let end = stretch(states, row, stretch(paths, row, paths.len()));
            if paths.is_null(row) || states.is_null(row) {
                built.append_nulls(end - row);
            } else {
                let alike =
                    Alike { path: paths.value(row), state: run_state(states.value(row))?, option: "" };
                built.append_n(end - row, self.counts(alike).map_err(external)?);
            }
            row = end;
        }
        Ok(built.finish())
    }

    fn counts(&mut self, alike: Alike<'_>) -> Result<bool> {
        let Self { keys, cell, position, known, buffers } = self;
        let by_state = known.get(alike.path, |_| Ok([None; _]))?;
        let place = RunState::ALL.iter().position(|state| *state == alike.state);
        if let Some(answer) = place.and_then(|place| by_state.get(place).copied().flatten()) {
            return Ok(answer);
        }
        let mut sketch = Sketch::new(keys, F::COUNTS.len());
        F::draw(alike, buffers, &mut sketch)?;
        let outline = sketch.finish();
        let mut cells = outline.counts().filter(|(number, _)| number == cell);
        let answer = cells.any(|(_, counts)| counts.get(*position).is_some_and(|count| *count > 0));
        if let Some(known) = place.and_then(|place| by_state.get_mut(place)) {
            *known = Some(answer);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs<F: Facts>(first: &str, second: &str, count: &str) -> Vec<Option<bool>> {
        let paths = ["^;>a;+a;>b;+b;$", "^;>a;-a;>a", "^;>a;-a;>a", "^;>a"].map(Some);
        let states = ["succeeded", "abandoned", "open", "failed"].map(Some);
        let paths: StringViewArray = paths.into_iter().chain([None]).collect();
        let states: StringViewArray = states.into_iter().chain([Some("open")]).collect();
        let mut number = Number::<F>::of(first, second, count).unwrap();
        number.runs(&paths, &states).unwrap().iter().collect()
    }

    fn all(answers: [bool; 4]) -> Vec<Option<bool>> {
        answers.map(Some).into_iter().chain([None]).collect()
    }

    #[test]
    fn runs_are_those_that_a_step_counts() {
        let of = |step, count| runs::<StepSummary>(step, "", count);
        assert_eq!(of("a", "reached"), all([true; 4]));
        assert_eq!(of("b", "reached"), all([true, false, false, false]));
        assert_eq!(of("a", "failed"), all([false, true, true, false]));
        assert_eq!(of("a", "abandoned_here"), all([false, true, false, false]));
        assert_eq!(of("a", "open_here"), all([false, false, true, false]));
        assert_eq!(of("a", "failed_here"), all([false, false, false, true]));
        assert!(Number::<StepSummary>::of("a", "", "steps").is_err());
    }

    #[test]
    fn runs_are_those_that_make_a_transition() {
        let of = |from, to| runs::<Transitions>(from, to, "invocations");
        assert_eq!(of("^", "=a"), all([true; 4]));
        assert_eq!(of("=a", "=a"), all([false, true, true, false]));
        assert_eq!(of("=a", "$abandoned"), all([false, true, false, false]));
        assert_eq!(of("=b", "$succeeded"), all([true, false, false, false]));
        assert_eq!(of("^", "=b"), all([false; 4]));
    }
}

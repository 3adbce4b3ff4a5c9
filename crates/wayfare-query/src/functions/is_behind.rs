//! Whether a run is one of those that a number counts, by the code that counts them, worked out once a distinct path of a
//! batch:
//!
//! | function | number |
//! | --- | --- |
//! | `counts_in_step(path, state, '', step, column)` | a count of `steps` |
//! | `makes_transition(path, state, kept, from, to)` | `invocations` of `paths` |
//! | `has_feature(path, state, failing_step, dimension, value)` | a feature of runs in `causes` and `failures` |
//! | `has_sub_journey(path, state, '', sub_journey, outcome)` | `invocations` of `sub-journeys` |

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, BooleanBuilder, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::external;
use super::keyed_summary::{Alike, Facts, run_state};
use super::outline::{CellNumber, Drawing, Keys, Sketch};
use super::paths::{PathNumber, PathNumbers, Paths, path_types, stretch};
use super::run_features::RunFeatures;
use super::step_summary::StepSummary;
use super::sub_journeys::SubJourneys;
use super::transitions::Transitions;
use crate::Result;
use crate::attempts::RunState;
use crate::timeline::Lexicon;

/// Which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    /// A count of a step: the step's id, and the count's place in [`super::STEP_COUNTS`] by name.
    Step,
    /// Runs from one node to another, as [`super::transitions`] writes nodes.
    Transition,
    /// Runs that have a feature, as [`super::run_features`] names it.
    Feature,
    /// Runs that have a sub-journey which ended in a way.
    SubJourney,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IsBehind {
    counted: Counted,
    signature: Signature,
}

/// Makes the functions.
pub(super) fn is_behind() -> [ScalarUDF; 4] {
    [Counted::Step, Counted::Transition, Counted::Feature, Counted::SubJourney].map(|counted| {
        let others = [DataType::Utf8View, DataType::Utf8View, DataType::Utf8, DataType::Utf8];
        let accepted = path_types().map(|path| TypeSignature::Exact([&[path], &others[..]].concat()));
        let signature = Signature::one_of(accepted.to_vec(), Volatility::Immutable);
        ScalarUDF::from(IsBehind { counted, signature })
    })
}

impl ScalarUDFImpl for IsBehind {
    fn name(&self) -> &'static str {
        match self.counted {
            Counted::Step => "counts_in_step",
            Counted::Transition => "makes_transition",
            Counted::Feature => "has_feature",
            Counted::SubJourney => "has_sub_journey",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, states, options, first, second] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("{}: expected a path, a state and three texts", self.name()));
        };
        let column =
            |value: &ColumnarValue| -> DataFusionResult<ArrayRef> { value.to_array(args.number_rows) };
        let (paths, states, options) = (column(paths)?, column(states)?, column(options)?);
        let runs = Runs { paths: &paths, states: states.as_string_view(), options: options.as_string_view() };
        let (first, second) = (text(first)?, text(second)?);
        let found = match self.counted {
            Counted::Step => {
                let place = super::STEP_COUNTS.iter().position(|name| *name == second);
                let place = place.ok_or_else(|| exec_datafusion_err!("steps have no count {second}"))?;
                runs.each::<StepSummary<false>>((first, ""), Some(place))
            }
            Counted::Transition => runs.each::<Transitions>((first, second), Some(0)),
            // a run counts by its state
            Counted::Feature => runs.each::<RunFeatures>((first, second), None),
            Counted::SubJourney => runs.each::<SubJourneys>((first, second), Some(0)),
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

/// For each state of a run an answer.
type Answers = [bool; RunState::ALL.len()];

/// What of a batch of runs the facts are drawn from.
struct Runs<'a> {
    paths: &'a ArrayRef,
    states: &'a StringViewArray,
    options: &'a StringViewArray,
}

impl Runs<'_> {
    /// For every run whether it adds to the cell with these keys: to the count at `place`, or to any; null where its path or
    /// state is.
    fn each<F: Facts>(&self, keys: (&str, &str), place: Option<usize>) -> DataFusionResult<BooleanArray> {
        let Self { states, options, .. } = *self;
        let mut lexicon = Lexicon::default();
        let paths = Paths::of(self.paths, &mut lexicon).map_err(external)?;
        let (mut numbers, mut known) = (PathNumbers::default(), Vec::new());
        let (mut cells, mut buffers) = (Keys::default(), F::Buffers::default());
        let wanted = cells.number(keys.0, keys.1);
        let mut built = BooleanBuilder::with_capacity(paths.len());
        let mut known_of = "";
        let mut row = 0;
        while row < paths.len() {
            let end = stretch(options, row, stretch(states, row, paths.stretch(row, paths.len())));
            if paths.is_null(row) || states.is_null(row) {
                built.append_nulls(end - row);
            } else {
                let state = run_state(states.value(row))?;
                let option = if options.is_null(row) { "" } else { options.value(row) };
                let path = paths.at(row);
                if option != known_of {
                    known.clear();
                    known_of = option;
                }
                let answers = || {
                    let mut answers = [false; RunState::ALL.len()];
                    for (answer, state) in answers.iter_mut().zip(RunState::ALL) {
                        let runs = Alike { path, lexicon: &lexicon, state, option };
                        *answer = adds::<F>(runs, (&mut cells, &mut buffers), wanted, place)?;
                    }
                    Ok(answers)
                };
                let answers = numbers
                    .number(path, &lexicon)
                    .and_then(|number| once(&mut known, number, answers))
                    .map_err(external)?;
                let answer = RunState::ALL.iter().zip(answers).any(|(of, answer)| *of == state && answer);
                built.append_n(end - row, answer);
            }
            row = end;
        }
        Ok(built.finish())
    }
}

/// The answers for the path of a number, which are worked out once.
fn once(
    known: &mut Vec<Option<Answers>>,
    number: Option<PathNumber>,
    answers: impl FnOnce() -> Result<Answers>,
) -> Result<Answers> {
    let Some(number) = number else { return answers() };
    let place = number as usize;
    if known.len() <= place {
        known.resize(place + 1, None);
    }
    match known.get_mut(place) {
        Some(&mut Some(known)) => Ok(known),
        Some(unknown) => Ok(*unknown.insert(answers()?)),
        None => answers(),
    }
}

/// Whether runs that are alike add to a count.
fn adds<F: Facts>(
    runs: Alike<'_>,
    (cells, buffers): (&mut Keys, &mut F::Buffers),
    wanted: CellNumber,
    place: Option<usize>,
) -> Result<bool> {
    let mut drawing = Drawing::default();
    F::draw(runs, buffers, &mut Sketch::new(cells, &mut drawing, F::COUNTS.len()))?;
    let mut counts = drawing.counts().filter(|(cell, _)| *cell == wanted);
    Ok(counts.any(|(_, counts)| match place {
        Some(place) => counts.get(place).is_some_and(|count| *count > 0),
        None => counts.iter().any(|count| *count > 0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 4] = ["^;>a;+a;>b;+b;$", "^;>a;-a;>a", "^;>a;-a;>a", "^;>a"];

    fn asked<F: Facts>(
        paths: [&str; 4],
        options: [&str; 4],
        keys: (&str, &str),
        place: Option<usize>,
    ) -> Vec<Option<bool>> {
        let states = ["succeeded", "abandoned", "open", "failed"].map(Some);
        let paths: ArrayRef =
            Arc::new(paths.map(Some).into_iter().chain([None]).collect::<StringViewArray>());
        let states: StringViewArray = states.into_iter().chain([Some("open")]).collect();
        let options: StringViewArray = options.map(Some).into_iter().chain([None]).collect();
        let runs = Runs { paths: &paths, states: &states, options: &options };
        runs.each::<F>(keys, place).unwrap().iter().collect()
    }

    fn all(answers: [bool; 4]) -> Vec<Option<bool>> {
        answers.map(Some).into_iter().chain([None]).collect()
    }

    #[test]
    fn runs_are_those_that_a_step_counts() {
        let of = |step, name| {
            let place = super::super::STEP_COUNTS.iter().position(|known| *known == name);
            asked::<StepSummary<false>>(PATHS, [""; 4], (step, ""), place)
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
        let of = |from, to| asked::<Transitions>(PATHS, [""; 4], (from, to), Some(0));
        assert_eq!(of("^", "=a"), all([true; 4]));
        assert_eq!(of("=a", "=a"), all([false, true, true, false]));
        assert_eq!(of("=a", "$abandoned"), all([false, true, false, false]));
        assert_eq!(of("=b", "$succeeded"), all([true, false, false, false]));
        assert_eq!(of("^", "=b"), all([false; 4]));
        let merged = |from, to| asked::<Transitions>(PATHS, ["[\"b\"]"; 4], (from, to), Some(0));
        assert_eq!(merged("^", "~"), all([true; 4]));
        assert_eq!(merged("~", "=b"), all([true, false, false, false]));
        assert_eq!(merged("~", "~"), all([false, true, true, false]));
    }

    #[test]
    fn runs_are_those_that_have_a_feature() {
        let of = |dimension, value| asked::<RunFeatures>(PATHS, ["", "", "", "c"], (dimension, value), None);
        assert_eq!(of("step", "a"), all([true; 4]));
        assert_eq!(of("failed_step", "a"), all([false, true, true, false]));
        // the step that a failure is attributed to counts as reached
        assert_eq!(of("step", "c"), all([false, false, false, true]));
    }

    #[test]
    fn runs_are_those_that_have_a_sub_journey() {
        let paths = ["^;(s;)s;$", "^;(s", "^;(s", "^;(s;!s;!"];
        let of = |outcome| asked::<SubJourneys>(paths, [""; 4], ("s", outcome), Some(0));
        assert_eq!(of("succeeded"), all([true, false, false, false]));
        assert_eq!(of("abandoned"), all([false, true, false, false]));
        assert_eq!(of("open"), all([false, false, true, false]));
    }
}

//! `run_state(terminal, silent)`: how a run stands. `run_failure(terminal, explained)`: what kind of failure it was.

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, StringViewArray, UInt32Array, make_view,
};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::attempts::RunState;

/// The words of `failure`.
pub(super) const REJECTED: &str = "rejected";
pub(super) const ERROR: &str = "error";

/// What is asked of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    /// Its terminal event's word, else `abandoned` where it has been silent for too long, else `open`.
    State,
    /// Of a failed run: `error` where an error explains it, else `rejected`; null for others.
    Failure,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StateOf {
    asked: Asked,
    signature: Signature,
}

/// Makes `run_state`.
pub(crate) fn run_state() -> ScalarUDF {
    function(Asked::State)
}

/// Makes `run_failure`.
pub(crate) fn run_failure() -> ScalarUDF {
    function(Asked::Failure)
}

fn function(asked: Asked) -> ScalarUDF {
    let arguments = vec![DataType::Utf8View, DataType::Boolean];
    ScalarUDF::from(StateOf { asked, signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl ScalarUDFImpl for StateOf {
    fn name(&self) -> &'static str {
        match self.asked {
            Asked::State => "run_state",
            Asked::Failure => "run_failure",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [terminals, flags] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("{}: expected a word and a flag", self.name()));
        };
        let (terminals, flags): (ArrayRef, ArrayRef) =
            (terminals.to_array(args.number_rows)?, flags.to_array(args.number_rows)?);
        let (terminals, flags) = (terminals.as_string_view(), flags.as_boolean());
        Ok(ColumnarValue::Array(match self.asked {
            Asked::State => states(terminals, flags)?,
            Asked::Failure => failures(terminals, flags)?,
        }))
    }
}

/// The state of a run that its terminal event gives it, or its silence where it has none.
pub(super) fn state(terminal: Option<RunState>, is_silent: impl FnOnce() -> bool) -> RunState {
    terminal.unwrap_or_else(|| if is_silent() { RunState::Abandoned } else { RunState::Open })
}

/// The word for the kind of failure of a run; nothing for one that did not fail.
pub(super) fn failure(
    terminal: Option<RunState>,
    is_explained: impl FnOnce() -> bool,
) -> Option<&'static str> {
    (terminal == Some(RunState::Failed)).then(|| if is_explained() { ERROR } else { REJECTED })
}

/// Whether the flag of a row is set.
#[inline]
pub(super) fn is_set(flags: &BooleanArray, row: usize) -> bool {
    // its parts are asked, as the array itself would be by calls
    flags.values().value(row) && flags.nulls().is_none_or(|nulls| nulls.is_valid(row))
}

fn states(terminals: &StringViewArray, silent: &BooleanArray) -> DataFusionResult<ArrayRef> {
    let terminals = Terminals::of(terminals);
    let state_of = |row| Ok(Some(state(terminals.at(row)?, || is_set(silent, row)) as usize));
    let words = (0..silent.len()).map(state_of);
    picked(&RunState::ALL.map(RunState::as_str), words)
}

fn failures(terminals: &StringViewArray, explained: &BooleanArray) -> DataFusionResult<ArrayRef> {
    let terminals = Terminals::of(terminals);
    let words = [REJECTED, ERROR];
    let place = |word| words.iter().position(|known| *known == word);
    let kinds = (0..explained.len())
        .map(|row| Ok(failure(terminals.at(row)?, || is_set(explained, row)).and_then(place)));
    picked(&words, kinds)
}

/// Words by their numbers; a word is not copied for each row.
fn picked(
    words: &[&str],
    numbers: impl Iterator<Item = DataFusionResult<Option<usize>>>,
) -> DataFusionResult<ArrayRef> {
    let numbers = numbers.map(|number| Ok(number?.and_then(|number| u32::try_from(number).ok())));
    let numbers = numbers.collect::<DataFusionResult<UInt32Array>>()?;
    Ok(take(&StringViewArray::from_iter_values(words), &numbers, None)?)
}

/// The words of terminal events as states.
pub(super) struct Terminals<'a> {
    words: &'a StringViewArray,
    /// For each state the view of its word. Views of at most twelve bytes hold their word whole, so equal ones are equal words.
    states: [(u128, RunState); RunState::ALL.len()],
}

impl<'a> Terminals<'a> {
    pub(super) fn of(words: &'a StringViewArray) -> Self {
        Self { words, states: RunState::ALL.map(|state| (make_view(state.as_str().as_bytes(), 0, 0), state)) }
    }

    /// The same for a row and those behind it with the same word, up to a row before `end`, where they end: runs of a path are
    /// neighbours, and end alike.
    pub(super) fn stretch(&self, row: usize, end: usize) -> DataFusionResult<(Option<RunState>, usize)> {
        let nulls = self.words.nulls();
        let word = |row: usize| {
            self.words.views().get(row).filter(|_| nulls.is_none_or(|nulls| nulls.is_valid(row)))
        };
        let first = word(row);
        let until = (row + 1..end).find(|next| word(*next) != first).unwrap_or(end);
        Ok((self.at(row)?, until))
    }

    /// The state that the terminal event of a row gives its run; nothing without one.
    #[inline]
    pub(super) fn at(&self, row: usize) -> DataFusionResult<Option<RunState>> {
        if self.words.nulls().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        let view = self.words.views().get(row);
        let state = self.states.iter().find(|(word, _)| view == Some(word)).map(|&(_, state)| state);
        state.map(Some).ok_or_else(|| exec_datafusion_err!("no run ends as {:?}", self.words.value(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_as_its_end_says_else_by_its_silence() {
        let terminals =
            StringViewArray::from(vec![Some("succeeded"), Some("failed"), Some("failed"), None, None]);
        let flags = BooleanArray::from(vec![true, true, false, true, false]);
        let words = |found: ArrayRef| -> Vec<Option<String>> {
            found.as_string_view().iter().map(|word| word.map(str::to_owned)).collect()
        };
        let found = words(states(&terminals, &flags).unwrap());
        let expected = ["succeeded", "failed", "failed", "abandoned", "open"];
        assert_eq!(found, expected.map(|word| Some(word.to_owned())));
        let found = words(failures(&terminals, &flags).unwrap());
        let [error, rejected] = [ERROR, REJECTED].map(|word| Some(word.to_owned()));
        assert_eq!(found, [None, error, rejected, None, None]);
        assert!(states(&StringViewArray::from(vec![Some("lost")]), &BooleanArray::from(vec![true])).is_err());
    }
}

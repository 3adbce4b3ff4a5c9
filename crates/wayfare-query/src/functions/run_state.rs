//! `run_state(terminal, silent)`: how a run stands. `run_failure(terminal, explained)`: what kind of failure it was.

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, StringViewArray, UInt32Array};
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

fn states(terminals: &StringViewArray, silent: &BooleanArray) -> DataFusionResult<ArrayRef> {
    let words = RunState::ALL.map(RunState::as_str);
    let number = |wanted: RunState| RunState::ALL.iter().position(|state| *state == wanted);
    let [abandoned, open] = [number(RunState::Abandoned), number(RunState::Open)];
    let mut known = Known::of(&words);
    let numbers = (0..terminals.len()).map(|row| {
        if terminals.is_valid(row) {
            let word = known.number(terminals, row);
            return word.ok_or_else(|| exec_datafusion_err!("no run ends as {:?}", terminals.value(row)));
        }
        let silent = silent.is_valid(row) && silent.value(row);
        Ok(if silent { abandoned } else { open }.unwrap_or_default())
    });
    picked(&words, numbers.map(|number| number.map(Some)))
}

fn failures(terminals: &StringViewArray, explained: &BooleanArray) -> DataFusionResult<ArrayRef> {
    let failed = [RunState::Failed.as_str()];
    let mut known = Known::of(&failed);
    let numbers = (0..terminals.len()).map(|row| {
        let is_failed = terminals.is_valid(row) && known.number(terminals, row).is_some();
        Ok(is_failed.then(|| usize::from(explained.value(row))))
    });
    picked(&[REJECTED, ERROR], numbers)
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

/// The numbers of words; runs that are neighbours mostly have the same, so the last answer is kept.
pub(super) struct Known<'a> {
    words: &'a [&'a str],
    last: Option<(u128, Option<usize>)>,
}

impl<'a> Known<'a> {
    /// Words of at most twelve bytes: a view holds them whole, so equal views are equal words.
    pub(super) fn of(words: &'a [&'a str]) -> Self {
        Self { words, last: None }
    }

    /// The number of a row's word; nothing for another word.
    pub(super) fn number(&mut self, texts: &StringViewArray, row: usize) -> Option<usize> {
        let view = *texts.views().get(row)?;
        match self.last {
            Some((last, number)) if last == view => number,
            _ => {
                let number = self.words.iter().position(|word| *word == texts.value(row));
                self.last = Some((view, number));
                number
            }
        }
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

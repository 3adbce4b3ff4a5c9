//! `run_state(terminal, silent)`: how a run stands. `run_failure(terminal, explained)`: what kind of failure it was.
//!
//! Words that are as short as these lie in the views of a column, so none is copied.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray, StringViewArray, make_view};
use arrow::buffer::NullBuffer;
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
        let words = match self.asked {
            Asked::State => states(terminals, flags)?,
            Asked::Failure => failures(terminals, flags)?,
        };
        Ok(ColumnarValue::Array(Arc::new(words)))
    }
}

/// A word of at most twelve bytes as a view holds it.
fn view(word: &str) -> u128 {
    make_view(word.as_bytes(), 0, 0)
}

fn states(terminals: &StringViewArray, silent: &BooleanArray) -> DataFusionResult<StringViewArray> {
    let [abandoned, open] = [RunState::Abandoned, RunState::Open].map(|state| view(state.as_str()));
    let without = |row: usize| if silent.is_valid(row) && silent.value(row) { abandoned } else { open };
    let views = terminals.views().iter().enumerate();
    let views = views.map(|(row, &view)| if terminals.is_null(row) { without(row) } else { view });
    let views = views.collect::<Vec<_>>().into();
    Ok(StringViewArray::try_new(views, terminals.data_buffers().to_vec(), None)?)
}

fn failures(terminals: &StringViewArray, explained: &BooleanArray) -> DataFusionResult<StringViewArray> {
    let [failed, error, rejected] = [RunState::Failed.as_str(), ERROR, REJECTED].map(view);
    let word = |row: usize| if explained.value(row) { error } else { rejected };
    let views: Vec<u128> = (0..terminals.len()).map(word).collect();
    let is_failed = |(row, &view): (usize, &u128)| terminals.is_valid(row) && view == failed;
    let nulls: NullBuffer = terminals.views().iter().enumerate().map(is_failed).collect::<Vec<_>>().into();
    Ok(StringViewArray::try_new(views.into(), Vec::new(), Some(nulls))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_as_its_end_says_else_by_its_silence() {
        let terminals =
            StringViewArray::from(vec![Some("succeeded"), Some("failed"), Some("failed"), None, None]);
        let flags = BooleanArray::from(vec![true, true, false, true, false]);
        let found: Vec<_> = states(&terminals, &flags).unwrap().iter().flatten().map(str::to_owned).collect();
        assert_eq!(found, ["succeeded", "failed", "failed", "abandoned", "open"]);
        let found = failures(&terminals, &flags).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [None, Some("error"), Some("rejected"), None, None]);
    }
}

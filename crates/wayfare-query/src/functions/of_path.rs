//! Functions of a path alone: `step_sequence(path)` and `defects(path)`. Computed once a distinct path of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use foldhash::fast::RandomState;

use super::external;
use crate::Result;
use crate::attempts::RunSteps;
use crate::defects::Defect;

/// Which function of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// The ids of the steps in the order in which their attempts begin, as a JSON array.
    StepSequence,
    /// What is wrong with the run's events, one bit a [`Defect`].
    Defects,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfPath {
    wanted: Wanted,
    signature: Signature,
}

/// Makes the functions.
pub(super) fn of_path() -> [ScalarUDF; 2] {
    [Wanted::StepSequence, Wanted::Defects].map(|wanted| {
        let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
        ScalarUDF::from(OfPath { wanted, signature })
    })
}

impl ScalarUDFImpl for OfPath {
    fn name(&self) -> &'static str {
        match self.wanted {
            Wanted::StepSequence => "step_sequence",
            Wanted::Defects => "defects",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.wanted {
            Wanted::StepSequence => DataType::Utf8View,
            Wanted::Defects => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("{}: expected a path", self.name()));
        };
        let paths: ArrayRef = paths.to_array(args.number_rows)?;
        let paths = paths.as_string_view();
        Ok(ColumnarValue::Array(match self.wanted {
            Wanted::StepSequence => Arc::new(sequences(paths).map_err(external)?),
            Wanted::Defects => Arc::new(defects(paths).map_err(external)?),
        }))
    }
}

fn sequences(paths: &StringViewArray) -> Result<StringViewArray> {
    let mut known: HashMap<&str, String, RandomState> = HashMap::default();
    let mut steps = RunSteps::default();
    let mut built = StringViewBuilder::with_capacity(paths.len()).with_deduplicate_strings();
    for path in paths {
        let Some(path) = path else {
            built.append_null();
            continue;
        };
        if !known.contains_key(path) {
            steps.read(path)?;
            let names: Vec<&str> = steps.attempted().collect();
            known.insert(path, serde_json::to_string(&names).unwrap_or_default());
        }
        built.append_option(known.get(path));
    }
    Ok(built.finish())
}

fn defects(paths: &StringViewArray) -> Result<Int64Array> {
    let mut known: HashMap<&str, i64, RandomState> = HashMap::default();
    let mut steps = RunSteps::default();
    let mut built = Int64Array::builder(paths.len());
    for path in paths {
        let Some(path) = path else {
            built.append_null();
            continue;
        };
        let bits = if let Some(&bits) = known.get(path) {
            bits
        } else {
            let bits = Defect::bits_of(path, &mut steps)?;
            known.insert(path, bits);
            bits
        };
        built.append_value(bits);
    }
    Ok(built.finish())
}

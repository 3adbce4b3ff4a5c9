//! Functions of a path alone: `step_sequence(path)`, `defects(path)` and `path_text(path)`. Computed once for neighbouring
//! rows of one path. `stored_path(codes, tokens)` makes paths.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::external;
use super::paths::{Paths, joined, path_type, path_types};
use crate::attempts::RunSteps;
use crate::defects::Defect;
use crate::timeline::{Lexicon, Path};
use crate::{Error, Result};

/// Which function of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// The ids of the steps in the order in which their attempts begin, as a JSON array.
    StepSequence,
    /// What is wrong with the run's events, one bit a [`Defect`].
    Defects,
    /// The tokens as text.
    Text,
    /// The path as two columns of the store.
    OfParts,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfPath {
    wanted: Wanted,
    signature: Signature,
}

/// Makes the functions that queries name.
pub(super) fn of_path() -> [ScalarUDF; 2] {
    [Wanted::StepSequence, Wanted::Defects].map(function)
}

/// Makes `path_text`.
pub(crate) fn path_text() -> ScalarUDF {
    function(Wanted::Text)
}

/// Makes `stored_path`.
pub(crate) fn stored_path() -> ScalarUDF {
    function(Wanted::OfParts)
}

fn function(wanted: Wanted) -> ScalarUDF {
    let accepted = match wanted {
        Wanted::StepSequence | Wanted::Defects | Wanted::Text => path_types().map(|path| vec![path]).to_vec(),
        Wanted::OfParts => vec![vec![DataType::BinaryView, DataType::Utf8View]],
    };
    let accepted = accepted.into_iter().map(TypeSignature::Exact).collect();
    ScalarUDF::from(OfPath { wanted, signature: Signature::one_of(accepted, Volatility::Immutable) })
}

impl ScalarUDFImpl for OfPath {
    fn name(&self) -> &'static str {
        match self.wanted {
            Wanted::StepSequence => "step_sequence",
            Wanted::Defects => "defects",
            Wanted::Text => "path_text",
            Wanted::OfParts => "stored_path",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.wanted {
            Wanted::StepSequence | Wanted::Text => DataType::Utf8View,
            Wanted::Defects => DataType::Int64,
            Wanted::OfParts => path_type(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = args.args.iter().map(|column| column.to_array(args.number_rows));
        let columns = columns.collect::<DataFusionResult<Vec<_>>>()?;
        let made = match (self.wanted, columns.as_slice()) {
            (Wanted::OfParts, [codes, tokens]) => {
                joined(codes, tokens).map(|paths| Arc::new(paths) as ArrayRef)
            }
            (Wanted::StepSequence, [paths]) => sequences(paths),
            (Wanted::Defects, [paths]) => defects(paths),
            (Wanted::Text, [paths]) => texts(paths),
            _ => return Err(exec_datafusion_err!("{}: expected a path", self.name())),
        };
        Ok(ColumnarValue::Array(made.map_err(external)?))
    }
}

/// What `work_out` gives for each row with a path; it is asked once for neighbouring rows of one path.
fn of_each<T>(
    column: &ArrayRef,
    mut work_out: impl FnMut(Path<'_>, &Lexicon) -> Result<T>,
) -> Result<(Vec<T>, UInt32Array)> {
    let mut lexicon = Lexicon::default();
    let paths = Paths::of(column, &mut lexicon)?;
    let (mut made, mut places) = (Vec::new(), Vec::with_capacity(paths.len()));
    let mut row = 0;
    while row < paths.len() {
        let end = paths.stretch(row, paths.len());
        if paths.is_null(row) {
            places.resize(end, None);
        } else {
            places.resize(end, u32::try_from(made.len()).ok());
            made.push(work_out(paths.at(row), &lexicon)?);
        }
        row = end;
    }
    Ok((made, UInt32Array::from(places)))
}

fn taken(made: &ArrayRef, places: &UInt32Array) -> Result<ArrayRef> {
    take(made, places, None).map_err(|cause| Error::internal("cannot repeat values").because(cause))
}

fn texts(column: &ArrayRef) -> Result<ArrayRef> {
    let (made, places) = of_each(column, |path, lexicon| {
        let mut text = String::new();
        lexicon.write(path, &mut text)?;
        Ok(text)
    })?;
    taken(&(Arc::new(StringViewArray::from(made)) as ArrayRef), &places)
}

fn sequences(column: &ArrayRef) -> Result<ArrayRef> {
    let mut steps = RunSteps::default();
    let (made, places) = of_each(column, |path, lexicon| {
        steps.read(path, lexicon)?;
        let names: Vec<&str> = steps.attempted().collect();
        Ok(serde_json::to_string(&names).unwrap_or_default())
    })?;
    taken(&(Arc::new(StringViewArray::from(made)) as ArrayRef), &places)
}

fn defects(column: &ArrayRef) -> Result<ArrayRef> {
    let mut steps = RunSteps::default();
    let (made, places) = of_each(column, |path, lexicon| Defect::bits_of(path, lexicon, &mut steps))?;
    taken(&(Arc::new(Int64Array::from(made)) as ArrayRef), &places)
}

//! `stretch(values…)`: the first row of a stretch of rows with the same values gets their number, the others get 0.
//!
//! Runs of a journey, of a path and of a date are neighbours, so there are far fewer stretches than runs: who counts runs by such
//! values adds up the numbers of the first rows and groups no others. A stretch may end where values go on, as at the end of a batch.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::paths;

/// What is asked of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    /// How many rows the stretch has that it is the first of.
    Length,
    /// Whether it is the first of a stretch, of such a length.
    IsFirst,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Stretch {
    asked: Asked,
    signature: Signature,
}

/// Makes `stretch`.
pub(crate) fn stretch() -> ScalarUDF {
    function(Asked::Length, vec![TypeSignature::Nullary, TypeSignature::Variadic(vec![DataType::Utf8View])])
}

/// Makes `is_first_of_stretch(length)`, by which rows are filtered.
pub(crate) fn is_first_of_stretch() -> ScalarUDF {
    function(Asked::IsFirst, vec![TypeSignature::Exact(vec![DataType::Int64])])
}

/// Both are volatile, the lengths since they depend on the rows beside, the filter so that it stays above them: a scan that takes
/// filters would work the lengths out once for the filter and once more of the rows that are left.
fn function(asked: Asked, accepted: Vec<TypeSignature>) -> ScalarUDF {
    ScalarUDF::from(Stretch { asked, signature: Signature::one_of(accepted, Volatility::Volatile) })
}

impl ScalarUDFImpl for Stretch {
    fn name(&self) -> &'static str {
        match self.asked {
            Asked::Length => "stretch",
            Asked::IsFirst => "is_first_of_stretch",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(match self.asked {
            Asked::Length => DataType::Int64,
            Asked::IsFirst => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array(match (self.asked, columns.as_slice()) {
            (Asked::Length, columns) => Arc::new(lengths(columns, args.number_rows)?),
            (Asked::IsFirst, [lengths]) => {
                Arc::new(BooleanArray::from_unary(lengths.as_primitive::<Int64Type>(), |length| length > 0))
            }
            _ => return Err(exec_datafusion_err!("{}: expected a length", self.name())),
        }))
    }
}

fn lengths(columns: &[ArrayRef], rows: usize) -> DataFusionResult<Int64Array> {
    let texts = columns.iter().map(|column| column.as_string_view_opt());
    let texts: Option<Vec<_>> = texts.collect();
    let texts = texts.ok_or_else(|| exec_datafusion_err!("stretch: expected texts"))?;
    // for each column where its own stretch ends
    let mut ends: Vec<(_, usize)> = texts.into_iter().map(|texts| (texts, 0)).collect();
    let mut lengths = vec![0; rows];
    let mut start = 0;
    while let Some(length) = lengths.get_mut(start) {
        let mut end = rows;
        for (texts, column_end) in &mut ends {
            if *column_end <= start {
                *column_end = paths::stretch(texts, start, rows);
            }
            end = end.min(*column_end);
        }
        *length = i64::try_from(end - start).unwrap_or(i64::MAX);
        start = end;
    }
    Ok(Int64Array::from(lengths))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    fn stretches(columns: &[&[Option<&str>]], rows: usize) -> Vec<i64> {
        let array = |column: &&[Option<&str>]| Arc::new(StringViewArray::from(column.to_vec())) as ArrayRef;
        let columns: Vec<ArrayRef> = columns.iter().map(array).collect();
        lengths(&columns, rows).unwrap().values().to_vec()
    }

    #[test]
    fn the_first_of_same_neighbours_gets_their_number() {
        let letters = [Some("a"), Some("a"), Some("a"), None, None, Some("a")];
        let numbers = [Some("1"), Some("1"), Some("2"), Some("2"), None, None];
        assert_eq!(stretches(&[&letters], 6), [3, 0, 0, 2, 0, 1]);
        assert_eq!(stretches(&[&letters, &numbers], 6), [2, 0, 1, 1, 1, 1]);
        assert_eq!(stretches(&[], 4), [4, 0, 0, 0]);
        assert_eq!(stretches(&[&[]], 0), [0; 0]);
        assert!(lengths(&[Arc::new(Int64Array::from(vec![1]))], 1).is_err());
    }
}

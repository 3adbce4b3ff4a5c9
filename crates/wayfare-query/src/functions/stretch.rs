//! `stretch(values…)`: the first row of a stretch of rows with the same values gets their number, the others get 0.
//!
//! Runs of a journey, of a path and of a date are neighbours, so there are far fewer stretches than runs: who counts runs by such
//! values adds up the numbers of the first rows and groups no others. A stretch may end where values go on, as at the end of a batch.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::paths;

#[derive(Debug, PartialEq, Eq, Hash)]
struct Stretch {
    signature: Signature,
}

/// Makes the function. It is volatile, since the answer of a row depends on the rows beside it: no filter must come in between.
pub(crate) fn stretch() -> ScalarUDF {
    let accepted = vec![TypeSignature::Nullary, TypeSignature::Variadic(vec![DataType::Utf8View])];
    ScalarUDF::from(Stretch { signature: Signature::one_of(accepted, Volatility::Volatile) })
}

impl ScalarUDFImpl for Stretch {
    fn name(&self) -> &'static str {
        "stretch"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = args.number_rows;
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = columns.iter().map(|column| column.as_string_view_opt());
        let texts: Option<Vec<_>> = texts.collect();
        let texts = texts.ok_or_else(|| exec_datafusion_err!("stretch: expected texts"))?;
        // for each column where the stretch of its own ends
        let mut ends: Vec<(_, usize)> = texts.into_iter().map(|texts| (texts, 0)).collect();
        let mut lengths = vec![0; rows];
        let mut start = 0;
        while let Some(length) = lengths.get_mut(start) {
            let mut end = rows;
            for (texts, column_end) in &mut ends {
                if *column_end <= start {
                    *column_end = paths::stretch(texts, start, rows.min(texts.len()));
                }
                end = end.min(*column_end);
            }
            let end = end.max(start + 1);
            *length = i64::try_from(end - start).unwrap_or(i64::MAX);
            start = end;
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(lengths))))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringViewArray};
    use arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;

    use super::*;

    fn stretches(columns: &[&[Option<&str>]], rows: usize) -> Vec<i64> {
        let array = |column: &&[Option<&str>]| Arc::new(StringViewArray::from(column.to_vec())) as ArrayRef;
        let function = stretch();
        let args = ScalarFunctionArgs {
            args: columns.iter().map(|column| ColumnarValue::Array(array(column))).collect(),
            arg_fields: columns.iter().map(|_| Field::new("text", DataType::Utf8View, true).into()).collect(),
            number_rows: rows,
            return_field: Field::new("stretch", DataType::Int64, false).into(),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let found = function.invoke_with_args(args).unwrap().into_array(rows).unwrap();
        found.as_primitive::<arrow::datatypes::Int64Type>().values().to_vec()
    }

    #[test]
    fn the_first_of_same_neighbours_gets_their_number() {
        let letters = [Some("a"), Some("a"), Some("a"), None, None, Some("a")];
        let numbers = [Some("1"), Some("1"), Some("2"), Some("2"), None, None];
        assert_eq!(stretches(&[&letters], 6), [3, 0, 0, 2, 0, 1]);
        assert_eq!(stretches(&[&letters, &numbers], 6), [2, 0, 1, 1, 1, 1]);
        assert_eq!(stretches(&[], 4), [4, 0, 0, 0]);
        assert_eq!(stretches(&[&[]], 0), [0; 0]);
    }
}

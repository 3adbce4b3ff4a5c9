//! `run_duration(started_at, ended_at)`: milliseconds from the start of a run to its end; null without an end.

use std::sync::Arc;

use arrow::array::{AsArray as _, Int64Array};
use arrow::compute::binary;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const MICROS_IN_MS: i64 = 1_000;

#[derive(Debug, PartialEq, Eq, Hash)]
struct RunDuration {
    signature: Signature,
}

/// Makes the function: one loop over both columns, where casts, a difference and a quotient are four.
pub(crate) fn run_duration() -> ScalarUDF {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let signature = Signature::exact(vec![instant.clone(), instant], Volatility::Immutable);
    ScalarUDF::from(RunDuration { signature })
}

impl ScalarUDFImpl for RunDuration {
    fn name(&self) -> &'static str {
        "run_duration"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [started, ended] = columns.as_slice() else {
            return Err(exec_datafusion_err!("run_duration: expected two instants"));
        };
        let (started, ended) = (
            started.as_primitive::<TimestampMicrosecondType>(),
            ended.as_primitive::<TimestampMicrosecondType>(),
        );
        let durations: Int64Array =
            binary(started, ended, |started, ended| ended.wrapping_sub(started) / MICROS_IN_MS)?;
        Ok(ColumnarValue::Array(Arc::new(durations)))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, ArrayRef, TimestampMicrosecondArray};
    use arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;

    use super::*;

    #[test]
    fn a_run_without_an_end_has_no_duration() {
        let instants = |instants: Vec<Option<i64>>| -> ColumnarValue {
            let instants = TimestampMicrosecondArray::from(instants).with_timezone("UTC");
            ColumnarValue::Array(Arc::new(instants) as ArrayRef)
        };
        let (function, instant) = (run_duration(), Field::new("instant", DataType::Null, true));
        let args = ScalarFunctionArgs {
            args: vec![
                instants(vec![Some(1_000), Some(0), Some(5)]),
                instants(vec![Some(3_999), None, Some(5)]),
            ],
            arg_fields: vec![instant.clone().into(), instant.into()],
            number_rows: 3,
            return_field: Arc::new(Field::new("duration", DataType::Int64, true)),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let found = function.invoke_with_args(args).unwrap().into_array(3).unwrap();
        let found = found.as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(found.iter().collect::<Vec<_>>(), [Some(2), None, Some(0)]);
        assert_eq!(found.null_count(), 1);
    }
}

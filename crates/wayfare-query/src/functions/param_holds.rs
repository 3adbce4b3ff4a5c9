//! `param_holds(additional_params, condition)`: whether a condition holds for a value inside JSON text, types included:
//! the text `"1"` is not the number `1`.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;

use super::param::at_path;
use crate::spec::{PropOp, PropSpec};
use crate::{Error, Result};

/// The function's second argument; `prop` is the path without `params.`.
///
/// # Errors
/// `Internal` when the condition has no JSON.
pub(crate) fn condition_text(condition: &PropSpec) -> Result<String> {
    serde_json::to_string(condition)
        .map_err(|cause| Error::internal("a condition has no text").because(cause))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ParamHolds {
    signature: Signature,
}

/// Makes the function.
pub(super) fn param_holds() -> ScalarUDF {
    let arguments = vec![DataType::Utf8View, DataType::Utf8];
    ScalarUDF::from(ParamHolds { signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl ScalarUDFImpl for ParamHolds {
    fn name(&self) -> &'static str {
        "param_holds"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [texts, ColumnarValue::Scalar(ScalarValue::Utf8(Some(condition)))] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("param_holds: expected a JSON text and a condition"));
        };
        let condition: PropSpec = serde_json::from_str(condition)
            .map_err(|cause| exec_datafusion_err!("param_holds: not a condition: {cause}"))?;
        let texts: ArrayRef = texts.to_array(args.number_rows)?;
        let answers: BooleanArray =
            texts.as_string_view().iter().map(|text| Some(holds_in(text, &condition))).collect();
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

fn holds_in(text: Option<&str>, condition: &PropSpec) -> bool {
    let root: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
    let value = root.as_ref().and_then(|root| at_path(root, &condition.prop));
    holds(value.unwrap_or(&Value::Null), condition.op, &condition.value)
}

/// Whether a condition holds for a value; nothing but `is_null` does for null.
fn holds(value: &Value, op: PropOp, wanted: &Value) -> bool {
    if value.is_null() {
        return op == PropOp::IsNull;
    }
    let among = || wanted.as_array().is_some_and(|values| values.iter().any(|wanted| same(value, wanted)));
    let order = || match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => Some(value.cmp(wanted)),
        _ => value.as_f64()?.partial_cmp(&wanted.as_f64()?),
    };
    match op {
        PropOp::Eq => same(value, wanted),
        PropOp::Ne => !same(value, wanted),
        PropOp::In => among(),
        PropOp::NotIn => !among(),
        PropOp::Contains => text(value).to_lowercase().contains(&text(wanted).to_lowercase()),
        PropOp::Lt => order() == Some(Ordering::Less),
        PropOp::Le => order().is_some_and(Ordering::is_le),
        PropOp::Gt => order() == Some(Ordering::Greater),
        PropOp::Ge => order().is_some_and(Ordering::is_ge),
        PropOp::IsSet => true,
        PropOp::IsNull => false,
    }
}

/// Whether two values are the same: numbers by their value, however they are written.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) if left != right => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_count() {
        assert!(holds(&json!(1), PropOp::Eq, &json!(1.0)));
        assert!(!holds(&json!("1"), PropOp::Eq, &json!(1)));
        assert!(holds(&json!("1"), PropOp::Ne, &json!(1)));
        assert!(holds(&json!(4), PropOp::In, &json!([3, 4])));
        assert!(holds(&json!(10), PropOp::Gt, &json!(9)) && !holds(&json!("10"), PropOp::Gt, &json!(9)));
        assert!(holds(&json!("Docs"), PropOp::Contains, &json!("doc")));
    }

    #[test]
    fn nothing_holds_for_nothing_but_that_it_is_missing() {
        for op in [PropOp::Eq, PropOp::Ne, PropOp::NotIn, PropOp::Contains, PropOp::Ge, PropOp::IsSet] {
            assert!(!holds_in(Some("{}"), &PropSpec { prop: "a.b".into(), op, value: json!([]) }), "{op:?}");
        }
        assert!(holds_in(None, &PropSpec { prop: "a".into(), op: PropOp::IsNull, value: Value::Null }));
        assert!(holds_in(
            Some(r#"{"a":null}"#),
            &PropSpec { prop: "a".into(), op: PropOp::IsNull, value: Value::Null }
        ));
    }
}

//! `param(additional_params, 'a.b')`: the value at a path of JSON text, as text.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;

/// The value at a dotted path of a JSON text, as text: strings without quotes, the rest as JSON; `None` for null
/// and for what is not there. A number in the path picks an element of an array.
fn json_path(text: &str, path: &str) -> Option<String> {
    let root: Value = serde_json::from_str(text).ok()?;
    let mut value = &root;
    for key in path.split('.') {
        value = match value {
            Value::Object(members) => members.get(key)?,
            Value::Array(elements) => elements.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Param {
    signature: Signature,
}

/// Makes the function.
pub(super) fn param() -> ScalarUDF {
    let arguments = vec![DataType::Utf8View, DataType::Utf8];
    ScalarUDF::from(Param { signature: Signature::exact(arguments, Volatility::Immutable) })
}

impl ScalarUDFImpl for Param {
    fn name(&self) -> &'static str {
        "param"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [texts, path] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("param: expected a JSON text and a path"));
        };
        let ColumnarValue::Scalar(ScalarValue::Utf8(Some(path))) = path else {
            return Err(exec_datafusion_err!("param: expected the path as a text such as 'error.code'"));
        };
        let texts: ArrayRef = texts.to_array(args.number_rows)?;
        let texts = texts.as_string_view();
        let mut values = StringViewBuilder::with_capacity(texts.len());
        for text in texts {
            values.append_option(text.and_then(|text| json_path(text, path)));
        }
        Ok(ColumnarValue::Array(Arc::new(values.finish())))
    }
}

#[cfg(test)]
mod tests {
    use super::json_path;

    #[test]
    fn a_path_walks_objects_and_arrays() {
        let text = r#"{"a":{"b":[1,{"c":"x"}]},"n":null,"f":1.50}"#;
        assert_eq!(json_path(text, "a.b.1.c").as_deref(), Some("x"));
        assert_eq!(json_path(text, "a.b.0").as_deref(), Some("1"));
        assert_eq!(json_path(text, "n"), None);
        assert_eq!(json_path(text, "a.z"), None);
        assert_eq!(json_path("not json", "a"), None);
    }
}

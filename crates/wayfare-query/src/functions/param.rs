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
/// and for what is not there.
fn json_path(text: &str, path: &str) -> Option<String> {
    let root: Value = serde_json::from_str(text).ok()?;
    Some(match at_path(&root, path)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// The value at a dotted path, unless it is null, in every reading of the dots as a mapping reads them: `a.b` is the
/// field `a.b` first, then `b` in the object `a`. A number picks an element of an array. Cost: at most once every value.
pub(super) fn at_path<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let child = |key: &str| match value {
        Value::Object(members) => members.get(key),
        Value::Array(elements) => elements.get(key.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = child(path).filter(|found| !found.is_null()) {
        return Some(found);
    }
    let mut heads = path.match_indices('.').filter_map(|(at, _)| path.get(..at).zip(path.get(at + 1..)));
    heads.find_map(|(head, tail)| at_path(child(head)?, tail))
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

    #[test]
    fn a_key_with_dots_is_found_as_a_mapping_finds_it() {
        let text = r#"{"a.b":{"c.d":1},"a":{"b":{"e":2},"b.f":3},"x.y":null,"x":{"y":4}}"#;
        let found = ["a.b.c.d", "a.b.e", "a.b.f", "x.y", "a.c"].map(|path| json_path(text, path));
        assert_eq!(found.map(Option::unwrap_or_default), ["1", "2", "3", "4", ""]);
    }
}

//! `changes(additional_params)`: what an administrator changed, as `field: before → after`.
//!
//! The platform writes a change as `{"field": {"prev": …, "current": …}}`; either may be missing. Changes inside
//! objects are named by their path.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::{Map, Value};

/// Objects inside objects are looked into so far.
const DEPTH_MAX: usize = 16;

/// The changes of a parameters' text in the order they are written, joined by `; `; `None` for none.
fn changes(text: &str) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return None };
    let mut found = String::new();
    collect(&members, "", 0, &mut found);
    (!found.is_empty()).then_some(found)
}

fn collect(members: &Map<String, Value>, prefix: &str, depth: usize, found: &mut String) {
    for (name, value) in members {
        let Value::Object(inner) = value else { continue };
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if is_change(inner) {
            let side = |key| inner.get(key).map_or_else(|| "–".to_owned(), shown);
            let between = if found.is_empty() { "" } else { "; " };
            // writing into a text cannot fail
            write!(found, "{between}{path}: {} → {}", side("prev"), side("current")).unwrap_or_default();
        } else if depth < DEPTH_MAX {
            collect(inner, &path, depth + 1, found);
        }
    }
}

fn is_change(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.keys().all(|key| key == "prev" || key == "current")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Changes {
    signature: Signature,
}

/// Makes the function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Changes { signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable) })
}

impl ScalarUDFImpl for Changes {
    fn name(&self) -> &'static str {
        "changes"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [texts] = args.args.as_slice() else {
            return Err(exec_datafusion_err!("changes: expected a JSON text"));
        };
        let texts: ArrayRef = texts.to_array(args.number_rows)?;
        let texts = texts.as_string_view();
        let mut values = StringViewBuilder::with_capacity(texts.len());
        for text in texts {
            values.append_option(text.and_then(changes));
        }
        Ok(ColumnarValue::Array(Arc::new(values.finish())))
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn changes_are_told_field_by_field() {
        let text = r#"{"name":{"prev":"Shop","current":"Shop EU"},"note":"x",
            "address":{"city":{"prev":null,"current":"Kiel"},"zip":{"current":24103}},"roles":{"prev":["a"],"current":[]}}"#;
        let told =
            r#"name: Shop → Shop EU; address.city: – → Kiel; address.zip: – → 24103; roles: ["a"] → []"#;
        assert_eq!(changes(text).as_deref(), Some(told));
        for text in ["{}", "[]", "no json", r#"{"a":{"prev":1,"current":2,"by":"x"}}"#, r#"{"a":{}}"#] {
            assert_eq!(changes(text), None, "{text}");
        }
    }
}

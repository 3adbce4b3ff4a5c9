//! The reports that can be asked for and their fields, read off the types of the spec.
//!
//! Query parameters, checks for unknown fields and the `OpenAPI` document all come from here, so that a report that is
//! added to [`Spec`] is served without a word in this folder.
#![expect(clippy::indexing_slicing, reason = "a JSON value gives null where there is nothing")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};
use wayfare_query::spec::Spec;

/// Deepest nesting of schemas that is followed; types that contain themselves end there.
const DEPTH_MAX: usize = 16;

/// One report: its name and its fields.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The report's name.
    pub(crate) name: String,
    /// What it is, in a line.
    pub(crate) about: String,
    /// JSON schema of each field, in the order of the type.
    pub(crate) fields: Map<String, Value>,
    /// Names of the fields that have to be given.
    pub(crate) required: Vec<String>,
}

/// All reports, by name.
pub(crate) static CATALOGUE: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(read);

/// Schemas that others refer to, by name.
pub(crate) static DEFINITIONS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let mut schemas = Vec::new();
    Spec::schemas(&mut schemas);
    schemas
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect()
});

impl Entry {
    /// The report's fields as one JSON schema.
    pub(crate) fn schema(&self) -> Value {
        json!({
            "type": "object",
            "description": self.about,
            "properties": self.fields,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// How a field is written as a query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// As it is.
    Text,
    /// As a whole number.
    Integer,
    /// As `true` or `false`.
    Flag,
    /// As texts: the parameter is repeated.
    Texts,
    /// As JSON.
    Json,
}

/// How a field of that schema is written as a query parameter.
pub(crate) fn written(schema: &Value) -> Written {
    let schema = resolve(schema, 0);
    let choice = alternatives(&schema);
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => choice.iter().filter_map(|schema| schema["type"].as_str()).collect(),
    };
    let kinds: Vec<&str> = kinds.into_iter().filter(|kind| *kind != "null").collect();
    match kinds.as_slice() {
        ["string"] => Written::Text,
        ["integer"] => Written::Integer,
        ["boolean"] => Written::Flag,
        ["array"] if takes_text(&schema["items"]) => Written::Texts,
        _ => Written::Json,
    }
}

/// Whether a text is a value of the schema, be it one of several kinds.
fn takes_text(schema: &Value) -> bool {
    let schema = resolve(schema, 0);
    written(&schema) == Written::Text || alternatives(&schema).iter().any(|kind| kind["type"] == "string")
}

/// The schemas of a choice, resolved.
fn alternatives(schema: &Value) -> Vec<Value> {
    let choice = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    choice.and_then(Value::as_array).into_iter().flatten().map(|schema| resolve(schema, 0)).collect()
}

fn read() -> BTreeMap<String, Entry> {
    let whole = serde_json::to_value(Spec::schema()).unwrap_or_default();
    let variants = whole["oneOf"].as_array().cloned().unwrap_or_default();
    let entries = variants.iter().filter_map(|variant| {
        let mut entry = Entry {
            name: String::new(),
            about: text(variant, "description"),
            fields: Map::new(),
            required: Vec::new(),
        };
        collect(variant, &mut entry, 0);
        let tag = entry.fields.shift_remove("report")?;
        tag["enum"][0].as_str()?.clone_into(&mut entry.name);
        entry.required.retain(|field| field != "report");
        Some((entry.name.clone(), entry))
    });
    entries.collect()
}

/// Puts the fields of a schema and of all that it is made of into the entry.
fn collect(schema: &Value, entry: &mut Entry, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    let schema = resolve(schema, 0);
    // a flattened struct with defaults is a choice of one
    for part in ["allOf", "oneOf"].iter().filter_map(|of| schema[*of].as_array()).flatten() {
        collect(part, entry, depth + 1);
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        entry.fields.insert(name.clone(), field.clone());
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    entry.required.extend(required.map(str::to_owned));
}

/// Follows a reference.
fn resolve(schema: &Value, depth: usize) -> Value {
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/"));
    match name.and_then(|name| DEFINITIONS.get(name)) {
        Some(found) if depth < DEPTH_MAX => resolve(found, depth + 1),
        _ => schema.clone(),
    }
}

fn text(schema: &Value, key: &str) -> String {
    schema[key].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use wayfare_query::spec::Scope;

    use super::*;

    #[test]
    fn every_report_is_there_with_its_fields() {
        for name in ["overview", "funnel", "steps", "failures", "invocations", "invocation", "values", "sql"]
        {
            assert!(CATALOGUE.contains_key(name), "{name} is not in {:?}", CATALOGUE.keys());
        }
        let funnel = &CATALOGUE["funnel"];
        for field in ["journey", "where", "steps", "window", "limit"] {
            assert!(funnel.fields.contains_key(field), "{field} is not in {:?}", funnel.fields);
        }
        assert!(!funnel.fields.contains_key("report"));
        assert_eq!(CATALOGUE["invocation"].required, ["id"]);
        assert!(CATALOGUE["overview"].required.is_empty(), "{:?}", CATALOGUE["overview"].required);
    }

    #[test]
    fn a_report_is_called_as_its_spec_says() {
        let spec = serde_json::to_value(Spec::Overview(Scope::default())).unwrap();
        assert!(CATALOGUE.contains_key(spec["report"].as_str().unwrap()));
    }

    #[test]
    fn fields_are_written_by_their_type() {
        let fields = &CATALOGUE["funnel"].fields;
        let kinds = ["journey", "where", "window", "limit"].map(|name| written(&fields[name]));
        assert_eq!(kinds, [Written::Texts, Written::Texts, Written::Text, Written::Integer]);
    }
}

//! A question as it comes over HTTP: JSON in a body, or query parameters for the simple cases.

use axum::http::{StatusCode, Uri};
use serde::Deserialize as _;
use serde_json::{Map, Number, Value};
use wayfare_ingest::{json_fault, nearest};
use wayfare_query::spec::Spec;

use super::catalogue::{CATALOGUE, Entry, Written, written};
use super::problem::Problem;

/// Lists that may be written with commas, as on the command line; conditions and steps have commas of their own.
const COMMA_LISTS: [&str; 4] = ["journey", "version", "by", "columns"];

/// Query parameters that are not part of the question.
pub(crate) const CONTROLS: [&str; 3] = ["format", "download", "all"];

/// Most query parameters of a request.
const PARAMETERS_MAX: usize = 256;

/// The parameters of a request, those of the question apart from those of the answer.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// `format`
    pub(crate) format: Option<String>,
    /// `download`: the name under which a browser keeps the answer.
    pub(crate) download: Option<String>,
    /// `all`: every event of a log, not a page of them.
    pub(crate) all: bool,
    /// The rest, in order.
    question: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the query of a URI.
    ///
    /// # Errors
    ///
    /// 400 when it is not form-encoded UTF-8 or has too many parameters.
    pub(crate) fn of(uri: &Uri) -> Result<Self, Problem> {
        let read = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs = read.map_err(|cause| invalid(format!("cannot read the query parameters: {cause}")))?.0;
        if pairs.len() > PARAMETERS_MAX {
            return Err(invalid(format!(
                "expected at most {PARAMETERS_MAX} parameters, saw {}",
                pairs.len()
            )));
        }
        let mut parameters = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "format" => parameters.format = Some(value),
                "download" => parameters.download = Some(value),
                "all" => {
                    parameters.all = value.parse().map_err(|_not_bool| {
                        invalid(format!("expected all to be true or false, saw {value:?}"))
                    })?;
                }
                _ => parameters.question.push((name, value)),
            }
        }
        Ok(parameters)
    }

    /// Fails when there are parameters of a question where none is asked.
    pub(crate) fn none_left(&self, known: &[&str]) -> Result<(), Problem> {
        match self.question.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(unknown("parameter", name, known.iter().copied().chain(CONTROLS))),
            None => Ok(()),
        }
    }

    /// The value of a parameter given once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.question.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The question that the parameters put to a report; `path` are fields that stand in the path.
    ///
    /// # Errors
    ///
    /// 404 for a report that there is not, 400 for a parameter that it does not have or a value that does not fit.
    pub(crate) fn question(&self, report: &str, path: &[(&str, &str)]) -> Result<Spec, Problem> {
        let entry = entry(report)?;
        let mut fields = Map::new();
        for (name, value) in &self.question {
            let Some(schema) = entry.fields.get(name).filter(|_| path.iter().all(|(known, _)| known != name))
            else {
                let known = entry.fields.keys().map(String::as_str).chain(CONTROLS);
                return Err(unknown("parameter", name, known));
            };
            let wrong = |expected: &str| invalid(format!("expected {name} to be {expected}, saw {value:?}"));
            let value = match written(schema) {
                Written::Text => Value::from(value.as_str()),
                Written::Integer => value
                    .parse::<Number>()
                    .ok()
                    .filter(|number| !number.is_f64())
                    .map(Value::Number)
                    .ok_or_else(|| wrong("a whole number").at(format!("/{name}")))?,
                Written::Flag => value
                    .parse::<bool>()
                    .map(Value::Bool)
                    .map_err(|_not_bool| wrong("true or false").at(format!("/{name}")))?,
                Written::Texts => {
                    let list = fields.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(list) = list {
                        list.extend(items(name, value));
                    }
                    continue;
                }
                Written::Json => serde_json::from_str(value)
                    .map_err(|cause| wrong("JSON").hint(json_fault(&cause, value)).at(format!("/{name}")))?,
            };
            if fields.insert(name.clone(), value).is_some() {
                return Err(invalid(format!("expected {name} once, saw it twice")).at(format!("/{name}")));
            }
        }
        for (name, value) in path {
            fields.insert((*name).to_owned(), Value::from(*value));
        }
        spec(entry, fields)
    }
}

/// The question that a JSON object puts to a report.
///
/// # Errors
///
/// 404 for a report that there is not, 400 for text that is no object or a field that does not fit.
pub(crate) fn question_of_json(report: &str, body: &[u8]) -> Result<Spec, Problem> {
    let entry = entry(report)?;
    if body.trim_ascii().is_empty() {
        return spec(entry, Map::new());
    }
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(|cause| {
        let fault = json_fault(&cause, &String::from_utf8_lossy(body));
        invalid(format!("expected the report's spec as a JSON object: {fault}"))
    })?;
    spec(entry, fields)
}

fn entry(report: &str) -> Result<&'static Entry, Problem> {
    CATALOGUE.get(report).ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, format!("there is no report {report:?}"));
        match nearest(report, CATALOGUE.keys().map(String::as_str)) {
            Some(near) => problem.hint(format!("did you mean {near}?")),
            None => problem.hint("GET /api/v1/reports lists them"),
        }
    })
}

fn spec(entry: &Entry, mut fields: Map<String, Value>) -> Result<Spec, Problem> {
    // the same object may come with its tag, as a report's answer gives it
    match fields.shift_remove("report") {
        Some(tag) if tag != entry.name.as_str() => {
            return Err(invalid(format!("expected the report {:?}, saw {tag}", entry.name)).at("/report"));
        }
        _ => {}
    }
    if let Some(name) = fields.keys().find(|name| !entry.fields.contains_key(*name)) {
        let known = entry.fields.keys().map(String::as_str);
        return Err(unknown("field", name, known).at(format!("/{}", escaped(name))));
    }
    if let Some(name) = entry.required.iter().find(|name| !fields.contains_key(*name)) {
        return Err(invalid(format!("expected the field {name}, which every {} needs", entry.name))
            .at(format!("/{name}")));
    }
    fields.insert("report".to_owned(), entry.name.as_str().into());
    Spec::deserialize(Value::Object(fields))
        .map_err(|cause| invalid(format!("the spec does not fit: {cause}")))
}

fn items(name: &str, value: &str) -> Vec<Value> {
    if COMMA_LISTS.contains(&name) {
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
    } else {
        vec![Value::from(value)]
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.collect();
    let problem = invalid(format!("unknown {what} {name:?}"));
    match nearest(name, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None if known.is_empty() => problem,
        None => problem.hint(format!("known are {}", known.join(", "))),
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use wayfare_query::spec::{FunnelSpec, Scope};

    use super::*;

    fn get(report: &str, query: &str) -> Result<Spec, Value> {
        let uri: Uri = format!("/x?{query}").parse().unwrap();
        Parameters::of(&uri)
            .and_then(|parameters| parameters.question(report, &[]))
            .map_err(|problem| problem.body("r"))
    }

    fn post(report: &str, body: &str) -> Result<Spec, Value> {
        question_of_json(report, body.as_bytes()).map_err(|problem| problem.body("r"))
    }

    #[test]
    fn parameters_and_json_ask_the_same() {
        let scope = Scope {
            journey: vec!["login".to_owned(), "signup".to_owned()],
            filters: vec!["country in (DE, AT)".to_owned()],
            limit: Some(5),
            columns: vec!["step".to_owned(), "reached".to_owned()],
            ..Scope::default()
        };
        let wanted =
            Spec::Funnel(FunnelSpec { scope, steps: vec!["a".into(), "b".into()], ..FunnelSpec::default() });
        let query = "journey=login,signup&where=country+in+(DE,+AT)&limit=5&columns=step,reached\
                     &steps=a&steps=b&format=csv&download=x";
        assert_eq!(get("funnel", query).unwrap(), wanted);
        let body = r#"{"journey":["login","signup"],"where":["country in (DE, AT)"],"limit":5,
            "columns":["step","reached"],"steps":["a","b"]}"#;
        assert_eq!(post("funnel", body).unwrap(), wanted);
        assert_eq!(post("overview", "").unwrap(), Spec::Overview(Scope::default()));
        assert_eq!(post("overview", r#"{"report":"overview"}"#).unwrap(), Spec::Overview(Scope::default()));
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let problem = get("funnel", "jurney=login").unwrap_err();
        assert_eq!(problem["detail"], "unknown parameter \"jurney\"");
        assert_eq!(problem["hint"], "did you mean journey?");
        assert_eq!(get("overview", "limit=many").unwrap_err()["errors"][0]["pointer"], "/limit");
        assert_eq!(get("overview", "from=a&from=b").unwrap_err()["errors"][0]["pointer"], "/from");
        assert_eq!(get("overveiw", "").unwrap_err()["status"], 404);
        let problem = post("funnel", r#"{"steps":[],"windw":"1h"}"#).unwrap_err();
        assert_eq!(problem["errors"][0]["pointer"], "/windw");
        assert_eq!(post("invocation", "{}").unwrap_err()["errors"][0]["pointer"], "/id");
        assert_eq!(post("overview", "[1]").unwrap_err()["status"], 400);
        assert_eq!(
            post("overview", r#"{"report":"funnel"}"#).unwrap_err()["errors"][0]["pointer"],
            "/report"
        );
        assert_eq!(post("overview", r#"{"limit":"5"}"#).unwrap_err()["status"], 400);
        // no fields in their order
        let problem = post("funnel", r#"{"steps":[[null,null]]}"#).unwrap_err();
        assert!(problem["detail"].as_str().unwrap().contains("a text or an object"), "{problem}");
    }
}

//! Reads the TOML text of a mapping. Every complaint names the file and the line.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::activities::{Activities, MEANINGS, Meaning, Other};
use super::column::{self, Column};
use super::outcomes::Outcomes;
use super::{Candidate, Kind, Lifetime, MOSAIC, Mapping};
use crate::nearest::nearest;
use crate::{Error, Result, time};

/// A path of more names than this is surely a mistake, and its readings would be many.
const PATH_NAMES_MAX: usize = 8;

type Value<'a> = Spanned<DeValue<'a>>;
type Columns = BTreeMap<Column, Vec<Candidate>>;

/// Reads the built-in mapping.
pub(super) fn mosaic(text: &str) -> Result<Mapping> {
    let read = Document { text, file: "mosaic.toml" }.mapping(Kind::Mosaic, Outcomes::default());
    read.map_err(|error| Error::internal("the built-in mapping is broken").because(error))
}

/// Reads the mapping of a log; it has the built-in words for outcomes unless it lists its own.
pub(super) fn log(text: &str, file: &str) -> Result<Mapping> {
    let document = Document { text, file };
    let mapping = document.mapping(Kind::Log, mosaic(MOSAIC)?.outcomes)?;
    for required in [Column::ACTIVITY, Column::TIMESTAMP] {
        if !mapping.columns.contains_key(&required) {
            let name = required.name();
            return Err(Error::invalid(format!("expected {name} in [columns], saw none"))
                .with("file", file)
                .hint(format!("say which field holds it: {name} = \"…\"")));
        }
    }
    Ok(mapping)
}

/// Reads the table `[columns]` of a settings text and nothing else.
pub(super) fn columns_table(text: &str, file: &str) -> Result<Columns> {
    let document = Document { text, file };
    let table = document.parse()?;
    match table.get_ref().get("columns") {
        Some(columns) => document.columns(columns),
        None => Ok(BTreeMap::new()),
    }
}

#[derive(Clone, Copy)]
struct Document<'a> {
    text: &'a str,
    file: &'a str,
}

impl<'a> Document<'a> {
    fn parse(self) -> Result<Spanned<DeTable<'a>>> {
        DeTable::parse(self.text).map_err(|cause| {
            let message = cause.message().lines().collect::<Vec<_>>().join(", ");
            self.error(cause.span().unwrap_or_default(), format!("expected TOML: {message}"))
        })
    }

    fn mapping(self, kind: Kind, outcomes: Outcomes) -> Result<Mapping> {
        let mut mapping = Mapping {
            kind,
            lifetime: Lifetime::Unlimited,
            zone_s: None,
            columns: BTreeMap::new(),
            activities: None,
            outcomes,
        };
        for (key, value) in self.parse()?.get_ref() {
            match key.get_ref().as_ref() {
                "lifetime" => mapping.lifetime = self.lifetime(value)?,
                "zone" => mapping.zone_s = Some(self.zone(value)?),
                "columns" => mapping.columns = self.columns(value)?,
                "activities" => mapping.activities = Some(self.activities(value)?),
                "outcomes" => self.outcomes(value, &mut mapping.outcomes)?,
                name => {
                    let known = ["lifetime", "zone", "columns", "activities", "outcomes"];
                    return Err(self.unknown("key", name, key.span(), known));
                }
            }
        }
        Ok(mapping)
    }

    fn lifetime(self, value: &Value<'_>) -> Result<Lifetime> {
        let text = self.string(value)?;
        Lifetime::parse(text).ok_or_else(|| {
            let expected = "expected a time such as \"24h\" or \"30d\", or \"unlimited\"";
            self.error(value.span(), format!("{expected}, saw {text:?}"))
        })
    }

    fn zone(self, value: &Value<'_>) -> Result<i64> {
        let text = self.string(value)?;
        time::parse_zone(text).ok_or_else(|| {
            let expected = "expected \"UTC\" or an offset such as \"+02:00\"";
            self.error(value.span(), format!("{expected}, saw {text:?}"))
        })
    }

    fn columns(self, value: &Value<'_>) -> Result<Columns> {
        let mut columns = BTreeMap::new();
        for (key, value) in self.table(value)? {
            let name = key.get_ref().as_ref();
            let column = Column::find(name)
                .ok_or_else(|| self.unknown("column", name, key.span(), column::names()))?;
            let candidates = match value.get_ref() {
                DeValue::Array(values) => values.iter().map(|value| self.candidate(value)).collect(),
                _ => self.candidate(value).map(|candidate| vec![candidate]),
            }?;
            if candidates.is_empty() {
                return Err(self.error(value.span(), "expected at least one path, saw none"));
            }
            columns.insert(column, candidates);
        }
        Ok(columns)
    }

    fn candidate(self, value: &Value<'_>) -> Result<Candidate> {
        let DeValue::Table(table) = value.get_ref() else {
            let path = self.string(value)?;
            let names = path.split('.').count();
            if path.is_empty() || names > PATH_NAMES_MAX {
                let expected = format!("expected a path of 1 to {PATH_NAMES_MAX} names");
                return Err(self.error(value.span(), format!("{expected}, saw {path:?}")));
            }
            return Ok(Candidate::Path(path.to_owned()));
        };
        for (key, _) in table {
            if key.get_ref() != "constant" {
                return Err(self.unknown("key", key.get_ref(), key.span(), ["constant"]));
            }
        }
        let constant = table
            .get("constant")
            .ok_or_else(|| self.error(value.span(), "expected { constant = \"…\" }, saw an empty table"))?;
        match constant.get_ref() {
            DeValue::Integer(number) => Ok(Candidate::Constant(number.to_string())),
            _ => Ok(Candidate::Constant(self.string(constant)?.to_owned())),
        }
    }

    fn activities(self, value: &Value<'_>) -> Result<Activities> {
        let mut patterns: Vec<(String, Meaning)> = Vec::new();
        let mut other = Meaning::find("step_completed").map_or(Other::Keep, Other::Means);
        let meanings = || MEANINGS.iter().map(|(name, _)| *name);
        for (key, value) in self.table(value)? {
            let name = key.get_ref().as_ref();
            if name == "other" {
                other = match self.string(value)? {
                    "keep" => Other::Keep,
                    "catalogue" => Other::Catalogue,
                    word => Other::Means(Meaning::find(word).ok_or_else(|| {
                        self.unknown("meaning", word, value.span(), meanings().chain(["keep", "catalogue"]))
                    })?),
                };
                continue;
            }
            let meaning = Meaning::find(name)
                .ok_or_else(|| self.unknown("meaning", name, key.span(), meanings().chain(["other"])))?;
            for (pattern, span) in self.strings(value)? {
                if patterns.iter().any(|(known, earlier)| *known == pattern && *earlier != meaning) {
                    return Err(self.error(span, format!("expected one meaning of {pattern:?}, saw two")));
                }
                patterns.push((pattern, meaning));
            }
        }
        Ok(Activities::new(patterns, other))
    }

    fn outcomes(self, value: &Value<'_>, outcomes: &mut Outcomes) -> Result<()> {
        for (key, value) in self.table(value)? {
            let words = || Ok::<_, Error>(self.strings(value)?.into_iter().map(|(word, _)| word).collect());
            match key.get_ref().as_ref() {
                "success" => outcomes.success = words()?,
                "failure" => outcomes.failure = words()?,
                name => return Err(self.unknown("key", name, key.span(), ["success", "failure"])),
            }
        }
        Ok(())
    }

    fn table<'v>(self, value: &'v Value<'a>) -> Result<&'v DeTable<'a>> {
        value.get_ref().as_table().ok_or_else(|| self.wrong_type("a table", value))
    }

    fn string<'v>(self, value: &'v Value<'_>) -> Result<&'v str> {
        value.get_ref().as_str().ok_or_else(|| self.wrong_type("a string", value))
    }

    /// A list of strings, or one string alone.
    fn strings(self, value: &Value<'_>) -> Result<Vec<(String, Range<usize>)>> {
        let one = |value: &Value<'_>| Ok((self.string(value)?.to_owned(), value.span()));
        match value.get_ref() {
            DeValue::Array(values) => values.iter().map(one).collect(),
            _ => Ok(vec![one(value)?]),
        }
    }

    fn wrong_type(self, expected: &str, value: &Value<'_>) -> Error {
        self.error(value.span(), format!("expected {expected}, saw {}", value.get_ref().type_str()))
    }

    fn unknown<'k>(
        self,
        what: &str,
        name: &str,
        span: Range<usize>,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Error {
        let known: Vec<&str> = known.into_iter().collect();
        let error = self.error(span, format!("there is no {what} {name:?}"));
        match nearest(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean {near:?}?")),
            None => error.hint(format!("known are: {}", known.join(", "))),
        }
    }

    fn error(self, span: Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.split(|byte| *byte == b'\n').count().saturating_sub(1);
        Error::invalid(message).with("file", self.file).with("line", line)
    }
}

//! The settings file: defaults for command line options, and where promoted columns are found.
//!
//! ```toml
//! store = "/var/lib/wayfare"     # any long option of any command
//! tz = "Europe/Berlin"
//! max-rejects = "1%"
//!
//! [columns]                      # candidate JSON paths inside additional_params
//! journey_id = ["journeyId", "journey.id"]
//! ```
//!
//! A setting gives way to an environment variable, and that to an option given. A key that nothing knows is an
//! error: a misspelt setting that is silently ignored is worse than none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use toml::{Spanned, Value};
use wayfare_query::{Error, Result};

use wayfare_ingest::nearest;

/// A longer settings file is a mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The table for promoted columns.
const COLUMNS: &str = "columns";

/// A settings file that was read and checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Settings {
    /// Values of options, by long option name.
    pub(crate) options: BTreeMap<String, Vec<String>>,
    /// Candidate JSON paths of promoted columns, by column name.
    pub(crate) columns: BTreeMap<String, Vec<String>>,
}

impl Settings {
    /// Reads the file at `path`; `known` are the long names of all options.
    ///
    /// # Errors
    ///
    /// `NotFound` without such a file, `Invalid` with the line when it is not TOML or has an unknown key.
    pub(crate) fn read(path: &Path, known: &[String]) -> Result<Self> {
        let failed = |cause| Error::io("cannot read the settings file", cause).with("file", path.display());
        let file = File::open(path).map_err(failed)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::IsADirectory => {
                Error::invalid("expected a settings file in TOML").because(cause).with("file", path.display())
            }
            _ => failed(cause),
        })?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Error::limit("the settings file is longer than 1 MiB").with("file", path.display()));
        }
        Self::parse(&text, known).map_err(|error| error.with("file", path.display()))
    }

    fn parse(text: &str, known: &[String]) -> Result<Self> {
        let line_of = |offset: usize| text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1;
        let keys: BTreeMap<Spanned<String>, Value> = toml::from_str(text).map_err(|cause| {
            let error = Error::invalid(format!("cannot read the settings: {}", cause.message()));
            match cause.span() {
                Some(span) => error.with("line", line_of(span.start)),
                None => error,
            }
        })?;
        let mut settings = Self::default();
        for (key, value) in keys {
            let placed = |error: Error| error.with("line", line_of(key.span().start));
            let name = key.get_ref().as_str();
            if name == COLUMNS {
                settings.columns = columns(&value).map_err(placed)?;
            } else if known.iter().any(|option| option == name) {
                settings.options.insert(name.to_owned(), texts(name, &value).map_err(placed)?);
            } else {
                let known = known.iter().map(String::as_str).chain([COLUMNS]);
                return Err(placed(unknown("setting", name, known)));
            }
        }
        Ok(settings)
    }
}

fn columns(table: &Value) -> Result<BTreeMap<String, Vec<String>>> {
    use wayfare_ingest::columns::{PROMOTED_INTEGER, PROMOTED_TEXT};

    let promoted = || PROMOTED_TEXT.into_iter().chain(PROMOTED_INTEGER);
    let table = table.as_table().ok_or_else(|| Error::invalid("expected `columns` to be a table"))?;
    let mut columns = BTreeMap::new();
    for (name, paths) in table {
        if !promoted().any(|column| column == name) {
            return Err(unknown("column", name, promoted()));
        }
        columns.insert(name.clone(), texts(name, paths)?);
    }
    Ok(columns)
}

/// One value or a list of them, as they would stand on the command line.
fn texts(name: &str, value: &Value) -> Result<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Datetime(instant) => Some(instant.to_string()),
        Value::Array(_) | Value::Table(_) => None,
    };
    let all = match value {
        Value::Array(list) => list.iter().map(one).collect(),
        single => one(single).map(|text| vec![text]),
    };
    all.ok_or_else(|| Error::invalid(format!("expected `{name}` to be a value or a list of values")))
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let error = Error::invalid(format!("unknown {what} `{name}`"));
    match nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings> {
        let known = ["format", "limit", "quiet", "journey"].map(str::to_owned);
        Settings::parse(text, &known)
    }

    #[test]
    fn options_and_columns_are_read() {
        let settings = parse(
            "format = \"csv\"\nlimit = 5\nquiet = true\njourney = [\"a\", \"b\"]\n[columns]\njourney_id = \"j.id\"\n",
        )
        .unwrap();
        assert_eq!(settings.options["journey"], ["a", "b"]);
        assert_eq!(settings.options["limit"], ["5"]);
        assert_eq!(settings.options["quiet"], ["true"]);
        assert_eq!(settings.columns["journey_id"], ["j.id"]);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line_and_the_nearest_match() {
        let error = parse("limit = 5\nformt = \"csv\"\n").unwrap_err();
        assert_eq!(error.to_string(), "unknown setting `formt` (line 2)");
        assert_eq!(error.advice(), Some("did you mean `format`?"));
        let error = parse("[columns]\njourny_id = \"a\"").unwrap_err();
        assert_eq!(error.advice(), Some("did you mean `journey_id`?"));
    }

    #[test]
    fn broken_toml_names_its_line() {
        let error = parse("limit = 5\nformat =\n").unwrap_err();
        assert!(error.to_string().ends_with("(line 2)"), "{error}");
        assert!(parse("format = [[1]]").is_err());
    }
}

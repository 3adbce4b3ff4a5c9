//! Reads conditions.

use super::{Condition, Op};
use crate::spec::quoted::{self, Quoted};
use crate::{Error, Result};

/// The operators written in signs; longer ones come before those they begin with.
const SIGNS: [(&str, Op); 10] = [
    ("!=", Op::Ne),
    ("<>", Op::Ne),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("!~", Op::NotContains),
    ("==", Op::Eq),
    ("=", Op::Eq),
    ("<", Op::Lt),
    (">", Op::Gt),
    ("~", Op::Contains),
];

const EXPECTED: &str =
    "expected an operator: one of = != < <= > >= ~ !~, in (…), not in (…), is set, is null";

/// The names under which the parameters of an event are addressed.
const PARAMETERS: [&str; 2] = ["params", "additional_params"];

impl Condition {
    /// Reads one condition.
    ///
    /// # Errors
    ///
    /// `Invalid` when the text is no condition, or more than one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut conditions = Self::parse_all(text)?.into_iter();
        match (conditions.next(), conditions.next()) {
            (Some(condition), None) => Ok(condition),
            _ => Err(Error::invalid("expected one condition, saw several joined by and")
                .hint("give them one by one; put a value that has the word and in it in quotes")
                .with("condition", text)),
        }
    }

    /// Reads conditions joined by the word `and`, at least one.
    ///
    /// # Errors
    ///
    /// `Invalid` when one of them is no condition.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        let within = |error: Error| error.with("condition", text);
        let parts = split_at_word(text, "and").map_err(within)?;
        parts.into_iter().map(|part| parse(part).map_err(within)).collect()
    }

    /// Whether a text begins as a condition does: a column and an operator.
    pub(crate) fn begins(text: &str) -> bool {
        head(text.trim()).is_ok()
    }
}

/// Writes a column or key so that it is read back as it is.
pub(super) fn write_name(name: &str) -> String {
    if name.chars().all(is_name_character) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '$' | '@')
}

/// Splits at `word` outside quotes where a condition follows it, so that values may hold the word.
fn split_at_word<'a>(text: &'a str, word: &str) -> Result<Vec<&'a str>> {
    let quoted = Quoted::parse(text)?;
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, space) in text.match_indices(char::is_whitespace) {
        let after_space = at + space.len();
        let Some(rest) = text.get(after_space..).filter(|_| quoted.is_outside(at)) else { continue };
        let Some(next) = strip_word(rest, word) else { continue };
        if at >= from && Condition::begins(next) {
            parts.extend(text.get(from..at).map(str::trim));
            from = text.len() - next.len();
        }
    }
    parts.extend(text.get(from..).map(str::trim));
    Ok(parts)
}

/// What follows `word`, in any letter case, and a space.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    let ends = rest.is_empty() || rest.starts_with(|next: char| next.is_whitespace() || next == '(');
    (start.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

/// A column or path, an operator, and the text of its values.
struct Head<'a> {
    column: String,
    path: Option<Vec<String>>,
    op: Op,
    rest: &'a str,
}

fn parse(text: &str) -> Result<Condition> {
    let Head { column, path, op, rest } = head(text)?;
    let values = match op {
        Op::IsSet | Op::IsNull if rest.is_empty() => Vec::new(),
        Op::IsSet | Op::IsNull => {
            return Err(Error::invalid(format!("expected nothing after {}, saw {rest}", op.as_str())));
        }
        Op::In | Op::NotIn => list(rest)?,
        _ => vec![single(op, rest)?],
    };
    Ok(Condition { column, path, op, values })
}

fn head(text: &str) -> Result<Head<'_>> {
    let (mut names, rest) = names(text)?;
    let rest = rest.trim_start();
    let (op, rest) = operator(rest)?;
    let column = names.remove(0);
    let is_parameters = PARAMETERS.contains(&column.as_str());
    let (column, path) = match (is_parameters, names.is_empty()) {
        (_, true) if column == "params" => ("additional_params".to_owned(), None),
        (_, true) => (column, None),
        (true, false) => ("additional_params".to_owned(), Some(names)),
        (false, false) => {
            let message = format!("only params has keys inside it, saw {column}.{}", names.join("."));
            return Err(Error::invalid(message));
        }
    };
    Ok(Head { column, path, op, rest: rest.trim() })
}

/// The names before the operator, parted by dots; at least one.
fn names(text: &str) -> Result<(Vec<String>, &str)> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = if let Some((name, after)) = quoted::take(rest) {
            (name, after)
        } else {
            let end = rest.find(|character| !is_name_character(character)).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (name.to_owned(), after)
        };
        if name.is_empty() {
            return Err(Error::invalid(format!("expected a column or params.KEY, saw {}", shown(rest))));
        }
        names.push(name);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return Ok((names, after)),
        }
    }
}

fn operator(text: &str) -> Result<(Op, &str)> {
    for (sign, op) in SIGNS {
        if let Some(rest) = text.strip_prefix(sign) {
            return Ok((op, rest));
        }
    }
    let words = |words: &[&str]| words.iter().try_fold(text, |rest, word| strip_word(rest, word));
    let known: [(&[&str], Op); 6] = [
        (&["in"], Op::In),
        (&["not", "in"], Op::NotIn),
        (&["is", "set"], Op::IsSet),
        (&["is", "not", "null"], Op::IsSet),
        (&["is", "not", "set"], Op::IsNull),
        (&["is", "null"], Op::IsNull),
    ];
    if let Some(found) = known.iter().find_map(|(names, op)| Some((*op, words(names)?))) {
        return Ok(found);
    }
    let error = Error::invalid(format!("{EXPECTED}; saw {}", shown(text)));
    Err(match text.split_whitespace().next().unwrap_or_default().to_lowercase().as_str() {
        "contains" | "like" | "ilike" | "matches" => error.hint("write ~ for contains"),
        "is" | "eq" | "equals" => error.hint("write = for equal"),
        _ => error,
    })
}

fn single(op: Op, text: &str) -> Result<String> {
    if text.is_empty() {
        return Err(Error::invalid(format!("expected a value after {}, saw nothing", op.as_str()))
            .hint("write \"\" for the empty text, or is null where there is no value"));
    }
    if let [_, other, ..] = split_at_word(text, "or")?.as_slice() {
        let message = format!("expected one value, saw a second condition after or: {other}");
        return Err(
            Error::invalid(message).hint("write in (a, b) for alternatives, or put the value in quotes")
        );
    }
    quoted::value(text)
}

fn list(text: &str) -> Result<Vec<String>> {
    let items = match text.strip_prefix('(') {
        None => text,
        Some(open) => open
            .strip_suffix(')')
            .ok_or_else(|| Error::invalid(format!("expected a closing ) at the end of {text}")))?,
    };
    let items = Quoted::parse(items)?.split(",");
    if items.iter().any(|item| item.is_empty()) {
        return Err(Error::invalid(format!("expected values parted by commas, saw {}", shown(text))));
    }
    items.into_iter().map(quoted::value).collect()
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

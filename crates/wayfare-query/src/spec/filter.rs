//! Conditions on events and runs: `platform=ios`, `http_status >= 500`, `error_message ~ timeout`,
//! `country in (DE, AT)`, `params.offer.id is set`.
//!
//! | operator | holds when |
//! | --- | --- |
//! | `=` `!=` | the text is (not) the value |
//! | `<` `<=` `>` `>=` | it is smaller or greater: as numbers when both are, as texts when the value is no number |
//! | `~` `!~` | it contains the value (or not), letter case ignored |
//! | `in (a, b)` `not in (a, b)` | it is (not) one of the values |
//! | `is set` `is null` | there is (no) value |
//!
//! Nothing but `is null` holds where there is no value, `!=`, `!~` and `not in` neither. Values with
//! operators, commas or words like `and` in them are put in quotes, a quote in them is written twice.

mod matching;
mod parse;

use std::fmt;

use super::quoted::write;

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `~`, letter case ignored.
    Contains,
    /// `!~`, letter case ignored.
    NotContains,
    /// `in (…)`
    In,
    /// `not in (…)`
    NotIn,
    /// `is set`
    IsSet,
    /// `is null`
    IsNull,
}

impl Op {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Contains => "~",
            Self::NotContains => "!~",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::IsSet => "is set",
            Self::IsNull => "is null",
        }
    }
}

/// One condition: a column or a place in the parameters, an operator and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The column; `additional_params` where `path` is given.
    pub column: String,
    /// The keys that lead to a value inside the JSON text of the column, outermost first.
    pub path: Option<Vec<String>>,
    /// How it is compared.
    pub op: Op,
    /// What it is compared with: none for `is set` and `is null`, at least one for `in` and `not in`, else one.
    pub values: Vec<String>,
}

impl Condition {
    /// What is compared: the column, or `params.` and the keys.
    pub fn subject(&self) -> String {
        match &self.path {
            Some(path) => format!("params.{}", path.join(".")),
            None => self.column.clone(),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            None => f.write_str(&parse::write_name(&self.column))?,
            Some(path) => {
                f.write_str("params")?;
                for key in path {
                    write!(f, ".{}", parse::write_name(key))?;
                }
            }
        }
        let values: Vec<_> = self.values.iter().map(|value| write(value)).collect();
        match self.op {
            Op::IsSet | Op::IsNull => write!(f, " {}", self.op.as_str()),
            Op::In | Op::NotIn => write!(f, " {} ({})", self.op.as_str(), values.join(", ")),
            _ => write!(f, " {} {}", self.op.as_str(), values.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests;

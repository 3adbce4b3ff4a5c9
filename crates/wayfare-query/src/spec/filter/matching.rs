//! What a condition says of a text.

use std::cmp::Ordering;

use super::{Condition, Op};

impl Condition {
    /// Whether the condition holds for the text of its column, or of the value at its path.
    pub fn matches_text(&self, text: Option<&str>) -> bool {
        let Some(text) = text else { return self.op == Op::IsNull };
        let value = self.values.first().map_or("", String::as_str);
        let order = || compare(text, value);
        match self.op {
            Op::Eq => text == value,
            Op::Ne => text != value,
            Op::Lt => order() == Some(Ordering::Less),
            Op::Le => order().is_some_and(Ordering::is_le),
            Op::Gt => order() == Some(Ordering::Greater),
            Op::Ge => order().is_some_and(Ordering::is_ge),
            Op::Contains => contains(text, value),
            Op::NotContains => !contains(text, value),
            Op::In => self.values.iter().any(|value| value == text),
            Op::NotIn => !self.values.iter().any(|value| value == text),
            Op::IsSet => true,
            Op::IsNull => false,
        }
    }
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Compares as numbers when both are; a text that is no number has no order towards a value that is one.
fn compare(text: &str, value: &str) -> Option<Ordering> {
    let Some(wanted) = number(value) else { return Some(text.cmp(value)) };
    match (text.trim().parse::<i128>(), value.trim().parse::<i128>()) {
        (Ok(text), Ok(value)) => Some(text.cmp(&value)),
        _ => number(text)?.partial_cmp(&wanted),
    }
}

/// A decimal number; words such as `inf` and `nan` are none.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.trim_start_matches(['-', '+']);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.').then(|| text.parse().ok())?
}

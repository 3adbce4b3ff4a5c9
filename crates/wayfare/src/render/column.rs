//! What a column of a report means to a person, told by its name and type.

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::DataType;
use chrono::SubsecRound as _;
use chrono_tz::Tz;
use wayfare_query::Report;

use super::cell::{Cell, cell};
use super::{human, machine};
use wayfare_query::words;

/// How wide a bar is.
const BAR_CELLS: usize = 12;

/// Numbers that name something instead of counting it.
const NAMES: [&str; 4] = ["http_status", "step_number", "line", "snapshot"];

/// Columns of `explain` whose words stand in others, or whose value is the same on every row.
const EXPLAINED: [&str; 10] = [
    "effect",
    "late_by_ms",
    "opens_attempt",
    "attempt_level",
    "attempt_ending",
    "attempt_reported",
    "level",
    "drop_off",
    "counted",
    "state",
];

/// The first digits of an event's id, by which `wayfare event` finds it.
const EVENT_ID_DIGITS: usize = 10;

/// A column as a person sees it.
#[derive(Debug)]
pub(super) struct Column<'a> {
    /// The name in the schema.
    pub(super) name: &'a str,
    /// The heading.
    pub(super) heading: String,
    meaning: Meaning,
    bar: bool,
    values: &'a ArrayRef,
}

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Text,
    /// How many of something.
    Count,
    /// A number as it is.
    Number,
    /// Milliseconds.
    Duration,
    /// A point in time, to the millisecond.
    Instant,
    /// A point in time of which people want the second.
    Second,
    /// A part of one.
    Rate,
    /// How likely chance alone is.
    Probability,
    /// A difference of two parts of one.
    Points,
}

/// A value ready to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// What a value's colour would say. It never says anything that the text does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
    Waiting,
    Faint,
}

/// How values are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Time zone of instants.
    pub(super) zone: Tz,
    /// Whether bars are drawn.
    pub(super) bars: bool,
    /// Whether characters beyond ASCII may be used.
    pub(super) unicode: bool,
}

/// The columns that people see, and the names of those that only machine formats have.
pub(super) fn columns(report: &Report) -> (Vec<Column<'_>>, Vec<&str>) {
    let schema = report.batch.schema_ref();
    let of_rate = |name: &str| {
        let rates = Report::RATE_PARTS.iter().filter_map(|part| name.strip_suffix(part));
        rates.into_iter().any(|rate| !rate.is_empty() && schema.field_with_name(rate).is_ok())
    };
    let (mut seen, mut hidden, mut barred) = (Vec::new(), Vec::new(), false);
    for (field, values) in schema.fields().iter().zip(report.batch.columns()) {
        let name = field.name().as_str();
        let is_explained = report.name == "explain" && EXPLAINED.contains(&name);
        if is_explained || report.name != "sql" && of_rate(name) {
            hidden.push(name);
            continue;
        }
        let meaning = Meaning::of(name, field.data_type(), report.name);
        let bar = !barred && has_bar(report.name, name) && meaning == Meaning::Rate;
        barred |= bar;
        seen.push(Column { name, heading: heading(name, report.name), meaning, bar, values });
    }
    (seen, hidden)
}

/// The column whose shares are drawn: how far runs get, and what makes up the failures.
fn has_bar(report: &str, name: &str) -> bool {
    match report {
        "funnel" => name == "share_of_first",
        "failures" | "calls" | "durations" | "paths" | "sessions" => is_share(name),
        _ => false,
    }
}

fn is_share(name: &str) -> bool {
    name == "share" || name.starts_with("share_") || name.ends_with("_share")
}

/// A query's own names stay; ours lose their unit, which the values carry.
fn heading(name: &str, report: &str) -> String {
    if report == "sql" {
        return human::one_line(name);
    }
    if report == "funnel" && name == "step_number" {
        return "#".to_owned();
    }
    name.strip_suffix("_ms").unwrap_or(name).replace('_', " ")
}

impl Meaning {
    fn of(name: &str, kind: &DataType, report: &str) -> Self {
        match kind {
            DataType::Dictionary(_, values) => Self::of(name, values, report),
            DataType::Timestamp(..) if report != "sql" => Self::Second,
            DataType::Timestamp(..) => Self::Instant,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Number,
            kind if !kind.is_numeric() => Self::Text,
            _ if report == "sql" || NAMES.contains(&name) => Self::Number,
            _ if matches!(name, "p_value" | "q_value") => Self::Probability,
            _ if name.starts_with("difference_in_rate") || name.ends_with("_effect") => Self::Points,
            _ if name.ends_with("_ms") => Self::Duration,
            kind if kind.is_integer() => Self::Count,
            _ if is_share(name) || name == "rate" || name.contains("_rate") => Self::Rate,
            _ => Self::Count,
        }
    }
}

impl Column<'_> {
    /// Whether values stand at the right edge.
    pub(super) fn to_the_right(&self, manner: Manner) -> bool {
        let barred = self.bar && manner.bars;
        !barred && !matches!(self.meaning, Meaning::Text | Meaning::Instant | Meaning::Second)
    }

    /// Whether values may be cut to make room. Half an id is of no use to anyone.
    pub(super) fn may_be_cut(&self) -> bool {
        self.meaning == Meaning::Text && !self.name.ends_with("_id")
    }

    /// Whether values are words.
    pub(super) fn is_text(&self) -> bool {
        self.meaning == Meaning::Text
    }

    /// Whether there is no value in any row.
    pub(super) fn is_empty(&self) -> bool {
        self.values.logical_null_count() == self.values.len()
    }

    /// The text that all of several rows have.
    pub(super) fn constant(&self, manner: Manner) -> Option<String> {
        let rows = self.values.len();
        if self.meaning != Meaning::Text || rows < 2 {
            return None;
        }
        let first = self.show(0, manner).text;
        (1..rows).all(|row| self.show(row, manner).text == first).then_some(first)
    }

    /// The value at `row` for a person.
    pub(super) fn show(&self, row: usize, manner: Manner) -> Shown {
        let value = cell(self.values.as_ref(), row);
        if matches!(value, Cell::Null) {
            let text = if manner.unicode { "–" } else { "-" };
            return Shown { text: text.to_owned(), tone: Tone::Faint };
        }
        let text = match (self.meaning, number(&value)) {
            (Meaning::Duration, Some(ms)) => words::duration(ms),
            (Meaning::Rate, Some(rate)) if self.bar && manner.bars => {
                let text =
                    format!("{:>8}  {}", human::percent(rate), human::bar(rate, BAR_CELLS, manner.unicode));
                text.trim_end().to_owned()
            }
            (Meaning::Rate, Some(rate)) => human::percent(rate),
            (Meaning::Probability, Some(p)) => human::probability(p),
            (Meaning::Points, Some(difference)) => human::points(difference),
            (Meaning::Count, _) => counted(&value),
            (Meaning::Instant | Meaning::Second, _) => match value {
                Cell::Instant { at, zoned } => {
                    let at = if self.meaning == Meaning::Second { at.trunc_subsecs(0) } else { at };
                    words::instant(at, if zoned { manner.zone } else { Tz::UTC })
                }
                other => machine::text(&other).into_owned(),
            },
            (Meaning::Text, _) if self.name == "event_id" => {
                machine::text(&value).chars().take(EVENT_ID_DIGITS).collect()
            }
            _ => human::one_line(&machine::text(&value)),
        };
        let tone = tone(self.name, &text);
        Shown { text, tone }
    }
}

fn counted(value: &Cell<'_>) -> String {
    match value {
        Cell::Float(number) => human::decimal(*number),
        Cell::Single(number) => human::decimal(f64::from(*number)),
        other => words::grouped(&machine::text(other)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with two units or one decimal")]
fn number(value: &Cell<'_>) -> Option<f64> {
    match value {
        Cell::Int(number) => Some(*number as f64),
        Cell::UInt(number) => Some(*number as f64),
        Cell::Float(number) => Some(*number),
        Cell::Single(number) => Some(f64::from(*number)),
        _ => None,
    }
}

fn tone(column: &str, text: &str) -> Tone {
    if !matches!(column, "state" | "outcome" | "recommendation") {
        return Tone::Plain;
    }
    match text {
        "succeeded" | "success" | "ALLOW" | "TRUST" => Tone::Good,
        "failed" | "failure" | "error" | "rejected" | "DENY" => Tone::Bad,
        "abandoned" | "CHALLENGE" => Tone::Waiting,
        "open" => Tone::Faint,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_tell_the_meaning() {
        let of = |name, kind| Meaning::of(name, &kind, "overview");
        assert_eq!(of("average_duration_ms", DataType::Float64), Meaning::Duration);
        assert_eq!(of("completion_rate", DataType::Float64), Meaning::Rate);
        assert_eq!(of("success_rate_of_started", DataType::Float64), Meaning::Rate);
        assert_eq!(of("share_of_first", DataType::Float64), Meaning::Rate);
        assert_eq!(of("reached", DataType::Int64), Meaning::Count);
        assert_eq!(of("http_status", DataType::Int64), Meaning::Number);
        assert_eq!(of("q_value", DataType::Float64), Meaning::Probability);
        assert_eq!(of("difference_in_rate_from", DataType::Float64), Meaning::Points);
        assert_eq!(of("journey_id", DataType::Utf8View), Meaning::Text);
        assert_eq!(Meaning::of("latency_ms", &DataType::Int64, "sql"), Meaning::Number);
    }
}

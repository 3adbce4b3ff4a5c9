//! Row count and value ranges of a data file, as the log keeps them (Delta protocol, "Per-file statistics").

use std::collections::BTreeMap;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{max_string, min_string};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType, UInt32Type};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Values longer than this are left out of the ranges: readers would need truncation rules to trust them.
const VALUE_BYTES_MAX: usize = 128;

/// The smallest and the largest value of a column in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueRange {
    /// Of a text column.
    Text(String, String),
    /// Of an instant, in microseconds.
    Micros(i64, i64),
}

/// What the log knows of a file's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Number of rows.
    pub rows: u64,
    /// Value ranges by column; a column without one may hold anything.
    pub ranges: BTreeMap<String, ValueRange>,
    /// Number of nulls by column.
    pub nulls: BTreeMap<String, u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    num_records: u64,
    #[serde(default)]
    min_values: Map<String, Value>,
    #[serde(default)]
    max_values: Map<String, Value>,
    #[serde(default)]
    null_count: Map<String, Value>,
}

/// Reads the statistics text of a log entry.
pub(super) fn parse(text: &str) -> Result<Statistics> {
    let wire: Wire = serde_json::from_str(text)
        .map_err(|cause| Error::corrupt("the log's statistics cannot be understood").because(cause))?;
    let mut ranges = BTreeMap::new();
    for (name, low) in &wire.min_values {
        if let Some(range) = wire.max_values.get(name).and_then(|high| range_of(name, low, high)) {
            ranges.insert(name.clone(), range);
        }
    }
    let nulls =
        wire.null_count.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect();
    Ok(Statistics { rows: wire.num_records, ranges, nulls })
}

fn range_of(column: &str, low: &Value, high: &Value) -> Option<ValueRange> {
    let (low, high) = (low.as_str()?, high.as_str()?);
    if column != "timestamp" && !column.ends_with("_at") {
        return Some(ValueRange::Text(low.to_owned(), high.to_owned()));
    }
    let micros = |text| DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp_micros());
    Some(ValueRange::Micros(micros(low)?, micros(high)?))
}

/// What was seen of the rows of a file so far.
#[derive(Debug)]
pub(super) struct Seen {
    rows: u64,
    columns: Vec<SeenColumn>,
}

#[derive(Debug)]
struct SeenColumn {
    name: &'static str,
    nulls: u64,
    range: Option<ValueRange>,
}

impl Seen {
    /// Nothing yet; ranges are kept of the columns named.
    pub(super) fn of(columns: &[&'static str]) -> Self {
        let columns = columns.iter().map(|&name| SeenColumn { name, nulls: 0, range: None });
        Self { rows: 0, columns: columns.collect() }
    }

    /// Takes further rows in.
    pub(super) fn add(&mut self, rows: &RecordBatch) {
        self.rows += rows.num_rows() as u64;
        for seen in &mut self.columns {
            let Some(column) = rows.column_by_name(seen.name) else { continue };
            seen.nulls += column.null_count() as u64;
            let further = value_range(column);
            seen.range = match (seen.range.take(), further) {
                (Some(before), Some(further)) => Some(before.with(further)),
                (before, further) => before.or(further),
            };
        }
    }

    /// Rows taken in.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The statistics text of the file's log entry.
    pub(super) fn to_text(&self) -> Result<String> {
        let mut wire = Wire {
            num_records: self.rows,
            min_values: Map::new(),
            max_values: Map::new(),
            null_count: Map::new(),
        };
        for SeenColumn { name, nulls, range } in &self.columns {
            wire.null_count.insert((*name).to_owned(), (*nulls).into());
            if let Some((low, high)) = range.as_ref().and_then(ValueRange::texts) {
                wire.min_values.insert((*name).to_owned(), low.into());
                wire.max_values.insert((*name).to_owned(), high.into());
            }
        }
        serde_json::to_string(&wire)
            .map_err(|cause| Error::internal("statistics have no text").because(cause))
    }
}

impl ValueRange {
    /// The range of the values of both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Text(low, high), Self::Text(other_low, other_high)) => {
                Self::Text(low.min(other_low), high.max(other_high))
            }
            (Self::Micros(low, high), Self::Micros(other_low, other_high)) => {
                Self::Micros(low.min(other_low), high.max(other_high))
            }
            // a column has one type
            (range, _) => range,
        }
    }

    /// Both ends as the log writes them; `None` when readers could not trust them.
    fn texts(&self) -> Option<(String, String)> {
        match self {
            Self::Text(low, high) => {
                let short = low.len() <= VALUE_BYTES_MAX && high.len() <= VALUE_BYTES_MAX;
                short.then(|| (low.clone(), high.clone()))
            }
            Self::Micros(low, high) => Some((instant_text(*low)?, instant_text(*high)?)),
        }
    }
}

fn value_range(column: &ArrayRef) -> Option<ValueRange> {
    match column.data_type() {
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            Some(ValueRange::Text(min_string(values)?.to_owned(), max_string(values)?.to_owned()))
        }
        DataType::Utf8View => {
            let values = column.as_string_view();
            let mut last = None;
            // Neighbours often have the same text, and then the same view; that of a null may be anything.
            let valid = values.views().iter().enumerate().filter(|&(row, _)| values.is_valid(row));
            let changes = valid.filter(|(_, view)| last.replace(*view) != Some(*view));
            spanned(changes.map(|(row, _)| values.value(row)))
        }
        DataType::Dictionary(..) => dictionary_range(column),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            Some(ValueRange::Micros(arrow::compute::min(values)?, arrow::compute::max(values)?))
        }
        _ => None,
    }
}

/// The range of the texts that rows have; a dictionary may hold others.
fn dictionary_range(column: &ArrayRef) -> Option<ValueRange> {
    let column = column.as_dictionary_opt::<UInt32Type>()?;
    let texts = column.values().as_string_opt::<i32>()?;
    let mut last = None;
    let changes = column.keys().iter().flatten().filter(|key| last.replace(*key) != Some(*key));
    spanned(changes.map(|key| texts.value(key as usize)))
}

fn spanned<'a>(texts: impl Iterator<Item = &'a str>) -> Option<ValueRange> {
    let wider = |(low, high): (&'a str, &'a str), text: &'a str| (low.min(text), high.max(text));
    let (low, high) = texts.map(|text| (text, text)).reduce(|range, (text, _)| wider(range, text))?;
    Some(ValueRange::Text(low.to_owned(), high.to_owned()))
}

fn instant_text(micros: i64) -> Option<String> {
    DateTime::from_timestamp_micros(micros)
        .map(|instant| instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringArray, StringViewArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    fn rows(values: &[Option<&str>]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("journey_id", DataType::Utf8, true)]);
        let column: ArrayRef = Arc::new(values.iter().copied().collect::<StringArray>());
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    }

    fn range(batches: &[RecordBatch]) -> (Statistics, Option<ValueRange>) {
        let mut seen = Seen::of(&["journey_id"]);
        for batch in batches {
            seen.add(batch);
        }
        let statistics = parse(&seen.to_text().unwrap()).unwrap();
        let range = statistics.ranges.get("journey_id").cloned();
        (statistics, range)
    }

    #[test]
    fn batches_add_up_to_the_file() {
        let batches = [rows(&[Some("login"), None]), rows(&[None]), rows(&[Some("kyc"), Some("login")])];
        let (statistics, range) = range(&batches);
        assert_eq!((statistics.rows, statistics.nulls["journey_id"]), (5, 2));
        assert_eq!(range, Some(ValueRange::Text("kyc".into(), "login".into())));
    }

    #[test]
    fn the_view_of_a_null_hides_no_value() {
        let values = StringViewArray::from(vec!["b", "a", "a", "c"]);
        let nulls = Some(vec![true, false, true, true].into());
        let values = StringViewArray::new(values.views().clone(), values.data_buffers().to_vec(), nulls);
        let range = value_range(&(Arc::new(values) as ArrayRef));
        assert_eq!(range, Some(ValueRange::Text("a".into(), "c".into())));
    }

    #[test]
    fn a_value_that_is_too_long_takes_the_range_away() {
        let long = "z".repeat(VALUE_BYTES_MAX + 1);
        assert_eq!(range(&[rows(&[Some("a")]), rows(&[Some(&long)]), rows(&[Some("b")])]).1, None);
    }
}

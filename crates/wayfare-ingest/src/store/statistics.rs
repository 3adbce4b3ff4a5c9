//! Row count and value ranges of a data file, as the log keeps them (Delta protocol, "Per-file statistics").

use std::collections::BTreeMap;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{max_string, min_string};
use arrow::datatypes::{DataType, FieldRef, Schema, TimeUnit, TimestampMicrosecondType, UInt32Type};
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
    /// The columns of the file, in order.
    columns: Vec<SeenColumn>,
}

#[derive(Debug)]
struct SeenColumn {
    name: String,
    /// `None` when there are files that do not tell.
    nulls: Option<u64>,
    is_ranged: bool,
    range: Option<ValueRange>,
    /// Whether there are values of which no range is known.
    is_unbounded: bool,
}

impl Seen {
    /// Nothing yet of rows with these columns; ranges are kept of those named.
    pub(super) fn of(schema: &Schema, ranges_of: &[&str]) -> Self {
        let column = |field: &FieldRef| SeenColumn {
            name: field.name().clone(),
            nulls: Some(0),
            is_ranged: ranges_of.contains(&field.name().as_str()),
            range: None,
            is_unbounded: false,
        };
        Self { rows: 0, columns: schema.fields().iter().map(column).collect() }
    }

    /// Takes further rows in.
    pub(super) fn add(&mut self, rows: &RecordBatch) {
        self.rows += rows.num_rows() as u64;
        for (seen, column) in self.columns.iter_mut().zip(rows.columns()) {
            seen.nulls = seen.nulls.map(|nulls| nulls + column.null_count() as u64);
            if seen.is_ranged {
                seen.widen(value_range(column));
            }
        }
    }

    /// Takes all rows of a file in, as far as the log tells of them.
    pub(super) fn add_file(&mut self, file: &Statistics) {
        self.rows += file.rows;
        for seen in &mut self.columns {
            let told = file.nulls.get(&seen.name).copied();
            // of columns without a range the log tells only when all values are missing
            let nulls = if seen.is_ranged { told } else { Some(told.unwrap_or_default()) };
            seen.nulls = seen.nulls.zip(nulls).map(|(before, further)| before + further);
            if seen.is_ranged {
                let range = file.ranges.get(&seen.name).cloned();
                seen.is_unbounded |= range.is_none() && told != Some(file.rows);
                seen.widen(range);
            }
        }
    }

    /// Rows taken in.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The statistics text of the file's log entry. Nulls are told of columns with a range, and of those that have nothing
    /// else: they need not be read.
    pub(super) fn to_text(&self) -> Result<String> {
        let mut wire = Wire {
            num_records: self.rows,
            min_values: Map::new(),
            max_values: Map::new(),
            null_count: Map::new(),
        };
        for SeenColumn { name, nulls, is_ranged, range, is_unbounded } in &self.columns {
            if let Some(nulls) = nulls.filter(|nulls| *is_ranged || (*nulls == self.rows && self.rows > 0)) {
                wire.null_count.insert(name.clone(), nulls.into());
            }
            let range = range.as_ref().filter(|_| !is_unbounded);
            if let Some((low, high)) = range.and_then(ValueRange::texts) {
                wire.min_values.insert(name.clone(), low.into());
                wire.max_values.insert(name.clone(), high.into());
            }
        }
        serde_json::to_string(&wire)
            .map_err(|cause| Error::internal("statistics have no text").because(cause))
    }
}

impl SeenColumn {
    fn widen(&mut self, further: Option<ValueRange>) {
        self.range = match (self.range.take(), further) {
            (Some(before), Some(further)) => Some(before.with(further)),
            (before, further) => before.or(further),
        };
    }
}

impl Statistics {
    /// Whether no row has a value of a column, as far as the log knows.
    pub fn is_empty_column(&self, name: &str) -> bool {
        self.nulls.get(name).is_some_and(|nulls| *nulls == self.rows)
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
    let mut seen = vec![false; texts.len()];
    let mut is_new = |key: &usize| seen.get_mut(*key).is_some_and(|seen| !std::mem::replace(seen, true));
    let distinct = column.keys().iter().flatten().map(|key| key as usize).filter(|key| is_new(key));
    spanned(distinct.map(|key| texts.value(key)))
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
    use arrow::datatypes::Field;

    use super::*;

    fn rows(values: &[Option<&str>]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("journey_id", DataType::Utf8, true)]);
        let column: ArrayRef = Arc::new(values.iter().copied().collect::<StringArray>());
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    }

    fn range(batches: &[RecordBatch]) -> (Statistics, Option<ValueRange>) {
        let mut seen = Seen::of(&batches[0].schema(), &["journey_id"]);
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
    fn a_column_without_values_is_told_without_its_range() {
        let schema = Schema::new(["a", "b"].map(|name| Field::new(name, DataType::Utf8, true)).to_vec());
        let mut seen = Seen::of(&schema, &[]);
        let told = |seen: &Seen| parse(&seen.to_text().unwrap()).unwrap();
        assert!(!told(&seen).is_empty_column("a"));
        for text in [None, Some("x")] {
            let columns = [text, None].map(|text| Arc::new(StringArray::from(vec![text, None])) as ArrayRef);
            seen.add(&RecordBatch::try_new(Arc::new(schema.clone()), columns.to_vec()).unwrap());
            assert_eq!(told(&seen).is_empty_column("a"), text.is_none());
            assert!(told(&seen).is_empty_column("b"));
        }
        assert_eq!(told(&seen).nulls, [("b".to_owned(), 4)].into());
    }

    #[test]
    fn files_add_up_as_their_rows_do() {
        let long = "z".repeat(VALUE_BYTES_MAX + 1);
        let batches =
            [rows(&[Some("login"), None]), rows(&[None]), rows(&[Some("kyc")]), rows(&[Some(&long)])];
        let mut files = Seen::of(&batches[0].schema(), &["journey_id"]);
        let mut told = Vec::new();
        for (count, batch) in (1..).zip(&batches) {
            files.add_file(&range(std::slice::from_ref(batch)).0);
            let of_files = parse(&files.to_text().unwrap()).unwrap();
            assert_eq!(of_files, range(&batches[..count]).0, "{count} files");
            told.push(of_files.ranges.contains_key("journey_id"));
        }
        assert_eq!(told, [true, true, true, false]);
        // a file whose log knew of no such column tells nothing of its nulls
        files.add_file(&Statistics { rows: 3, ..Statistics::default() });
        let of_files = parse(&files.to_text().unwrap()).unwrap();
        assert_eq!((of_files.rows, of_files.nulls.get("journey_id")), (8, None));
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

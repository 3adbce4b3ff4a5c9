//! Row count and value ranges of a data file, as the log keeps them (Delta protocol, "Per-file statistics").

use std::collections::BTreeMap;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::{max_string, min_string};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
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

/// Computes the statistics text of rows, with ranges of the named columns.
pub(super) fn of_rows(rows: &RecordBatch, columns: &[&str]) -> Result<String> {
    let mut wire = Wire {
        num_records: rows.num_rows() as u64,
        min_values: Map::new(),
        max_values: Map::new(),
        null_count: Map::new(),
    };
    for &name in columns {
        let Some(column) = rows.column_by_name(name) else { continue };
        wire.null_count.insert(name.to_owned(), column.null_count().into());
        if let Some((low, high)) = value_range(column) {
            wire.min_values.insert(name.to_owned(), low.into());
            wire.max_values.insert(name.to_owned(), high.into());
        }
    }
    serde_json::to_string(&wire).map_err(|cause| Error::internal("statistics have no text").because(cause))
}

fn value_range(column: &ArrayRef) -> Option<(String, String)> {
    match column.data_type() {
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            let (low, high) = (min_string(values)?, max_string(values)?);
            let short = low.len() <= VALUE_BYTES_MAX && high.len() <= VALUE_BYTES_MAX;
            short.then(|| (low.to_owned(), high.to_owned()))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            let low = arrow::compute::min(values)?;
            let high = arrow::compute::max(values)?;
            Some((instant_text(low)?, instant_text(high)?))
        }
        _ => None,
    }
}

fn instant_text(micros: i64) -> Option<String> {
    DateTime::from_timestamp_micros(micros)
        .map(|instant| instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

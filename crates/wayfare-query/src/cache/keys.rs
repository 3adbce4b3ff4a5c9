//! The invocations of a cache file as numbers: what tells, without reading the file, whose runs are in it.
//!
//! Every cache file ends with an appendix of 12 bytes a run: the first 8 bytes of a digest of the invocation id, and
//! the date of the run's last event in days since 1970, both little-endian.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use chrono::{Days, NaiveDate};

use crate::{Error, Result};

const KEY_BYTES: usize = 12;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// One run of a cache file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The number of the invocation id.
    pub(crate) number: u64,
    /// The date of the last event, in days since 1970.
    pub(crate) last_day: i32,
}

/// The number of an invocation id. Two ids of one number cost a link too many.
pub(crate) fn number_of(invocation_id: &str) -> u64 {
    let digest = blake3::hash(invocation_id.as_bytes());
    let mut first = [0; 8];
    first.iter_mut().zip(digest.as_bytes()).for_each(|(to, &from)| *to = from);
    u64::from_le_bytes(first)
}

/// The appendix of a cache file with these runs, whose columns are those of the file.
pub(crate) fn appendix(runs: &RecordBatch) -> Result<Vec<u8>> {
    let column =
        |name: &str| runs.column_by_name(name).ok_or_else(|| Error::internal("a column of runs is missing"));
    let ids = column("invocation_id")?.as_string::<i32>();
    let lasts = column("last_at")?.as_primitive::<TimestampMicrosecondType>();
    let mut bytes = Vec::with_capacity(ids.len() * KEY_BYTES);
    for (id, &last_us) in ids.iter().zip(lasts.values()) {
        let last_day = i32::try_from(last_us.div_euclid(MICROS_A_DAY)).unwrap_or(i32::MAX);
        bytes.extend(number_of(id.unwrap_or_default()).to_le_bytes());
        bytes.extend(last_day.to_le_bytes());
    }
    Ok(bytes)
}

/// Reads an appendix.
pub(crate) fn read(bytes: &[u8]) -> impl Iterator<Item = Key> {
    let (keys, _rest) = bytes.as_chunks::<KEY_BYTES>();
    keys.iter().map(|&[a, b, c, d, e, f, g, h, i, j, k, l]| Key {
        number: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        last_day: i32::from_le_bytes([i, j, k, l]),
    })
}

/// A date in days since 1970.
pub(crate) fn day_of(date: NaiveDate) -> i32 {
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

/// The date of so many days since 1970.
pub(crate) fn date_of_day(day: i32) -> Option<NaiveDate> {
    let days = Days::new(day.unsigned_abs().into());
    if day < 0 {
        NaiveDate::default().checked_sub_days(days)
    } else {
        NaiveDate::default().checked_add_days(days)
    }
}

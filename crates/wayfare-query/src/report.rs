//! What every report comes back as: rows with a fixed schema, and what they were computed from.

use arrow::array::RecordBatch;
use serde_json::Value;

/// The answer to one [`Spec`](crate::spec::Spec).
///
/// Column names carry unit and meaning, so that an encoder needs nothing else: `*_ms` is a duration in
/// milliseconds, `*_at` an instant (microseconds, UTC), `*_rate`, `share_*` and `*_share` a part of one between
/// 0 and 1, null where there is nothing to divide by. A rate `X` has the siblings `X_numerator`, `X_denominator`,
/// `X_low` and `X_high` ([`Report::RATE_PARTS`]).
#[derive(Debug, Clone)]
pub struct Report {
    /// The report's name, as in the spec: `overview`, `funnel`, …
    pub name: &'static str,
    /// One line for people; empty for a query of the user's own.
    pub title: String,
    /// The spec as it was answered, with relative instants and defaults resolved.
    pub spec: Value,
    /// Version of the store that was read.
    pub snapshot: i64,
    /// The as-of time, milliseconds since 1970 UTC.
    pub as_of_ms: i64,
    /// The rows.
    pub batch: RecordBatch,
    /// How many rows there were before the limit; `None` when none were cut or nobody counted.
    pub rows_total: Option<u64>,
    /// Remarks for the reader: why the answer is empty, what was left out.
    pub notes: Vec<String>,
}

impl Report {
    /// Endings of the columns that stand beside a rate: what it was divided from and by, and its interval.
    pub const RATE_PARTS: [&'static str; 4] = ["_numerator", "_denominator", "_low", "_high"];

    /// How many rows the limit kept back.
    pub fn rows_cut(&self) -> u64 {
        let given = u64::try_from(self.batch.num_rows()).unwrap_or(u64::MAX);
        self.rows_total.map_or(0, |total| total.saturating_sub(given))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;

    use super::*;

    #[test]
    fn rows_cut_are_those_beyond_the_given() {
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut report = Report {
            name: "overview",
            title: String::new(),
            spec: Value::Null,
            snapshot: 0,
            as_of_ms: 0,
            batch,
            rows_total: None,
            notes: Vec::new(),
        };
        assert_eq!(report.rows_cut(), 0);
        report.rows_total = Some(7);
        assert_eq!(report.rows_cut(), 7);
    }
}

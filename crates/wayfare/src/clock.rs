//! The one place that reads the time of day.

/// Milliseconds since 1970, UTC.
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock comes from")]
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

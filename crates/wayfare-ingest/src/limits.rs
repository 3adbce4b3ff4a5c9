//! The named limits of everything that reads outside input.

/// The bounds of what a file may ask of the reader. Memory stays proportional to `block_bytes` and
/// `line_bytes_max`, whatever the size of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest record in bytes; a longer one is rejected and skipped, the file goes on. Default 1 MiB.
    pub line_bytes_max: usize,
    /// The deepest nesting of objects and arrays in a record, itself counted. Default 64.
    pub depth_max: usize,
    /// How much of a rejected record is kept. Default 2 KiB.
    pub reject_text_bytes_max: usize,
    /// The most bytes that one input may hold once unpacked; more is an error. Default 256 GiB.
    pub decompressed_bytes_max: u64,
    /// The most unpacked bytes for each packed one, looked at beyond [`Limits::ratio_free_bytes`]; more is
    /// an error (a "bomb"). Default 1000; logs pack 10 to 100 times.
    pub decompression_ratio_max: u64,
    /// The unpacked bytes from which the ratio counts. Default 64 MiB.
    pub ratio_free_bytes: u64,
    /// The most files that the arguments of one call may name. Default 100,000.
    pub files_max: usize,
    /// The size of the pieces that are parsed in parallel. Default 1 MiB.
    pub block_bytes: usize,
    /// The earliest time of an event of the platform, in milliseconds since 1970; one before it is rejected. Default
    /// 2000-01-01: what is earlier is a clock that was never set. Logs with a mapping of their own have no such bound.
    pub event_min_ms: i64,
    /// How far the time of an event may be after that of its ingest, in milliseconds; one beyond it is rejected, since the
    /// latest event is the "now" of all reports. Default 24 h: more than any zone that was mistaken.
    pub event_ahead_max_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: 1 << 20,
            depth_max: 64,
            reject_text_bytes_max: 2 << 10,
            decompressed_bytes_max: 256 << 30,
            decompression_ratio_max: 1000,
            ratio_free_bytes: 64 << 20,
            files_max: 100_000,
            block_bytes: 1 << 20,
            event_min_ms: 946_684_800_000,
            event_ahead_max_ms: 24 * 3_600_000,
        }
    }
}

//! How the files of a table are laid out: order, statistics, dictionaries, filters.

/// What the files of a table are written with.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// The columns that rows are sorted by, nulls first.
    pub sorted_by: &'static [&'static str],
    /// The columns that the log keeps value ranges of.
    pub ranges_of: &'static [&'static str],
    /// The columns without a dictionary, since their values do not repeat.
    pub plain: &'static [&'static str],
    /// The columns with a bloom filter a row group, for look-ups of single values.
    pub filtered: &'static [&'static str],
}

/// Files of `events`: the events of one run are neighbours.
pub const EVENTS_LAYOUT: FileLayout = FileLayout {
    sorted_by: &["journey_id", "invocation_id", "timestamp", "event_id"],
    ranges_of: &["timestamp", "journey_id", "invocation_id", "user_id", "activity"],
    plain: &["event_id"],
    filtered: &["invocation_id", "user_id"],
};

/// Files of `quarantine`: as the records came.
pub(crate) const QUARANTINE_LAYOUT: FileLayout =
    FileLayout { sorted_by: &[], ranges_of: &[], plain: &[], filtered: &[] };

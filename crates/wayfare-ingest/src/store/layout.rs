//! How the files of a table are laid out: order, statistics, dictionaries, filters.

/// The level at which zstd's gain in size flattens on event text, while writing stays cheap.
const ZSTD_LEVEL: i32 = 3;

/// What the files of a table are written with.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// How hard zstd tries to make pages small.
    pub zstd_level: i32,
    /// The columns that rows are sorted by, nulls first.
    pub sorted_by: &'static [&'static str],
    /// The columns that the log keeps value ranges of.
    pub ranges_of: &'static [&'static str],
    /// The columns without a dictionary, since their values hardly repeat, or repeat in rows that are neighbours.
    pub plain: &'static [&'static str],
    /// The columns without statistics of pages and row groups, since ranges of their values say nothing.
    pub unranked: &'static [&'static str],
    /// The columns with a bloom filter a row group, for look-ups of single values.
    pub filtered: &'static [&'static str],
    /// The columns of numbers that are kept as differences from row to row, packed by bits and not otherwise.
    pub packed: &'static [&'static str],
    /// The columns of bytes that are kept as they are, one after the other behind their lengths, and without statistics.
    pub raw: &'static [&'static str],
    /// The columns of texts that hardly repeat, but begin as the one before.
    pub prefixed: &'static [&'static str],
    /// The columns of long values that are the same in many rows: they stay in a dictionary, whatever its size.
    pub shared: &'static [&'static str],
    /// The columns that are read so often that quick unpacking counts for more than size.
    pub hot: &'static [&'static str],
    /// The column, first in the sort order, by which rows are looked for: row groups end where it changes, so that
    /// the rows of a value are a few row groups and those row groups hold little else. Such a file is written
    /// by one call.
    pub grouped_by: Option<&'static str>,
}

impl FileLayout {
    /// Without a sort order and with the same encoding for all columns.
    pub const PLAIN: Self = Self {
        zstd_level: ZSTD_LEVEL,
        sorted_by: &[],
        ranges_of: &[],
        plain: &[],
        unranked: &[],
        filtered: &[],
        packed: &[],
        raw: &[],
        prefixed: &[],
        shared: &[],
        hot: &[],
        grouped_by: None,
    };

    /// Whether the distinct texts of a column stand in a dictionary.
    pub fn has_dictionary(&self, column: &str) -> bool {
        ![self.plain, self.packed, self.raw, self.prefixed].iter().any(|columns| columns.contains(&column))
    }
}

/// Files of `events`: the events of one run are neighbours.
pub const EVENTS_LAYOUT: FileLayout = FileLayout {
    sorted_by: &["journey_id", "invocation_id", "timestamp", "event_id"],
    ranges_of: &["timestamp", "journey_id", "invocation_id", "parent_invocation_id", "user_id", "activity"],
    plain: &["timestamp", "user_id"],
    unranked: &[
        "additional_params",
        "ip",
        "user_agent",
        "platform",
        "os",
        "browser",
        "country",
        "step_type",
        "step_category",
    ],
    raw: &["event_id"],
    prefixed: &["additional_params"],
    filtered: &["invocation_id", "parent_invocation_id", "user_id"],
    ..FileLayout::PLAIN
};

/// Files of `quarantine`: records of a batch that is sent again are counted, and the log tells which files hold them.
pub(crate) const QUARANTINE_LAYOUT: FileLayout = FileLayout { ranges_of: &["batch_id"], ..FileLayout::PLAIN };

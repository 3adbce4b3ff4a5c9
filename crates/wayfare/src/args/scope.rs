//! The options that say which runs a report is about.

use clap::Args;
use wayfare_query::spec::Scope;

/// The options common to all reports.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which runs")]
pub(crate) struct ScopeArgs {
    /// Only these journeys, by id; repeatable, or a comma list
    #[arg(long, short, value_name = "ID", value_delimiter = ',')]
    journey: Vec<String>,

    /// Only these versions of the journey; repeatable, or a comma list
    #[arg(long = "version", id = "journey_version", value_name = "V", value_delimiter = ',')]
    version: Vec<String>,

    /// Runs that began at this instant or later
    ///
    /// A date, a date and time, a relative word such as `yesterday` or `-7d`, or milliseconds since 1970.
    ///
    /// The range selects runs by their first event; their later events count wherever they lie.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    from: Option<String>,

    /// Runs that began before this instant
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    to: Option<String>,

    /// Time zone of dates, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", env = "WAYFARE_TZ", hide_env_values = true)]
    tz: Option<String>,

    /// What counts as "now" for open and abandoned runs [default: the latest event]
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<String>,

    /// Only runs for which this holds, such as `platform=ios`; repeatable
    #[arg(long = "where", id = "filters", value_name = "CONDITION")]
    filters: Vec<String>,

    /// Split by these columns, such as `journey_version,platform`
    #[arg(long, value_name = "DIM", value_delimiter = ',')]
    by: Vec<String>,

    /// Most rows to give
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,

    /// Only these columns of the answer, in this order, by their names in `--format json`; a comma list
    ///
    /// What no column needs is not computed: a funnel without its times is answered sooner.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
}

impl From<ScopeArgs> for Scope {
    fn from(args: ScopeArgs) -> Self {
        Self {
            journey: trimmed(&args.journey),
            version: trimmed(&args.version),
            from: args.from,
            to: args.to,
            tz: args.tz,
            as_of: args.as_of,
            filters: args.filters,
            by: trimmed(&args.by),
            limit: args.limit,
            columns: trimmed(&args.columns),
        }
    }
}

/// `a, b` is the list of `a` and `b`.
fn trimmed(list: &[String]) -> Vec<String> {
    list.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

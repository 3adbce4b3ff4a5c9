//! `wayfare activity LOG`.

use clap::{Args, ValueEnum};
use wayfare_query::spec::{ActivitySpec, Log, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare activity user --store shop --user u4GdH1rTz8Kq2LmVxY0pc --from -7d
  wayfare activity user --store shop --type 'User login' --by country,day
  wayfare activity admin --store shop --actor I7ZaBq210K31O8CQpadXX --search otp_validity
  wayfare activity verify --store shop --where 'params.cause is set' --limit 20
  wayfare activity risk --store shop --where recommendation=DENY --by action_type
  wayfare activity user --store shop --all --output events.parquet";

/// List the events of one log, newest first, page by page; or count them
///
/// The platform's two activity pages, and the same for its other two sources. What follows a page is listed by
/// the same command with `--after`, told at its end: no event is left out or repeated, even while more are taken in.
/// With --by events are counted. With --all everything is written, whatever its size.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Activity {
    /// Whose events
    #[arg(value_name = "LOG", value_enum)]
    log: LogName,

    /// Only these event types, such as `User login` or `updateApp`; repeatable, or a comma list
    #[arg(
        long = "type",
        id = "event_type",
        value_name = "TYPE",
        value_delimiter = ',',
        help_heading = "Which events"
    )]
    event_type: Vec<String>,

    /// Only events of these users, by id
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Which events")]
    user: Vec<String>,

    /// Only what these administrators or apps did, by id
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Which events")]
    actor: Vec<String>,

    /// Only what was done to these resources, by id, or by type: tenant, app, user
    #[arg(long, value_name = "ID", value_delimiter = ',', help_heading = "Which events")]
    target: Vec<String>,

    /// Only events from these IP addresses
    #[arg(long, value_name = "IP", value_delimiter = ',', help_heading = "Which events")]
    ip: Vec<String>,

    /// Only events from these countries
    #[arg(long, value_name = "CODE", value_delimiter = ',', help_heading = "Which events")]
    country: Vec<String>,

    /// Only events whose parameters contain this text, letter case ignored
    #[arg(long, value_name = "TEXT", help_heading = "Which events")]
    search: Option<String>,

    /// Begin with the oldest event
    #[arg(long, help_heading = "List")]
    oldest_first: bool,

    /// Go on behind the page that ended with this
    #[arg(long, value_name = "NEXT", help_heading = "List")]
    after: Option<String>,

    /// All events instead of a page: needs ndjson, csv, json, parquet or arrow
    #[arg(long, help_heading = "List", conflicts_with = "by")]
    pub(crate) all: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

/// The logs by name.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogName {
    /// Authentication, user management and journeys
    User,
    /// Changes of the configuration
    Admin,
    /// Identity verification
    Verify,
    /// Fraud prevention
    Risk,
}

impl From<LogName> for Log {
    fn from(name: LogName) -> Self {
        match name {
            LogName::User => Self::User,
            LogName::Admin => Self::Admin,
            LogName::Verify => Self::Verify,
            LogName::Risk => Self::Risk,
        }
    }
}

impl Activity {
    pub(crate) fn spec(self) -> Spec {
        let Self {
            log,
            event_type,
            user,
            actor,
            target,
            ip,
            country,
            search,
            oldest_first,
            after,
            all: _,
            scope,
        } = self;
        let log = log.into();
        let scope = scope.into();
        Spec::Activity(ActivitySpec {
            log,
            scope,
            event_type,
            user,
            actor,
            target,
            ip,
            country,
            search,
            oldest_first,
            after,
        })
    }
}

//! `wayfare vacuum`.

use std::time::Duration;

use clap::Args;
use wayfare_query::spec::parse_duration_ms;
use wayfare_query::{Error, Result};

use super::summary;
use crate::backend::{self, OnMissing};
use crate::exit::Exit;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare vacuum --store shop --dry-run
  wayfare vacuum --store shop --older-than 1d";

/// Remove files that compaction replaced, and what commands that were killed left behind
///
/// A file goes when no version of its table younger than --older-than needs it. A report that is running keeps its
/// version, so the age has to be longer than the longest report; with 0s nobody else may use the store.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Vacuum {
    /// Keep what was replaced or written since: 36h, 7d, 2w
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = age)]
    older_than: Duration,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
}

fn age(text: &str) -> Result<Duration, String> {
    let millis = parse_duration_ms(text).map_err(|error: Error| error.to_string())?;
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_negative| format!("expected an age, saw {text}"))
}

impl Vacuum {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = summary::out(session)?;
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        let done = backend::vacuum(&store, self.older_than, self.dry_run).await?;
        for line in summary::vacuum_lines(&done) {
            session.say(line);
        }
        summary::write(&summary::vacuum_json(&done), session, out)?;
        Ok(Exit::Done)
    }
}

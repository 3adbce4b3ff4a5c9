//! `wayfare retain`.

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};
use wayfare_ingest::{Resolve, Retained};
use wayfare_query::Result;
use wayfare_query::words::count;

use super::summary;
use crate::backend::{self, OnMissing, upkeep};
use crate::exit::Exit;
use crate::render::size;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare retain --store shop --older-than 180d
  wayfare retain --store shop --older-than 180d --yes
  wayfare retain --store shop --older-than 2026-01-01 --source risk --source admin --yes";

/// Remove what is older than it may be kept, for good
///
/// Without --yes it says what would go and changes nothing. Events go by the day (UTC) on which they happened, runs of the
/// cache by the day on which they started, rejected records by the day on which they were read. Afterwards no former
/// version of the store is left, either.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Retain {
    /// How long events are kept, such as 180d, or the first day that is kept
    #[arg(long, value_name = "AGE|DAY")]
    older_than: String,

    /// Only events of this source [default: all, and rejected records]
    #[arg(long, value_name = "SOURCE", value_parser = ["cis", "verify", "risk", "admin"])]
    source: Vec<String>,

    /// Do it; without this nothing is changed
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,

    /// Only say what would go, as without --yes
    #[arg(long)]
    dry_run: bool,
}

impl Retain {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = summary::out(session)?;
        let resolve = if self.yes { Resolve::Carry } else { Resolve::Plan };
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        let (before, retained) = upkeep::retain(&store, &self.older_than, &self.source, resolve).await?;
        for line in lines(before, &retained, resolve) {
            session.say(line);
        }
        summary::write(&to_json(before, &retained, resolve), session, out)?;
        Ok(Exit::Done)
    }
}

fn lines(before: NaiveDate, retained: &Retained, resolve: Resolve) -> Vec<String> {
    if retained.files.is_empty() {
        return vec![format!("nothing is older than {before}")];
    }
    let verb = if resolve == Resolve::Carry { "removed" } else { "would remove" };
    let mut lines = vec![format!(
        "{verb} what is older than {before}: {} files, {}",
        count(retained.files.len() as u64),
        size(retained.bytes)
    )];
    for (name, rows) in &retained.rows {
        lines.push(format!("  {name}: {} rows", count(*rows)));
    }
    if let Some((first, last)) = retained.days {
        lines.push(format!("  events of {first} to {last}"));
    }
    if resolve == Resolve::Plan {
        lines.push("nothing was changed: add --yes to do it".to_owned());
    }
    lines
}

fn to_json(before: NaiveDate, retained: &Retained, resolve: Resolve) -> Value {
    json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "retain",
        "carried_out": resolve == Resolve::Carry,
        "first_day_kept": before.to_string(),
        "rows": retained.rows,
        "first_day": retained.days.map(|(first, _)| first.to_string()),
        "last_day": retained.days.map(|(_, last)| last.to_string()),
        "files": retained.files,
        "bytes": retained.bytes,
        "files_removed": retained.swept.files,
        "log_entries_removed": retained.swept.log_entries,
        "bytes_removed": retained.swept.bytes,
    })
}

//! `wayfare compact`.

use clap::Args;
use wayfare_query::Result;

use super::summary;
use crate::backend::{self, OnMissing};
use crate::exit::Exit;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare compact --store shop
  wayfare compact --store shop --memory 2GB --quiet";

/// Merge event files, remove repeated events and fold runs ahead of the reports: faster answers, the same numbers
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Compact {}

impl Compact {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let Self {} = self;
        let out = summary::out(session)?;
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        let progress = session.progress("compacting");
        let done = backend::compact(&store, &progress).await?;
        session.clear_progress();
        for line in summary::compact_lines(&done) {
            session.say(line);
        }
        summary::write(&summary::compact_json(&done), session, out)?;
        Ok(Exit::Done)
    }
}

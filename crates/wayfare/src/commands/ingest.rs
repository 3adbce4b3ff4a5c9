//! `wayfare ingest FILE…`.

use std::path::PathBuf;

use clap::Args;
use wayfare_query::{Error, Result};

use super::summary;
use crate::args::MaxRejects;
use crate::backend::{self, IngestOptions, IngestSummary, OnMissing};
use crate::exit::Exit;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare ingest --store shop events.ndjson.gz
  wayfare ingest --store shop 'exports/*.json' more/ --source cis
  wayfare ingest --store shop tickets.csv --mapping tickets.toml
  zstd -dc events.zst | wayfare ingest --store shop - --max-rejects 1%
  wayfare ingest --store shop hour.ndjson --batch-id 2026-03-30T13";

/// Take event files into the store, which is made if there is none
///
/// NDJSON, a JSON array or CSV with a header line, plain or compressed with gzip or zstd: told by content, not
/// by name. Rejected records are kept in quarantine with their place and reason; everything else is stored, and
/// what is stored already counts once.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Ingest {
    /// Files, globs, folders, or `-` for stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// The source of all records [default: as each record says, else cis]
    #[arg(long, value_name = "SOURCE", value_parser = ["cis", "verify", "risk", "admin"], help_heading = "Input")]
    source: Option<String>,

    /// File (TOML) that says which columns of the log are what
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    mapping: Option<PathBuf>,

    /// Name of the one input: sent again under it, it is not stored again [default: a digest of its bytes]
    #[arg(long, value_name = "ID", help_heading = "Input")]
    batch_id: Option<String>,

    /// Store inputs again that are in the store, to bring back events that were lost: those still there count once
    #[arg(long, help_heading = "Input")]
    again: bool,

    /// Keep pseudonyms instead of ids of persons and devices, addresses and e-mail: file with the key (a new store only)
    #[arg(long, value_name = "KEYFILE", help_heading = "Input")]
    pseudonyms: Option<PathBuf>,

    /// End with code 3 when more records than this are rejected: a number, or a share such as 1%
    #[arg(long, value_name = "N|P%", default_value = "0", help_heading = "Input")]
    max_rejects: MaxRejects,
}

impl Ingest {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = summary::out(session)?;
        let store_options = session.store_options(OnMissing::Create)?;
        // first, so that a mistyped name leaves no empty store behind
        let prepared = backend::prepare(&IngestOptions {
            inputs: self.files,
            source: self.source,
            mapping: self.mapping,
            columns: session.settings.columns.clone(),
            batch_id: self.batch_id,
            again: self.again,
            pseudonyms: self.pseudonyms,
        })?;
        let store = backend::open(store_options).await?;
        let progress = session.progress("reading");
        let summary = backend::ingest(&store, prepared, &progress).await?;
        session.clear_progress();
        for line in summary::ingest_lines(&summary) {
            session.say(line);
        }
        let written = summary::write(&summary::ingest_json(&summary), session, out);
        // a reader of the summary that went away does not make bad input good
        match verdict(summary, self.max_rejects, session)? {
            Exit::Done => written.map(|()| Exit::Done),
            worse => Ok(worse),
        }
    }
}

/// A file that broke off weighs more than rejected records.
fn verdict(summary: IngestSummary, allowed: MaxRejects, session: &Session) -> Result<Exit> {
    let IngestSummary { failures, rejected, read, rejected_before, read_before, .. } = summary;
    let mut failures = failures.into_iter();
    if let Some(first) = failures.next() {
        for other in failures {
            session.complain(&other);
        }
        return Err(first);
    }
    // the same file again is as good as it was: a job that is started again must not take it for better
    let (rejected, read) = (rejected + rejected_before, read + read_before);
    if allowed.allows(rejected, read) {
        return Ok(Exit::Done);
    }
    let message = format!("{rejected} of {read} records were rejected, more than --max-rejects {allowed}");
    session
        .complain(&Error::invalid(message).hint("the good records are stored, the others are in quarantine"));
    Ok(Exit::Rejects)
}

#[cfg(test)]
mod tests {
    use wayfare_query::ErrorKind;

    use super::*;

    #[test]
    fn too_many_rejects_and_broken_files_have_codes_of_their_own() {
        let session = Session::silent();
        let summary =
            |rejected, failures| IngestSummary { read: 100, rejected, failures, ..Default::default() };
        let one_percent = MaxRejects::Share(1000);
        assert_eq!(verdict(summary(1, vec![]), one_percent, &session).unwrap(), Exit::Done);
        assert_eq!(verdict(summary(2, vec![]), one_percent, &session).unwrap(), Exit::Rejects);
        let known =
            IngestSummary { read_before: 100, rejected_before: 2, files_known: 1, ..Default::default() };
        assert_eq!(verdict(known, one_percent, &session).unwrap(), Exit::Rejects);
        let broken = vec![Error::corrupt("the file ends early"), Error::invalid("not text")];
        assert_eq!(
            verdict(summary(2, broken), one_percent, &session).unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
}

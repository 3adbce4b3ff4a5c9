//! `wayfare verify`.

use clap::Args;
use serde_json::{Value, json};
use wayfare_ingest::{Check, Finding, Health, Repair};
use wayfare_query::words::count;
use wayfare_query::{Error, Result};

use super::summary;
use crate::backend::{self, OnMissing, upkeep};
use crate::exit::Exit;
use crate::render::size;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare verify --store shop
  wayfare verify --store shop --format json --output health.json
  wayfare verify --store shop --repair

Exit codes: 0 all is sound, or was rebuilt; 7 something is damaged, or rows are lost";

const RESTORE: &str = "restore the store from a backup, or make a new one from the event files";

/// Findings that people are shown; machines get all.
const FINDINGS_SHOWN_MAX: usize = 20;

/// Check every file of the store: is it there, and is it what was written?
///
/// Reads all of it: logs, checksums, rows, their order and partition, the log's counts and ranges, and whether the
/// cached runs are those that the events give. With --repair, a damaged part of the cache is dropped, and a
/// damaged file of events is moved to the folder `damaged`, so that reports work again without its rows.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Take damaged files out of the store, and say what is lost
    #[arg(long)]
    repair: bool,
}

impl Verify {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = summary::out(session)?;
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        let progress = session.progress("checking");
        let health = upkeep::verify(&store, &progress).await?;
        session.clear_progress();
        for line in lines(&health) {
            session.say(line);
        }
        let repaired = match (self.repair, health.findings.as_slice()) {
            (true, findings @ [_, ..]) => Some(upkeep::repair(&store, findings).await?),
            _ => None,
        };
        let (exit, complaint) = verdict(&health, repaired.as_ref());
        if let Some(done) = &repaired {
            for file in &done.rebuilt {
                session.say(format_args!("dropped from the cache: {file}"));
            }
            for (file, rows) in &done.lost {
                session.say(format_args!("lost {} rows of {file}", count(*rows)));
            }
        }
        let written = summary::write(&to_json(&health, repaired.as_ref()), session, out);
        if let Some(complaint) = complaint {
            session.complain(&complaint);
            return Ok(exit);
        }
        written.map(|()| exit)
    }
}

fn verdict(health: &Health, repaired: Option<&Repair>) -> (Exit, Option<Error>) {
    let damaged = |message: String, hint: &str| (Exit::Damaged, Some(Error::corrupt(message).hint(hint)));
    match repaired {
        _ if health.findings.is_empty() => (Exit::Done, None),
        None if health.findings.iter().any(|finding| finding.check == Check::Log) => {
            damaged("the log of a table is damaged".to_owned(), RESTORE)
        }
        None => damaged(
            format!("damage in {}", counted(health.findings.len(), "place")),
            "`wayfare verify --repair` takes damaged files out; a backup brings their rows back",
        ),
        Some(done) if !done.left.is_empty() => damaged(
            format!("damage that cannot be repaired in {}", counted(done.left.len(), "place")),
            RESTORE,
        ),
        Some(done) if !done.lost.is_empty() => damaged(
            format!("{} rows are lost", done.lost.values().sum::<u64>()),
            "the store can be used again; `wayfare ingest --again FILE…` brings the rows back from the event files",
        ),
        Some(_) => (Exit::Done, None),
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn lines(health: &Health) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &health.tables {
        let Some(version) = table.version else {
            lines.push(format!("{:<11} cannot be read", table.name));
            continue;
        };
        let former = match table.unreferenced_files {
            0 => String::new(),
            files => {
                format!(
                    " · and {} files of former versions, {}",
                    count(files),
                    size(table.unreferenced_bytes)
                )
            }
        };
        lines.push(format!(
            "{:<11} version {version} · {} files · {} rows · {}{former}",
            table.name,
            count(table.files),
            count(table.rows),
            size(table.bytes)
        ));
    }
    for path in &health.leftovers {
        lines.push(format!("left over: {path}"));
    }
    for finding in health.findings.iter().take(FINDINGS_SHOWN_MAX) {
        let Finding { table, file, check, detail, .. } = finding;
        lines.push(format!("{table}/{file}: {}: {detail}", check.as_str()));
    }
    if let Some(more) = health.findings.len().checked_sub(FINDINGS_SHOWN_MAX).filter(|more| *more > 0) {
        lines.push(format!("… {more} more (--format json has all)"));
    }
    if health.findings.is_empty() {
        lines.push("all is as it was written".to_owned());
    }
    lines
}

fn to_json(health: &Health, repaired: Option<&Repair>) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "table": finding.table, "file": finding.file, "check": finding.check.as_str(),
            "detail": finding.detail, "rows": finding.rows,
        })
    };
    let tables = health.tables.iter().map(|table| {
        json!({
            "table": table.name, "version": table.version, "files": table.files, "rows": table.rows,
            "bytes": table.bytes, "unreferenced_files": table.unreferenced_files,
            "unreferenced_bytes": table.unreferenced_bytes,
        })
    });
    let mut json = json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "verify",
        "sound": health.findings.is_empty(),
        "tables": tables.collect::<Vec<_>>(),
        "findings": health.findings.iter().map(finding).collect::<Vec<_>>(),
        "leftovers": health.leftovers,
    });
    if let (Some(done), Some(json)) = (repaired, json.as_object_mut()) {
        json.insert(
            "repair".to_owned(),
            json!({
                "rebuilt": done.rebuilt,
                "lost": done.lost,
                "left": done.left.iter().map(finding).collect::<Vec<_>>(),
            }),
        );
    }
    json
}

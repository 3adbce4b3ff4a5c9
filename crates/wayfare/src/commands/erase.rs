//! `wayfare erase`.

use std::time::Instant;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use wayfare_ingest::{Erased, Receipt, Resolve, Subject, SubjectKind};
use wayfare_query::Result;
use wayfare_query::words::count;

use super::summary;
use crate::backend::{self, OnMissing, upkeep};
use crate::exit::Exit;
use crate::render::size;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare erase --store shop --user u-1001
  wayfare erase --store shop --user u-1001 --yes --format json --output receipt.json
  wayfare erase --store shop --device d-77 --device d-78 --yes";

/// Remove all that names a user, a run, a device or a correlation id, for good
///
/// Without --yes it says what would go and changes nothing. A row goes when it names the id in one of its columns, or as
/// a word in any text, and the rest of its run goes with it. Afterwards no former version of the store is left, either.
/// The receipt (--format json) names no id, only a digest of it. Broken off, the same command completes it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("subject").required(true).multiple(true).args(["user", "invocation", "device", "correlation"]))]
pub(crate) struct Erase {
    /// Id of a person
    #[arg(long, value_name = "ID", help_heading = "What to erase")]
    user: Vec<String>,

    /// Id of a run of a journey
    #[arg(long, value_name = "ID", help_heading = "What to erase")]
    invocation: Vec<String>,

    /// Id of a device
    #[arg(long, value_name = "ID", help_heading = "What to erase")]
    device: Vec<String>,

    /// Id that joins events of several sources
    #[arg(long, value_name = "ID", help_heading = "What to erase")]
    correlation: Vec<String>,

    /// Do it; without this nothing is changed
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,

    /// Only say what would go, as without --yes
    #[arg(long)]
    dry_run: bool,
}

impl Erase {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let out = summary::out(session)?;
        let resolve = if self.yes { Resolve::Carry } else { Resolve::Plan };
        let store = backend::open(session.store_options(OnMissing::Fail)?).await?;
        let subjects = self.subjects();
        let progress = session.progress("searching");
        let started = Instant::now();
        let receipt = upkeep::erase(&store, &subjects, resolve, &progress).await?;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        session.clear_progress();
        for line in lines(&receipt, resolve) {
            session.say(line);
        }
        summary::write(&to_json(&receipt, &subjects, resolve, elapsed_ms), session, out)?;
        Ok(Exit::Done)
    }

    fn subjects(self) -> Vec<Subject> {
        let of = |kind, ids: Vec<String>| ids.into_iter().map(move |id| Subject { kind, id });
        of(SubjectKind::User, self.user)
            .chain(of(SubjectKind::Invocation, self.invocation))
            .chain(of(SubjectKind::Device, self.device))
            .chain(of(SubjectKind::Correlation, self.correlation))
            .collect()
    }
}

fn lines(receipt: &Receipt, resolve: Resolve) -> Vec<String> {
    let verb = if resolve == Resolve::Carry { "removed" } else { "would remove" };
    let mut lines = Vec::new();
    let rows: u64 = receipt.tables.iter().map(|table| table.rows_removed).sum();
    let bytes: u64 = receipt.tables.iter().map(|table| table.bytes_searched).sum();
    let files: u64 = receipt.tables.iter().map(|table| table.files_searched).sum();
    lines.push(format!("searched {} files, {}", count(files), size(bytes)));
    for Erased { table, files, rows_removed, .. } in &receipt.tables {
        if !files.is_empty() {
            let what = if *table == "invocations" { "cached runs, in whole files," } else { "rows" };
            lines.push(format!("{verb} {} {what} of {} files of {table}", count(*rows_removed), files.len()));
        }
    }
    match rows {
        0 => lines.push("nothing in the store names it".to_owned()),
        _ => lines.push(format!("{} runs name it", count(receipt.runs))),
    }
    if receipt.inside_words > 0 {
        let places = count(receipt.inside_words);
        lines.push(format!("note: in {places} places it is part of a longer word; those are left"));
    }
    if resolve == Resolve::Carry {
        let swept = &receipt.swept;
        lines.push(format!(
            "removed the past: {} data files and {} entries of logs, {}",
            count(swept.files.len() as u64),
            count(swept.log_entries),
            size(swept.bytes)
        ));
    } else {
        lines.push("nothing was changed: add --yes to do it".to_owned());
    }
    lines
}

fn to_json(receipt: &Receipt, subjects: &[Subject], resolve: Resolve, elapsed_ms: u64) -> Value {
    let tables = receipt.tables.iter().map(|table| {
        json!({
            "table": table.table,
            "files_searched": table.files_searched,
            "bytes_searched": table.bytes_searched,
            "rows_removed": table.rows_removed,
            "files_replaced": table.files,
            "files_written": table.files_written,
            "bytes_written": table.bytes_written,
        })
    });
    let subjects = subjects
        .iter()
        .map(|subject| json!({ "kind": subject.kind.as_str(), "id_blake3": subject.digest() }));
    json!({
        "schema_version": crate::render::SCHEMA_VERSION,
        "report": "erase",
        "carried_out": resolve == Resolve::Carry,
        "at_ms": crate::clock::now_ms(),
        "subjects": subjects.collect::<Vec<_>>(),
        "runs": receipt.runs,
        "inside_words": receipt.inside_words,
        "tables": tables.collect::<Vec<_>>(),
        "files_removed": receipt.swept.files,
        "log_entries_removed": receipt.swept.log_entries,
        "bytes_removed": receipt.swept.bytes,
        "elapsed_ms": elapsed_ms,
    })
}

//! `wayfare demo`.

use std::path::{Path, PathBuf};

use arrow::array::Array as _;
use clap::Args;
use wayfare_query::spec::{FunnelSpec, Scope, Spec};
use wayfare_query::{Report, Result};

use super::generate::Generate;
use super::summary;
use crate::backend::{self, OnMissing};
use crate::exit::Exit;
use crate::out::write_failed;
use crate::render::text_of;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare demo
  wayfare demo /tmp/sample";

/// The folder when none is given.
const FOLDER: &str = "demo-store";

/// Make a store with sample events and show what can be asked of it
///
/// Six journeys over 30 days, the same for everyone. Running it again changes nothing.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Demo {
    /// Folder of the store to make [default: --store, else ./demo-store]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Demo {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let folder = self.folder.or_else(|| session.global.store.clone()).unwrap_or_else(|| FOLDER.into());
        let mut out = session.out()?;
        let store = backend::open(session.store_options_at(folder.clone(), OnMissing::Create)).await?;
        let progress = session.progress("sample");
        let loaded = backend::ingest_sample(&store, Generate::sample(), &progress).await?;
        session.clear_progress();
        for line in summary::ingest_lines(&loaded) {
            session.say(line);
        }
        session.say("");

        let journeys = backend::run(&store, Spec::Journeys(Scope::default())).await?;
        let journey = first_journey(&journeys);
        for (index, spec) in tour(journey.as_deref()).into_iter().enumerate() {
            let report = backend::run(&store, spec).await?;
            if index > 0 {
                session.gap(&mut out).map_err(write_failed)?;
            }
            session.show(&report, &mut out)?;
        }
        out.finish()?;
        for line in next_commands(&folder, journey.as_deref()) {
            session.say(line);
        }
        Ok(Exit::Done)
    }
}

/// The journey that the tour looks into.
fn first_journey(journeys: &Report) -> Option<String> {
    let column = journeys.batch.column_by_name("journey_id")?;
    (!column.is_empty()).then(|| text_of(column.as_ref(), 0)).filter(|id| !id.is_empty())
}

/// Overview of all journeys, then funnel, steps and failures of one.
fn tour(journey: Option<&str>) -> Vec<Spec> {
    let by_journey = Scope { by: vec!["journey_id".to_owned()], ..Scope::default() };
    let mut specs = vec![Spec::Overview(by_journey)];
    if let Some(journey) = journey {
        let scope = Scope { journey: vec![journey.to_owned()], ..Scope::default() };
        specs.push(Spec::Funnel(FunnelSpec { scope: scope.clone(), ..FunnelSpec::default() }));
        specs.push(Spec::Steps(scope.clone()));
        specs.push(Spec::Failures(Scope { limit: Some(10), ..scope }));
    }
    specs
}

fn next_commands(folder: &Path, journey: Option<&str>) -> Vec<String> {
    let store = quoted(&folder.display().to_string());
    let journey = quoted(journey.unwrap_or("JOURNEY"));
    vec![
        String::new(),
        "Next:".to_owned(),
        format!("  wayfare funnel --store {store} --journey {journey} --by platform"),
        format!("  wayfare invocations --store {store} --journey {journey} --where state=failed --limit 10"),
        format!("  wayfare ingest --store my-store YOUR-EVENTS.ndjson"),
    ]
}

/// The word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_looks_into_one_journey() {
        assert_eq!(tour(None).len(), 1);
        let specs = tour(Some("login"));
        assert_eq!(specs.len(), 4);
        assert!(matches!(&specs[1], Spec::Funnel(f) if f.scope.journey == ["login"]));
    }

    #[test]
    fn next_commands_can_be_pasted() {
        let lines = next_commands(Path::new("my store"), Some("login"));
        assert_eq!(lines[2], "  wayfare funnel --store 'my store' --journey login --by platform");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

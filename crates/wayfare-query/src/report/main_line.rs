//! The main line of a journey: the steps that most successful runs complete, in the order they do it.

use std::collections::{BTreeMap, HashSet};

use arrow::array::AsArray as _;
use datafusion::logical_expr::{col, lit};

use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{collect, column, integers};
use crate::spec::step_text;
use crate::timeline::{Kind, tokens};
use crate::{Error, Result};

/// Proposes the steps, as texts, of the one journey in the scope.
///
/// # Errors
/// `Invalid` when the scope names no journey or several, or no run of the journey completed a step.
pub(super) async fn propose(question: &Question<'_>) -> Result<Vec<String>> {
    let [journey] = question.scope.journey.as_slice() else {
        return Err(Error::invalid("expected steps, or one journey whose main line is to be taken")
            .hint("`--journey J`, or `--step A --step B …`; `wayfare journeys` lists what there is"));
    };
    if question.snapshot.events.files.is_empty() {
        return Err(Error::not_found(format!(
            "the store has no events yet, so there is no journey {journey}"
        ))
        .hint("`wayfare ingest --store DIR FILE…` adds some"));
    }
    super::empty::check_names(question).await?;
    // A scope without any has the line of the whole journey: its answer is a funnel of nothing that says why.
    let of_journey = question.all_runs(&[])?.filter(col("journey_id").eq(lit(journey)));
    let of_journey = of_journey.map_err(|cause| of_datafusion("cannot find the runs of a journey", cause))?;
    for (name, runs) in [("scope_line_runs", question.runs(&[])?), ("journey_line_runs", of_journey)] {
        question.register(name, runs)?;
        if let Some(line) = most_frequent(question, name).await? {
            return Ok(line);
        }
    }
    Err(Error::invalid(format!("journey {journey} has no run with a completed step"))
        .hint("give the steps: `--step A --step B …`"))
}

/// The most frequent line among the runs of a view; nothing when no run completed a step.
async fn most_frequent(question: &Question<'_>, view: &str) -> Result<Option<Vec<String>>> {
    let query = format!(
        "SELECT path_text(path) AS path, terminal, count(*) AS runs FROM {view} GROUP BY path_text(path), terminal"
    );
    let found = collect(question.sql(&query).await?).await?;
    let (paths, runs) = (column(&found, "path")?.as_string_view(), integers(&found, "runs")?);
    let terminals = column(&found, "terminal")?.as_string_view();
    // Successful runs decide; where none succeeded, all do.
    for only_succeeded in [true, false] {
        let mut lines: BTreeMap<Vec<String>, i64> = BTreeMap::new();
        for ((path, terminal), runs) in paths.iter().zip(terminals).zip(&runs) {
            if !only_succeeded || terminal == Some("succeeded") {
                let line = line(path.unwrap_or_default())?;
                *lines.entry(line).or_default() += runs.unwrap_or_default();
            }
        }
        lines.remove([].as_slice() as &[String]);
        // The first of the most frequent lines in order of names, so that equals do not alternate.
        let most = lines.iter().rev().max_by_key(|(_, runs)| **runs);
        if let Some((line, _)) = most {
            return Ok(Some(line.clone()));
        }
    }
    Ok(None)
}

/// What a run completed: its start, each step on first completion, its good end.
fn line(path: &str) -> Result<Vec<String>> {
    let mut seen = HashSet::new();
    let mut line = Vec::new();
    for token in tokens(path) {
        let token = token?;
        let step = match token.kind {
            Kind::JourneyStarted => "Journey started".to_owned(),
            Kind::JourneySucceeded if token.name.is_empty() => "Journey completed successfully".to_owned(),
            Kind::StepCompleted | Kind::JourneySucceeded => step_text(&token.name),
            _ => continue,
        };
        if seen.insert((token.kind, token.name.into_owned())) {
            line.push(step);
        }
    }
    Ok(line)
}

//! Why an answer is empty, in words.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::AsArray as _;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::{col, lit};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::error::of_datafusion;
use crate::functions::{FUNNEL_SUMMARY, FunnelText, REACHED, TimesWanted, funnel_summary};
use crate::provider::SnapshotTable;
use crate::question::Question;
use crate::rows::{collect, column, integers};
use crate::spec::{Step, suggest};
use crate::words::{counted, instant_in};

const NO_EVENTS: &str = "the store has no events yet: `wayfare ingest --store DIR FILE…` adds some";

/// Says why there are no rows of the scope; nothing when there are some.
///
/// # Errors
/// `NotFound` when the scope names a journey or version that no event has.
pub(super) async fn explain(question: &Question<'_>, rows: usize) -> Result<Vec<String>> {
    check_names_beside(question, rows).await?;
    if rows > 0 {
        return Ok(Vec::new());
    }
    if question.snapshot.events.files.is_empty() {
        return Ok(vec![NO_EVENTS.to_owned()]);
    }
    let Some((runs, first, last)) = span(question, question.all_runs(&[])?, "first_at").await? else {
        return Ok(vec!["the store has events, but none of a journey".to_owned()]);
    };
    let mut notes = vec![format!(
        "none of the {} in the store fits; they started from {first} to {last}",
        counted(runs, "run")
    )];
    if question.range.from_ms.is_some() || question.range.to_ms.is_some() {
        notes.push("the range counts runs by their first event".to_owned());
    }
    if !question.conditions.is_empty() {
        notes.push("`wayfare values COLUMN` lists what a column holds".to_owned());
    }
    Ok(notes)
}

/// The same for a report over events.
///
/// # Errors
/// As [`explain`].
pub(super) async fn explain_events(question: &Question<'_>, rows: usize) -> Result<Vec<String>> {
    check_names_beside(question, rows).await?;
    if rows > 0 {
        return Ok(Vec::new());
    }
    Ok(match span(question, question.events()?, "timestamp").await? {
        None => vec![NO_EVENTS.to_owned()],
        Some((events, first, last)) => vec![format!(
            "none of the {} in the store fits; they happened from {first} to {last}",
            counted(events, "event")
        )],
    })
}

/// How many rows a plan gives, and their first and last instant; nothing for no rows.
async fn span(question: &Question<'_>, plan: DataFrame, at: &str) -> Result<Option<(i64, String, String)>> {
    let facts =
        vec![count(lit(1_i64)).alias("rows"), min(col(at)).alias("first"), max(col(at)).alias("last")];
    let counted =
        plan.aggregate(vec![], facts).map_err(|cause| of_datafusion("cannot count the rows", cause))?;
    let counted = collect(counted).await?;
    let rows = integers(&counted, "rows")?.iter().flatten().sum::<i64>();
    if rows == 0 {
        return Ok(None);
    }
    let shown = |name| -> Result<String> {
        let instants = column(&counted, name)?.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        Ok(instant_in(instants.value(0).div_euclid(1_000), question.zone))
    };
    Ok(Some((rows, shown("first")?, shown("last")?)))
}

/// The same as [`check_names`] for a scope that has so many rows: a row has one journey and one version, so where no more
/// are named, they are there.
async fn check_names_beside(question: &Question<'_>, rows: usize) -> Result<()> {
    let one_each = question.scope.journey.len() <= 1 && question.scope.version.len() <= 1;
    if rows > 0 && one_each { Ok(()) } else { check_names(question).await }
}

/// Fails for a journey or version that no event has, with the nearest name.
pub(super) async fn check_names(question: &Question<'_>) -> Result<()> {
    for (name, wanted) in [("journey", &question.scope.journey), ("version", &question.scope.version)] {
        if wanted.is_empty() || question.snapshot.events.files.is_empty() {
            continue;
        }
        let column_name = format!("journey_{}", if name == "journey" { "id" } else { name });
        if runs_know(question, &column_name, wanted).await? {
            continue;
        }
        let mut events = question.events()?;
        if name == "version" && !question.scope.journey.is_empty() {
            let journeys = question.scope.journey.iter().map(lit).collect();
            events = events
                .filter(col("journey_id").in_list(journeys, false))
                .map_err(|cause| of_datafusion("cannot list the versions of a journey", cause))?;
        }
        let known = events
            .select(vec![col(&column_name)])
            .and_then(DataFrame::distinct)
            .map_err(|cause| of_datafusion("cannot list the names", cause))?;
        let known = collect(known).await?;
        let mut known: Vec<&str> = column(&known, &column_name)?.as_string_view().iter().flatten().collect();
        known.sort_unstable();
        if let Some(unknown) = wanted.iter().find(|wanted| !known.contains(&wanted.as_str())) {
            return Err(suggest::not_found(name, unknown, known.iter().copied()));
        }
    }
    Ok(())
}

/// Whether the compacted runs have every one of the names: then the events, which are many more, need not be read.
async fn runs_know(question: &Question<'_>, column_name: &str, wanted: &[String]) -> Result<bool> {
    if question.is_in_the_past() || question.fresh.cached.is_empty() {
        return Ok(false);
    }
    let runs = SnapshotTable::new(question.store.invocations(), question.fresh.cached.clone());
    let of = |column_name: &str, names: &[String]| {
        col(column_name).in_list(names.iter().map(lit).collect(), false)
    };
    let mut named = of(column_name, wanted);
    if !question.scope.journey.is_empty() {
        named = named.and(of("journey_id", &question.scope.journey));
    }
    let known = question
        .context
        .read_table(Arc::new(runs))
        .and_then(|runs| runs.filter(named))
        .and_then(|runs| runs.select(vec![col(column_name)]))
        .and_then(DataFrame::distinct)
        .map_err(|cause| of_datafusion("cannot list the names", cause))?;
    let known = collect(known).await?;
    let known: HashSet<&str> = column(&known, column_name)?.as_string_view().iter().flatten().collect();
    Ok(wanted.iter().all(|name| known.contains(name.as_str())))
}

/// For each step that nobody reached: how many runs have it at all.
pub(super) async fn explain_steps(
    question: &Question<'_>,
    definition: &FunnelText,
    steps: &[Step],
    reached: &[i64],
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let lost = reached.iter().position(|&count| count == 0);
    let Some((index, step)) = lost.and_then(|index| Some((index, steps.get(index)?))) else {
        return Ok(notes);
    };
    let alone = super::funnel::alone(definition, index);
    question.context.register_udaf(funnel_summary(&alone, TimesWanted::none())?);
    let query = format!(
        "SELECT summed['{REACHED}'][1] AS runs FROM (SELECT {FUNNEL_SUMMARY}(path, offsets) AS summed FROM runs)"
    );
    let found = collect(question.sql(&query).await?).await?;
    let runs = integers(&found, "runs")?.iter().flatten().sum::<i64>();
    let (number, name) = (index + 1, &step.name);
    notes.push(match runs {
        0 => format!("step {number}, {name}, occurs in no run of the scope; `wayfare steps` lists the steps that do"),
        runs if index == 0 => format!("step {number}, {name}, occurs in {}", counted(runs, "run")),
        runs => format!(
            "step {number}, {name}, occurs in {}, but in none after the steps before it and inside the window",
            counted(runs, "run")
        ),
    });
    Ok(notes)
}

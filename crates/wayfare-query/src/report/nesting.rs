//! Journeys inside a run, event by event: those in brackets, and those with an invocation of their own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Int64Array, RecordBatch};
use datafusion::logical_expr::col;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt as _;
use wayfare_ingest::{Role, role_of};

use crate::Result;
use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{texts, words};

use super::invocation::text;

/// Levels of invocations inside invocations that are followed.
const LEVELS_MAX: i64 = 16;

/// Invocations that are shown together with the one they are nested in.
const NESTED_MAX: usize = 1_000;

/// A run and the invocations nested in it by their parent's id, each with its level; the run itself is at 0.
pub(super) async fn family(
    question: &Question<'_>,
    id: &str,
    tenant: Option<&str>,
) -> Result<BTreeMap<String, i64>> {
    let failed = |cause| of_datafusion("cannot find nested invocations", cause);
    let mut family = BTreeMap::from([(id.to_owned(), 0)]);
    let mut parents = vec![text(id)];
    for level in 1..=LEVELS_MAX {
        let mut nested = col("parent_invocation_id").in_list(std::mem::take(&mut parents), false);
        nested = nested.and(col("invocation_id").is_not_null());
        if let Some(tenant) = tenant {
            nested = nested.and(col("tenant_id").eq(text(tenant)));
        }
        let plan = question.events_where(nested, &["invocation_id"]).await?;
        let mut events = execute_stream(plan, question.context.task_ctx()).map_err(failed)?;
        let room = NESTED_MAX.saturating_sub(family.len());
        let mut found = BTreeSet::new();
        while let Some(events) = events.try_next().await.map_err(failed)? {
            for child in words(&events, "invocation_id")? {
                if !family.contains_key(&child) && found.insert(child) && found.len() > room {
                    found.pop_last();
                }
            }
        }
        for child in found {
            parents.push(text(&child));
            family.insert(child, level);
        }
        if parents.is_empty() {
            break;
        }
    }
    Ok(family)
}

/// For each event in order its level, and the sub-journey it lies in; nothing for the run's own.
///
/// `events` have `activity`, `invocation_id` and `journey_id`.
pub(super) fn levels(
    events: &RecordBatch,
    family: &BTreeMap<String, i64>,
) -> Result<(Int64Array, Vec<Option<String>>)> {
    let (activities, runs) = (words(events, "activity")?, words(events, "invocation_id")?);
    let journeys = texts(events, "journey_id")?;
    let mut journey_of: HashMap<&str, &str> = HashMap::new();
    for (run, journey) in runs.iter().zip(&journeys) {
        if let Some(journey) = journey {
            journey_of.entry(run).or_insert(journey);
        }
    }
    let mut open: HashMap<&str, Vec<String>> = HashMap::new();
    let (mut levels, mut inside) = (Vec::new(), Vec::new());
    for ((activity, run), journey) in activities.iter().zip(&runs).zip(&journeys) {
        let outer = family.get(run).copied().unwrap_or_default();
        let brackets = open.entry(run).or_default();
        levels.push(outer + i64::try_from(brackets.len()).unwrap_or(i64::MAX));
        let own = (outer > 0).then(|| journey_of.get(run.as_str()).map(|journey| (*journey).to_owned()));
        inside.push(brackets.last().cloned().or(own.flatten()));
        match role_of(activity) {
            Role::SubJourneyStarted => brackets.push(journey.clone().unwrap_or_default()),
            Role::JourneySucceeded | Role::JourneyFailed => {
                brackets.pop();
            }
            _ => {}
        }
    }
    Ok((levels.into(), inside))
}

//! `transitions(path, offsets, state, kept)`: how often runs go from one step to the next, from their start and to
//! their end.

use std::collections::HashSet;

use super::keyed_summary::{Cells, Facts, RunRow};
use crate::attempts::{RunState, RunSteps};
use crate::timeline::{Kind, tokens};
use crate::{Error, Result};

/// A node of the graph as text: one character for its kind, then its name.
pub(crate) const START_NODE: char = '^';
pub(crate) const STEP_NODE: char = '=';
pub(crate) const END_NODE: char = '$';
pub(crate) const OTHER_NODE: char = '~';

/// The counts of a transition: runs that make it, and how often they do.
pub(crate) const TRANSITION_COUNTS: [&str; 2] = ["invocations", "passages"];

/// From one attempt to the next, in the order in which attempts begin. Times are from beginning to beginning, so that
/// those of one run add up to its duration.
///
/// The option is a JSON array of the steps to keep; all others are one node. An empty text keeps all.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Transitions;

#[derive(Debug, Default)]
pub(super) struct Buffers {
    steps: RunSteps,
    option: String,
    kept: Option<HashSet<String>>,
    from: String,
    to: String,
}

impl Facts for Transitions {
    const NAME: &'static str = "transitions";
    const KEYS: [&'static str; 2] = ["from_node", "to_node"];
    const COUNTS: &'static [&'static str] = &TRANSITION_COUNTS;
    const TIMED: bool = true;
    type Buffers = Buffers;

    fn add(run: RunRow<'_>, buffers: &mut Buffers, cells: &mut Cells) -> Result<()> {
        buffers.keep(run.option)?;
        let Buffers { steps, kept, from, to, .. } = buffers;
        steps.read(run.path)?;
        let (start, end) = bounds(run)?;
        from.clear();
        from.push(START_NODE);
        let mut since = Some(start);
        let mut pass = |from: &str, to: &str, took: Option<i64>| {
            let (cell, first) = cells.at(from, to);
            cell.count(0, first.into());
            cell.count(1, 1);
            // A step before the journey's start, or after its end, has no time of its own.
            cell.times.extend(took.filter(|took| *took >= 0));
        };
        steps.for_each_attempt(run.offsets, |attempt| {
            to.clear();
            if kept.as_ref().is_none_or(|kept| kept.contains(attempt.step)) {
                to.push(STEP_NODE);
                to.push_str(attempt.step);
            } else {
                to.push(OTHER_NODE);
            }
            let began = attempt.started.or(attempt.ended);
            pass(from, to, began.zip(since).map(|(began, since)| began.saturating_sub(since)));
            since = began;
            std::mem::swap(from, to);
        })?;
        to.clear();
        to.push(END_NODE);
        to.push_str(run.state.as_str());
        pass(from, to, end.zip(since).map(|(end, since)| end.saturating_sub(since)));
        Ok(())
    }
}

/// Whether a run in that state makes a transition, all steps being kept.
pub(super) fn is_made(run: &RunSteps, state: RunState, from: &str, to: &str) -> bool {
    let start = START_NODE.to_string();
    let end = format!("{END_NODE}{}", state.as_str());
    let steps = run.attempted().map(|step| format!("{STEP_NODE}{step}"));
    let nodes: Vec<String> = std::iter::once(start).chain(steps).chain([end]).collect();
    nodes.iter().zip(nodes.iter().skip(1)).any(|(one, next)| one == from && next == to)
}

impl Buffers {
    fn keep(&mut self, option: &str) -> Result<()> {
        if option != self.option {
            let kept = serde_json::from_str(option);
            self.kept = Some(kept.map_err(|cause| Error::internal("no list of steps").because(cause))?);
            option.clone_into(&mut self.option);
        }
        Ok(())
    }
}

/// When the journey started, else the first event; and when it ended. Milliseconds from the first event.
fn bounds(run: RunRow<'_>) -> Result<(i64, Option<i64>)> {
    let (mut start, mut end) = (None, None);
    for (token, &at) in tokens(run.path).zip(run.offsets) {
        match token?.kind {
            Kind::JourneyStarted if start.is_none() => start = Some(at),
            Kind::JourneySucceeded | Kind::JourneyFailed if end.is_none() => end = Some(at),
            _ => {}
        }
    }
    Ok((start.unwrap_or_default(), end))
}

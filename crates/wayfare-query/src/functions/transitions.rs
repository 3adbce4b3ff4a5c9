//! `transitions(path, offsets, state, kept)`: how often runs go from one step to the next, from their start and to
//! their end.

use std::collections::HashSet;

use super::keyed_summary::{Alike, Facts};
use super::outline::Sketch;
use crate::attempts::RunSteps;
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
    const KEYS: &'static [&'static str] = &["from_node", "to_node"];
    const COUNTS: &'static [&'static str] = &TRANSITION_COUNTS;
    const TIMES: &'static [&'static str] = &["times"];
    const OPTION: bool = true;
    type Buffers = Buffers;

    fn draw(runs: Alike<'_>, buffers: &mut Buffers, sketch: &mut Sketch<'_>) -> Result<()> {
        buffers.keep(runs.option)?;
        let Buffers { steps, kept, from, to, .. } = buffers;
        steps.read(runs.path)?;
        sketch.tokens(steps.tokens());
        let (start, end) = bounds(runs.path)?;
        from.clear();
        from.push(START_NODE);
        let mut since = Some(start);
        let mut pass = |from: &str, to: &str, since: Option<usize>, until: Option<usize>| {
            let (mut cell, first) = sketch.at(from, to);
            cell.count(0, first.into());
            cell.count(1, 1);
            if let (Some(since), Some(until)) = (since, until) {
                cell.time(0, since, until);
            }
        };
        steps.for_each_attempt(|attempt| {
            to.clear();
            if kept.as_ref().is_none_or(|kept| kept.contains(attempt.step)) {
                to.push(STEP_NODE);
                to.push_str(attempt.step);
            } else {
                to.push(OTHER_NODE);
            }
            let began = attempt.started.or(attempt.ended);
            pass(from, to, since, began);
            since = began;
            std::mem::swap(from, to);
        });
        to.clear();
        to.push(END_NODE);
        to.push_str(runs.state.as_str());
        pass(from, to, since, end);
        Ok(())
    }
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

/// The tokens with which the journey starts, else the first, and with which it ends.
fn bounds(path: &str) -> Result<(usize, Option<usize>)> {
    let (mut start, mut end) = (None, None);
    for (index, token) in tokens(path).enumerate() {
        match token?.kind {
            Kind::JourneyStarted if start.is_none() => start = Some(index),
            Kind::JourneySucceeded | Kind::JourneyFailed if end.is_none() => end = Some(index),
            _ => {}
        }
    }
    Ok((start.unwrap_or_default(), end))
}

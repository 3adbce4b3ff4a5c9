//! `transitions(path, offsets, state, kept)`: how often runs go from one step to the next, from their start and to
//! their end.

use std::collections::HashSet;

use super::keyed_summary::{Alike, Facts};
use super::outline::{CellsByNumbers, Sketch};
use crate::attempts::{RunState, RunSteps};
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
    cells: CellsByNumbers,
}

/// A node of the graph.
#[derive(Debug, Clone, Copy)]
enum Node<'a> {
    Start,
    /// A step, with the number of its name.
    Step(u32, &'a str),
    End(RunState),
    Other,
}

impl Node<'_> {
    /// Numbers that no step has: of the start, of the other steps, and of the ends from there on down.
    const START: u32 = u32::MAX;
    const OTHER: u32 = u32::MAX - 1;
    const ENDS: u32 = u32::MAX - 2;

    fn number(self) -> u32 {
        match self {
            Self::Start => Self::START,
            Self::Step(name, _) => name,
            Self::End(state) => Self::ENDS - state as u32,
            Self::Other => Self::OTHER,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Start => START_NODE.into(),
            Self::Step(_, step) => format!("{STEP_NODE}{step}"),
            Self::End(state) => format!("{END_NODE}{}", state.as_str()),
            Self::Other => OTHER_NODE.into(),
        }
    }
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
        let Buffers { steps, kept, cells, .. } = buffers;
        steps.read(runs.path, runs.lexicon)?;
        cells.at_epoch(steps.epoch());
        sketch.tokens(steps.tokens());
        let (start, end) = steps.bounds();
        let (mut from, mut since) = (Node::Start, Some(start));
        let mut pass = |from: Node<'_>, to: Node<'_>, since: Option<usize>, until: Option<usize>| {
            let numbers = (from.number(), to.number());
            let cell = cells.get(numbers, || sketch.number(&from.text(), &to.text()));
            let (mut cell, first) = sketch.at_number(cell);
            cell.count(0, first.into());
            cell.count(1, 1);
            if let (Some(since), Some(until)) = (since, until) {
                cell.time(0, since, until);
            }
        };
        steps.for_each_attempt(|attempt| {
            let is_kept = kept.as_ref().is_none_or(|kept| kept.contains(attempt.step));
            let to = if is_kept { Node::Step(attempt.name, attempt.step) } else { Node::Other };
            let began = attempt.started.or(attempt.ended);
            pass(from, to, since, began);
            (from, since) = (to, began);
        });
        pass(from, Node::End(runs.state), since, end);
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

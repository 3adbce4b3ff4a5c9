//! `transitions(path, offsets, state, kept)`: how often runs go from one step to the next, from their start and to
//! their end.

use std::collections::HashSet;

use super::keyed_summary::{Alike, Facts};
use super::outline::{CellNumber, CellsByNumbers, Sketch};
use super::tally::Tally;
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

/// The passages of the path at hand.
#[derive(Debug, Default)]
pub(super) struct Passages {
    steps: RunSteps,
    option: String,
    kept: Option<HashSet<String>>,
    cells: CellsByNumbers,
    /// How many of the first passages of the path that was counted last are those of the path at hand, at most.
    shared: usize,
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
    type Buffers = Passages;

    fn draw(runs: Alike<'_>, passages: &mut Passages, sketch: &mut Sketch<'_>) -> Result<()> {
        passages.read(runs)?;
        sketch.tokens(passages.steps.tokens());
        let (start, end) = passages.steps.bounds();
        let mut since = Some(start);
        let last = passages.each_from(0, runs.state, sketch, |sketch, cell, began| {
            pass(sketch, cell, since, began);
            since = began;
        });
        pass(sketch, last, since, end);
        Ok(())
    }

    fn count(
        runs: Alike<'_>,
        number: i64,
        passages: &mut Passages,
        sketch: &mut Sketch<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        passages.read(runs)?;
        let shared = std::mem::replace(&mut passages.shared, usize::MAX);
        tally.back_to(shared);
        let last = passages.each_from(shared, runs.state, sketch, |_, cell, _| tally.pass(cell));
        tally.runs(number, last);
        Ok(())
    }
}

/// Draws a passage through a cell, and the time between the tokens with which its nodes begin.
fn pass(sketch: &mut Sketch<'_>, cell: CellNumber, since: Option<usize>, until: Option<usize>) {
    let (mut cell, first) = sketch.at_number(cell);
    cell.count(0, first.into());
    cell.count(1, 1);
    if let (Some(since), Some(until)) = (since, until) {
        cell.time(0, since, until);
    }
}

impl Passages {
    /// Goes on to the path of some runs.
    fn read(&mut self, runs: Alike<'_>) -> Result<()> {
        if runs.option != self.option {
            let kept = (!runs.option.is_empty()).then(|| serde_json::from_str(runs.option)).transpose();
            self.kept = kept.map_err(|cause| Error::internal("no list of steps").because(cause))?;
            runs.option.clone_into(&mut self.option);
            self.shared = 0;
        }
        self.steps.read(runs.path, runs.lexicon)?;
        self.cells.at_epoch(self.steps.epoch());
        self.shared = self.shared.min(self.steps.shared());
        Ok(())
    }

    /// Hands out the passages to the attempts from one on: the cell, and the token with which the attempt begins. Gives the cell of
    /// the passage to the end of the run.
    fn each_from(
        &mut self,
        first: usize,
        state: RunState,
        sketch: &mut Sketch<'_>,
        mut each: impl FnMut(&mut Sketch<'_>, CellNumber, Option<usize>),
    ) -> CellNumber {
        let Self { steps, kept, cells, .. } = self;
        let kept = kept.as_ref();
        let node = |name, step| match kept {
            Some(kept) if !kept.contains(step) => Node::Other,
            _ => Node::Step(name, step),
        };
        let mut cell = |from: Node<'_>, to: Node<'_>, sketch: &mut Sketch<'_>| {
            cells.get((from.number(), to.number()), || sketch.number(&from.text(), &to.text()))
        };
        let before = first.checked_sub(1).and_then(|before| steps.begun_from(before).next());
        let mut from = before.map_or(Node::Start, |(_, name, step)| node(name, step));
        for (began, name, step) in steps.begun_from(first) {
            let to = node(name, step);
            let passed = cell(from, to, sketch);
            each(sketch, passed, began);
            from = to;
        }
        cell(from, Node::End(state), sketch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::functions::outline::{Drawing, Keys};
    use crate::timeline::Lexicon;

    const OPTIONS: [&str; 3] = ["", r#"["a"]"#, r#"["b","c"]"#];

    fn path() -> impl Strategy<Value = String> {
        let token = (0_usize..3, 0_usize..3, any::<bool>());
        let token = token.prop_map(|(kind, step, tied)| {
            format!("{}{}{}", [">", "+", "-"][kind], ["a", "b", "c"][step], if tied { "," } else { ";" })
        });
        proptest::collection::vec(token, 0..6).prop_map(|tokens| format!("^;{}$", tokens.concat()))
    }

    proptest! {
        /// Paths in any order, some of which are drawn in between.
        #[test]
        fn runs_are_counted_as_each_path_is_drawn(
            paths in proptest::collection::vec((path(), 0_usize..4, 0_usize..3, 0_i64..3), 1..12),
        ) {
            let (mut keys, mut drawing, mut lexicon) = (Keys::default(), Drawing::default(), Lexicon::default());
            let (mut passages, mut tally) = (Passages::default(), Tally::new(2));
            let mut expected: BTreeMap<CellNumber, [i64; 2]> = BTreeMap::new();
            let all: Vec<&str> = paths.iter().map(|(path, ..)| path.as_str()).collect();
            // with one list, so that paths share more than an empty beginning
            let column: arrow::array::ArrayRef = std::sync::Arc::new(arrow::array::StringViewArray::from(all));
            let column = crate::functions::Paths::of(&column, &mut lexicon).unwrap();
            for (row, (_, state, option, number)) in paths.iter().enumerate() {
                let option = OPTIONS[*option];
                let runs = Alike { path: column.at(row), lexicon: &lexicon, state: RunState::ALL[*state], option };
                let mut alone = Passages::default();
                let mut sketch = Sketch::new(&mut keys, &mut drawing, 2);
                if *number == 0 {
                    Transitions::draw(runs, &mut passages, &mut sketch).unwrap();
                    continue;
                }
                Transitions::draw(runs, &mut alone, &mut sketch).unwrap();
                for (cell, counts) in drawing.counts() {
                    for (sum, count) in expected.entry(cell).or_default().iter_mut().zip(counts) {
                        *sum += i64::from(*count) * number;
                    }
                }
                let sketch = &mut Sketch::new(&mut keys, &mut drawing, 2);
                Transitions::count(runs, *number, &mut passages, sketch, &mut tally).unwrap();
            }
            let mut found = BTreeMap::new();
            let settled = tally.settle(|cell, sums| {
                found.insert(cell, [sums[0], sums[1]]);
                Ok::<_, ()>(())
            });
            settled.unwrap();
            prop_assert_eq!(found, expected);
        }
    }
}

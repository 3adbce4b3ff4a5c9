//! `sub_journeys(path, offsets, state, journey)`: the sub-journeys inside runs, by how they ended.

use super::keyed_summary::{Cells, Facts, RunRow};
use crate::Result;
use crate::timeline::{Kind, tokens};

/// The counts of a sub-journey: runs with it, and passages.
pub(crate) const SUB_JOURNEY_COUNTS: [&str; 2] = ["invocations", "passages"];

/// One fact a bracket: its journey, and `succeeded`, `failed`, else how the run stands (`open`, `abandoned`), else
/// `unclosed` where the run ended without it. Times are from opening to closing.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SubJourneys;

impl Facts for SubJourneys {
    const NAME: &'static str = "sub_journeys";
    const KEYS: [&'static str; 2] = ["sub_journey", "outcome"];
    const COUNTS: &'static [&'static str] = &SUB_JOURNEY_COUNTS;
    const TIMED: bool = true;
    type Buffers = ();

    fn add(run: RunRow<'_>, (): &mut (), cells: &mut Cells) -> Result<()> {
        let mut open: Vec<(String, i64)> = Vec::new();
        let mut ended = false;
        let mut close = |journey: &str, outcome: &str, took: Option<i64>| {
            let (cell, first) = cells.at(journey, outcome);
            cell.count(0, first.into());
            cell.count(1, 1);
            cell.times.extend(took);
        };
        for (token, &at) in tokens(run.path).zip(run.offsets) {
            let token = token?;
            let outcome = match token.kind {
                Kind::SubJourneyStarted => {
                    open.push((token.name.into_owned(), at));
                    continue;
                }
                Kind::SubJourneySucceeded => "succeeded",
                Kind::SubJourneyFailed => "failed",
                Kind::JourneySucceeded | Kind::JourneyFailed => {
                    ended = true;
                    continue;
                }
                _ => continue,
            };
            if let Some((journey, since)) = open.pop() {
                close(&journey, outcome, Some(at.saturating_sub(since)));
            }
        }
        let unclosed = if ended { "unclosed" } else { run.state.as_str() };
        for (journey, _) in &open {
            close(journey, unclosed, None);
        }
        Ok(())
    }
}

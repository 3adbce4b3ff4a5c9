//! `sub_journeys(path, offsets, state)`: the sub-journeys inside runs, by how they ended.

use super::keyed_summary::{Alike, Facts};
use super::outline::Sketch;
use crate::Result;
use crate::timeline::{Kind, token};

/// The counts of a sub-journey: runs with it, and passages.
pub(crate) const SUB_JOURNEY_COUNTS: [&str; 2] = ["invocations", "passages"];

/// One fact a bracket: its journey, and `succeeded`, `failed`, else how the run stands (`open`, `abandoned`), else
/// `unclosed` where the run ended without it. Times are from opening to closing.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SubJourneys;

impl Facts for SubJourneys {
    const NAME: &'static str = "sub_journeys";
    const KEYS: &'static [&'static str] = &["sub_journey", "outcome"];
    const COUNTS: &'static [&'static str] = &SUB_JOURNEY_COUNTS;
    const TIMES: &'static [&'static str] = &["times"];
    type Buffers = ();

    fn draw(runs: Alike<'_>, (): &mut (), sketch: &mut Sketch<'_>) -> Result<()> {
        let mut open: Vec<(String, usize)> = Vec::new();
        let (mut ended, mut count) = (false, 0);
        let mut close = |journey: &str, outcome: &str, span: Option<(usize, usize)>| {
            let (mut cell, first) = sketch.at(journey, outcome);
            cell.count(0, first.into());
            cell.count(1, 1);
            if let Some((from, to)) = span {
                cell.time(0, from, to);
            }
        };
        for (index, text) in runs.lexicon.token_texts(runs.path)?.enumerate() {
            let (text, tied) = text?;
            let token = token(text, tied).map_err(|error| error.with("token", index))?;
            count = index + 1;
            let outcome = match token.kind {
                Kind::SubJourneyStarted => {
                    open.push((token.name.into_owned(), index));
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
                close(&journey, outcome, Some((since, index)));
            }
        }
        let unclosed = if ended { "unclosed" } else { runs.state.as_str() };
        for (journey, _) in &open {
            close(journey, unclosed, None);
        }
        sketch.tokens(count);
        Ok(())
    }
}

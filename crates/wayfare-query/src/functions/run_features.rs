//! `run_features(path, state, failing_step)`: what runs have in them, counted by how they ended.

use super::keyed_summary::{Alike, Facts};
use super::outline::{CellNumber, Sketch};
use crate::Result;
use crate::attempts::RunState;
use crate::timeline::{Kind, OfTokens, Token, token};

/// The dimensions that a timeline tells, in the order of reports.
pub(crate) const FEATURES: [&str; 4] = ["step", "failed_step", "error_code", "failed_connection"];

/// The counts of a feature: runs by state, in the order of [`RunState::ALL`].
pub(crate) const FEATURE_COUNTS: [&str; 4] = ["succeeded", "failed", "abandoned", "open"];

/// The steps that a run reached, those where it failed an attempt, the error codes of failed attempts and calls, the
/// connections with a failed call: each once a run, up to the end of the run.
///
/// The option is the run's failing step, which counts as reached even where no event of the step says so.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RunFeatures;

/// The features of a token: cells that a run comes to by it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Features {
    always: Option<CellNumber>,
    /// Only up to the end of the run.
    before_end: [Option<CellNumber>; 2],
    ends: bool,
}

impl Features {
    fn of(token: &Token<'_>, sketch: &mut Sketch<'_>) -> Self {
        let [step, failed_step, error_code, failed_connection] = FEATURES;
        let mut cell = |dimension, value: &str| (!value.is_empty()).then(|| sketch.number(dimension, value));
        let code = token.detail.as_deref().unwrap_or_default();
        match token.kind {
            Kind::StepStarted | Kind::StepCompleted => {
                Self { always: cell(step, &token.name), ..Self::default() }
            }
            Kind::StepFailed => Self {
                always: cell(step, &token.name),
                before_end: [cell(failed_step, &token.name), cell(error_code, code)],
                ends: false,
            },
            Kind::CallFailed => Self {
                before_end: [cell(failed_connection, &token.name), cell(error_code, code)],
                ..Self::default()
            },
            Kind::JourneySucceeded | Kind::JourneyFailed => Self { ends: true, ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl Facts for RunFeatures {
    const NAME: &'static str = "run_features";
    const KEYS: &'static [&'static str] = &["dimension", "value"];
    const COUNTS: &'static [&'static str] = &FEATURE_COUNTS;
    const TIMES: &'static [&'static str] = &[];
    const OPTION: bool = true;
    type Buffers = OfTokens<Features>;

    fn draw(runs: Alike<'_>, known: &mut Self::Buffers, sketch: &mut Sketch<'_>) -> Result<()> {
        let position = RunState::ALL.iter().position(|state| *state == runs.state).unwrap_or_default();
        let add = |sketch: &mut Sketch<'_>, cell| {
            if let (mut cell, true) = sketch.at_number(cell) {
                cell.count(position, 1);
            }
        };
        if !runs.option.is_empty() {
            let [step, ..] = FEATURES;
            let cell = sketch.number(step, runs.option);
            add(sketch, cell);
        }
        let mut ended = false;
        for (index, number) in runs.lexicon.tokens(runs.path)?.enumerate() {
            let features = known.get(runs.lexicon, number?, |text| {
                let token = token(text, false).map_err(|error| error.with("token", index))?;
                Ok(Features::of(&token, sketch))
            })?;
            features.always.into_iter().for_each(|cell| add(sketch, cell));
            if !ended {
                features.before_end.into_iter().flatten().for_each(|cell| add(sketch, cell));
            }
            ended |= features.ends;
        }
        Ok(())
    }
}

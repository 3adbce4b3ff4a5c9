//! `run_features(path, state, failing_step)`: what runs have in them, counted by how they ended.

use super::keyed_summary::{Alike, Facts};
use super::outline::Sketch;
use crate::Result;
use crate::attempts::RunState;
use crate::timeline::{Kind, tokens};

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

impl Facts for RunFeatures {
    const NAME: &'static str = "run_features";
    const KEYS: &'static [&'static str] = &["dimension", "value"];
    const COUNTS: &'static [&'static str] = &FEATURE_COUNTS;
    const TIMES: &'static [&'static str] = &[];
    const OPTION: bool = true;
    type Buffers = ();

    fn draw(runs: Alike<'_>, (): &mut (), sketch: &mut Sketch<'_>) -> Result<()> {
        let position = RunState::ALL.iter().position(|state| *state == runs.state).unwrap_or_default();
        let mut add = |dimension: &'static str, value: &str| {
            if !value.is_empty()
                && let (mut cell, true) = sketch.at(dimension, value)
            {
                cell.count(position, 1);
            }
        };
        let [step, failed_step, error_code, failed_connection] = FEATURES;
        add(step, runs.option);
        let mut ended = false;
        for token in tokens(runs.path) {
            let token = token?;
            let code = token.detail.as_deref().unwrap_or_default();
            match token.kind {
                Kind::StepStarted | Kind::StepCompleted => add(step, &token.name),
                Kind::StepFailed => {
                    add(step, &token.name);
                    if !ended {
                        add(failed_step, &token.name);
                        add(error_code, code);
                    }
                }
                Kind::CallFailed if !ended => {
                    add(failed_connection, &token.name);
                    add(error_code, code);
                }
                Kind::JourneySucceeded | Kind::JourneyFailed => ended = true,
                _ => {}
            }
        }
        Ok(())
    }
}

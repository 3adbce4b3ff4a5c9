//! `wayfare funnel`.

use clap::Args;
use wayfare_query::spec::{FunnelSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare funnel --store shop --journey login
  wayfare funnel --store shop --journey login --step enter_email --step enter_code --window 1h
  wayfare funnel --store shop --step 'step_id=enter_email' --step 'activity=journey_completed_successfully' --by platform
  wayfare funnel --store shop --journey login --format json --output login.json";

/// Show how far runs get through a sequence of steps, and where they drop off
///
/// Give the steps first to last, or one journey alone: its main line is then proposed from the data.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Funnel {
    /// A step id, or a condition such as `activity=journey_completed_successfully`; repeat in order
    #[arg(long = "step", id = "steps", value_name = "STEP", help_heading = "Funnel")]
    steps: Vec<String>,

    /// Longest time from the first step, such as 1h [default: the journey lifetime]
    #[arg(long, value_name = "TIME", help_heading = "Funnel")]
    window: Option<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Funnel {
    pub(crate) fn spec(self) -> Spec {
        Spec::Funnel(FunnelSpec {
            scope: self.scope.into(),
            steps: self.steps.into_iter().map(Into::into).collect(),
            window: self.window,
            ..FunnelSpec::default()
        })
    }
}

//! `wayfare durations`.

use clap::Args;
use wayfare_query::spec::{DurationsSpec, DurationsView, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare durations --store shop
  wayfare durations --store shop --journey login --by version
  wayfare durations --store shop --journey login --histogram";

/// Show how long runs take, by how they ended
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Durations {
    /// Count runs by duration instead
    #[arg(long, help_heading = "Durations")]
    histogram: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Durations {
    pub(crate) fn spec(self) -> Spec {
        let show = if self.histogram { DurationsView::Histogram } else { DurationsView::Percentiles };
        Spec::Durations(DurationsSpec { scope: self.scope.into(), show })
    }
}

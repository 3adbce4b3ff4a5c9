//! `wayfare causes`.

use clap::Args;
use wayfare_query::spec::{CausesSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare causes --store shop --journey login
  wayfare causes --store shop --by client,version --min-runs 50
  wayfare causes --store shop --by client,version,platform --pairs
  wayfare causes --store shop --by step,failed_step --journey signup";

/// Rank what runs that do not succeed have in common
///
/// For each value of each dimension the success of its runs is compared with that of the other runs of the same
/// journey: difference with 95 % interval, p-value, q-value (adjusted for the number of comparisons), and the runs
/// that a repair could win back. Beside columns of runs, `--by` takes `step`, `failed_step`, `error_code` and
/// `failed_connection`: what a run met on its way.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Causes {
    /// Fewest runs on each side of a comparison [default: 20]
    #[arg(long, value_name = "N", help_heading = "Causes")]
    min_runs: Option<u64>,

    /// Compare pairs of values, too, such as a version in a client
    #[arg(long, help_heading = "Causes")]
    pairs: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Causes {
    pub(crate) fn spec(self) -> Spec {
        Spec::Causes(CausesSpec { scope: self.scope.into(), min_runs: self.min_runs, pairs: self.pairs })
    }
}

//! `wayfare paths`.

use clap::Args;
use wayfare_query::spec::{PathsSpec, PathsView, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare paths --store shop --journey login
  wayfare paths --store shop --journey login --limit 5
  wayfare paths --store shop --journey login --variants --by version";

/// Show how runs go from step to step, or the whole ways they take
///
/// Each step leads to the next, from START to an END. `--limit N` keeps the N steps with most passages, all others are
/// one node `other`, so that what goes into a node comes out of it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Paths {
    /// Show whole sequences of steps instead; then --limit is a number of rows
    #[arg(long, help_heading = "Paths")]
    variants: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Paths {
    pub(crate) fn spec(self) -> Spec {
        let show = if self.variants { PathsView::Variants } else { PathsView::Transitions };
        Spec::Paths(PathsSpec { scope: self.scope.into(), show })
    }
}

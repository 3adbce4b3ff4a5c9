//! `wayfare steps`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare steps --store shop --journey login
  wayfare steps --store shop --journey login --by journey_version
  wayfare steps --store shop --where platform=ios --format markdown";

/// Show attempts, completion and durations of every step
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Steps {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Steps {
    pub(crate) fn spec(self) -> Spec {
        Spec::Steps(self.scope.into())
    }
}

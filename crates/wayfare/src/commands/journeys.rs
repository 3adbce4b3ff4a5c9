//! `wayfare journeys`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare journeys --store shop
  wayfare journeys --store shop --from -7d --format ndjson";

/// List the journeys in the store: names to choose from
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Journeys {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Journeys {
    pub(crate) fn spec(self) -> Spec {
        Spec::Journeys(self.scope.into())
    }
}

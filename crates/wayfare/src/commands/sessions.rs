//! `wayfare sessions`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare sessions --store shop
  wayfare sessions --store shop --by platform
  wayfare sessions --store shop --from -7d --by day --where country=DE --output sessions.csv";

/// Show how verification sessions ended
///
/// Allowed, challenged or denied by the recommendation of their completion; or restricted, stopped by an error,
/// deleted, abandoned, still open. How far they got: `wayfare funnel --unit session`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Sessions {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Sessions {
    pub(crate) fn spec(self) -> Spec {
        Spec::Sessions(self.scope.into())
    }
}

//! `wayfare sub-journeys`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare sub-journeys --store shop
  wayfare sub-journeys --store shop --journey password_reset --by version";

/// Show journeys inside journeys as journeys of their own
///
/// Both those between a start and an end inside one invocation and those with an invocation of their own that names its
/// parent.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct SubJourneys {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl SubJourneys {
    pub(crate) fn spec(self) -> Spec {
        Spec::SubJourneys(self.scope.into())
    }
}

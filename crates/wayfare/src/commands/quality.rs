//! `wayfare quality`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare quality --store shop
  wayfare quality --store shop --from -7d --journey login";

/// Show what is wrong with the events, and how far it could move the numbers
///
/// Every check is listed, also those that find nothing. The completion rate at worst and at best is what it would be if
/// all runs concerned had failed, or had succeeded.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Quality {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Quality {
    pub(crate) fn spec(self) -> Spec {
        Spec::Quality(self.scope.into())
    }
}

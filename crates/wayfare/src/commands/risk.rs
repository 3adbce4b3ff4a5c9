//! `wayfare risk`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare risk --store shop
  wayfare risk --store shop --by week,params.context.action_type
  wayfare risk --store shop --by country --from -30d --format csv";

/// Show risk recommendations by type: trust, allow, challenge, deny
///
/// Over time, a row a day, or split by anything else; `--by all` is one row.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Risk {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Risk {
    pub(crate) fn spec(self) -> Spec {
        Spec::Risk(self.scope.into())
    }
}

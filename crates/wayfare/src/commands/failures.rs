//! `wayfare failures`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare failures --store shop --journey login
  wayfare failures --store shop --by error_category --limit 5
  wayfare failures --store shop --from yesterday --format csv";

/// Show where and why runs failed
///
/// Every failed run counts once, at its failing step and error; what the limit keeps back is summed up in one
/// row `other`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Failures {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Failures {
    pub(crate) fn spec(self) -> Spec {
        Spec::Failures(self.scope.into())
    }
}

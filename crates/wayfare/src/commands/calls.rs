//! `wayfare calls`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare calls --store shop
  wayfare calls --store shop --by connection,http_status
  wayfare calls --store shop --journey payment --by step,version";

/// Show calls to external connections: errors, latency, failures they explain
///
/// `--by` takes columns of the call (`connection`, `step`, `http_status`, `outcome`, `error_code`, `error_category`)
/// and of its run. A failed run is explained by the last failed call of the connection that its failure is attributed to.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Calls {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Calls {
    pub(crate) fn spec(self) -> Spec {
        Spec::Calls(self.scope.into())
    }
}

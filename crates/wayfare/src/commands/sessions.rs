//! `wayfare sessions`.

use clap::Args;
use wayfare_query::spec::{SessionsSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare sessions --store shop
  wayfare sessions --store shop --by platform
  wayfare sessions --store shop --from -7d --by day --where country=DE --output sessions.csv
  wayfare sessions --store shop --list --where outcome=denied --limit 20";

/// Show how verification sessions ended
///
/// Allowed, challenged or denied by the recommendation of their completion; or restricted, stopped by an error,
/// deleted, abandoned, still open. How far they got: `wayfare funnel --unit session`.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Sessions {
    /// List the sessions themselves, the newest first; conditions may name `kind` and `outcome`
    #[arg(long, help_heading = "List")]
    list: bool,

    /// Go on where a page ended: the `next` of its JSON
    #[arg(long, value_name = "NEXT", help_heading = "List")]
    after: Option<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Sessions {
    pub(crate) fn spec(self) -> Spec {
        let Self { list, after, scope } = self;
        Spec::Sessions(SessionsSpec { scope: scope.into(), list, after })
    }
}

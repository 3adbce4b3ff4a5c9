//! `wayfare sessions`.

use clap::Args;
use wayfare_query::spec::{SessionsSpec, SessionsView, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare sessions --store shop
  wayfare sessions --store shop --funnel --by platform
  wayfare sessions --store shop --from -7d --by day --where country=DE --output sessions.csv";

/// Show how verification sessions ended
///
/// Allowed, challenged or denied by the recommendation of their completion; or restricted, stopped by an error,
/// deleted, abandoned, still open.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Sessions {
    /// Show how far sessions got, step by step, instead
    #[arg(long, help_heading = "Sessions")]
    funnel: bool,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Sessions {
    pub(crate) fn spec(self) -> Spec {
        let show = if self.funnel { SessionsView::Funnel } else { SessionsView::Outcomes };
        Spec::Sessions(SessionsSpec { scope: self.scope.into(), show })
    }
}

//! `wayfare overview`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare overview --store shop
  wayfare overview --store shop --by journey_id
  wayfare overview --store shop --journey login --from 2026-01-01 --to 2026-02-01 --tz Europe/Berlin
  wayfare overview --store shop --by journey_id,platform --output overview.csv";

/// Show totals, rates and durations of journeys
///
/// The dashboard's four numbers (total invocations, average duration, completion rate, error rate), and beside
/// them what was started, is open or was abandoned, and the percentiles of the duration.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Overview {
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Overview {
    pub(crate) fn spec(self) -> Spec {
        Spec::Overview(self.scope.into())
    }
}

//! `wayfare invocations`.

use clap::Args;
use wayfare_query::spec::{InvocationsSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare invocations --store shop --journey login --limit 20
  wayfare invocations --store shop --where state=failed --sort -duration_ms
  wayfare invocations --store shop --from 2026-01-01 --format ndjson --output runs.ndjson";

/// List runs of journeys
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Invocations {
    /// Column to sort by, with a leading `-` for the largest first [default: `-started_at`]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = "List")]
    sort: Option<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Invocations {
    pub(crate) fn spec(self) -> Spec {
        Spec::Invocations(InvocationsSpec { scope: self.scope.into(), sort: self.sort })
    }
}

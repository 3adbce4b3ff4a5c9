//! `wayfare invocations`.

use clap::Args;
use wayfare_query::spec::{InvocationsSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare invocations --store shop --journey login --limit 20
  wayfare invocations --store shop --where state=failed --sort -duration_ms
  wayfare invocations --store shop --journey login --behind 'step=otp_sms and class=failed_here'
  wayfare invocations --store shop --journey login --behind 'from=login_form and to=\"END abandoned\"'
  wayfare invocations --store shop --journey login --behind 'dimension=failed_step and value=otp_sms' --where 'state != open'
  wayfare invocations --store shop --behind 'connection_id=sms_gateway and class=invocations_with_failed'
  wayfare invocations --store shop --where 'weekday=\"1 Monday\"' --where hour_of_day=09
  wayfare invocations --store shop --from 2026-01-01 --format ndjson --output runs.ndjson";

/// List runs of journeys
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Invocations {
    /// Column to sort by, with a leading `-` for the largest first [default: `-started_at`]
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, help_heading = "List")]
    sort: Option<String>,

    /// Only the runs that a number of another report counts
    ///
    /// `step=ID` those that reached it, `step=ID and class=COLUMN` those that count in a column of `steps`; `from=NODE and to=NODE`
    /// those that make a transition of `paths`, with `and kept in (STEP, …)` where others are `other`; `way="a → b"` those that take one
    /// of its `--variants`; `dimension=NAME and value=VALUE` those of a row of `causes`, with `and side=rest` all others;
    /// `connection_id=ID and class=COLUMN` those of a row of `calls`; `sub_journey=ID and outcome=OUTCOME and nested_by=HOW` those
    /// of `sub-journeys`; `issue=NAME` those of `quality`. Conditions on the row's journey and dimensions go into --journey and --where.
    #[arg(long, value_name = "NUMBER", help_heading = "List")]
    behind: Option<String>,

    /// Go on where a page ended: the `next` of its JSON
    #[arg(long, value_name = "NEXT", help_heading = "List")]
    after: Option<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Invocations {
    pub(crate) fn spec(self) -> Spec {
        let Self { sort, behind, after, scope } = self;
        Spec::Invocations(InvocationsSpec { scope: scope.into(), sort, behind, after })
    }
}

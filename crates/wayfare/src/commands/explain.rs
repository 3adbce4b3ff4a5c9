//! `wayfare explain ID`.

use clap::Args;
use wayfare_query::Result;
use wayfare_query::spec::{ExplainSpec, Spec};

use crate::args::FunnelArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare explain --store shop 0190c5f2-8a3b-7c11-9a55-3b2f5d0e7a10
  wayfare explain --store shop 0190c5f2-8a3b-7c11-9a55-3b2f5d0e7a10 --journey login
  wayfare explain --store shop 0190c5f2-8a3b-7c11-9a55-3b2f5d0e7a10 --step login_form --step otp_sms --order strict --window 10m
  wayfare explain --store shop zjFwPIhUcSlRUuk3vaicp --unit user --step 'Journey started' --step activity:mfa_enrolled";

/// Show why one run counts the way it does in a funnel, event by event
///
/// Takes the steps and rules of `wayfare funnel`; one journey alone stands for its main line.
/// Without steps and journey it shows why the run has its state.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Explain {
    /// The run's invocation id; with --unit, the id of the user, correlation, session or flow
    #[arg(value_name = "ID")]
    id: String,

    /// The tenant, where the id stands for units of several tenants
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,

    #[command(flatten)]
    funnel: FunnelArgs,
}

impl Explain {
    pub(crate) fn spec(self) -> Result<Spec> {
        Ok(Spec::Explain(ExplainSpec { id: self.id, tenant: self.tenant, funnel: self.funnel.spec()? }))
    }
}

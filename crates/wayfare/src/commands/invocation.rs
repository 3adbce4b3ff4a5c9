//! `wayfare invocation ID`.

use clap::Args;
use wayfare_query::spec::Spec;

const EXAMPLES: &str = "\
Examples:
  wayfare invocation --store shop 0190c5f2-8a3b-7c11-9a55-3b2f5d0e7a10
  wayfare invocation --store shop 0190c5f2-8a3b-7c11-9a55-3b2f5d0e7a10 --tz Europe/Berlin --format json";

/// Show the events of one run, in order
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Invocation {
    /// The run's invocation id
    #[arg(value_name = "ID")]
    id: String,

    /// The tenant, where the id stands for runs of several tenants
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,

    /// Time zone in which instants are shown, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", env = "WAYFARE_TZ", hide_env_values = true)]
    tz: Option<String>,
}

impl Invocation {
    pub(crate) fn spec(self) -> Spec {
        Spec::Invocation { id: self.id, tenant: self.tenant, tz: self.tz }
    }
}

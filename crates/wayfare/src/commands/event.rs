//! `wayfare event ID`.

use clap::Args;
use wayfare_query::spec::Spec;

const EXAMPLES: &str = "\
Examples:
  wayfare event --store shop 0f3b5c1d2e4a69788796a5b4c3d2e1f0
  wayfare event --store shop 0f3b5c1d --format json";

/// Show one event as JSON, with everything that is known of it
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Event {
    /// The event's id, or its first digits (at least six)
    #[arg(value_name = "ID")]
    id: String,
}

impl Event {
    pub(crate) fn spec(self) -> Spec {
        Spec::Event { id: self.id, tz: None }
    }
}

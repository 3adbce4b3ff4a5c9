//! `wayfare values COLUMN`.

use clap::Args;
use wayfare_query::spec::Spec;

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare values --store shop platform
  wayfare values --store shop error_code --journey login --limit 20";

/// List the values of a column of the events, with counts
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Values {
    /// Name of the column
    #[arg(value_name = "COLUMN")]
    column: String,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Values {
    pub(crate) fn spec(self) -> Spec {
        Spec::Values { column: self.column, scope: self.scope.into() }
    }
}

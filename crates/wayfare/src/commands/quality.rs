//! `wayfare quality`.

use clap::Args;
use wayfare_query::spec::{QualitySpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare quality --store shop
  wayfare quality --store shop --from -7d --journey login
  wayfare quality --store shop --list 'unknown activity'
  wayfare quality --store shop --list 'rejected line: bad_json' --limit 20";

/// Show what is wrong with the events, and how far it could move the numbers
///
/// Every check is listed, also those that find nothing. The completion rate at worst and at best is what it would be if
/// all runs concerned had failed, or had succeeded.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Quality {
    /// List the events or lines of an issue, named as the report writes it; runs are listed by `invocations --behind`
    #[arg(long, value_name = "ISSUE", help_heading = "List")]
    list: Option<String>,

    /// Go on where a page ended: the `next` of its JSON
    #[arg(long, value_name = "NEXT", help_heading = "List")]
    after: Option<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Quality {
    pub(crate) fn spec(self) -> Spec {
        let Self { list, after, scope } = self;
        Spec::Quality(QualitySpec { scope: scope.into(), list, after })
    }
}

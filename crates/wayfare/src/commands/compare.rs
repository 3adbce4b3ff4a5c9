//! `wayfare compare`.

use clap::Args;
use wayfare_query::spec::{CompareSpec, Spec};

use crate::args::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  wayfare compare --store shop --journey login --a version=2 --b version=3
  wayfare compare --store shop --journey login --a from=2026-03-01,to=2026-03-16 --b from=2026-03-16
  wayfare compare --store shop --journey login --a version=2 --b version=3 --by platform";

/// Compare two versions, ranges or filters
///
/// Rates with the interval of their difference, p- and q-value, medians, and steps that were added, removed or moved.
/// With `--by` instead: where the change of the success rate comes from, other runs (mix) or runs that go otherwise
/// (rate).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Compare {
    /// The baseline, to compare with: `version=2`, `from=WHEN`, `to=WHEN`, `journey=ID` or a condition; repeatable
    #[arg(long, value_name = "TERM", required = true, help_heading = "Sides")]
    a: Vec<String>,

    /// The side that is compared with it
    #[arg(long, value_name = "TERM", required = true, help_heading = "Sides")]
    b: Vec<String>,

    #[command(flatten)]
    scope: ScopeArgs,
}

impl Compare {
    pub(crate) fn spec(self) -> Spec {
        Spec::Compare(CompareSpec { scope: self.scope.into(), a: self.a, b: self.b })
    }
}

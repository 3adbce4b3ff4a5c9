//! The runs that a number of `steps` or `paths` counts, found by the functions that count them.

use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::error::of_datafusion;
use crate::functions::STEP_COUNTS;
use crate::question::Question;
use crate::report::events::call;
use crate::report::paths;
use crate::rows::{collect, words};
use crate::spec::{Behind, suggest};

/// Counts of a step that are no runs.
const NO_RUNS: [&str; 2] = ["attempts", "retries"];

/// The runs of the scope, or those of them behind a number.
pub(super) async fn runs(question: &Question<'_>, behind: Option<&str>) -> Result<DataFrame> {
    let runs = question.runs(&[])?;
    let Some(text) = behind else { return Ok(runs) };
    let counted = match Behind::parse(text).map_err(|error| error.with("option", "behind"))? {
        Behind::Step { step, class } => {
            let classes = STEP_COUNTS.into_iter().filter(|name| !NO_RUNS.contains(name));
            if !classes.clone().any(|known| known == class) {
                return Err(suggest::unknown("count of a step's runs", &class, classes));
            }
            is_counted(question, "counts_in_step", &step, &class)?
        }
        Behind::Transition { from, to } => {
            is_counted(question, "makes_transition", &paths::node(&from), &paths::node(&to))?
        }
        Behind::Way(way) => takes(question, &runs, &way).await?,
    };
    runs.filter(counted).map_err(|cause| of_datafusion("cannot look behind a number", cause))
}

fn is_counted(question: &Question<'_>, function: &str, first: &str, second: &str) -> Result<Expr> {
    call(&question.context, function, vec![col("path"), col("state"), lit(first), lit(second)])
}

/// Whether a run takes a way that is written like this.
async fn takes(question: &Question<'_>, runs: &DataFrame, way: &str) -> Result<Expr> {
    let steps = call(&question.context, "step_sequence", vec![col("path")])?;
    let taken = runs
        .clone()
        .select(vec![steps.clone().alias("steps")])
        .and_then(DataFrame::distinct)
        .map_err(|cause| of_datafusion("cannot list the ways", cause))?;
    let taken = words(&collect(taken).await?, "steps")?;
    let mut written = Vec::new();
    for text in taken {
        if paths::way(&paths::sequence(&text)?) == way {
            written.push(lit(text));
        }
    }
    Ok(steps.in_list(written, false))
}

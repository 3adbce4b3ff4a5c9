//! The runs that a number of another report counts, found by the code that counts them.

use datafusion::logical_expr::{Expr, col, lit};
use datafusion::prelude::DataFrame;

use crate::Result;
use crate::error::of_datafusion;
use crate::functions::STEP_COUNTS;
use crate::question::{Question, RUNS};
use crate::report::events::call;
use crate::report::{calls, causes, paths, quality, sub_journeys};
use crate::rows::{collect, words};
use crate::spec::{Behind, Nesting, Side, suggest};

/// Counts of a step that are no runs.
const NO_RUNS: [&str; 2] = ["attempts", "retries"];

/// The runs of the scope, or those of them behind a number.
pub(super) async fn runs(question: &Question<'_>, behind: Option<&str>) -> Result<DataFrame> {
    let runs = question.runs(&[])?;
    let Some(text) = behind else { return Ok(runs) };
    question.register_runs(&[])?;
    let counted = match Behind::parse(text).map_err(|error| error.with("option", "behind"))? {
        Behind::Step { step, class } => {
            let classes = STEP_COUNTS.into_iter().filter(|name| !NO_RUNS.contains(name));
            if !classes.clone().any(|known| known == class) {
                return Err(suggest::unknown("count of a step's runs", &class, classes));
            }
            is_counted(question, "counts_in_step", lit(""), [&step, &class])?
        }
        Behind::Transition { from, to, kept } => {
            let node = |shown: &str| paths::node(shown, kept.as_deref());
            let steps = kept.as_deref().map(paths::kept_text).transpose()?.unwrap_or_default();
            is_counted(question, "makes_transition", lit(steps), [&node(&from), &node(&to)])?
        }
        Behind::Way(way) => takes(question, &runs, &way).await?,
        Behind::Cause { dimension, value, side } => {
            let has = causes::has(question, &dimension, value.as_deref())?;
            match side {
                Side::With => has,
                Side::Rest => !has,
            }
        }
        Behind::SubJourney { sub_journey, outcome, nested_by: Nesting::Bracket } => {
            is_counted(question, "has_sub_journey", lit(""), [&sub_journey, &outcome])?
        }
        Behind::SubJourney { sub_journey, outcome, nested_by: Nesting::ParentId } => {
            return among(question, &sub_journeys::parents(question, &sub_journey, &outcome)?).await;
        }
        Behind::Call { columns, class } => {
            return among(question, &calls::callers(question, &columns, class).await?).await;
        }
        Behind::Issue(issue) => return among(question, &quality::concerned(&issue)?).await,
    };
    runs.filter(counted).map_err(|cause| of_datafusion("cannot look behind a number", cause))
}

/// Whether a run adds to a number whose cell has these keys.
pub(in crate::report) fn is_counted(
    question: &Question<'_>,
    function: &str,
    option: Expr,
    [first, second]: [&str; 2],
) -> Result<Expr> {
    let option = datafusion::logical_expr::cast(option, arrow::datatypes::DataType::Utf8View);
    call(&question.context, function, vec![col("path"), col("state"), option, lit(first), lit(second)])
}

/// The runs of the view [`RUNS`] whose `tenant_id` and `invocation_id` a query gives.
async fn among(question: &Question<'_>, query: &str) -> Result<DataFrame> {
    let found = format!(
        "SELECT r.* FROM {RUNS} r LEFT SEMI JOIN ({query}) f
         ON r.invocation_id = f.invocation_id AND r.tenant_id IS NOT DISTINCT FROM f.tenant_id"
    );
    question.sql(&found).await
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

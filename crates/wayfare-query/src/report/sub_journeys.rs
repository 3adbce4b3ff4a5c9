//! `sub-journeys`: journeys inside journeys, as journeys of their own: those in brackets inside one invocation, and
//! those with an invocation of their own that names its parent.

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::concat_batches;

use crate::functions::SUB_JOURNEY_COUNTS;
use crate::question::{Question, listed, quoted};
use crate::rows::{Direction, Rows, collect, integers, sorted};
use crate::spec::Nesting;
use crate::{Error, Result};

use super::funnel::literal;
use super::{Answer, cells, empty};

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    question.register("runs", question.split(question.runs(&[])?)?)?;
    register(question)?;
    let dimensions = cells::with_journey(question);
    let names = cells::names(&dimensions);
    let keys = [&["sub_journey", "outcome"], SUB_JOURNEY_COUNTS.as_slice(), &["times"]].concat();
    let call = "sub_journeys(path, offsets, state)";
    let inside = cells::unnested(question, "runs", &dimensions, call, &keys).await?;
    let (inside, apart) = (marked(&inside, Nesting::Bracket)?, with_parent(question, &names).await?);
    let apart = marked(&apart, Nesting::ParentId)?;
    let apart = apart.with_schema(inside.schema());
    let apart = apart.map_err(|cause| Error::internal("sub-journeys do not fit").because(cause))?;
    let found = concat_batches(&inside.schema(), [&inside, &apart]);
    let found = found.map_err(|cause| Error::internal("cannot join sub-journeys").because(cause))?;
    let mut order: Vec<_> = names.iter().map(|&name| (name, Direction::Ascending)).collect();
    order.extend(["sub_journey", "nested_by"].map(|name| (name, Direction::Ascending)));
    order.extend([("passages", Direction::Descending), ("outcome", Direction::Ascending)]);
    let found = sorted(&found, &order)?;
    let mut rows = Rows::default();
    rows.take(&found, &names)?;
    rows.take(&found, &["sub_journey", "nested_by", "outcome", "invocations"])?;
    let passages = integers(&found, "passages")?;
    let all = passages_of_all(&found, &names)?;
    rows.count("passages", passages.clone());
    rows.rate("share_of_passages", &passages, &all);
    rows.percentiles(&found, "times", |level| format!("{level}_duration_ms"))?;
    let mut answer = Answer::new("Sub-journeys: journeys inside journeys", rows.finish()?);
    answer.notes = if answer.batch.num_rows() == 0 {
        let mut notes = empty::explain(question, 0).await?;
        notes.push("no run of the scope has a sub-journey".to_owned());
        notes
    } else {
        empty::explain(question, 1).await?
    };
    Ok(answer.limited(question.scope.limit))
}

/// Runs of the scope's runs' children, as rows like those of the brackets.
async fn with_parent(question: &Question<'_>, names: &[&str]) -> Result<RecordBatch> {
    let quoted_names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let of_parent = listed(quoted_names.iter().map(|name| format!("p.{name}")));
    let list = listed(quoted_names.iter().cloned());
    let query = format!(
        "WITH {nested},
         cells AS (
           SELECT {list} sub_journey, outcome, count(DISTINCT parent_run) AS invocations, count(*) AS passages,
             time_summary(duration_ms) AS times
           FROM nested GROUP BY {list} sub_journey, outcome)
         SELECT {list} sub_journey, outcome, invocations, passages, times[1] AS times FROM cells",
        nested = nested(&of_parent),
    );
    collect(question.sql(&query).await?).await
}

/// The runs of `all_runs` that name one of `runs` as their parent, as a list of common tables that ends in `nested`.
/// `of_parent` are columns of the parent `p`, each followed by a comma.
fn nested(of_parent: &str) -> String {
    format!(
        "parents AS (
           SELECT tenant_id, invocation_id, min(parent_invocation_id) AS parent FROM events
           WHERE parent_invocation_id IS NOT NULL AND invocation_id IS NOT NULL AND source = 'cis'
           GROUP BY tenant_id, invocation_id),
         nested AS (
           SELECT {of_parent} coalesce(c.journey_id, '') AS sub_journey, c.state AS outcome,
             p.tenant_id, p.invocation_id, concat(coalesce(p.tenant_id, ''), ' ', p.invocation_id) AS parent_run, c.duration_ms
           FROM parents n
           JOIN all_runs c ON c.invocation_id = n.invocation_id AND c.tenant_id IS NOT DISTINCT FROM n.tenant_id
           JOIN runs p ON p.invocation_id = n.parent AND p.tenant_id IS NOT DISTINCT FROM n.tenant_id)"
    )
}

/// A query for the runs of the scope that are the parent of a sub-journey which ended in a way.
pub(super) fn parents(question: &Question<'_>, sub_journey: &str, outcome: &str) -> Result<String> {
    register(question)?;
    Ok(format!(
        "WITH {} SELECT DISTINCT tenant_id, invocation_id FROM nested WHERE sub_journey = {} AND outcome = {}",
        nested(""),
        literal(sub_journey),
        literal(outcome)
    ))
}

/// Makes the views known that [`nested`] reads beside `runs`.
fn register(question: &Question<'_>) -> Result<()> {
    question.register("events", question.events()?)?;
    question.register("all_runs", question.all_runs(&[])?)
}

/// The rows with a column that says how they are nested.
fn marked(batch: &RecordBatch, nested_by: Nesting) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    rows.take(batch, &names)?;
    rows.text("nested_by", (0..batch.num_rows()).map(|_| Some(nested_by.as_str())));
    rows.finish()
}

/// For each row the passages of the same sub-journey in whatever way they ended.
fn passages_of_all(found: &RecordBatch, names: &[&str]) -> Result<Int64Array> {
    let keys = names.iter().copied().chain(["sub_journey", "nested_by"]);
    let keys = keys.map(|name| crate::rows::texts(found, name)).collect::<Result<Vec<_>>>()?;
    let key = |row: usize| keys.iter().map(|values| values.get(row).cloned().flatten()).collect::<Vec<_>>();
    let passages = integers(found, "passages")?;
    let mut sums = std::collections::HashMap::new();
    for row in 0..found.num_rows() {
        *sums.entry(key(row)).or_insert(0) += passages.value(row);
    }
    Ok((0..found.num_rows()).map(|row| sums.get(&key(row)).copied()).collect())
}

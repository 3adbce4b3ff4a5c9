//! `steps`: for each step of each journey, who reached it, who completed it, and what became of the others.

use crate::Result;
use crate::dimension::Dimension;
use crate::functions::STEP_COUNTS;
use crate::question::{Question, quoted};
use crate::rows::{Direction, Rows, collect, integers, sorted};

use super::{Answer, empty};

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    let mut question_dimensions = question.dimensions.clone();
    if !question_dimensions.iter().any(|dimension| dimension.name == "journey_id") {
        question_dimensions.insert(0, Dimension::column("journey_id"));
    }
    let names: Vec<String> = question_dimensions.iter().map(|dimension| quoted(&dimension.name)).collect();
    question.register("runs", question.split(question.runs(&[])?)?)?;
    let names = names.join(", ");
    let query = format!(
        "WITH cells AS (SELECT {names}, step_summary(path, offsets, state) AS steps FROM runs GROUP BY {names}),
              rows AS (SELECT {names}, unnest(steps) AS step FROM cells)
         SELECT {names}, step['step_id'] AS step_id, {counts}, step['duration'] AS duration, step['wait'] AS wait
         FROM rows",
        counts = STEP_COUNTS.map(|name| format!("step['{name}'] AS {name}")).join(", "),
    );
    let dimensions: Vec<&str> = question_dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
    let mut order: Vec<_> = dimensions.iter().map(|&name| (name, Direction::Ascending)).collect();
    order.extend([("reached", Direction::Descending), ("step_id", Direction::Ascending)]);
    let cells = sorted(&collect(question.sql(&query).await?).await?, &order)?;
    let mut rows = Rows::default();
    rows.take(&cells, &dimensions)?;
    rows.take(&cells, &["step_id"])?;
    let reached = integers(&cells, "reached")?;
    for name in STEP_COUNTS {
        rows.count(name, integers(&cells, name)?);
        if name == "first_try_completed" {
            rows.rate("completion_rate", &integers(&cells, "completed")?, &reached);
        }
    }
    rows.percentiles(&cells, "duration", |level| format!("{level}_duration_ms"))?;
    rows.percentiles(&cells, "wait", |level| format!("{level}_wait_ms"))?;
    let mut answer = Answer::new("Steps: who reached them and what became of it", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    Ok(answer.limited(question.scope.limit))
}

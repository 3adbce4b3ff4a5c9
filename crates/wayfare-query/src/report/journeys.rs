//! `journeys`: the journeys of the store, with what there is of each.

use crate::Result;
use crate::question::Question;
use crate::rows::{Rows, collect, integers};

use super::{Answer, empty};

pub(super) async fn rows(question: &Question<'_>) -> Result<Answer> {
    question.register_runs(&[])?;
    let query = "SELECT journey_id, count(*) AS invocations, count(DISTINCT journey_version) AS versions,
           min(first_at) AS first_at, max(last_at) AS last_at, sum(events) AS events
         FROM runs GROUP BY journey_id ORDER BY invocations DESC, journey_id";
    let found = collect(question.sql(query).await?).await?;
    let mut rows = Rows::default();
    rows.take(&found, &["journey_id"])?;
    for name in ["invocations", "versions", "events"] {
        rows.count(name, integers(&found, name)?);
    }
    rows.take(&found, &["first_at", "last_at"])?;
    let mut answer = Answer::new("Journeys in the store", rows.finish()?);
    answer.notes = empty::explain(question, answer.batch.num_rows()).await?;
    Ok(answer.limited(question.scope.limit))
}

//! `explain ID`: why one unit counts the way it does.
//!
//! What the funnel sees of the unit comes from the funnel's own code, and so do attempts, level and drop-off class; the
//! state of a run is that of every report. Here it is put beside the unit's events, in order, and into words.
//!
//! | file | concept |
//! | --- | --- |
//! | `case` | a unit: its events, what the funnel sees of them, what speaks against counting it |
//! | `run` | a run, from its timeline |
//! | `unit` | any other unit, from its events |
//! | `words` | what an event did |
//! | `verdict` | how the unit counts, and why |

mod case;
mod run;
mod unit;
mod verdict;
mod words;

use std::sync::Arc;

use arrow::array::{AsArray as _, BooleanArray, Int64Array};
use arrow::datatypes::TimestampMicrosecondType;

use super::funnel::ask::Asked;
use super::funnel::{steps, units};
use super::{Answer, empty};
use crate::question::Question;
use crate::rows::{Rows, column};
use crate::spec::{Counting, ExplainSpec, FunnelSpec, Unit};
use crate::{Error, Result};
use case::Case;
use verdict::Verdict;

/// Events of one unit that are explained; a unit has some dozens, a runaway one may have millions.
const EVENTS_MAX: usize = 100_000;

/// The columns around the explanation: what an event is, and how it went.
const TEXTS: [&str; 4] = ["activity", "step_id", "outcome", "error_code"];

/// The columns after the explanation.
const FURTHER: [&str; 3] = ["connection_id", "http_status", "happened_at"];

pub(super) async fn rows(question: &Question<'_>, spec: &ExplainSpec) -> Result<Answer> {
    refuse_views(&spec.funnel)?;
    empty::check_names(question).await?;
    let asks = !spec.funnel.steps.is_empty()
        || !question.scope.journey.is_empty()
        || spec.funnel.unit != Unit::Invocation;
    let steps = if asks { Some(steps(question, &spec.funnel).await?) } else { None };
    let asked = match &steps {
        Some(steps) => Some(Asked::of(question, &spec.funnel, steps)?),
        None => None,
    };
    let case = match &asked {
        Some(asked) if !units::are_timelines_enough(&spec.funnel) => {
            unit::case(question, spec, asked).await?
        }
        asked => run::case(question, spec, asked.as_ref()).await?,
    };
    let mut answer = told(question, spec, asked.as_ref(), &case)?;
    answer.steps = steps;
    Ok(answer.limited(question.scope.limit))
}

/// Refuses what is asked of many units.
fn refuse_views(spec: &FunnelSpec) -> Result<()> {
    let views = [
        ("a breakdown", spec.breakdown.is_some()),
        ("a trend", spec.trend.is_some()),
        ("time to convert", spec.time_to_convert.is_some()),
        ("drop-offs", spec.drop_offs),
        ("a list", spec.list.is_some()),
        ("counting attempts", spec.counting == Counting::Attempts),
    ];
    match views.into_iter().find(|(_, asked)| *asked) {
        Some((view, _)) => {
            Err(Error::invalid(format!("one unit alone has no {}", view.trim_start_matches("a ")))
                .hint("explain takes the steps and rules of a funnel"))
        }
        None => Ok(()),
    }
}

/// The events with what they did, and the verdict.
fn told(question: &Question<'_>, spec: &ExplainSpec, asked: Option<&Asked>, case: &Case) -> Result<Answer> {
    let verdict = asked.map(|asked| Verdict::of(asked, spec, case)).transpose()?;
    let words = words::of(asked, verdict.as_ref(), case);
    let mut rows = Rows::default();
    let times = column(&case.rows, "happened_at")?.as_primitive::<TimestampMicrosecondType>();
    let millis = |at: i64| at.div_euclid(1_000);
    let start = times.iter().flatten().next().map(millis).unwrap_or_default();
    let offsets: Int64Array = times.iter().map(|at| at.map(|at| millis(at).saturating_sub(start))).collect();
    rows.add("offset_ms", Arc::new(offsets));
    let [activity, step, rest @ ..] = &TEXTS;
    rows.take(&case.rows, &[activity, step])?;
    if verdict.is_some() {
        rows.text("matches", words.iter().map(|told| told.matches.as_deref()));
        rows.text("attempt", words.iter().map(|told| told.attempts.as_deref()));
        rows.text("effect", words.iter().map(|told| Some(told.effect)));
    }
    rows.text("explanation", words.iter().map(|told| told.explanation.as_deref()));
    rows.take(&case.rows, rest)?;
    rows.take(&case.rows, &FURTHER)?;
    if let Some(verdict) = &verdict {
        rows.count("late_by_ms", words.iter().map(|told| told.late_ms).collect());
        let opened = |of: fn(&verdict::Opened) -> Option<i64>| -> Int64Array {
            words.iter().map(|told| told.opened.as_ref().and_then(of)).collect()
        };
        rows.count("opens_attempt", opened(|opened| Some(opened.number)));
        rows.count("attempt_level", opened(|opened| Some(opened.level)));
        rows.text("attempt_ending", words.iter().map(|told| Some(told.opened.as_ref()?.ending)));
        let flag = |value: bool| BooleanArray::from(vec![value; case.rows.num_rows()]);
        rows.add(
            "attempt_reported",
            Arc::new(
                words
                    .iter()
                    .map(|told| told.opened.as_ref().map(|one| one.reported))
                    .collect::<BooleanArray>(),
            ),
        );
        rows.count("level", Int64Array::from(vec![verdict.level(); case.rows.num_rows()]));
        rows.text("drop_off", case.each(verdict.class));
        rows.add("counted", Arc::new(flag(case.against.is_empty() && case.is_seen())));
    }
    rows.text("state", case.each(case.run.as_ref().map(|run| run.state.as_str())));
    rows.take(&case.rows, &["event_id"])?;
    let mut answer = Answer::new(verdict::title(spec, asked, verdict.as_ref(), case), rows.finish()?);
    if let (Some(asked), Some(verdict)) = (asked, &verdict) {
        answer.notes.extend(verdict.notes(asked, spec, case));
    }
    answer.notes.extend(case.run.as_ref().map(|run| run.told(question)));
    answer.notes.extend(case.against.iter().map(|against| format!("not counted: {against}")));
    if asked.is_some() && !case.is_seen() && case.against.is_empty() {
        answer.notes.push("not counted: none of its events is among those asked for".to_owned());
    }
    answer.notes.extend(asked.map(|asked| asked.window(spec.funnel.unit.noun())));
    Ok(answer)
}

#[cfg(test)]
mod tests;

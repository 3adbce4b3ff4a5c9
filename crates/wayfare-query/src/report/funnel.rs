//! `funnel`: how far units get through a sequence of steps, and how long that takes.
//!
//! | file | concept |
//! | --- | --- |
//! | `ask` | the spec, resolved |
//! | `table` | the rows of a funnel of runs, which the query engine adds up from their timelines |
//! | `units` | units one after the other, for all that asks for more |
//! | `tally` | what they add up to |
//! | `list` | a page of units, or of their attempts |
//! | `views` | that as rows |

pub(super) mod ask;
mod list;
mod table;
pub(super) mod tally;
pub(super) mod units;
mod views;

use crate::functions::{FUNNEL_SUMMARY, FunnelText, Ranks, TimesWanted, funnel_summary};
use crate::funnel::Ties;
use crate::question::Question;
use crate::rows::collect;
use crate::spec::{Counting, FunnelSpec, StepSpec, Unit, parse_tz, suggest};
use crate::words::counted;
use crate::{Error, Result};

use super::{Answer, empty, main_line, overview, sessions};
use ask::Asked;
use table::{SUMMED, Table};
use tally::{ANY, CLASSES, Tally};
use views::{TIME_COLUMNS, level_of};

pub(super) async fn rows(question: &Question<'_>, spec: &FunnelSpec) -> Result<Answer> {
    let steps = steps(question, spec).await?;
    check(spec, steps.len())?;
    let asked = Asked::of(question, spec, &steps)?;
    let mut answer = if is_summed_up(spec) {
        summed_up(question, &asked).await?
    } else {
        // what is proposed may change from page to page, and is another question then
        added_up(question, &FunnelSpec { steps: steps.clone(), ..spec.clone() }, &asked).await?
    };
    answer.steps = Some(steps);
    Ok(answer)
}

/// The steps of a funnel: given ones, else those of a verification, else the main line of the one journey.
pub(super) async fn steps(question: &Question<'_>, spec: &FunnelSpec) -> Result<Vec<StepSpec>> {
    Ok(match (spec.steps.as_slice(), spec.unit) {
        ([], Unit::Session) => sessions::way(),
        ([], _) => main_line::propose(question).await?.into_iter().map(StepSpec::Text).collect(),
        (steps, _) => steps.to_vec(),
    })
}

/// Whether the query engine can add the runs up.
fn is_summed_up(spec: &FunnelSpec) -> bool {
    let other_view =
        spec.trend.is_some() || spec.time_to_convert.is_some() || spec.list.is_some() || spec.drop_offs;
    units::are_timelines_enough(spec) && !other_view && spec.counting == Counting::Actors
}

/// Refuses what cannot be meant.
fn check(spec: &FunnelSpec, steps: usize) -> Result<()> {
    let views = [spec.trend.is_some(), spec.time_to_convert.is_some(), spec.list.is_some(), spec.drop_offs];
    if views.into_iter().filter(|view| *view).count() > 1 {
        return Err(Error::invalid("expected one of trend, time to convert, list and drop-offs"));
    }
    if views.contains(&true) && spec.breakdown.is_some() {
        return Err(Error::invalid("a breakdown splits the steps, no trend, time to convert or list"));
    }
    if spec.after.is_some() && spec.list.is_none() {
        return Err(Error::invalid("after is for a list: this funnel has no pages"));
    }
    if let Some(by) = spec.scope.by.first().filter(|_| !is_summed_up(spec)) {
        return Err(Error::invalid(format!("this funnel cannot be split by {by}"))
            .hint("`--by` is for steps of runs; a breakdown splits by a property of events"));
    }
    if let Some(trend) = &spec.trend {
        if !crate::functions::INTERVALS.contains(&trend.interval.as_str()) {
            return Err(suggest::unknown(
                "interval",
                &trend.interval,
                crate::functions::INTERVALS.into_iter(),
            ));
        }
        trend.timezone.as_deref().map(parse_tz).transpose()?;
    }
    let named = [
        spec.trend.as_ref().map(|trend| trend.from_step),
        spec.trend.as_ref().and_then(|trend| trend.to_step),
        spec.time_to_convert.as_ref().map(|convert| convert.from_step),
        spec.time_to_convert.as_ref().and_then(|convert| convert.to_step),
        spec.list.as_ref().and_then(|list| list.step),
    ];
    let class = spec.list.as_ref().and_then(|list| list.class.as_deref());
    if let Some(unknown) = class.filter(|class| *class != ANY && !CLASSES.contains(class)) {
        return Err(suggest::unknown("class of drop-offs", unknown, CLASSES.into_iter().chain([ANY])));
    }
    match named.into_iter().flatten().find(|step| *step >= steps) {
        Some(step) => {
            Err(Error::invalid(format!("the funnel has {}, no step {}", counted(steps, "step"), step + 1)))
        }
        None => Ok(()),
    }
}

/// The steps of runs, added up by the query engine.
async fn summed_up(question: &Question<'_>, asked: &Asked) -> Result<Answer> {
    let (definition, marks) = asked.over_timelines()?;
    question.register("runs", question.split(question.runs(&marks)?)?)?;
    let wants = |from| question.wants(|column| column.ends_with(from));
    let is_wanted = |level: &str| {
        let mut columns = TIME_COLUMNS.iter().filter(|(column, _)| level_of(column) == level);
        columns.any(|(column, from)| question.wants(|wanted| wanted == format!("{column}_from_{from}_ms")))
    };
    let wanted = TimesWanted {
        from_first: wants("_from_first_ms"),
        from_previous: wants("_from_previous_ms"),
        ranks: Ranks::of_percentiles(is_wanted),
    };
    question.context.register_udaf(funnel_summary(&definition, wanted)?);
    let query = format!(
        "SELECT {names} count(*) AS runs, {FUNNEL_SUMMARY}(path, offsets) AS {SUMMED} FROM runs {grouped} {ordered}",
        names = question.names_then_comma(),
        grouped = question.grouped_by(&[]),
        ordered = overview::order_by(question),
    );
    let cells = collect(question.sql(&query).await?).await?;
    let table = Table::of(&cells, &asked.names, wanted)?;
    let mut answer = Answer::new(title(question), table.rows(question)?);
    answer.notes.push(asked.window(Unit::Invocation.noun()));
    answer.notes.extend(empty::explain(question, usize::from(table.runs > 0)).await?);
    if table.runs > 0 {
        answer.notes.push(format!("{} in the scope", counted(table.runs, "run")));
        let steps = asked.texts();
        answer.notes.extend(empty::explain_steps(question, &definition, &steps, &table.totals).await?);
    }
    Ok(answer.limited(question.scope.limit))
}

/// All else, added up unit by unit.
async fn added_up(question: &Question<'_>, spec: &FunnelSpec, asked: &Asked) -> Result<Answer> {
    let mut tally = Tally::new(units::automaton(asked)?, spec, question.zone)?;
    let undecided = if units::are_timelines_enough(spec) {
        units::take_runs(question, asked, &mut tally).await?;
        0
    } else {
        units::take_events(question, spec, asked, &mut tally).await?
    };
    let mut answer = if spec.list.is_some() {
        let page = tally.listing.page();
        let mut answer = Answer::new(title(question), views::list(spec, &page.rows)?);
        answer.rows_total = Some(page.total);
        answer.next = page.next;
        answer
    } else if spec.trend.is_some() {
        let mut answer = Answer::new(title(question), views::trend(question, spec, &tally)?);
        answer.notes.push("one unit counts in every interval in which it entered".to_owned());
        answer.notes.push("immature: windows of the interval are not over; its rate may rise".to_owned());
        answer.limited(question.scope.limit)
    } else if spec.drop_offs {
        Answer::new(title(question), views::drop_offs(&asked.names, &tally)?).limited(question.scope.limit)
    } else if spec.time_to_convert.is_some() {
        Answer::new(title(question), views::conversion(spec, &mut tally)?).limited(question.scope.limit)
    } else {
        let mut cells = tally.limited_cells();
        Answer::new(title(question), views::steps(spec, &asked.names, &mut cells)?)
            .limited(question.scope.limit)
    };
    answer.notes.push(asked.window(spec.unit.noun()));
    answer.notes.push(format!("{} in the scope", counted(tally.units, spec.unit.noun())));
    answer.notes.extend(units::explain_nobodys(question, spec).await?);
    if tally.dropped > 0 {
        let dropped = counted(tally.dropped, spec.unit.noun());
        answer.notes.push(format!("{dropped} left out: an exclusion lies in what they did best"));
    }
    if spec.ties == Ties::Arrival && undecided > 0 {
        let undecided = counted(undecided, "event");
        let why = "no number in params.sequence puts them behind another one of their millisecond";
        answer.notes.push(format!("order of arrival not known of {undecided}: {why}"));
    }
    if tally.units == 0 {
        answer.notes.extend(empty::explain_events(question, 0).await?);
    }
    Ok(answer)
}

fn title(question: &Question<'_>) -> String {
    match question.scope.journey.as_slice() {
        [] => "Funnel of all journeys".to_owned(),
        journeys => format!("Funnel of {}", journeys.join(", ")),
    }
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A funnel of one step of another.
pub(super) fn alone(definition: &FunnelText, step: usize) -> FunnelText {
    FunnelText {
        steps: definition.steps.get(step..=step).unwrap_or_default().to_vec(),
        exclusions: Vec::new(),
        definition: crate::funnel::Definition::new(1),
    }
}

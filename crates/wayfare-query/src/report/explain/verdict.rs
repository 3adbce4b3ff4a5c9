//! How a unit counts in a funnel, and why.

use super::case::Case;
use super::run::spell;
use crate::Result;
use crate::funnel::{Attempt, Ending, ExclusionEffect, Explanation, Order, Part};
use crate::report::funnel::ask::Asked;
use crate::report::funnel::tally::{End, UnitEvents, drop_off};
use crate::report::funnel::units::automaton;
use crate::spec::ExplainSpec;

/// Attempts that are told about beside the reported one.
const OTHERS_TOLD_MAX: usize = 5;

/// What the funnel says of a unit.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) told: Explanation,
    /// Why it went no further.
    pub(super) class: Option<&'static str>,
}

/// The attempt that an event opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its number, from 1.
    pub(super) number: i64,
    pub(super) level: i64,
    pub(super) ending: &'static str,
    pub(super) reported: bool,
}

impl Verdict {
    pub(super) fn of(asked: &Asked, spec: &ExplainSpec, case: &Case) -> Result<Self> {
        let told = automaton(asked)?.explain(&case.events);
        let end = case.run.as_ref().map(|run| End { state: run.end_state(), completed_ms: run.completed_ms });
        let tenant = case.tenant.as_deref();
        let unit = UnitEvents { tenant, id: &spec.id, events: &case.events, cells: &[], end };
        let class = drop_off(asked.definition.steps, &unit, &told.outcome);
        Ok(Self { told, class })
    }

    /// The level; nothing for a unit that an exclusion takes out of the report.
    pub(super) fn level(&self) -> Option<i64> {
        (!self.told.outcome.dropped).then(|| number(self.told.outcome.level))
    }

    /// The attempt told about, with its index.
    pub(super) fn attempt(&self) -> Option<(usize, &Attempt)> {
        let index = self.told.told?;
        Some((index, self.told.attempts.get(index)?))
    }

    pub(super) fn opened(&self, index: usize) -> Option<Opened> {
        let attempt = self.told.attempts.get(index)?;
        Some(Opened {
            number: number(index + 1),
            level: number(attempt.level),
            ending: ending(attempt.ending),
            reported: self.told.outcome.level > 0 && self.told.told == Some(index),
        })
    }

    /// Level, drop-off and attempts in words.
    pub(super) fn notes(&self, asked: &Asked, spec: &ExplainSpec, case: &Case) -> Vec<String> {
        let mut notes = vec![self.standing(asked, spec, case)];
        notes.extend(self.class.map(|class| {
            let step = self.told.outcome.level + 1;
            format!("drop-off before step {step}: {class}, for {}", reason(class, spec.funnel.unit.noun()))
        }));
        if let Some((index, attempt)) = self.attempt() {
            let reported = if self.told.outcome.level > 0 { "reported is" } else { "told about is" };
            let of = self.told.attempts.len();
            notes.push(format!(
                "{reported} attempt {} of {of}: {}",
                index + 1,
                outline(asked, case, attempt)
            ));
            let others = self.told.attempts.iter().enumerate().filter(|(other, _)| *other != index);
            for (other, less) in others.take(OTHERS_TOLD_MAX) {
                let why = why_not(asked, attempt, less);
                notes.push(format!("attempt {}: {}; {why}", other + 1, outline(asked, case, less)));
            }
            if of > OTHERS_TOLD_MAX + 1 {
                notes.push(format!("and {} more attempts", of - 1 - OTHERS_TOLD_MAX));
            }
        }
        notes
    }

    fn standing(&self, asked: &Asked, spec: &ExplainSpec, case: &Case) -> String {
        let steps = asked.definition.steps;
        let level = self.told.outcome.level;
        let noun = spec.funnel.unit.noun();
        if self.told.outcome.dropped {
            return format!("no level: an exclusion takes the {noun} out, for it lies in what it did best");
        }
        if level == steps {
            return format!("level {level} of {steps}: it got through all steps");
        }
        let Some((_, attempt)) = self.attempt() else {
            return format!("level 0 of {steps}: no event is step 1, {}", name(asked, 0));
        };
        if level == 0 {
            return format!("level 0 of {steps}: an exclusion lies in every attempt");
        }
        let next = if asked.definition.order == Order::Unordered {
            "a further step".to_owned()
        } else {
            format!("step {}, {}", level + 1, name(asked, level))
        };
        format!("level {level} of {steps}: {next}, was not reached, {}", self.obstacle(asked, case, attempt))
    }

    /// What kept the attempt from its next step.
    fn obstacle(&self, asked: &Asked, case: &Case, attempt: &Attempt) -> String {
        let place = |wanted: &[Part]| self.told.parts.iter().position(|part| wanted.contains(part));
        let by = |place: Option<usize>| match place.and_then(|place| case.row_of(place)) {
            Some(row) => case.name(row),
            None => "an event".to_owned(),
        };
        let late = self.told.parts.iter().find_map(|part| match part {
            Part::Late(by_ms) => Some(*by_ms),
            _ => None,
        });
        match attempt.ending {
            Ending::Broken => {
                format!("for {} broke the strict attempt", by(place(&[Part::Broke, Part::Excluded])))
            }
            Ending::Repeated => {
                format!(
                    "for {} was a repeat and ended the attempt",
                    by(place(&[Part::Stopped, Part::Excluded]))
                )
            }
            Ending::Excluded => {
                format!("for {} is excluded and ended the attempt", by(place(&[Part::Excluded])))
            }
            Ending::Window | Ending::Exhausted => match (late, asked.definition.window_ms) {
                (Some(by_ms), _) => format!("for it came {} after the window", spell(by_ms)),
                (None, Some(_)) if attempt.ending == Ending::Window => {
                    "for no such event came inside the window".to_owned()
                }
                _ => "for no such event followed".to_owned(),
            },
            Ending::Complete => "for the attempt was left there".to_owned(),
        }
    }
}

/// The title of the answer.
pub(super) fn title(
    spec: &ExplainSpec,
    asked: Option<&Asked>,
    verdict: Option<&Verdict>,
    case: &Case,
) -> String {
    let noun = spec.funnel.unit.noun();
    let mut title = format!("Why {noun} {} counts as it does", spec.id);
    if let Some(run) = &case.run {
        title = format!("Run {} {}", spec.id, run.headline());
    }
    let Some((asked, verdict)) = asked.zip(verdict) else { return title };
    match verdict.level() {
        Some(level) => format!("{title} · level {level} of {}", asked.definition.steps),
        None => format!("{title} · taken out by an exclusion"),
    }
}

/// How far an attempt got, in words.
fn outline(asked: &Asked, case: &Case, attempt: &Attempt) -> String {
    let first_ms = case.events.first().map_or(attempt.entry_ms, |first| first.at_ms);
    let entered = spell(attempt.entry_ms.saturating_sub(first_ms));
    let last = attempt.matches.last().map_or(0, |last| last.at_ms.saturating_sub(attempt.entry_ms));
    let excluded = if attempt.excluded { ", with an exclusion in it" } else { "" };
    let steps = asked.definition.steps;
    format!("entered at {entered}, level {} of {steps} after {}{excluded}", attempt.level, spell(last))
}

/// Why another attempt is not the one told about.
fn why_not(asked: &Asked, best: &Attempt, other: &Attempt) -> &'static str {
    let last = |attempt: &Attempt| attempt.matches.last().map(|last| last.at_ms);
    let voids = asked.definition.exclusion_effect != ExclusionEffect::EndAttempt;
    if other.excluded && voids && !best.excluded {
        "an exclusion takes it out"
    } else if other.level < best.level {
        "it gets less far"
    } else if asked.definition.order == Order::Unordered {
        "it entered later"
    } else if last(other) > last(best) {
        "it gets there later"
    } else if other.entry_ms < best.entry_ms {
        "it entered earlier and gets there at the same time"
    } else {
        "it is no better"
    }
}

fn reason(class: &str, noun: &str) -> String {
    match class {
        "error" => format!("the {noun} failed with an error"),
        "rejected" => format!("the {noun} failed by the journey's own decision"),
        "abandoned" => format!("the {noun} was abandoned there"),
        "open" => format!("the {noun} is still open"),
        "succeeded_without" => format!("the {noun} succeeded without the step"),
        "another_branch" => format!("the {noun} completed another step later"),
        _ => format!("of a {noun} no end is known"),
    }
}

fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Exhausted => "no_more_events",
        Ending::Complete => "complete",
        Ending::Window => "window",
        Ending::Broken => "broken",
        Ending::Repeated => "repeated",
        Ending::Excluded => "excluded",
    }
}

/// The name of a step (0-based).
pub(super) fn name(asked: &Asked, step: usize) -> &str {
    asked.names.get(step).map_or("?", String::as_str)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

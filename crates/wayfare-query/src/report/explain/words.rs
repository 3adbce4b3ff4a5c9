//! What an event did, in a word for machines and in words for people.

use super::case::Case;
use super::run::{RunFacts, spell};
use super::verdict::{Opened, Verdict, name};
use crate::funnel::{ExclusionEffect, Order, Part};
use crate::report::funnel::ask::Asked;
use crate::timeline::Kind;

/// An event explained.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The steps and exclusions that it matches, numbers from 1.
    pub(super) matches: Option<String>,
    /// The numbers of the attempts that took it.
    pub(super) attempts: Option<String>,
    /// The word.
    pub(super) effect: &'static str,
    /// The words.
    pub(super) explanation: Option<String>,
    /// How long after the window it came.
    pub(super) late_ms: Option<i64>,
    /// The attempt that it opened.
    pub(super) opened: Option<Opened>,
}

/// Every event of a unit.
pub(super) fn of(asked: Option<&Asked>, verdict: Option<&Verdict>, case: &Case) -> Vec<Told> {
    let attempts = verdict.map(|verdict| taken(verdict, case.events.len())).unwrap_or_default();
    (0..case.rows.num_rows())
        .map(|row| {
            let mut told = match asked.zip(verdict) {
                Some((asked, verdict)) => of_event(asked, verdict, case, row, &attempts),
                None => Told::default(),
            };
            let of_run = case.run.as_ref().and_then(|run| of_run(run, row));
            told.explanation = match (told.explanation.take(), of_run) {
                (Some(told), Some(of_run)) => Some(format!("{told}; {of_run}")),
                (told, of_run) => told.or(of_run),
            };
            told
        })
        .collect()
}

/// For each event the numbers of the attempts that took it.
fn taken(verdict: &Verdict, events: usize) -> Vec<Vec<String>> {
    let mut taken = vec![Vec::new(); events];
    for (index, places) in verdict.told.places.iter().enumerate() {
        let mut before = None;
        for place in places {
            // An event that serves several steps of an attempt is taken once.
            if before.replace(place) != Some(place)
                && let Some(taken) = taken.get_mut(*place)
            {
                taken.push((index + 1).to_string());
            }
        }
    }
    taken
}

fn of_event(asked: &Asked, verdict: &Verdict, case: &Case, row: usize, taken: &[Vec<String>]) -> Told {
    let Some(place) = case.places.get(row).copied().flatten() else {
        let why = case.skipped.get(row).and_then(Option::as_ref);
        let explanation = why.map(|why| format!("left out: {why}"));
        return Told { effect: "left_out", explanation, ..Told::default() };
    };
    let told = &verdict.told;
    let part = told.parts.get(place).copied().unwrap_or(Part::Foreign);
    let serves = told.serves.get(place).copied().unwrap_or_default();
    let opened = told.attempts.iter().position(|attempt| attempt.entry == place);
    let opened = opened.and_then(|index| verdict.opened(index));
    let (effect, mut words) = words(asked, verdict, case, place, part, serves);
    let is_told =
        |opened: &Opened| told.told.is_some_and(|told| i64::try_from(told + 1) == Ok(opened.number));
    let effect = match &opened {
        Some(opened) if is_told(opened) && part != Part::Excluded => "opened",
        _ => effect,
    };
    if let Some(opened) = &opened {
        let number = opened.number;
        words = if is_told(opened) {
            format!("opened attempt {number}; {words}")
        } else {
            format!(
                "opened attempt {number}, which got to level {}; for the one told about: {words}",
                opened.level
            )
        };
    }
    let numbers = taken.get(place).filter(|numbers| !numbers.is_empty());
    Told {
        matches: matches(asked, case, place),
        attempts: numbers.map(|numbers| numbers.join(", ")),
        effect,
        explanation: Some(words),
        late_ms: if let Part::Late(by_ms) = part { Some(by_ms) } else { None },
        opened,
    }
}

/// The steps and exclusions that an event matches.
fn matches(asked: &Asked, case: &Case, place: usize) -> Option<String> {
    let event = case.events.get(place)?;
    let steps = (0..asked.definition.steps).filter(|step| event.steps >> step & 1 == 1);
    let exclusions = (0..asked.definition.exclusions.len()).filter(|one| event.exclusions >> one & 1 == 1);
    let steps = steps.map(|step| (step + 1).to_string());
    let all: Vec<String> = steps.chain(exclusions.map(|one| format!("exclusion {}", one + 1))).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The word and the words for what an event was to the attempt told about.
fn words(
    asked: &Asked,
    verdict: &Verdict,
    case: &Case,
    place: usize,
    part: Part,
    serves: u64,
) -> (&'static str, String) {
    let event_steps = case.events.get(place).map_or(0, |event| event.steps);
    let first = (0..asked.definition.steps).find(|step| event_steps >> step & 1 == 1).unwrap_or_default();
    let step = || format!("step {}, {}", first + 1, name(asked, first));
    let has_attempt = verdict.attempt().is_some();
    match part {
        Part::Matched => ("matched", matched(asked, verdict, serves)),
        Part::Excluded => {
            let effect = match asked.definition.exclusion_effect {
                ExclusionEffect::EndAttempt => "excluded: it ends the attempt",
                ExclusionEffect::VoidAttempt => "excluded: the attempt counts nothing",
                ExclusionEffect::DropActor => "excluded: only an attempt as good without it would count",
            };
            let also =
                if serves == 0 { String::new() } else { format!("{}; ", matched(asked, verdict, serves)) };
            ("excluded", format!("{also}{effect}{}", excluding(asked, case, place)))
        }
        Part::Broke => ("broke", "broke the strict attempt, which passes over no such event".to_owned()),
        Part::Stopped => ("stopped", format!("ended the attempt: {} was matched already", step())),
        Part::Late(by_ms) => ("late", format!("{}, {} after the window", step(), spell(by_ms))),
        Part::Foreign => ("passed_over", "passed over: matches no step".to_owned()),
        Part::Early if has_attempt => ("before", "passed over: before the attempt was opened".to_owned()),
        Part::Early => {
            ("before", "passed over: no attempt was open, for none is opened without step 1".to_owned())
        }
        Part::Repeat => ("passed_over", format!("passed over: {} again", step())),
        Part::Ahead => ("passed_over", format!("passed over: {} cannot come yet", step())),
        Part::Behind => ("passed_over", format!("passed over: optional {} was left out before", step())),
        Part::Tied => {
            ("passed_over", format!("passed over: {} at the millisecond of the step before", step()))
        }
        Part::OtherValue => ("passed_over", "passed over: not the value that is held".to_owned()),
        Part::Spare => ("passed_over", format!("passed over: {}, for which another event serves", step())),
        Part::Harmless => ("passed_over", "passed over: an exclusion, but not between its steps".to_owned()),
        Part::After => ("after", "passed over: after the end of the attempt".to_owned()),
    }
}

/// The exclusion that an event is of.
fn excluding(asked: &Asked, case: &Case, place: usize) -> String {
    let set = case.events.get(place).map_or(0, |event| event.exclusions);
    let index = (0..asked.definition.exclusions.len()).find(|one| set >> one & 1 == 1);
    let names = asked.exclusion_names();
    let found = index.and_then(|index| Some((asked.definition.exclusions.get(index)?, names.get(index)?)));
    found.map_or_else(String::new, |(exclusion, name)| {
        format!(" ({name} between {} and {})", exclusion.from + 1, exclusion.to + 1)
    })
}

/// The steps that an event matched, and how long after the one before.
fn matched(asked: &Asked, verdict: &Verdict, serves: u64) -> String {
    let mut parts = Vec::new();
    let matches = verdict.attempt().map_or(&[][..], |(_, attempt)| attempt.matches.as_slice());
    let before = std::iter::once(None).chain(matches.iter().map(Some));
    for (matched, before) in matches.iter().zip(before) {
        if serves >> matched.step & 1 == 0 {
            continue;
        }
        let since = before.map(|before| {
            format!(", {} after the one before", spell(matched.at_ms.saturating_sub(before.at_ms)))
        });
        let number = matched.step + 1;
        let what = if asked.definition.order == Order::Unordered {
            format!("filled step {number} of {}", asked.definition.steps)
        } else {
            format!("matched step {number}, {}", name(asked, matched.step))
        };
        parts.push(what + &since.unwrap_or_default());
    }
    parts.join("; ")
}

/// What an event meant for the state of a run.
fn of_run(run: &RunFacts, row: usize) -> Option<String> {
    let kind = *run.kinds.get(row)?;
    let last = row + 1 == run.kinds.len();
    match (run.end, kind) {
        (Some(end), _) if row == end => Some(format!("ended the run: {}", run.state)),
        (Some(end), _) if row > end => {
            Some("after the end of the run, means nothing for its state".to_owned())
        }
        (_, Kind::SubJourneyStarted) => Some("opened a sub-journey".to_owned()),
        (_, Kind::SubJourneySucceeded | Kind::SubJourneyFailed) => {
            Some("ended the sub-journey, not the run".to_owned())
        }
        (None, _) if last => Some(format!("the last event; no end follows: {}", run.state)),
        _ => None,
    }
}

//! A funnel over timelines: the automaton with what it knows of paths.
//!
//! Tokens are matched against the steps once a distinct path, not once a run; and so does the automaton run once for all
//! runs of a path that are no longer than the window, whose times are then differences of offsets.

use std::collections::HashMap;

use datafusion::common::Result as DataFusionResult;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::funnel::{Definition, Funnel, FunnelEvent, Order};
use crate::spec::Step;
use crate::timeline::{Kind, token, token_texts};
use crate::{Error, Result};

use super::external;
use super::paths::{ByPath, check_offsets};

/// A funnel as [`super::funnel_summary`] and `empty` take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunnelText {
    pub(crate) steps: Vec<StepText>,
    pub(crate) exclusions: Vec<StepText>,
    pub(crate) definition: Definition,
}

/// One step: it matches a token that fits its text, if it has one, or that has one of its marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepText {
    pub(crate) text: Option<String>,
    pub(crate) marks: u64,
}

/// What one token of a path matches: its steps and its exclusions.
type Matched = (u64, u64);

/// The tokens between which a time lies.
type Span = (u32, u32);

/// What a funnel has to know of a path.
#[derive(Debug)]
struct Known {
    tokens: usize,
    /// The tokens that the automaton has to see, and what they match.
    seen: Box<[(u32, Matched)]>,
    /// The last token of a completed step.
    completed: Option<u32>,
    /// The times of a run in which no window can bind; absent where the automaton cannot tell without the run.
    unbound: Option<Box<[Option<Span>]>>,
}

/// What tokens match. A text of a token is matched once.
#[derive(Debug)]
struct Matcher {
    steps: Vec<(Option<Step>, u64)>,
    exclusions: Vec<(Option<Step>, u64)>,
    /// Whether an event that matches nothing can break an attempt.
    all_events: bool,
    /// By the text of a token: what it matches, and whether it completes a step.
    texts: HashMap<Box<str>, (Matched, bool), RandomState>,
}

/// Texts of tokens whose matches are remembered.
const TEXTS_KNOWN_MAX: usize = 16_384;

impl Matcher {
    fn matched(&mut self, text: &str) -> Result<(Matched, bool)> {
        if let Some(&known) = self.texts.get(text) {
            return Ok(known);
        }
        let token = token(text, false)?;
        let set = |steps: &[(Option<Step>, u64)]| {
            let fits = |(step, marks): &(Option<Step>, u64)| {
                token.marks & marks != 0 || step.as_ref().is_some_and(|step| step.mark(&token))
            };
            let matched = steps.iter().enumerate().filter(|(_, step)| fits(step));
            matched.fold(0, |set, (index, _)| set | 1 << index)
        };
        let known = ((set(&self.steps), set(&self.exclusions)), token.kind == Kind::StepCompleted);
        if self.texts.len() < TEXTS_KNOWN_MAX {
            self.texts.insert(text.into(), known);
        }
        Ok(known)
    }
}

/// A funnel ready to run over timelines.
pub(crate) struct Prepared {
    matcher: Matcher,
    pub(crate) automaton: Funnel,
    known: ByPath<Known>,
    events: Vec<FunnelEvent>,
}

impl Prepared {
    pub(crate) fn of(funnel: &FunnelText) -> Result<Self> {
        let parse = |steps: &[StepText]| {
            let step = |step: &StepText| Ok((step.text.as_deref().map(Step::parse).transpose()?, step.marks));
            steps.iter().map(step).collect::<Result<Vec<_>>>()
        };
        let matcher = Matcher {
            steps: parse(&funnel.steps)?,
            exclusions: parse(&funnel.exclusions)?,
            all_events: funnel.definition.order == Order::Strict,
            texts: HashMap::default(),
        };
        let automaton = Funnel::try_new(funnel.definition.clone())?;
        Ok(Self { matcher, automaton, known: ByPath::default(), events: Vec::new() })
    }

    /// Gives every event of a run, those that match nothing, too.
    pub(crate) fn with_every_event(mut self) -> Self {
        self.matcher.all_events = true;
        self
    }

    /// The events of a run that the automaton has to see; gives the instant at which the run last completed a step. Paths
    /// are matched once each.
    pub(crate) fn events(
        &mut self,
        path: &str,
        offsets: &[i64],
        first_ms: i64,
        events: &mut Vec<FunnelEvent>,
    ) -> Result<Option<i64>> {
        let Self { matcher, automaton, known, .. } = self;
        let known = known.get(path, |path| Known::of(path, matcher, automaton))?;
        known.check(offsets)?;
        known.events(offsets, first_ms, events);
        let last = known.completed.and_then(|token| offsets.get(token as usize));
        Ok(last.map(|offset| first_ms.saturating_add(*offset)))
    }

    /// How far some runs of one path get, and when: for each run its number among them, and twice as many times as there are
    /// steps. First the milliseconds from the first step to each, then those from the step matched before; null
    /// where the step is not reached, or has none before.
    pub(super) fn times<'a>(
        &mut self,
        path: &str,
        timelines: impl Iterator<Item = &'a [i64]>,
        mut each: impl FnMut(usize, &mut dyn Iterator<Item = Option<i64>>) -> DataFusionResult<()>,
    ) -> DataFusionResult<()> {
        let Self { matcher, automaton, known, events } = self;
        let known = known.get(path, |path| Known::of(path, matcher, automaton)).map_err(external)?;
        let steps = automaton.definition().steps;
        let window_ms = automaton.definition().window_ms;
        for (run, offsets) in timelines.enumerate() {
            known.check(offsets).map_err(external)?;
            let length_ms = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
            if let Some(spans) = known.unbound.as_ref().filter(|_| window_ms.is_none_or(|ms| length_ms <= ms))
            {
                let at = |token: u32| offsets.get(token as usize).copied();
                each(
                    run,
                    &mut spans.iter().map(|span| span.and_then(|(from, to)| Some(at(to)? - at(from)?))),
                )?;
            } else {
                known.events(offsets, 0, events);
                let outcome = automaton.run(events);
                let entry = outcome.at_ms(0);
                let from_first = |step| outcome.at_ms(step).zip(entry).map(|(at_ms, entry)| at_ms - entry);
                let from_previous = |step| outcome.since_previous_ms(step);
                each(run, &mut (0..steps).map(from_first).chain((0..steps).map(from_previous)))?;
            }
        }
        Ok(())
    }
}

impl Known {
    fn of(path: &str, matcher: &mut Matcher, automaton: &mut Funnel) -> Result<Self> {
        let mut known = Self { tokens: 0, seen: Box::default(), completed: None, unbound: None };
        let mut seen = Vec::new();
        // The place of a token among the instants, and the first token of each instant.
        let (mut instants, mut firsts): (Vec<i64>, Vec<u32>) = (Vec::new(), Vec::new());
        for (index, (text, tied)) in token_texts(path).enumerate() {
            let token = u32::try_from(index).map_err(|_many| Error::limit("a path has too many tokens"))?;
            let (matched, completes) = matcher.matched(text).map_err(|error| error.with("token", index))?;
            if completes {
                known.completed = Some(token);
            }
            if matcher.all_events || matched != (0, 0) {
                seen.push((token, matched));
            }
            if !tied || firsts.is_empty() {
                firsts.push(token);
            }
            instants.push(i64::try_from(firsts.len()).unwrap_or(i64::MAX) - 1);
            known.tokens = index + 1;
        }
        known.seen = seen.into();
        known.unbound = known.spans(&instants, &firsts, automaton);
        Ok(known)
    }

    /// The times of a run in which no window binds: the automaton is given the numbers of the instants as their times.
    fn spans(&self, instants: &[i64], firsts: &[u32], automaton: &mut Funnel) -> Option<Box<[Option<Span>]>> {
        let length = instants.last().copied().unwrap_or_default();
        if automaton.definition().window_ms.is_some_and(|window_ms| length > window_ms) {
            return None;
        }
        let mut events = Vec::new();
        self.events(instants, 0, &mut events);
        let steps = automaton.definition().steps;
        let outcome = automaton.run(&events);
        let first = |instant: i64| firsts.get(usize::try_from(instant).ok()?).copied();
        let mut spans = vec![None; steps * 2];
        let entry = outcome.at_ms(0).and_then(first);
        for matched in &outcome.matches {
            if let Some(span) = spans.get_mut(matched.step) {
                *span = entry.zip(first(matched.at_ms));
            }
        }
        for pair in outcome.matches.windows(2) {
            if let [before, matched] = pair
                && let Some(span) = spans.get_mut(steps + matched.step)
            {
                *span = first(before.at_ms).zip(first(matched.at_ms));
            }
        }
        Some(spans.into())
    }

    /// The events of one run, whose offsets are given, that the automaton has to see.
    fn events(&self, offsets: &[i64], first_ms: i64, events: &mut Vec<FunnelEvent>) {
        events.clear();
        events.extend(self.seen.iter().filter_map(|&(token, (steps, exclusions))| {
            let at_ms = first_ms.saturating_add(*offsets.get(token as usize)?);
            Some(FunnelEvent { at_ms, steps, exclusions, held: 0 })
        }));
    }

    fn check(&self, offsets: &[i64]) -> Result<()> {
        check_offsets(self.tokens, offsets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::funnel::{EntryPolicy, EventReuse, OnRepeat, Ties, WindowFrom};

    const STEPS: [&str; 3] = ["a", "b", "started c"];
    const TOKENS: [&str; 6] = [">a", "+a", "+b", "-b", ">c", "^"];

    fn definitions() -> impl Strategy<Value = Definition> {
        let order = prop_oneof![Just(Order::Ordered), Just(Order::Strict), Just(Order::Unordered)];
        let ties = prop_oneof![Just(Ties::Any), Just(Ties::StrictlyIncreasing), Just(Ties::Arrival)];
        let entry =
            prop_oneof![Just(EntryPolicy::Any), Just(EntryPolicy::First), Just(EntryPolicy::Sequential)];
        let window = proptest::option::of(0_i64..40);
        (order, ties, entry, window, any::<[bool; 3]>(), 0_u64..8).prop_map(
            |(order, ties, entry_policy, window_ms, [previous, reuse, stop], optional)| Definition {
                order,
                ties,
                entry_policy,
                window_ms,
                window_from: if previous { WindowFrom::PreviousStep } else { WindowFrom::FirstStep },
                event_reuse: if reuse { EventReuse::Allowed } else { EventReuse::Once },
                on_repeat: if stop { OnRepeat::Stop } else { OnRepeat::Ignore },
                optional,
                ..Definition::new(STEPS.len())
            },
        )
    }

    proptest! {
        /// One run of the automaton for all runs of a path says what it says of each of them alone.
        #[test]
        fn the_times_of_runs_are_those_of_the_automaton(
            definition in definitions(),
            tokens in proptest::collection::vec((0..TOKENS.len(), any::<bool>()), 1..12),
            gaps in proptest::collection::vec(proptest::collection::vec(1_i64..9, 12), 1..4),
        ) {
            let mut path = String::new();
            for (index, (token, tied)) in tokens.iter().enumerate() {
                path.push_str(if index == 0 { "" } else if *tied { "," } else { ";" });
                path.push_str(TOKENS[*token]);
            }
            let timelines: Vec<Vec<i64>> = gaps.iter().map(|gaps| {
                let mut at = 0;
                let moments = tokens.iter().zip(gaps).enumerate();
                moments.map(|(index, ((_, tied), gap))| {
                    at += if index > 0 && !tied { *gap } else { 0 };
                    at
                }).collect()
            }).collect();
            let text = |step: &&str| StepText { text: Some((*step).to_owned()), marks: 0 };
            let steps: Vec<StepText> = STEPS.iter().map(text).collect();
            let funnel = FunnelText { steps, exclusions: Vec::new(), definition };
            let mut found: Vec<Vec<Option<i64>>> = Vec::new();
            let all = timelines.iter().map(Vec::as_slice);
            let together = Prepared::of(&funnel).unwrap().times(&path, all, |run, times| {
                assert_eq!(run, found.len());
                found.push(times.collect());
                Ok(())
            });
            together.unwrap();
            let mut slow = Prepared::of(&funnel).unwrap();
            let mut events = Vec::new();
            for (run, offsets) in timelines.iter().enumerate() {
                slow.events(&path, offsets, 0, &mut events).unwrap();
                let outcome = slow.automaton.run(&events);
                let entry = outcome.at_ms(0);
                let firsts = (0..STEPS.len()).map(|step| Some(outcome.at_ms(step)? - entry?));
                let previous = (0..STEPS.len()).map(|step| outcome.since_previous_ms(step));
                let expected: Vec<Option<i64>> = firsts.chain(previous).collect();
                prop_assert_eq!(&found[run], &expected, "{} {:?}", path, offsets);
            }
        }
    }

    #[test]
    fn offsets_of_another_path_are_refused() {
        let funnel = FunnelText { steps: vec![], exclusions: vec![], definition: Definition::new(1) };
        let error = Prepared::of(&funnel).unwrap().events(">a;+a", &[0], 0, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    }
}

//! `funnel_times(path, offsets, definition)`: how far a run gets through a funnel, and when.
//!
//! Gives a list of twice as many times as there are steps: for each step the milliseconds from the first step, then
//! for each the milliseconds from the step matched before; null where the step is not reached, or has none before.
//! Tokens are matched against the steps once a distinct path, not once a run; and so does the automaton run once for all
//! runs of a path that are no longer than the window, whose times are then differences of offsets.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Builder, ListBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result as DataFusionResult, ScalarValue, exec_datafusion_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::funnel::{Definition, Funnel, FunnelEvent, Order};
use crate::spec::Step;
use crate::timeline::{Kind, token, token_texts};
use crate::{Error, Result};

use super::paths::{ByPath, check_offsets, stretch, timelines};

/// A funnel as the function's text argument: JSON, so that a plan carries it wherever it runs.
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

/// The function's text argument.
///
/// # Errors
/// `Internal` when the definition has no JSON.
pub(crate) fn definition_text(funnel: &FunnelText) -> Result<String> {
    serde_json::to_string(funnel).map_err(|cause| Error::internal("a funnel has no text").because(cause))
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

    /// The times of some runs of one path.
    fn times<'a>(
        &mut self,
        path: &str,
        timelines: impl Iterator<Item = &'a [i64]>,
        times: &mut ListBuilder<Int64Builder>,
    ) -> Result<()> {
        let Self { matcher, automaton, known, events } = self;
        let known = known.get(path, |path| Known::of(path, matcher, automaton))?;
        let steps = automaton.definition().steps;
        for offsets in timelines {
            known.check(offsets)?;
            let window_ms = automaton.definition().window_ms;
            let length_ms = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
            if let Some(spans) = known.unbound.as_ref().filter(|_| window_ms.is_none_or(|ms| length_ms <= ms))
            {
                let at = |token: u32| offsets.get(token as usize).copied();
                let time = |span: &Option<Span>| span.and_then(|(from, to)| Some(at(to)? - at(from)?));
                spans.iter().for_each(|span| times.values().append_option(time(span)));
            } else {
                known.events(offsets, 0, events);
                let outcome = automaton.run(events);
                let entry = outcome.at_ms(0);
                let from_first = |step| outcome.at_ms(step).zip(entry).map(|(at_ms, entry)| at_ms - entry);
                (0..steps).for_each(|step| times.values().append_option(from_first(step)));
                (0..steps).for_each(|step| times.values().append_option(outcome.since_previous_ms(step)));
            }
            times.append(true);
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

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunnelTimes {
    signature: Signature,
    idle: Idle,
}

/// Funnels by their text that wait for the next batch, with the paths they know; as many as threads have worked at once.
/// They change no result, so they are no part of a function's identity.
#[derive(Default)]
struct Idle(Mutex<Vec<(String, Prepared)>>);

impl Idle {
    /// Runs `work` with a funnel that waits, or else a new one.
    fn with<T>(&self, text: &str, work: impl FnOnce(&mut Prepared) -> Result<T>) -> Result<T> {
        // A thread that panicked while it held the lock left whole entries behind.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = {
            let mut idle = lock();
            let place = idle.iter().position(|(other, _)| other == text);
            place.map(|place| idle.swap_remove(place))
        };
        let (text, mut funnel) = if let Some(waiting) = waiting {
            waiting
        } else {
            let definition = serde_json::from_str(text)
                .map_err(|cause| Error::internal("not a funnel definition").because(cause))?;
            (text.to_owned(), Prepared::of(&definition)?)
        };
        let done = work(&mut funnel)?;
        lock().push((text, funnel));
        Ok(done)
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").finish_non_exhaustive()
    }
}

impl PartialEq for Idle {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Idle {}

impl Hash for Idle {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

/// Makes the function.
pub(super) fn funnel_times() -> ScalarUDF {
    let offsets = DataType::List(Arc::new(Field::new("element", DataType::Int64, false)));
    let arguments = vec![DataType::Utf8View, offsets, DataType::Utf8];
    let signature = Signature::exact(arguments, Volatility::Immutable);
    ScalarUDF::from(FunnelTimes { signature, idle: Idle::default() })
}

impl ScalarUDFImpl for FunnelTimes {
    fn name(&self) -> &'static str {
        "funnel_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::List(Arc::new(Field::new("item", DataType::Int64, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let [paths, offsets, ColumnarValue::Scalar(ScalarValue::Utf8(Some(definition)))] =
            args.args.as_slice()
        else {
            return Err(exec_datafusion_err!("funnel_times: expected path, offsets and a definition"));
        };
        let paths: ArrayRef = paths.to_array(args.number_rows)?;
        let offsets: ArrayRef = offsets.to_array(args.number_rows)?;
        let times = self
            .idle
            .with(definition, |funnel| times(funnel, &paths, &offsets))
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(ColumnarValue::Array(times))
    }
}

fn times(funnel: &mut Prepared, paths: &ArrayRef, offsets: &ArrayRef) -> Result<ArrayRef> {
    let (paths, offsets) = (paths.as_string_view(), offsets.as_list::<i32>());
    let steps = funnel.automaton.definition().steps;
    let mut times =
        ListBuilder::with_capacity(Int64Builder::with_capacity(paths.len() * steps * 2), paths.len());
    let mut row = 0;
    while row < paths.len() {
        let end = stretch(paths, row, paths.len());
        funnel.times(paths.value(row), timelines(offsets, row..end), &mut times)?;
        row = end;
    }
    Ok(Arc::new(times.finish()))
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
            let mut times = ListBuilder::new(Int64Builder::new());
            let all = timelines.iter().map(Vec::as_slice);
            Prepared::of(&funnel).unwrap().times(&path, all, &mut times).unwrap();
            let times = times.finish();
            let mut slow = Prepared::of(&funnel).unwrap();
            let mut events = Vec::new();
            for (run, offsets) in timelines.iter().enumerate() {
                slow.events(&path, offsets, 0, &mut events).unwrap();
                let outcome = slow.automaton.run(&events);
                let entry = outcome.at_ms(0);
                let firsts = (0..STEPS.len()).map(|step| Some(outcome.at_ms(step)? - entry?));
                let previous = (0..STEPS.len()).map(|step| outcome.since_previous_ms(step));
                let expected: Vec<Option<i64>> = firsts.chain(previous).collect();
                let list = times.value(run);
                let found: Vec<Option<i64>> = list.as_primitive::<arrow::datatypes::Int64Type>().iter().collect();
                prop_assert_eq!(found, expected, "{} {:?}", path, offsets);
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

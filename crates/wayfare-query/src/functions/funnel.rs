//! A funnel over timelines: the automaton with what it knows of paths.
//!
//! Tokens are matched against the steps where a path differs from the one before, not once a run. And the automaton runs once for
//! all paths of one shape, whose runs have times that are differences of offsets as long as they are no longer than the window.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray};
use datafusion::common::Result as DataFusionResult;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::funnel::{Definition, Funnel, FunnelEvent, Match, Order, Outcome};
use crate::spec::Step;
use crate::timeline::{Kind, Lexicon, OfTokens, Offsets, Path, Successive, TokenNumber, token};
use crate::{Error, Result};

use super::external;
use super::paths::{Paths, offsets_at};

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

/// The seen tokens between which a time lies, by their places among those that are seen.
type Span = (u32, u32);

/// What a funnel has to know of the path at hand.
#[derive(Debug)]
struct Known {
    tokens: usize,
    /// The last token of a completed step.
    completed: Option<u32>,
    /// The times of a run in which no window binds; absent where the automaton cannot tell without the run.
    unbound: Option<Arc<Spans>>,
}

/// For each step that is reached the seen tokens between which its times lie.
#[derive(Debug)]
pub(super) struct Spans {
    /// The steps that are reached, one bit each.
    reached: u64,
    from_first: Box<[Option<Span>]>,
    from_previous: Box<[Option<Span>]>,
}

impl Spans {
    /// Milliseconds from the first step to the last one that is reached.
    fn length(&self, seen: &[(u32, Matched)], offsets: Offsets<'_>) -> i64 {
        let last = self.from_first.iter().rev().flatten().next();
        between(last.copied(), seen, offsets).unwrap_or_default()
    }
}

/// Follows paths one after the other and keeps what the automaton has to see of the one at hand.
#[derive(Debug, Default)]
struct Follower {
    tokens: Successive<Walked>,
    /// The tokens that the automaton has to see, and what they match.
    seen: Vec<(u32, Matched)>,
    shapes: Shapes,
}

/// What is known after some tokens of a path.
#[derive(Debug, Clone, Copy, Default)]
struct Walked {
    /// The number of the last token's instant.
    instant: u32,
    /// How many of the tokens are seen, the number of the last one's instant, and its number among theirs.
    seen: usize,
    last_seen: u32,
    seen_instant: u32,
    shape: ShapeNumber,
    completed: Option<u32>,
}

/// The number of a shape among all.
type ShapeNumber = u32;

/// The shape of no token.
const NOTHING_SEEN: ShapeNumber = 0;

/// What the automaton sees of a path, its shape: what each token matches, and the number of its instant among theirs. Many paths
/// have the same, as they differ in what a funnel does not ask for.
#[derive(Debug)]
struct Shape {
    /// The shape without its last token.
    before: ShapeNumber,
    last: (Matched, u32),
    /// The shape with one more token that was met last; itself before there is one.
    longer: ShapeNumber,
    said: Said,
}

/// What the automaton says of the runs of a shape.
#[derive(Debug, Clone)]
enum Said {
    NotAsked,
    /// The same of all in which no window binds.
    OfAll(Arc<Spans>),
    OfEachAlone,
}

/// The shapes that were met, by their numbers.
#[derive(Debug)]
struct Shapes {
    met: Vec<Shape>,
    longer: HashMap<(ShapeNumber, Matched, u32), ShapeNumber, RandomState>,
    events: Vec<FunnelEvent>,
}

/// Shapes that are remembered; when a path begins with more, all are forgotten.
const SHAPES_KNOWN_MAX: usize = 65_536;

/// What tokens match. A token is matched once.
#[derive(Debug)]
struct Matcher {
    steps: Vec<(Option<Step>, u64)>,
    exclusions: Vec<(Option<Step>, u64)>,
    /// Whether an event that matches nothing can break an attempt.
    all_events: bool,
    /// What a token matches, and whether it completes a step.
    known: OfTokens<(Matched, bool)>,
}

impl Matcher {
    fn matched(&mut self, lexicon: &Lexicon, number: TokenNumber) -> Result<(Matched, bool)> {
        let Self { steps, exclusions, known, .. } = self;
        known.get(lexicon, number, |text| {
            let token = token(text, false)?;
            let set = |steps: &[(Option<Step>, u64)]| {
                let fits = |(step, marks): &(Option<Step>, u64)| {
                    token.marks & marks != 0 || step.as_ref().is_some_and(|step| step.mark(&token))
                };
                let matched = steps.iter().enumerate().filter(|(_, step)| fits(step));
                matched.fold(0, |set, (index, _)| set | 1 << index)
            };
            Ok(((set(steps), set(exclusions)), token.kind == Kind::StepCompleted))
        })
    }
}

/// A funnel ready to run over timelines.
pub(crate) struct Prepared {
    lexicon: Lexicon,
    matcher: Matcher,
    pub(crate) automaton: Funnel,
    follower: Follower,
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
            known: OfTokens::default(),
        };
        let automaton = Funnel::try_new(funnel.definition.clone())?;
        let (lexicon, follower) = Default::default();
        Ok(Self { lexicon, matcher, automaton, follower, events: Vec::new() })
    }

    /// Gives every event of a run, those that match nothing, too.
    pub(crate) fn with_every_event(mut self) -> Self {
        self.matcher.all_events = true;
        self
    }

    /// The paths of the next batch.
    pub(crate) fn paths(&mut self, column: &ArrayRef) -> Result<Paths> {
        Paths::of(column, &mut self.lexicon)
    }

    /// The events of the run in a row that the automaton has to see; gives the instant at which the run last completed a step.
    pub(crate) fn events(
        &mut self,
        path: Path<'_>,
        offsets: &BinaryViewArray,
        row: usize,
        first_ms: i64,
        events: &mut Vec<FunnelEvent>,
    ) -> Result<Option<i64>> {
        let Self { lexicon, matcher, automaton, follower, .. } = self;
        let known = follower.follow(path, lexicon, matcher, automaton)?;
        let offsets = offsets_at(offsets, row, known.tokens)?;
        events_of(&follower.seen, |token| offsets.get(token), first_ms, events);
        let last = known.completed.and_then(|token| offsets.get(token as usize));
        Ok(last.map(|offset| first_ms.saturating_add(offset)))
    }

    /// How far the runs of one path in some rows get, each with its row.
    pub(super) fn reach(
        &mut self,
        path: Path<'_>,
        offsets: &BinaryViewArray,
        rows: Range<usize>,
        mut each: impl FnMut(usize, Reached<'_>) -> DataFusionResult<()>,
    ) -> DataFusionResult<()> {
        let Self { lexicon, matcher, automaton, follower, events } = self;
        let known = follower.follow(path, lexicon, matcher, automaton).map_err(external)?;
        let seen = follower.seen.as_slice();
        let window_ms = automaton.definition().window_ms;
        let is_best = automaton.definition().is_best_in_window();
        for row in rows {
            let offsets = offsets_at(offsets, row, known.tokens).map_err(external)?;
            let binds = |spans: &Spans| {
                window_ms.is_some_and(|window_ms| {
                    let fits = || is_best && spans.length(seen, offsets) <= window_ms;
                    offsets.last() > window_ms && !fits()
                })
            };
            if let Some(spans) = known.unbound.as_deref().filter(|spans| !binds(spans)) {
                each(row, Reached::Alike { spans, seen, offsets })?;
            } else {
                events_of(seen, |token| offsets.get(token), 0, events);
                each(row, Reached::Alone(automaton.run(events)))?;
            }
        }
        Ok(())
    }
}

/// How far one run gets, and when.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reached<'a> {
    /// As all runs of its path do.
    Alike { spans: &'a Spans, seen: &'a [(u32, Matched)], offsets: Offsets<'a> },
    /// As the automaton says of it.
    Alone(&'a Outcome),
}

impl Reached<'_> {
    /// The steps that are reached, one bit each.
    pub(super) fn steps(self) -> u64 {
        match self {
            Self::Alike { spans, .. } => spans.reached,
            Self::Alone(outcome) => reached_by(outcome),
        }
    }

    /// Milliseconds from the first step to one that is reached.
    pub(super) fn ms_from_first(self, step: usize) -> Option<i64> {
        match self {
            Self::Alike { spans, seen, offsets } => between(*spans.from_first.get(step)?, seen, offsets),
            Self::Alone(outcome) => Some(outcome.at_ms(step)? - outcome.at_ms(0)?),
        }
    }

    /// Milliseconds from the step matched before to one that is reached and has one before.
    pub(super) fn ms_from_previous(self, step: usize) -> Option<i64> {
        match self {
            Self::Alike { spans, seen, offsets } => between(*spans.from_previous.get(step)?, seen, offsets),
            Self::Alone(outcome) => outcome.since_previous_ms(step),
        }
    }
}

/// The steps that an attempt reaches; none where it did not begin with the first.
fn reached_by(outcome: &Outcome) -> u64 {
    let bit = |matched: &Match| u32::try_from(matched.step).ok().and_then(|step| 1_u64.checked_shl(step));
    let steps = outcome.matches.iter().filter_map(bit).fold(0, |steps, bit| steps | bit);
    if steps & 1 == 1 { steps } else { 0 }
}

fn between(span: Option<Span>, seen: &[(u32, Matched)], offsets: Offsets<'_>) -> Option<i64> {
    let (from, to) = span?;
    let at = |place: u32| offsets.get(seen.get(place as usize)?.0 as usize);
    Some(at(to)? - at(from)?)
}

impl Follower {
    /// Goes on to the next path.
    fn follow(
        &mut self,
        path: Path<'_>,
        lexicon: &Lexicon,
        matcher: &mut Matcher,
        automaton: &mut Funnel,
    ) -> Result<Known> {
        let Self { tokens, seen, shapes } = self;
        if shapes.met.len() > SHAPES_KNOWN_MAX {
            *shapes = Shapes::default();
            tokens.clear();
        }
        let turned = tokens.turn_to(path);
        seen.truncate(turned.shared.seen);
        let walked = turned.go_on(lexicon, |mut walked: Walked, index, number, tied| {
            let token = u32::try_from(index).map_err(|_many| Error::limit("a path has too many tokens"))?;
            let (matched, completes) =
                matcher.matched(lexicon, number).map_err(|error| error.with("token", index))?;
            if completes {
                walked.completed = Some(token);
            }
            walked.instant += u32::from(!tied);
            if matcher.all_events || matched != (0, 0) {
                let is_later = walked.seen > 0 && walked.last_seen != walked.instant;
                walked.seen_instant += u32::from(is_later);
                walked.last_seen = walked.instant;
                walked.shape = shapes.longer(walked.shape, (matched, walked.seen_instant));
                seen.push((token, matched));
                walked.seen = seen.len();
            }
            Ok(walked)
        })?;
        let unbound = shapes.spans(walked.shape, automaton);
        Ok(Known { tokens: tokens.len(), completed: walked.completed, unbound })
    }
}

/// The events of one run that the automaton has to see; `offset` says when each token happened.
fn events_of(
    seen: &[(u32, Matched)],
    offset: impl Fn(usize) -> Option<i64>,
    first_ms: i64,
    events: &mut Vec<FunnelEvent>,
) {
    events.clear();
    events.extend(seen.iter().filter_map(|&(token, (steps, exclusions))| {
        let at_ms = first_ms.saturating_add(offset(token as usize)?);
        Some(FunnelEvent { at_ms, steps, exclusions, held: 0 })
    }));
}

impl Default for Shapes {
    fn default() -> Self {
        let last = Default::default();
        let nothing = Shape { before: NOTHING_SEEN, last, longer: NOTHING_SEEN, said: Said::NotAsked };
        Self { met: vec![nothing], longer: HashMap::default(), events: Vec::new() }
    }
}

impl Shapes {
    /// The shape with one more token.
    fn longer(&mut self, before: ShapeNumber, last: (Matched, u32)) -> ShapeNumber {
        let met = &mut self.met;
        let guessed = met.get(before as usize).map_or(before, |shape| shape.longer);
        let is_right = |shape: &Shape| guessed != before && shape.before == before && shape.last == last;
        if met.get(guessed as usize).is_some_and(is_right) {
            return guessed;
        }
        let longer = *self.longer.entry((before, last.0, last.1)).or_insert_with(|| {
            // Whoever fills this has a bound far below the number's type.
            let number = ShapeNumber::try_from(met.len()).unwrap_or(ShapeNumber::MAX);
            met.push(Shape { before, last, longer: number, said: Said::NotAsked });
            number
        });
        if let Some(shape) = met.get_mut(before as usize) {
            shape.longer = longer;
        }
        longer
    }

    /// The times of a run of a shape in which no window binds: the automaton is given the numbers of the instants as their times.
    fn spans(&mut self, number: ShapeNumber, automaton: &mut Funnel) -> Option<Arc<Spans>> {
        if let Said::NotAsked = self.met.get(number as usize)?.said {
            let said =
                self.drawn(number, automaton).map_or(Said::OfEachAlone, |spans| Said::OfAll(spans.into()));
            self.met.get_mut(number as usize)?.said = said;
        }
        match &self.met.get(number as usize)?.said {
            Said::OfAll(spans) => Some(Arc::clone(spans)),
            Said::NotAsked | Said::OfEachAlone => None,
        }
    }

    fn drawn(&mut self, number: ShapeNumber, automaton: &mut Funnel) -> Option<Spans> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let mut next = number;
        while let Some(shape) = self.met.get(next as usize).filter(|_| next != NOTHING_SEEN) {
            let ((steps, exclusions), instant) = shape.last;
            events.push(FunnelEvent { at_ms: instant.into(), steps, exclusions, held: 0 });
            next = shape.before;
        }
        events.reverse();
        let length = events.last().map_or(0, |event| event.at_ms);
        let binds = automaton.definition().window_ms.is_some_and(|window_ms| length > window_ms);
        let spans = if binds { None } else { Some(spans_of(&events, automaton)) };
        self.events = events;
        spans
    }
}

/// Between which events the automaton's times lie.
fn spans_of(events: &[FunnelEvent], automaton: &mut Funnel) -> Spans {
    let steps = automaton.definition().steps;
    let outcome = automaton.run(events);
    let first = |instant: i64| u32::try_from(events.partition_point(|event| event.at_ms < instant)).ok();
    let (mut from_first, mut from_previous) = (vec![None; steps], vec![None; steps]);
    let entry = outcome.at_ms(0).and_then(first);
    for matched in &outcome.matches {
        if let Some(span) = from_first.get_mut(matched.step) {
            *span = entry.zip(first(matched.at_ms));
        }
    }
    for pair in outcome.matches.windows(2) {
        if let [before, matched] = pair
            && let Some(span) = from_previous.get_mut(matched.step)
        {
            *span = first(before.at_ms).zip(first(matched.at_ms));
        }
    }
    Spans { reached: reached_by(outcome), from_first: from_first.into(), from_previous: from_previous.into() }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;
    use proptest::prelude::*;

    use super::*;
    use crate::funnel::{EntryPolicy, EventReuse, OnRepeat, Ties, WindowFrom};
    use crate::timeline::write_offsets;

    const STEPS: [&str; 3] = ["a", "b", "started c"];
    const TOKENS: [&str; 6] = [">a", "+a", "+b", "-b", ">c", "^"];

    fn stored(timelines: &[Vec<i64>]) -> BinaryViewArray {
        let written = |offsets: &Vec<i64>| {
            let mut bytes = Vec::new();
            write_offsets(offsets, &mut bytes);
            bytes
        };
        timelines.iter().map(|offsets| Some(written(offsets))).collect()
    }

    /// Mostly such of which a window takes nothing but attempts away.
    fn definitions() -> impl Strategy<Value = Definition> {
        let order =
            prop_oneof![3 => Just(Order::Ordered), 1 => Just(Order::Strict), 1 => Just(Order::Unordered)];
        let ties = prop_oneof![Just(Ties::Any), Just(Ties::StrictlyIncreasing), Just(Ties::Arrival)];
        let entry = prop_oneof![
            3 => Just(EntryPolicy::Any),
            1 => Just(EntryPolicy::First),
            1 => Just(EntryPolicy::Sequential)
        ];
        let window = proptest::option::of(0_i64..40);
        let from = prop_oneof![3 => Just(WindowFrom::FirstStep), 1 => Just(WindowFrom::PreviousStep)];
        let repeat = prop_oneof![3 => Just(OnRepeat::Ignore), 1 => Just(OnRepeat::Stop)];
        let reuse = prop_oneof![Just(EventReuse::Allowed), Just(EventReuse::Once)];
        let optional = prop_oneof![2 => Just(0_u64), 1 => 0_u64..8];
        (order, ties, entry, window, from, repeat, reuse, optional).prop_map(
            |(order, ties, entry_policy, window_ms, window_from, on_repeat, event_reuse, optional)| {
                Definition {
                    order,
                    optional,
                    window_ms,
                    window_from,
                    ties,
                    event_reuse,
                    entry_policy,
                    on_repeat,
                    ..Definition::new(STEPS.len())
                }
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
            let mut reaches: Vec<Vec<bool>> = Vec::new();
            let stored = stored(&timelines);
            let texts: ArrayRef = Arc::new(StringViewArray::from(vec![path.as_str()]));
            let mut prepared = Prepared::of(&funnel).unwrap();
            let paths = prepared.paths(&texts).unwrap();
            let together = prepared.reach(paths.at(0), &stored, 0..timelines.len(), |run, reached| {
                assert_eq!(run, found.len());
                let firsts = (0..STEPS.len()).map(|step| reached.ms_from_first(step));
                let previous = (0..STEPS.len()).map(|step| reached.ms_from_previous(step));
                found.push(firsts.chain(previous).collect());
                reaches.push((0..STEPS.len()).map(|step| reached.steps() >> step & 1 == 1).collect());
                Ok(())
            });
            together.unwrap();
            let mut slow = Prepared::of(&funnel).unwrap();
            let paths = slow.paths(&texts).unwrap();
            let mut events = Vec::new();
            for (run, offsets) in timelines.iter().enumerate() {
                slow.events(paths.at(0), &stored, run, 0, &mut events).unwrap();
                let outcome = slow.automaton.run(&events);
                let entry = outcome.at_ms(0);
                let firsts = (0..STEPS.len()).map(|step| Some(outcome.at_ms(step)? - entry?));
                let previous = (0..STEPS.len()).map(|step| outcome.since_previous_ms(step));
                let expected: Vec<Option<i64>> = firsts.chain(previous).collect();
                prop_assert_eq!(&found[run], &expected, "{} {:?}", path, offsets);
                let expected: Vec<bool> = (0..STEPS.len()).map(|step| entry.and(outcome.at_ms(step)).is_some()).collect();
                prop_assert_eq!(&reaches[run], &expected, "{} {:?}", path, offsets);
            }
        }
    }

    #[test]
    fn offsets_of_another_path_are_refused() {
        let funnel = FunnelText { steps: vec![], exclusions: vec![], definition: Definition::new(1) };
        let mut prepared = Prepared::of(&funnel).unwrap();
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec![">a;+a"]));
        let paths = prepared.paths(&texts).unwrap();
        let error = prepared.events(paths.at(0), &stored(&[vec![0]]), 0, 0, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    }
}

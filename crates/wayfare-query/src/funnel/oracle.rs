//! The funnel as its definition says it, slowly: every entry event on its own, every order of the events of one
//! instant, every choice of optional steps, every value to hold, and then the earliest event for each step.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::definition::Exclusion;
use super::{
    Definition, EntryPolicy, EventReuse, ExclusionEffect, FunnelEvent, Match, OnRepeat, Order, Outcome,
    StrictReentry, StrictRepeats, StrictScope, Ties, WindowFrom,
};

/// An event in an order, and the steps that it may serve there.
#[derive(Debug, Clone, Copy)]
struct Served {
    place: usize,
    event: FunnelEvent,
    serves: u64,
}

/// An attempt found the slow way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entry: usize,
    pub(super) entry_ms: i64,
    pub(super) matches: Vec<Match>,
    pub(super) excluded: bool,
    /// The last instant at which it keeps others from being opened; none for ever.
    end_ms: Option<i64>,
    /// When each step was matched before an exclusion cut the attempt.
    times: Vec<i64>,
    /// Place of the event that completed it.
    completed_by: Option<usize>,
    /// When an exclusion ended it.
    stopped_ms: Option<i64>,
    /// The value that was held.
    held: u32,
}

impl Found {
    pub(super) fn level(&self) -> usize {
        self.matches.last().map_or(0, |matched| matched.step + 1)
    }

    fn last_ms(&self) -> i64 {
        self.matches.last().unwrap().at_ms
    }

    /// The rank among attempts of one unit.
    fn rank(&self, order: Order) -> (usize, Reverse<i64>, i64) {
        match order {
            Order::Unordered => (self.level(), Reverse(self.entry_ms), 0),
            _ => (self.level(), Reverse(self.last_ms()), self.entry_ms),
        }
    }

    /// The rank among attempts of one entry: further, then earlier end, then more steps, then the earlier optional
    /// steps.
    fn rank_in_entry(&self) -> (usize, Reverse<i64>, usize, Vec<bool>) {
        let there = (0..4).map(|step| self.matches.iter().any(|matched| matched.step == step)).collect();
        (self.level(), Reverse(self.last_ms()), self.matches.len(), there)
    }
}

/// Checks a reported attempt: its level, entry and last match are decided by the definition; the times between are those
/// of some best attempt, and of as many steps as any best one has.
pub(super) fn check(asked: &Definition, events: &[FunnelEvent], outcome: &Outcome) -> Result<(), String> {
    let all = candidates(asked, events);
    let top = all.iter().map(Found::level).max().unwrap_or(0);
    let kept = all.iter().filter(|found| !found.excluded);
    let best = kept.clone().map(|found| found.rank(asked.order)).max();
    let level = best.map_or(0, |best| best.0);
    let dropped = asked.exclusion_effect == ExclusionEffect::DropActor && level < top;
    if (dropped, if dropped { 0 } else { level }) != (outcome.dropped, outcome.level) {
        return Err(format!("level {level} of {top}, dropped {dropped}; saw {outcome:?}"));
    }
    if dropped || level == 0 {
        return if outcome.matches.is_empty() {
            Ok(())
        } else {
            Err(format!("matches of nothing: {outcome:?}"))
        };
    }
    let best: Vec<&Found> = kept.filter(|found| Some(found.rank(asked.order)) == best).collect();
    let most = best.iter().map(|found| found.matches.len()).max();
    if asked.window_from == WindowFrom::PreviousStep && asked.optional == 0 && asked.order != Order::Unordered
    {
        // Of chains that get equally far the earliest: its first step first. Which of equal values is held, nothing says.
        let times = |matches: &[Match]| matches.iter().map(|matched| matched.at_ms).collect::<Vec<_>>();
        let mut first: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        for found in &best {
            let times = times(&found.matches);
            let least = first.entry(found.held).or_insert_with(|| times.clone());
            *least = times.min(std::mem::take(least));
        }
        if !first.values().any(|first| *first == times(&outcome.matches)) {
            return Err(format!("expected one of {first:?}, saw {:?}", outcome.matches));
        }
    }
    let known = best.iter().any(|found| found.matches == outcome.matches);
    if known && Some(outcome.matches.len()) == most {
        return Ok(());
    }
    Err(format!(
        "expected one of {:?}\nsaw {:?}",
        best.iter().map(|found| &found.matches).collect::<Vec<_>>(),
        outcome.matches
    ))
}

/// The level of each entry event, the greatest where orders of ties differ.
pub(super) fn levels_by_entry(asked: &Definition, events: &[FunnelEvent]) -> BTreeMap<usize, usize> {
    let mut levels = BTreeMap::new();
    for found in candidates(asked, events) {
        let level = levels.entry(found.entry).or_insert(0);
        *level = found.level().max(*level);
    }
    levels
}

/// Every attempt, by every value that may be held and every order of ties.
fn candidates(asked: &Definition, events: &[FunnelEvent]) -> Vec<Found> {
    let mut all = Vec::new();
    let listed = events.iter().filter(|event| event.steps & asked.hold != 0);
    let mut values: Vec<u32> = listed.map(|event| event.held).filter(|value| *value != 0).collect();
    values.sort_unstable();
    values.dedup();
    if values.is_empty() {
        values.push(u32::MAX);
    }
    for value in values {
        let held: Vec<Served> = events
            .iter()
            .map(|event| {
                if asked.hold == 0 || event.held == value {
                    *event
                } else {
                    FunnelEvent { steps: event.steps & !asked.hold, ..*event }
                }
            })
            .enumerate()
            .flat_map(|(place, event)| served(asked, place, event))
            .collect();
        let mut orders = Vec::new();
        each_order(asked, &held, &mut |order| orders.push(attempts(asked, order)));
        keep_earliest(asked, &mut orders);
        all.extend(orders.into_iter().flatten().map(|found| Found { held: value, ..found }));
    }
    all
}

/// Of the orders of an instant those count in which each step takes the earliest event. Where one attempt decides when
/// the next is opened, a whole order counts or none of it; else each entry has its own.
fn keep_earliest(asked: &Definition, orders: &mut Vec<Vec<Found>>) {
    if asked.chooses() || asked.order == Order::Unordered {
        return;
    }
    if asked.entry_policy != EntryPolicy::Any {
        // What comes after the exclusion that ends an attempt is not its own; an attempt that another order lacks
        // comes earlier than none.
        let of_one = |one: &Found| {
            let own = |at_ms: &i64| one.stopped_ms.is_none_or(|stopped_ms| *at_ms <= stopped_ms);
            one.times.iter().map(|at_ms| if own(at_ms) { *at_ms } else { i64::MAX }).collect::<Vec<_>>()
        };
        let times = |order: &[Found]| order.iter().map(of_one).chain([vec![i64::MAX]]).collect::<Vec<_>>();
        let earliest = orders.iter().map(|order| times(order)).min();
        return orders.retain(|order| Some(times(order)) == earliest);
    }
    let mut earliest: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for one in orders.iter().flatten() {
        let times = earliest.entry(one.entry).or_insert_with(|| one.times.clone());
        *times = one.times.clone().min(std::mem::take(times));
    }
    for order in orders {
        order.retain(|one| earliest[&one.entry] == one.times);
    }
}

/// An event for each step it may serve, where it may serve several.
fn served(asked: &Definition, place: usize, event: FunnelEvent) -> Vec<Served> {
    let whole = Served { place, event, serves: event.steps };
    let steps = event.steps & ((1 << asked.steps) - 1);
    if asked.event_reuse == EventReuse::Once || asked.order == Order::Unordered || steps == 0 {
        return vec![whole];
    }
    let each = (0..asked.steps).filter(|step| steps >> step & 1 == 1);
    each.map(|step| Served { serves: 1 << step, ..whole }).collect()
}

/// The attempts of one order that the entry policy lets open.
fn attempts(asked: &Definition, order: &[Served]) -> Vec<Found> {
    let steps = (1 << asked.steps) - 1;
    let opens = |one: &Served| match asked.order {
        Order::Unordered => one.serves & steps != 0,
        _ => one.serves & 1 != 0,
    };
    let mut all: Vec<Found> = Vec::new();
    for (index, Served { place, event, .. }) in order.iter().enumerate().filter(|(_, one)| opens(one)) {
        if let Some(last) = all.last() {
            let waits = match asked.entry_policy {
                EntryPolicy::Any => false,
                EntryPolicy::First => true,
                // Of the ways of an attempt the one that is complete first leaves it.
                EntryPolicy::Sequential => match (asked.ties, completed_by(&all, last.entry)) {
                    (Ties::Arrival, Some(by)) => *place <= by,
                    _ => last.end_ms.is_none_or(|end_ms| event.at_ms <= end_ms),
                },
            };
            if waits {
                continue;
            }
        }
        match asked.order {
            Order::Unordered => all.push(unordered(asked, order, index)),
            _ => all.extend(best_choices(asked, order, index)),
        }
    }
    all
}

/// The place of the first event that completed an attempt of `entry`.
fn completed_by(attempts: &[Found], entry: usize) -> Option<usize> {
    attempts.iter().filter(|one| one.entry == entry).filter_map(|one| one.completed_by).min()
}

/// The best attempts of one entry in one order, with and without each optional step: equals with other times between.
fn best_choices(asked: &Definition, order: &[Served], entry: usize) -> Vec<Found> {
    let optional = (1..asked.steps).filter(|step| asked.optional >> step & 1 == 1).collect::<Vec<_>>();
    let choices = (0..1_u32 << optional.len()).map(|choice| {
        let skipped = |step| optional.iter().enumerate().any(|(n, o)| *o == step && choice >> n & 1 == 1);
        let steps: Vec<_> = (0..asked.steps).filter(|step| !skipped(*step)).collect();
        chains(asked, order, entry, &steps)
    });
    let mut all: Vec<Found> = choices.flatten().collect();
    let best = all.iter().map(Found::rank_in_entry).max();
    all.retain(|found| Some(found.rank_in_entry()) == best);
    all.sort_by_key(|found| found.matches.iter().map(|matched| matched.at_ms).collect::<Vec<_>>());
    all
}

/// Where a chain stands in an order: its matches, and for each the place in the order.
#[derive(Debug, Clone)]
struct Chain {
    matches: Vec<Match>,
    at: Vec<usize>,
}

/// The chains of the given steps: one, which takes the earliest events; with windows from the previous step, all.
fn chains(asked: &Definition, order: &[Served], entry: usize, steps: &[usize]) -> Vec<Found> {
    let first = order[entry].event.at_ms;
    let mut open = vec![Chain { matches: vec![Match { step: 0, at_ms: first }], at: vec![entry] }];
    let mut ended: Vec<Found> = Vec::new();
    for step in steps.iter().skip(1) {
        let mut next = Vec::new();
        for chain in std::mem::take(&mut open) {
            let mut further = following(asked, order, &chain, *step);
            if asked.window_from == WindowFrom::FirstStep {
                further.truncate(1);
            }
            // Not going on is a choice where there is another.
            if further.is_empty() || asked.window_from == WindowFrom::PreviousStep {
                ended.push(finished(asked, order, &chain));
            }
            next.extend(further);
        }
        open = next;
    }
    ended.extend(open.iter().map(|chain| finished(asked, order, chain)));
    ended
}

/// The chain with each event that may serve `step` next, the earliest first.
fn following(asked: &Definition, order: &[Served], chain: &Chain, step: usize) -> Vec<Chain> {
    let last = *chain.matches.last().unwrap();
    let from = *chain.at.last().unwrap() + 1;
    candidates_after(asked, order, chain, from, step, last.at_ms)
}

fn candidates_after(
    asked: &Definition,
    order: &[Served],
    chain: &Chain,
    from: usize,
    step: usize,
    last_ms: i64,
) -> Vec<Chain> {
    let mut found = Vec::new();
    for index in from..order.len() {
        let event = order[index].event;
        let start_ms = match asked.window_from {
            WindowFrom::FirstStep => chain.matches[0].at_ms,
            WindowFrom::PreviousStep => last_ms,
        };
        let in_window = asked.window_ms.is_none_or(|window_ms| event.at_ms <= start_ms + window_ms);
        let follows = asked.ties != Ties::StrictlyIncreasing || event.at_ms > last_ms;
        if order[index].serves >> step & 1 == 0 || !follows || !in_window {
            continue;
        }
        // What cuts off the first cuts off all that come later.
        if is_cut(asked, order, chain, index) {
            break;
        }
        let mut longer = chain.clone();
        longer.matches.push(Match { step, at_ms: event.at_ms });
        longer.at.push(index);
        found.push(longer);
    }
    found
}

/// Whether an event between the last match and the one at `next` breaks or stops the attempt.
fn is_cut(asked: &Definition, order: &[Served], chain: &Chain, next: usize) -> bool {
    let last = *chain.matches.last().unwrap();
    let next_ms = order[next].event.at_ms;
    let matched = chain.matches.iter().fold(0_u64, |set, matched| set | 1 << matched.step);
    let all = (1_u64 << asked.steps) - 1;
    let used = |place: usize| chain.at.iter().chain([&next]).any(|at| order[*at].place == place);
    for (index, Served { place, event, .. }) in order.iter().enumerate() {
        if used(*place) {
            continue;
        }
        let steps = event.steps & all;
        let between = event.at_ms > last.at_ms && event.at_ms < next_ms;
        if asked.order == Order::Strict && between {
            let mut passed = 0;
            if asked.strictness.repeats == StrictRepeats::Tolerate {
                passed |= 1 << last.step;
            }
            if asked.strictness.reentry != StrictReentry::Break {
                passed |= matched & !(1 << last.step);
            }
            if asked.strictness.reentry == StrictReentry::IgnoreAhead {
                passed |= all & !((1 << (last.step + 1)) - 1);
            }
            let counts = steps != 0 || asked.strictness.scope == StrictScope::AllEvents;
            if counts && steps & passed == 0 {
                return true;
            }
        }
        if asked.on_repeat == OnRepeat::Stop {
            let earlier = matched & !(1 << last.step) & asked.repeatable;
            let twin = steps >> last.step & 1 == 1;
            let repeated = match asked.ties {
                Ties::Arrival => {
                    let after = index > *chain.at.last().unwrap() && index < next;
                    after
                        && if event.at_ms == last.at_ms {
                            !twin && steps & earlier != 0
                        } else {
                            steps & matched & asked.repeatable != 0
                        }
                }
                _ if event.at_ms == last.at_ms && next_ms > last.at_ms => !twin && steps & earlier != 0,
                _ => between && steps & matched & asked.repeatable != 0,
            };
            if repeated {
                return true;
            }
        }
    }
    false
}

/// The first instant at which an exclusion event lies in an attempt that goes no further than `chain`.
fn excluded_at(asked: &Definition, order: &[Served], chain: &Chain) -> Option<i64> {
    let at =
        |step: usize| chain.matches.iter().find(|matched| matched.step == step).map(|matched| matched.at_ms);
    let last = chain.matches.last().unwrap();
    let complete = (last.step + 1 == asked.steps).then_some(last.at_ms);
    let excludes = |(number, Exclusion { from, to }): (usize, &Exclusion), event: &FunnelEvent| {
        event.exclusions >> number & 1 == 1
            && at(*from).is_some_and(|from_ms| event.at_ms > from_ms)
            && at(*to).or(complete).is_none_or(|to_ms| event.at_ms < to_ms)
            && asked.window_ms.is_none_or(|window_ms| event.at_ms <= chain.matches[0].at_ms + window_ms)
    };
    let hit = |event: &FunnelEvent| asked.exclusions.iter().enumerate().any(|one| excludes(one, event));
    order.iter().map(|one| &one.event).filter(|event| hit(event)).map(|event| event.at_ms).min()
}

/// What comes of a chain that goes no further.
fn finished(asked: &Definition, order: &[Served], chain: &Chain) -> Found {
    let mut chain = chain.clone();
    let complete = chain.matches.last().unwrap().step + 1 == asked.steps;
    let mut times: Vec<i64> = chain.matches.iter().map(|matched| matched.at_ms).collect();
    times.resize(4, i64::MAX);
    let mut excluded = excluded_at(asked, order, &chain);
    if asked.exclusion_effect == ExclusionEffect::EndAttempt
        && let Some(at_ms) = excluded
    {
        let kept = chain.matches.iter().filter(|matched| matched.at_ms <= at_ms).count();
        chain.matches.truncate(kept);
        chain.at.truncate(kept);
    }
    let is_complete = chain.matches.last().unwrap().step + 1 == asked.steps;
    if complete && is_complete && asked.exclusion_effect == ExclusionEffect::EndAttempt {
        excluded = None;
    }
    let last_ms = chain.matches.last().unwrap().at_ms;
    let start_ms = match asked.window_from {
        WindowFrom::FirstStep => chain.matches[0].at_ms,
        WindowFrom::PreviousStep => last_ms,
    };
    let window_end = asked.window_ms.map(|window_ms| start_ms + window_ms);
    let stopped = excluded.filter(|_| asked.exclusion_effect != ExclusionEffect::DropActor);
    let end_ms = stopped.or(is_complete.then_some(last_ms)).or(window_end);
    Found {
        entry: order[chain.at[0]].place,
        entry_ms: chain.matches[0].at_ms,
        completed_by: (is_complete && stopped.is_none()).then(|| order[*chain.at.last().unwrap()].place),
        excluded: excluded.is_some() && asked.exclusion_effect != ExclusionEffect::EndAttempt,
        matches: chain.matches,
        times,
        end_ms,
        stopped_ms: stopped,
        held: 0,
    }
}

/// The attempt of an unordered funnel: the events of its window one after the other, each taken when one more step can
/// then be filled, by trying every way to fill them.
fn unordered(asked: &Definition, order: &[Served], entry: usize) -> Found {
    let entry_ms = order[entry].event.at_ms;
    let mut taken: Vec<u64> = Vec::new();
    let mut matches: Vec<Match> = Vec::new();
    for Served { event, .. } in &order[entry..] {
        let last_ms = matches.last().map_or(entry_ms, |last| last.at_ms);
        let start_ms = if asked.window_from == WindowFrom::FirstStep { entry_ms } else { last_ms };
        if asked.window_ms.is_some_and(|window_ms| event.at_ms > start_ms + window_ms) {
            break;
        }
        if asked.ties == Ties::StrictlyIncreasing && !matches.is_empty() && event.at_ms == last_ms {
            continue;
        }
        let uses = if asked.event_reuse == EventReuse::Allowed { asked.steps } else { 1 };
        for _ in 0..uses {
            taken.push(event.steps);
            if can_fill(asked.steps, &taken, 0) {
                matches.push(Match { step: matches.len(), at_ms: event.at_ms });
            } else {
                taken.pop();
            }
        }
    }
    let complete = (matches.len() == asked.steps).then(|| matches.last().unwrap().at_ms);
    let excluded = order
        .iter()
        .filter(|Served { event, .. }| event.exclusions & ((1 << asked.exclusions.len()) - 1) != 0)
        .map(|one| one.event.at_ms)
        .filter(|at_ms| *at_ms > entry_ms && complete.is_none_or(|complete| *at_ms < complete))
        .find(|at_ms| asked.window_ms.is_none_or(|window_ms| *at_ms <= entry_ms + window_ms));
    if asked.exclusion_effect == ExclusionEffect::EndAttempt
        && let Some(at_ms) = excluded
    {
        matches.retain(|matched| matched.at_ms <= at_ms);
    }
    let last_ms = matches.last().unwrap().at_ms;
    let start_ms = if asked.window_from == WindowFrom::FirstStep { entry_ms } else { last_ms };
    let stops = excluded.filter(|_| asked.exclusion_effect != ExclusionEffect::DropActor);
    Found {
        entry: order[entry].place,
        entry_ms,
        matches,
        excluded: excluded.is_some() && asked.exclusion_effect != ExclusionEffect::EndAttempt,
        end_ms: stops.or(complete).or(asked.window_ms.map(|window_ms| start_ms + window_ms)),
        times: Vec::new(),
        completed_by: None,
        stopped_ms: None,
        held: 0,
    }
}

/// Whether every event can fill a step of its own.
fn can_fill(steps: usize, events: &[u64], used: u64) -> bool {
    let Some((event, rest)) = events.split_first() else { return true };
    (0..steps).any(|step| {
        event >> step & 1 == 1 && used >> step & 1 == 0 && can_fill(steps, rest, used | 1 << step)
    })
}

/// Upper bound of the orders of one stream that the oracle tries: 8! of one instant.
const ORDERS_MAX: u64 = 40_320;

/// Whether the oracle can try every order of `events`; what one event may serve several times counts as often.
pub(super) fn is_tractable(asked: &Definition, events: &[FunnelEvent]) -> bool {
    let mut orders = 1_u64;
    for instant in events.chunk_by(|left, right| left.at_ms == right.at_ms) {
        let served: usize = instant.iter().map(|event| served(asked, 0, *event).len()).sum();
        orders = (1..=served as u64).fold(orders, u64::saturating_mul);
    }
    asked.ties != Ties::Any || orders <= ORDERS_MAX
}

/// Calls `each` with every order that ties allow.
fn each_order(asked: &Definition, events: &[Served], each: &mut dyn FnMut(&[Served])) {
    if asked.ties != Ties::Any {
        return each(events);
    }
    permute(asked, &mut events.to_vec(), 0, each);
}

/// Tries every event of the instant at `from`, then goes on with the rest.
fn permute(asked: &Definition, events: &mut Vec<Served>, from: usize, each: &mut dyn FnMut(&[Served])) {
    if from == events.len() {
        return each(events);
    }
    let mut tried = Vec::new();
    for index in from..events.len() {
        if events[index].event.at_ms != events[from].event.at_ms {
            break;
        }
        // Of events that differ in nothing but their place, another order is the same order.
        let kind = (events[index].serves, FunnelEvent { at_ms: 0, ..events[index].event });
        if asked.event_reuse == EventReuse::Allowed && tried.contains(&kind) {
            continue;
        }
        tried.push(kind);
        events.swap(from, index);
        permute(asked, events, from + 1, each);
        events.swap(from, index);
    }
}

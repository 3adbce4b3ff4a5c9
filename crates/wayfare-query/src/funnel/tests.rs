use proptest::prelude::*;

use super::oracle::{check, is_tractable, levels_by_entry};
use super::*;

fn run(definition: Definition, events: &[(i64, u64)]) -> Outcome {
    let events: Vec<_> = events
        .iter()
        .map(|(at_ms, steps)| FunnelEvent { at_ms: *at_ms, steps: *steps, ..FunnelEvent::default() })
        .collect();
    Funnel::try_new(definition).unwrap().run(&events).clone()
}

fn times(outcome: &Outcome) -> Vec<(usize, i64)> {
    outcome.matches.iter().map(|matched| (matched.step, matched.at_ms)).collect()
}

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 4;
const D: u64 = 8;

#[test]
fn without_an_entry_the_level_is_zero() {
    assert_eq!(run(Definition::new(2), &[]), Outcome::default());
    assert_eq!(run(Definition::new(2), &[(0, B), (1, B)]), Outcome::default());
}

#[test]
fn repeated_entries_before_step_two_report_the_latest_one() {
    let outcome = run(Definition::new(2), &[(0, A), (5, A), (7, B), (8, A), (9, B)]);
    assert_eq!((outcome.level, times(&outcome)), (2, vec![(0, 5), (1, 7)]));
    assert_eq!(outcome.since_previous_ms(1), Some(2));
}

#[test]
fn the_window_includes_its_end() {
    let window = |window_ms| Definition { window_ms: Some(window_ms), ..Definition::new(2) };
    assert_eq!(run(window(5), &[(0, A), (5, B)]).level, 2);
    assert_eq!(run(window(4), &[(0, A), (5, B)]).level, 1);
    assert_eq!(run(window(4), &[(i64::MIN, A), (i64::MAX, B)]).level, 1);
}

#[test]
fn a_later_entry_saves_what_the_window_of_an_earlier_one_lost() {
    let definition = Definition { window_ms: Some(10), ..Definition::new(3) };
    let outcome = run(definition, &[(0, A), (2, B), (8, A), (9, B), (12, C)]);
    assert_eq!(times(&outcome), [(0, 8), (1, 9), (2, 12)]);
}

#[test]
fn events_of_one_instant_serve_in_whatever_order_gets_furthest() {
    let outcome = run(Definition::new(3), &[(0, C), (0, A | B), (0, A)]);
    assert_eq!(times(&outcome), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(run(Definition::new(2), &[(0, A | B)]).level, 1);
}

#[test]
fn ties_that_must_increase_never_follow_one_another() {
    let definition = Definition { ties: Ties::StrictlyIncreasing, ..Definition::new(3) };
    assert_eq!(run(definition.clone(), &[(0, A), (0, B), (1, B), (1, C)]).level, 2);
    assert_eq!(run(definition, &[(0, A), (0, A | B), (1, B), (2, C)]).level, 3);
}

#[test]
fn ties_by_arrival_follow_in_the_order_of_the_slice() {
    let definition = Definition { ties: Ties::Arrival, ..Definition::new(2) };
    assert_eq!(run(definition.clone(), &[(0, B), (0, A)]).level, 1);
    assert_eq!(times(&run(definition, &[(0, A), (5, B), (5, A), (5, B)])), [(0, 5), (1, 5)]);
}

#[test]
fn one_event_serves_several_steps_where_that_is_allowed() {
    let definition = Definition { event_reuse: EventReuse::Allowed, ..Definition::new(3) };
    assert_eq!(run(definition, &[(3, A | B | C)]).level, 3);
    assert_eq!(run(Definition::new(3), &[(3, A | B | C)]).level, 1);
}

#[test]
fn an_optional_step_is_matched_where_it_happened_and_left_out_where_not() {
    let definition = Definition { optional: B | C, ..Definition::new(4) };
    assert_eq!(times(&run(definition.clone(), &[(0, A), (1, D)])), [(0, 0), (3, 1)]);
    assert_eq!(times(&run(definition.clone(), &[(0, A), (1, C), (2, B), (3, D)])), [(0, 0), (1, 2), (3, 3)]);
    let outcome = run(definition.clone(), &[(0, A), (1, C)]);
    assert_eq!((outcome.level, times(&outcome)), (3, vec![(0, 0), (2, 1)]));
    assert_eq!(times(&run(definition, &[(0, D), (0, C), (0, A), (0, B)])), [(0, 0), (1, 0), (2, 0), (3, 0)]);
}

#[test]
fn only_the_first_entry_counts_where_that_is_the_policy() {
    let definition =
        Definition { entry_policy: EntryPolicy::First, window_ms: Some(5), ..Definition::new(2) };
    let outcome = run(definition, &[(0, A), (10, A), (11, B)]);
    assert_eq!((outcome.level, times(&outcome)), (1, vec![(0, 0)]));
}

#[test]
fn a_sequential_attempt_opens_after_the_one_before_was_left() {
    let definition =
        Definition { entry_policy: EntryPolicy::Sequential, window_ms: Some(5), ..Definition::new(2) };
    assert_eq!(times(&run(definition.clone(), &[(0, A), (3, A), (4, B)])), [(0, 0), (1, 4)]);
    assert_eq!(times(&run(definition.clone(), &[(0, A), (3, A), (7, B), (8, A), (9, B)])), [(0, 8), (1, 9)]);
    assert_eq!(run(definition, &[(0, A), (3, A), (7, B)]).level, 1);
}

#[test]
fn by_arrival_a_sequential_attempt_opens_at_the_next_event() {
    let definition =
        Definition { entry_policy: EntryPolicy::Sequential, ties: Ties::Arrival, ..Definition::new(2) };
    assert_eq!(times(&run(definition.clone(), &[(0, A), (5, B), (5, A), (5, B)])), [(0, 5), (1, 5)]);
    assert_eq!(times(&run(definition, &[(0, A), (5, B), (5, B)])), [(0, 0), (1, 5)]);
}

#[test]
fn a_long_tie_costs_no_permutations() {
    let events = vec![(0, u64::MAX); 100_000];
    assert_eq!(run(Definition::new(64), &events).level, 64);
    let mut apart: Vec<_> = (0..64).rev().flat_map(|step| vec![(0, 1_u64 << step); 1_000]).collect();
    assert_eq!(run(Definition::new(64), &apart).level, 64);
    apart.retain(|(_, steps)| *steps != 1 << 40);
    assert_eq!(run(Definition::new(64), &apart).level, 40);
}

#[test]
fn a_long_stream_costs_no_squares() {
    // 100,000 attempts under way at once, every one of them moved, excluded and listed
    let many = 100_000;
    let mut events: Vec<FunnelEvent> =
        (0..many).map(|at_ms| FunnelEvent { at_ms, steps: A, ..FunnelEvent::default() }).collect();
    for step in [B, C] {
        events.extend((0..many).map(|at_ms| FunnelEvent {
            at_ms: many * i64::try_from(step).unwrap() + at_ms,
            steps: step,
            ..FunnelEvent::default()
        }));
    }
    events.extend((0..many).map(|n| FunnelEvent {
        at_ms: many * 6 + n,
        exclusions: 1,
        ..FunnelEvent::default()
    }));
    let exclusions = vec![Exclusion { from: 0, to: 3 }];
    for exclusion_effect in
        [ExclusionEffect::DropActor, ExclusionEffect::EndAttempt, ExclusionEffect::VoidAttempt]
    {
        let definition =
            Definition { exclusions: exclusions.clone(), exclusion_effect, ..Definition::new(4) };
        let mut funnel = Funnel::try_new(definition).unwrap();
        assert_eq!(funnel.attempts(&events).len(), events.len() / 4);
        let outcome = funnel.run(&events);
        let expected = match exclusion_effect {
            ExclusionEffect::DropActor => (0, true),
            ExclusionEffect::EndAttempt => (3, false),
            ExclusionEffect::VoidAttempt => (0, false),
        };
        assert_eq!((outcome.level, outcome.dropped), expected);
    }
    let unordered = Definition { order: Order::Unordered, window_ms: Some(many), ..Definition::new(4) };
    assert_eq!(Funnel::try_new(unordered).unwrap().attempts(&events).len(), 300_000);
}

#[test]
fn strict_attempts_break_at_foreign_events_and_others_count() {
    let strict = |strictness| Definition { order: Order::Strict, strictness, ..Definition::new(3) };
    let plain = Strictness::default();
    assert_eq!(run(strict(plain), &[(0, A), (1, 0), (2, B), (3, A), (4, B), (5, 0), (6, C)]).level, 2);
    assert_eq!(run(strict(plain), &[(0, A), (1, A), (2, B), (3, B), (4, C)]).level, 3);
    assert_eq!(run(strict(plain), &[(0, A), (0, D), (2, B), (2, D), (3, C)]).level, 3);
    let steps_only = Strictness { scope: StrictScope::StepEvents, repeats: StrictRepeats::Break, ..plain };
    assert_eq!(run(strict(steps_only), &[(0, A), (1, 0), (2, B), (3, 0), (4, C)]).level, 3);
    assert_eq!(run(strict(steps_only), &[(0, A), (1, B), (2, B), (4, C)]).level, 2);
    let back = Strictness { reentry: StrictReentry::Tolerate, ..plain };
    assert_eq!(run(strict(plain), &[(0, A), (1, B), (2, A), (3, C)]).level, 2);
    assert_eq!(run(strict(back), &[(0, A), (1, B), (2, A), (3, C)]).level, 3);
    let ahead = Strictness { reentry: StrictReentry::IgnoreAhead, ..plain };
    assert_eq!(run(strict(back), &[(0, A), (1, C), (2, B), (3, C)]).level, 1);
    assert_eq!(run(strict(ahead), &[(0, A), (1, C), (2, B), (3, C)]).level, 3);
}

#[test]
fn an_unordered_funnel_fills_steps_as_they_come() {
    let any = Definition { order: Order::Unordered, window_ms: Some(10), ..Definition::new(3) };
    assert_eq!(times(&run(any.clone(), &[(0, C), (2, A | B), (3, A)])), [(0, 0), (1, 2), (2, 3)]);
    // The event that fills two steps moves over for the one that fills only one of them.
    assert_eq!(run(any.clone(), &[(0, A | B), (1, A), (2, A | C)]).level, 3);
    assert_eq!(run(any, &[(0, A), (11, B), (12, C)]).level, 2);
}

#[test]
fn a_window_from_the_previous_step_takes_the_chain_that_gets_furthest() {
    let definition =
        Definition { window_from: WindowFrom::PreviousStep, window_ms: Some(10), ..Definition::new(3) };
    assert_eq!(
        times(&run(definition.clone(), &[(0, A), (5, B), (9, B), (18, C)])),
        [(0, 0), (1, 9), (2, 18)]
    );
    assert_eq!(run(definition, &[(0, A), (11, B)]).level, 1);
}

#[test]
fn a_repeat_stops_an_attempt_but_its_twin_does_not() {
    let stop = Definition { on_repeat: OnRepeat::Stop, ..Definition::new(3) };
    assert_eq!(run(stop.clone(), &[(0, A), (1, B), (2, B), (3, C)]).level, 2);
    assert_eq!(run(stop.clone(), &[(0, A), (1, B), (1, B), (3, C)]).level, 3);
    assert_eq!(run(stop.clone(), &[(0, A), (1, B), (2, A), (3, C)]).level, 3);
    let first_too = Definition { repeatable: u64::MAX, ..stop };
    assert_eq!(run(first_too, &[(0, A), (1, B), (2, A), (3, C)]).level, 2);
}

fn excluded(effect: ExclusionEffect, events: &[(i64, u64, u64)]) -> Outcome {
    let definition = Definition {
        exclusions: vec![Exclusion { from: 0, to: 1 }],
        exclusion_effect: effect,
        window_ms: Some(100),
        ..Definition::new(3)
    };
    let events: Vec<_> = events
        .iter()
        .map(|&(at_ms, steps, exclusions)| FunnelEvent { at_ms, steps, exclusions, held: 0 })
        .collect();
    Funnel::try_new(definition).unwrap().run(&events).clone()
}

#[test]
fn exclusions_have_three_effects() {
    use ExclusionEffect::{DropActor, EndAttempt, VoidAttempt};
    let events = [(0, A, 0), (1, 0, 1), (2, B, 0)];
    assert!(excluded(DropActor, &events).dropped);
    assert_eq!(excluded(EndAttempt, &events).level, 1);
    assert_eq!(excluded(VoidAttempt, &events).level, 0);
    // an exclusion event at the instant of a match lies not between
    assert_eq!(excluded(DropActor, &[(0, A, 0), (0, 0, 1), (2, B, 0), (2, 0, 1)]).level, 2);
    // nor one after the window
    assert_eq!(excluded(VoidAttempt, &[(0, A, 0), (101, 0, 1)]).level, 1);
    // an attempt of the greatest level that is not excluded saves the unit
    let again = [(0, A, 0), (1, 0, 1), (2, B, 0), (10, A, 0), (12, B, 0)];
    assert_eq!(excluded(DropActor, &again).at_ms(0), Some(10));
}

#[test]
fn a_value_is_held_constant_over_steps() {
    let definition = Definition { hold: A | B, ..Definition::new(3) };
    let event = |at_ms, steps, held| FunnelEvent { at_ms, steps, held, ..FunnelEvent::default() };
    let events = [event(0, A, 1), event(1, B, 2), event(2, A, 2), event(3, B, 2), event(4, C, 9)];
    assert_eq!(times(Funnel::try_new(definition.clone()).unwrap().run(&events)), [(0, 2), (1, 3), (2, 4)]);
    assert_eq!(Funnel::try_new(definition).unwrap().run(&events[..2]).level, 1);
}

#[test]
fn of_values_that_get_equally_far_any_may_be_reported() {
    let definition = Definition { window_from: WindowFrom::PreviousStep, hold: B, ..Definition::new(3) };
    let event = |at_ms, steps, held| FunnelEvent { at_ms, steps, held, ..FunnelEvent::default() };
    let mut events = [event(0, A | C, 0), event(0, B, 2), event(3, B, 1), event(3, C, 0)];
    let mut funnel = Funnel::try_new(definition.clone()).unwrap();
    let asked = definition.check().unwrap();
    assert_eq!(check(&asked, &events, funnel.run(&events)), Ok(()));
    // with one value the chain is the earliest one
    events[2].held = 2;
    let outcome = funnel.run(&events);
    assert_eq!(times(outcome), [(0, 0), (1, 0), (2, 3)]);
    assert_eq!(check(&asked, &events, outcome), Ok(()));
}

#[test]
fn an_exclusion_of_one_value_held_leaves_the_attempts_of_another() {
    let definition = Definition {
        order: Order::Unordered,
        window_from: WindowFrom::PreviousStep,
        exclusions: vec![Exclusion { from: 0, to: 1 }],
        exclusion_effect: ExclusionEffect::DropActor,
        hold: B | C,
        ..Definition::new(2)
    };
    let event = |at_ms, steps, exclusions, held| FunnelEvent { at_ms, steps, exclusions, held };
    // Holding 1 the first event waits for the last, past the exclusion; holding 2 the second completes it before.
    let events = [event(0, A | B, 0, 1), event(1, B, 1, 2), event(2, A, 0, 0)];
    let mut funnel = Funnel::try_new(definition).unwrap();
    assert_eq!(times(funnel.run(&events)), [(0, 0), (1, 1)]);
    let attempts: Vec<_> =
        funnel.attempts(&events).iter().map(|attempt| (attempt.entry, attempt.excluded)).collect();
    assert_eq!(attempts, [(0, false), (1, false), (2, false)]);
}

#[test]
fn of_equal_ways_of_an_attempt_the_one_that_no_exclusion_lies_in_counts() {
    let definition = Definition {
        window_from: WindowFrom::PreviousStep,
        exclusions: vec![Exclusion { from: 1, to: 2 }],
        exclusion_effect: ExclusionEffect::VoidAttempt,
        ..Definition::new(3)
    };
    // The third event excludes what waits for step 3 since the second, and can be step 2 itself.
    let events = [(0, A, 0), (1, B, 0), (5, B, 1), (6, C, 0)].map(|(at_ms, steps, exclusions)| FunnelEvent {
        at_ms,
        steps,
        exclusions,
        held: 0,
    });
    let mut funnel = Funnel::try_new(definition).unwrap();
    assert_eq!(times(funnel.run(&events)), [(0, 0), (1, 5), (2, 6)]);
}

#[test]
fn the_first_way_of_an_attempt_to_be_complete_lets_the_next_attempt_open() {
    let definition = Definition {
        optional: B,
        ties: Ties::Arrival,
        event_reuse: EventReuse::Allowed,
        entry_policy: EntryPolicy::Sequential,
        ..Definition::new(3)
    };
    // The second event completes the first attempt; the third could complete it without the optional step.
    let events = [(0, A | B), (4, C), (4, A | B | C)].map(|(at_ms, steps)| FunnelEvent {
        at_ms,
        steps,
        ..FunnelEvent::default()
    });
    let mut funnel = Funnel::try_new(definition).unwrap();
    assert_eq!(times(funnel.run(&events)), [(0, 4), (1, 4), (2, 4)]);
}

#[test]
fn each_entry_of_an_instant_has_its_own_exclusions() {
    let definition = Definition { exclusions: vec![Exclusion { from: 1, to: 2 }], ..Definition::new(3) };
    // Opened by the first event, an attempt takes the second and is excluded; opened by the second, it waits until 4.
    let events = [(1, A, 0), (1, A | B, 0), (2, 0, 1), (4, B, 0), (4, C, 0)]
        .map(|(at_ms, steps, exclusions)| FunnelEvent { at_ms, steps, exclusions, held: 0 });
    let mut funnel = Funnel::try_new(definition).unwrap();
    assert_eq!(times(funnel.run(&events)), [(0, 1), (1, 4), (2, 4)]);
    // So also where the later match is made by the event that excludes the earlier one.
    let events = [(0, A, 0), (0, A | B, 0), (1, B, 1), (2, C, 0)]
        .map(|(at_ms, steps, exclusions)| FunnelEvent { at_ms, steps, exclusions, held: 0 });
    assert_eq!(times(funnel.run(&events)), [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn the_best_way_of_an_attempt_to_be_complete_lets_the_next_attempt_open() {
    let definition = Definition {
        optional: B,
        ties: Ties::Arrival,
        event_reuse: EventReuse::Allowed,
        entry_policy: EntryPolicy::Sequential,
        ..Definition::new(3)
    };
    // The second event completes it without the optional step, the third at the same instant with it.
    let events = [(0, A), (2, C), (2, A | B | C)];
    assert_eq!(times(&run(definition, &events)), [(0, 0), (1, 2), (2, 2)]);
}

#[test]
fn the_first_of_equal_chains_lets_the_next_attempt_open() {
    let definition = Definition {
        window_from: WindowFrom::PreviousStep,
        ties: Ties::Arrival,
        entry_policy: EntryPolicy::Sequential,
        ..Definition::new(2)
    };
    // Either B completes the first attempt at the same instant.
    assert_eq!(times(&run(definition, &[(0, A), (4, B), (4, A), (4, B)])), [(0, 4), (1, 4)]);
}

#[test]
fn a_broken_attempt_is_left_by_the_exclusion_event_that_lies_in_it_alone() {
    let definition = Definition {
        order: Order::Strict,
        entry_policy: EntryPolicy::Sequential,
        exclusions: vec![Exclusion { from: 0, to: 1 }, Exclusion { from: 1, to: 2 }],
        ..Definition::new(3)
    };
    let run = |exclusions| {
        let events = [(0, A, 0), (1, C, 0), (3, 0, exclusions), (4, A, 0), (6, B, 0)]
            .map(|(at_ms, steps, exclusions)| FunnelEvent { at_ms, steps, exclusions, held: 0 });
        times(Funnel::try_new(definition.clone()).unwrap().run(&events))
    };
    assert_eq!(run(0b01), [(0, 4), (1, 6)]);
    // Without a window it keeps others from being opened for ever.
    assert_eq!(run(0b10), [(0, 0)]);
}

#[test]
fn every_entry_has_its_own_attempt() {
    let mut funnel = Funnel::try_new(Definition { window_ms: Some(5), ..Definition::new(2) }).unwrap();
    let events: Vec<_> = [(0, A), (3, A), (7, B), (9, A)]
        .map(|(at_ms, steps)| FunnelEvent { at_ms, steps, ..FunnelEvent::default() })
        .into();
    let levels: Vec<_> =
        funnel.attempts(&events).iter().map(|attempt| (attempt.entry, attempt.level)).collect();
    assert_eq!(levels, [(0, 1), (1, 2), (3, 1)]);
}

fn any_definition() -> impl Strategy<Value = Definition> {
    let ties =
        prop_oneof![3 => Just(Ties::Any), 1 => Just(Ties::StrictlyIncreasing), 1 => Just(Ties::Arrival)];
    let reuse = prop_oneof![2 => Just(EventReuse::Once), 1 => Just(EventReuse::Allowed)];
    let policy = prop_oneof![
        3 => Just(EntryPolicy::Any),
        1 => Just(EntryPolicy::First),
        1 => Just(EntryPolicy::Sequential)
    ];
    let order = prop_oneof![2 => Just(Order::Ordered), 2 => Just(Order::Strict), 1 => Just(Order::Unordered)];
    let from = prop_oneof![4 => Just(WindowFrom::FirstStep), 1 => Just(WindowFrom::PreviousStep)];
    let repeat = prop_oneof![2 => Just(OnRepeat::Ignore), 1 => Just(OnRepeat::Stop)];
    let scope = prop_oneof![Just(StrictScope::AllEvents), Just(StrictScope::StepEvents)];
    let repeats = prop_oneof![Just(StrictRepeats::Tolerate), Just(StrictRepeats::Break)];
    let reentry = prop_oneof![
        Just(StrictReentry::Break),
        Just(StrictReentry::Tolerate),
        Just(StrictReentry::IgnoreAhead)
    ];
    let strictness = (scope, repeats, reentry).prop_map(|(scope, repeats, reentry)| Strictness {
        scope,
        repeats,
        reentry,
    });
    let effect = prop_oneof![
        Just(ExclusionEffect::DropActor),
        Just(ExclusionEffect::EndAttempt),
        Just(ExclusionEffect::VoidAttempt)
    ];
    let optional = prop_oneof![2 => Just(0), 1 => 0..16_u64];
    let hold = prop_oneof![3 => Just(0), 1 => 0..16_u64];
    let exclusions = prop_oneof![1 => Just(0), 1 => 1..3_usize];
    let whole = (1..=4_usize, optional, proptest::option::of(0..5_i64), from, ties, reuse, policy, order);
    let further = (repeat, any::<bool>(), strictness, effect, hold, exclusions, any::<[u8; 4]>());
    (whole, further).prop_map(|(whole, further)| {
        let (steps, optional, window_ms, window_from, ties, event_reuse, entry_policy, order) = whole;
        let (on_repeat, first_too, strictness, exclusion_effect, hold, count, places) = further;
        let exclusions = places.chunks(2).take(if steps > 1 { count } else { 0 }).map(|place| {
            let from = usize::from(place[0]) % (steps - 1);
            Exclusion { from, to: from + 1 + usize::from(place[1]) % (steps - 1 - from) }
        });
        Definition {
            order,
            optional,
            window_ms,
            window_from,
            ties,
            event_reuse,
            entry_policy,
            on_repeat,
            repeatable: if first_too { u64::MAX } else { u64::MAX << 1 },
            strictness,
            exclusions: exclusions.collect(),
            exclusion_effect,
            hold,
            ..Definition::new(steps)
        }
    })
}

/// Up to six events over few instants, each matching none to all of four steps.
fn any_events() -> impl Strategy<Value = Vec<FunnelEvent>> {
    let steps = prop_oneof![4 => (0..4_u32).prop_map(|step| 1 << step), 2 => 0..16_u64];
    let exclusions = prop_oneof![4 => Just(0), 1 => 1..4_u64];
    let event = (0..7_i64, steps, exclusions, 0..3_u32)
        .prop_map(|(at_ms, steps, exclusions, held)| FunnelEvent { at_ms, steps, exclusions, held });
    proptest::collection::vec(event, 0..7).prop_map(|mut events| {
        events.sort_by_key(|event| event.at_ms);
        events
    })
}

/// Where several orders of one instant get equally far, what comes of the rest is not decided by the definition.
fn is_decided(asked: &Definition, events: &[FunnelEvent]) -> bool {
    let several = |event: &FunnelEvent| (event.steps & ((1 << asked.steps) - 1)).count_ones() > 1;
    let tied = events.windows(2).any(|pair| pair[0].at_ms == pair[1].at_ms);
    // An event that serves several steps is a tie with itself.
    let tied = tied || asked.event_reuse == EventReuse::Allowed && events.iter().any(several);
    let chooses = asked.optional != 0 || asked.window_from == WindowFrom::PreviousStep;
    let plain =
        asked.on_repeat == OnRepeat::Ignore && asked.exclusions.is_empty() && asked.order == Order::Ordered;
    let one_each = asked.on_repeat == OnRepeat::Ignore || !events.iter().any(several);
    let sequential_ways = chooses && asked.voids() && asked.entry_policy == EntryPolicy::Sequential;
    let both =
        asked.ties == Ties::Arrival && asked.on_repeat == OnRepeat::Stop && !asked.exclusions.is_empty();
    let sequential_both = both && asked.entry_policy == EntryPolicy::Sequential;
    // Whether an attempt whose reported way is over is left while another way of it has time, nothing says.
    let sequential_windows = asked.entry_policy == EntryPolicy::Sequential
        && asked.window_from == WindowFrom::PreviousStep
        && asked.window_ms.is_some();
    !(sequential_ways || sequential_both || sequential_windows)
        && (!tied || (one_each && (plain || !chooses)))
}

/// Random streams of the test below: `WAYFARE_STREAMS`, else 100,000.
#[expect(clippy::disallowed_methods, reason = "how large a test is, the one who runs it says")]
fn streams() -> u32 {
    std::env::var("WAYFARE_STREAMS").map_or(100_000, |count| count.parse().unwrap())
}

/// What has to be true of an explanation, whatever it is of.
fn check_explanation(asked: &Definition, events: &[FunnelEvent], told: &Explanation) -> Result<(), String> {
    let all = |step: usize| 1_u64 << step;
    let has = |part: &dyn Fn(&Part) -> bool| told.parts.iter().any(part);
    for (attempt, places) in told.attempts.iter().zip(&told.places) {
        if places.len() != attempt.matches.len() || places.first().is_none_or(|place| *place >= events.len())
        {
            return Err(format!("{attempt:?} is served by {places:?}"));
        }
        for (matched, place) in attempt.matches.iter().zip(places) {
            let event = events[*place];
            let serves = asked.order == Order::Unordered || event.steps & all(matched.step) != 0;
            if event.at_ms != matched.at_ms || !serves {
                return Err(format!("{matched:?} is served by {event:?}"));
            }
        }
        let distinct: std::collections::BTreeSet<_> = places.iter().collect();
        if asked.event_reuse == EventReuse::Once && distinct.len() != places.len() {
            return Err(format!("{attempt:?} takes an event twice: {places:?}"));
        }
    }
    let Some(attempt) = told.told.map(|index| &told.attempts[index]) else {
        return if told.attempts.is_empty() { Ok(()) } else { Err("no attempt is told about".to_owned()) };
    };
    let reported = told.outcome.level > 0;
    if reported && (attempt.excluded || attempt.matches != told.outcome.matches) {
        return Err(format!("told about {attempt:?}, reported {:?}", told.outcome));
    }
    let complete = attempt.matches.last().unwrap().step + 1 == asked.steps;
    if (attempt.ending == Ending::Complete) != complete && !attempt.excluded {
        return Err(format!("{attempt:?} of {} steps", asked.steps));
    }
    // What ended it is there.
    let found = match attempt.ending {
        Ending::Complete | Ending::Exhausted => true,
        Ending::Window => events.last().is_some_and(|last| last.at_ms > attempt.entry_ms),
        // An event that breaks an attempt may exclude it as well.
        Ending::Broken => has(&|part| matches!(part, Part::Broke | Part::Excluded)),
        Ending::Repeated => has(&|part| matches!(part, Part::Stopped | Part::Excluded)),
        Ending::Excluded => has(&|part| *part == Part::Excluded),
    };
    if !found || attempt.excluded && !has(&|part| *part == Part::Excluded) {
        return Err(format!("nothing ended {attempt:?}: {:?}", told.parts));
    }
    if has(&|part| matches!(part, Part::Late(by_ms) if *by_ms <= 0)) {
        return Err(format!("late by nothing: {:?}", told.parts));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: streams() / 10, max_global_rejects: u32::MAX, ..Default::default() })]

    #[test]
    fn an_explanation_is_of_the_attempt_that_is_reported(definition in any_definition(), events in any_events()) {
        let asked = definition.clone().check().unwrap();
        prop_assume!(is_decided(&asked, &events));
        let mut funnel = Funnel::try_new(definition).unwrap();
        let told = funnel.explain(&events);
        prop_assert_eq!(&told.outcome, funnel.run(&events));
        let checked = check_explanation(&asked, &events, &told);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: streams(), max_global_rejects: u32::MAX, ..Default::default() })]

    #[test]
    fn the_automaton_agrees_with_the_oracle(definition in any_definition(), events in any_events()) {
        let asked = definition.clone().check().unwrap();
        prop_assume!(is_decided(&asked, &events) && is_tractable(&asked, &events));
        let mut funnel = Funnel::try_new(definition).unwrap();
        let checked = check(&asked, &events, funnel.run(&events));
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
        let by_entry = asked.entry_policy == EntryPolicy::Any && asked.event_reuse == EventReuse::Once;
        if by_entry && asked.exclusion_effect != ExclusionEffect::VoidAttempt {
            let levels = funnel.attempts(&events).iter().map(|attempt| (attempt.entry, attempt.level)).collect();
            prop_assert_eq!(levels_by_entry(&asked, &events), levels);
        }
    }
}

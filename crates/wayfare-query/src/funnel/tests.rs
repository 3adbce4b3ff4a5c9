use proptest::prelude::*;

use super::oracle::oracle;
use super::*;

fn run(definition: Definition, events: &[(i64, u64)]) -> Outcome {
    let events: Vec<_> =
        events.iter().map(|(at_ms, steps)| FunnelEvent { at_ms: *at_ms, steps: *steps }).collect();
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

fn any_definition() -> impl Strategy<Value = Definition> {
    let ties =
        prop_oneof![3 => Just(Ties::Any), 1 => Just(Ties::StrictlyIncreasing), 1 => Just(Ties::Arrival)];
    let reuse = prop_oneof![2 => Just(EventReuse::Once), 1 => Just(EventReuse::Allowed)];
    let policy = prop_oneof![
        3 => Just(EntryPolicy::Any),
        1 => Just(EntryPolicy::First),
        1 => Just(EntryPolicy::Sequential)
    ];
    let optional = prop_oneof![Just(0), 0..16_u64];
    (1..=4_usize, optional, proptest::option::of(0..5_i64), ties, reuse, policy).prop_map(
        |(steps, optional, window_ms, ties, event_reuse, entry_policy)| Definition {
            optional,
            window_ms,
            ties,
            event_reuse,
            entry_policy,
            ..Definition::new(steps)
        },
    )
}

/// Up to seven events over few instants, each matching none to all of four steps.
fn any_events() -> impl Strategy<Value = Vec<FunnelEvent>> {
    let steps = prop_oneof![4 => (0..4_u32).prop_map(|step| 1 << step), 2 => 0..16_u64];
    let event = (0..7_i64, steps).prop_map(|(at_ms, steps)| FunnelEvent { at_ms, steps });
    proptest::collection::vec(event, 0..8).prop_map(|mut events| {
        events.sort_by_key(|event| event.at_ms);
        events
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(20_000), ..Default::default() })]

    #[test]
    fn the_automaton_agrees_with_the_oracle(definition in any_definition(), events in any_events()) {
        let asked = definition.clone().check().unwrap();
        let mut funnel = Funnel::try_new(definition).unwrap();
        prop_assert_eq!(funnel.run(&events), &oracle(&asked, &events));
    }
}

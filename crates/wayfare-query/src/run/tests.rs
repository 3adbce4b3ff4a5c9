use proptest::prelude::*;

use super::*;

fn event(at_ms: i64, role: Role) -> RunEvent<'static> {
    RunEvent { at_ms, role, activity: "activity", ..RunEvent::default() }
}

fn step(at_ms: i64, role: Role, step_id: &str) -> RunEvent<'_> {
    RunEvent { step_id: Some(step_id), ..event(at_ms, role) }
}

fn failed<'a>(event: RunEvent<'a>, code: &'a str) -> RunEvent<'a> {
    RunEvent { error_code: Some(code), outcome: Some("failure"), ..event }
}

fn call(at_ms: i64, connection: &str) -> RunEvent<'_> {
    RunEvent { connection_id: Some(connection), ..event(at_ms, ExternalCall) }
}

/// Folds events that get ids of their own.
fn fold(events: &[RunEvent<'_>]) -> Run {
    let mut events = events.to_vec();
    for (id, event) in (1..).zip(&mut events) {
        event.id = id;
    }
    finish(&mut events, &mut RunSteps::default())
}

use Role::*;

#[test]
fn a_run_is_put_in_order_and_counted() {
    let run = fold(&[
        step(1_500, StepCompleted, "otp"),
        event(1_000, JourneyStarted),
        event(2_000, JourneySucceeded),
        step(1_000, StepStarted, "otp"),
        RunEvent { http_status: Some(200), ..call(1_200, "sms") },
        failed(call(1_100, "sms"), "busy"),
        step(1_300, CustomEvent, "note"),
        event(1_300, CustomEvent),
        event(1_400, Other),
    ]);
    assert_eq!(run.path, "^,>otp;xsms:busy;@sms;*activity,*note;~activity;+otp;$");
    assert_eq!(run.offsets, [0, 0, 100, 200, 300, 300, 400, 500, 1_000]);
    assert_eq!((run.first_at, run.started_at, run.last_at, run.ended_at), (1_000, 1_000, 2_000, Some(2_000)));
    assert_eq!(run.terminal, Terminal::Succeeded);
    assert_eq!((run.events, run.duplicates), (9, 0));
    assert_eq!((run.steps_started, run.steps_completed, run.steps_failed, run.retries), (1, 1, 0, 0));
    assert_eq!((run.external_calls, run.external_failures), (2, 1));
    assert_eq!(run.last_step.as_deref(), Some("otp"));
    assert_eq!(run.failing_step, None);
}

#[test]
fn a_run_without_events_is_empty() {
    assert_eq!(fold(&[]), Run::default());
}

#[test]
fn an_event_of_a_repeated_id_counts_once() {
    let start = RunEvent { id: 1, ..event(5, JourneyStarted) };
    let twin = RunEvent { id: 2, ..event(5, JourneyStarted) };
    let moved = RunEvent { id: 1, ..event(9, JourneyStarted) };
    let run = finish(&mut vec![moved, twin, start, start], &mut RunSteps::default());
    assert_eq!((run.path.as_str(), run.events, run.duplicates, run.last_at), ("^,^", 2, 2, 5));
}

#[test]
fn details_say_how_an_event_went() {
    let skipped = RunEvent { outcome: Some("skipped"), ..step(0, StepCompleted, "a") };
    let good = RunEvent { outcome: Some("success"), ..step(1, StepCompleted, "b") };
    let bad = RunEvent { outcome: Some("failure"), ..step(2, StepCompleted, "c") };
    let coded = RunEvent { error_code: Some("E"), ..step(3, StepCompleted, "d") };
    let status = RunEvent { http_status: Some(503), ..call(4, "x") };
    let empty = RunEvent { error_code: Some(""), ..call(5, "y") };
    assert_eq!(fold(&[skipped, good, bad, coded, status, empty]).path, "+a:skipped;+b;-c;-d:E;xx:503;@y");
}

#[test]
fn a_terminal_event_closes_the_innermost_bracket_first() {
    let sub = |at_ms, id| RunEvent { journey_id: Some(id), ..event(at_ms, SubJourneyStarted) };
    let run = fold(&[
        event(0, JourneyStarted),
        sub(1, "outer"),
        sub(2, "inner"),
        event(3, JourneyFailed),
        event(4, JourneySucceeded),
        event(5, JourneySucceeded),
        event(6, JourneyFailed),
    ]);
    assert_eq!(run.path, "^;(outer;(inner;};);$;!");
    assert_eq!((run.terminal, run.ended_at, run.last_at), (Terminal::Succeeded, Some(5), 6));
}

#[test]
fn a_sub_journey_opened_and_ended_at_one_instant_nests() {
    let sub = RunEvent { journey_id: Some("s"), ..event(3, SubJourneyStarted) };
    assert_eq!(fold(&[event(3, JourneySucceeded), sub, event(4, JourneySucceeded)]).path, "(s,);$");
}

#[test]
fn the_start_is_the_first_journey_started() {
    let run = fold(&[event(1, Other), event(4, JourneyStarted), event(6, JourneyStarted)]);
    assert_eq!((run.first_at, run.started_at), (1, 4));
    assert_eq!(fold(&[event(7, Other)]).started_at, 7);
}

/// `step code connection` of a failed run.
fn blame(events: &[RunEvent<'_>]) -> String {
    let run = fold(events);
    assert_eq!(run.terminal, Terminal::Failed);
    let show = |text: Option<String>| text.unwrap_or("?".to_owned());
    format!("{} {} {}", show(run.failing_step), show(run.error_code), show(run.connection_id))
}

#[test]
fn the_failing_step_is_the_terminal_events_own() {
    let attempts = [step(1, StepStarted, "b"), failed(step(2, StepCompleted, "a"), "E")];
    assert_eq!(blame(&[attempts[0], attempts[1], step(9, JourneyFailed, "b")]), "b ? ?");
    assert_eq!(blame(&[attempts[0], attempts[1], step(9, JourneyFailed, "a")]), "a E ?");
    assert_eq!(blame(&[attempts[0], attempts[1], failed(step(9, JourneyFailed, "a"), "T")]), "a T ?");
}

#[test]
fn the_failing_step_is_else_that_of_the_last_failed_attempt() {
    let a = failed(step(2, StepCompleted, "a"), "E");
    let b = failed(step(3, StepCompleted, "b"), "F");
    assert_eq!(blame(&[a, b, step(4, StepStarted, "c"), event(9, JourneyFailed)]), "b F ?");
}

#[test]
fn the_failing_step_is_else_the_last_one_started_and_not_completed() {
    let a = [step(1, StepStarted, "a"), step(2, StepCompleted, "a")];
    assert_eq!(blame(&[a[0], a[1], step(3, StepStarted, "b"), event(9, JourneyFailed)]), "b ? ?");
    assert_eq!(blame(&[step(0, StepStarted, "b"), a[0], a[1], event(9, JourneyFailed)]), "b ? ?");
}

#[test]
fn the_failing_step_is_else_the_last_one_seen() {
    let a = [step(1, StepStarted, "a"), step(2, StepCompleted, "a")];
    assert_eq!(blame(&[a[0], a[1], event(9, JourneyFailed)]), "a ? ?");
    assert_eq!(blame(&[event(1, JourneyStarted), event(9, JourneyFailed)]), "? ? ?");
}

#[test]
fn a_failing_call_since_the_start_of_the_step_explains_the_failure() {
    let before = failed(call(1, "early"), "X");
    let inside = RunEvent { http_status: Some(504), ..call(3, "idp") };
    let start = step(2, StepStarted, "a");
    assert_eq!(blame(&[before, start, inside, event(9, JourneyFailed)]), "a 504 idp");
    assert_eq!(blame(&[before, start, event(9, JourneyFailed)]), "a ? ?");
    let end = failed(step(4, StepCompleted, "a"), "E");
    assert_eq!(blame(&[before, start, inside, end, event(9, JourneyFailed)]), "a E idp");
    assert_eq!(blame(&[before, event(9, JourneyFailed)]), "? X early");
}

#[test]
fn a_call_of_an_earlier_attempt_does_not_explain_the_failure() {
    let first = [step(1, StepStarted, "a"), failed(call(2, "idp"), "X"), step(3, StepCompleted, "a")];
    let second = [step(4, StepStarted, "a"), event(9, JourneyFailed)];
    assert_eq!(blame(&[first[0], first[1], first[2], second[0], second[1]]), "a ? ?");
}

#[test]
fn an_attempt_without_a_start_begins_after_the_end_before_it() {
    let a = [failed(call(1, "one"), "X"), step(2, StepCompleted, "a")];
    let b =
        [failed(call(3, "two"), "Y"), RunEvent { outcome: Some("failure"), ..step(4, StepCompleted, "b") }];
    assert_eq!(blame(&[a[0], a[1], b[0], b[1], event(9, JourneyFailed)]), "b Y two");
    assert_eq!(blame(&[a[0], a[1], b[1], event(9, JourneyFailed)]), "b ? ?");
}

#[test]
fn code_category_and_message_are_those_of_one_event() {
    let terminal = RunEvent { error_category: Some("policy"), ..event(9, JourneyFailed) };
    let end = RunEvent { error_message: Some("expired"), ..failed(step(4, StepCompleted, "a"), "E") };
    let run = fold(&[end, terminal]);
    assert_eq!(
        (run.error_code, run.error_category.as_deref(), run.error_message),
        (None, Some("policy"), None)
    );
    let silent = RunEvent { error_message: Some("no"), ..event(9, JourneyFailed) };
    assert_eq!(fold(&[silent]).error_message.as_deref(), Some("no"));
}

#[test]
fn what_follows_the_end_changes_no_attribution() {
    let run = fold(&[
        step(1, StepStarted, "a"),
        event(2, JourneyFailed),
        failed(step(3, StepCompleted, "b"), "E"),
        event(4, JourneySucceeded),
    ]);
    assert_eq!((run.terminal, run.ended_at, run.last_at), (Terminal::Failed, Some(2), 4));
    assert_eq!((run.failing_step.as_deref(), run.error_code), (Some("a"), None));
    assert_eq!((run.last_step.as_deref(), run.steps_failed), (Some("a"), 1));
}

const ROLES: [Role; 9] = [
    JourneyStarted,
    SubJourneyStarted,
    JourneySucceeded,
    JourneyFailed,
    StepStarted,
    StepCompleted,
    CustomEvent,
    ExternalCall,
    Other,
];

fn any_event() -> impl Strategy<Value = RunEvent<'static>> {
    let text = || proptest::option::of(prop_oneof![Just("a"), Just("b"), Just("")]);
    let outcome = proptest::option::of(prop_oneof![Just("success"), Just("failure"), Just("skipped")]);
    let status = proptest::option::of(prop_oneof![Just(200), Just(500), Just(1_000)]);
    let texts = (text(), text(), text(), text(), text(), text());
    (0..8_u128, 0..4_i64, 0..ROLES.len(), texts, outcome, status, 0..2_u64).prop_map(
        |(id, at_ms, role, texts, outcome, http_status, marks)| RunEvent {
            id,
            at_ms,
            role: ROLES[role],
            activity: "activity",
            step_id: texts.0,
            outcome,
            error_code: texts.1,
            error_category: texts.2,
            error_message: texts.3,
            connection_id: texts.4,
            journey_id: texts.5,
            http_status,
            marks,
        },
    )
}

proptest! {
    #[test]
    fn shuffling_and_repeating_events_changes_nothing(
        (events, shuffled) in proptest::collection::vec(any_event(), 0..12).prop_flat_map(|events| {
            let twice: Vec<_> = events.iter().chain(events.iter().step_by(2)).copied().collect();
            (Just(events), Just(twice).prop_shuffle())
        }),
    ) {
        let run = finish(&mut events.clone(), &mut RunSteps::default());
        let mut again = finish(&mut shuffled.clone(), &mut RunSteps::default());
        let repeated = i64::try_from(shuffled.len() - events.len()).unwrap();
        prop_assert_eq!(again.duplicates, run.duplicates + repeated);
        again.duplicates = run.duplicates;
        prop_assert_eq!(&again, &run);
    }

    #[test]
    fn a_run_agrees_with_its_path(events in proptest::collection::vec(any_event(), 0..12)) {
        let run = finish(&mut events.clone(), &mut RunSteps::default());
        let tokens = crate::timeline::tokens(&run.path).collect::<crate::Result<Vec<_>>>().unwrap();
        prop_assert_eq!(tokens.len(), run.offsets.len());
        prop_assert_eq!(run.events + run.duplicates, i64::try_from(events.len()).unwrap());
        for (index, pair) in run.offsets.windows(2).enumerate() {
            prop_assert_eq!(tokens[index + 1].tied, pair[0] == pair[1]);
        }
        for pair in tokens.windows(2).filter(|pair| pair[1].tied) {
            prop_assert!(pair[0].kind <= pair[1].kind, "{}", run.path);
        }
        let mut steps = RunSteps::default();
        let mut lexicon = crate::timeline::Lexicon::default();
        let path = lexicon.coded(&run.path);
        steps.read(path.path(), &lexicon).unwrap();
        prop_assert_eq!(i64::try_from(steps.retries()).unwrap(), run.retries);
        let ends = tokens.iter().filter(|token| matches!(token.kind, Kind::JourneySucceeded | Kind::JourneyFailed));
        prop_assert_eq!(ends.count() > 0, run.ended_at.is_some());
        prop_assert_eq!(run.terminal == Terminal::None, run.ended_at.is_none());
    }
}

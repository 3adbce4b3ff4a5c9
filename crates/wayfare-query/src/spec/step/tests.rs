use proptest::prelude::*;

use super::*;
use crate::timeline::tokens;

fn parse(text: &str) -> Step {
    Step::parse(text).unwrap()
}

/// The tokens of a path that match a step, as their indexes.
fn marked(step: &str, path: &str) -> Vec<usize> {
    let step = parse(step);
    let tokens = tokens(path).map(Result::unwrap).enumerate();
    tokens.filter(|(_, token)| step.mark(token)).map(|(index, _)| index).collect()
}

const PATH: &str = "^;(sub;>otp;@otp;xotp:503;*otp;~otp;+otp;-otp:E;)otp;}otp;$otp;!otp:E";

#[test]
fn a_name_is_that_step_completed_successfully() {
    assert_eq!(marked("otp", PATH), [7, 11]);
    assert_eq!(marked("\"otp\"", PATH), [7, 11]);
    assert_eq!(marked("completed:otp", PATH), [7, 11]);
    assert!(marked("OTP", PATH).is_empty());
}

#[test]
fn a_prefix_asks_for_other_events_of_the_name() {
    assert_eq!(marked("started:otp", PATH), [2]);
    assert_eq!(marked("failed:otp", PATH), [8, 12]);
    assert_eq!(marked("custom:otp", PATH), [5]);
    assert_eq!(marked("Call: otp", PATH), [3, 4]);
    assert_eq!(marked("activity:otp", PATH), [6]);
    assert_eq!(marked("event:\"otp\"", PATH), [5, 6, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn journey_events_are_found_in_any_spelling() {
    for text in ["Journey started", "journeyStarted", "journey_started", "journey-started", "JOURNEY STARTED"]
    {
        assert_eq!(marked(text, PATH), [0], "{text}");
    }
    assert_eq!(marked("Journey completed successfully", PATH), [11]);
    assert_eq!(marked("journey_completed_unsuccessfully", PATH), [12]);
    assert_eq!(marked("activity:journey_completed_successfully", PATH), [9, 11]);
    assert_eq!(marked("Sub-journey started", PATH), [1]);
    assert_eq!(marked("Step started", PATH), [2]);
    assert_eq!(marked("event:stepCompleted", PATH), [7, 8]);
    assert_eq!(marked("External connection call", PATH), [3, 4]);
    assert_eq!(marked("custom event", PATH), [5]);
    assert_eq!(marked("'Step started'", "+Step started;>a"), [0]);
}

#[test]
fn alternatives_match_where_one_of_them_does() {
    assert_eq!(marked("otp | failed:otp|pass", "+otp;-otp;+pass;+other"), [0, 1, 2]);
    assert_eq!(marked("\"a|b\" | c", "+a|b;+a;+c"), [0, 2]);
}

#[test]
fn a_trailing_question_mark_makes_a_step_optional() {
    let step = parse("otp | pass ?");
    assert!(step.optional && !parse("really?").optional && parse("\"otp\" ?").optional);
    assert_eq!((step.name.as_str(), step.any_of.len()), ("otp | pass", 2));
    assert_eq!(parse("really?").name, "really?");
}

#[test]
fn a_label_names_a_step() {
    let step = parse("Verified := otp | pass ?");
    assert_eq!((step.name.as_str(), step.optional, step.any_of.len()), ("Verified", true, 2));
    assert_eq!(parse("\"a := b\"").name, "a := b");
    assert_eq!(parse("'Two words' := otp").name, "Two words");
}

#[test]
fn operators_make_a_condition_on_the_event() {
    let step = parse("step_id=otp and platform=ios | params.channel is set | country in (DE)");
    let texts: Vec<Vec<_>> =
        step.event_tests().map(|all| all.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(
        texts,
        [vec!["step_id = otp", "platform = ios"], vec!["params.channel is set"], vec!["country in (DE)"]]
    );
    assert!(marked("step_id=otp", PATH).is_empty());
}

#[test]
fn names_may_hold_what_looks_like_syntax() {
    for name in [
        "Declaration FINAL_APPROVED by SUPERVISOR",
        "Sign in with Google",
        "urn:step:otp",
        "Step (2)",
        "what is set up",
    ] {
        assert_eq!(parse(name).names().collect::<Vec<_>>(), [name]);
    }
    assert_eq!(parse("\"a = b\"").names().collect::<Vec<_>>(), ["a = b"]);
    assert_eq!(parse("completed:'x: y'").names().collect::<Vec<_>>(), ["x: y"]);
}

#[test]
fn what_is_no_step_is_refused() {
    let cases = [
        ("", "expected a step, saw nothing"),
        (" ?", "expected a step, saw nothing"),
        ("a |", "expected a step on both sides of |"),
        ("| a", "expected a step on both sides of |"),
        (":= a", "expected a label"),
        ("L :=", "expected a step, saw nothing"),
        ("started:", "expected the name of a step"),
        ("\"\"", "expected the name of a step"),
        ("start:otp", "there is no kind of event start"),
        ("\"otp", "expected a closing \""),
        ("step_id=", "expected a value after ="),
        ("= otp", "expected a column"),
    ];
    for (text, expected) in cases {
        let error = Step::parse(text).expect_err(text);
        assert!(error.message().starts_with(expected), "{text}: {error}");
    }
    let error = Step::parse("complete:otp").unwrap_err();
    assert!(error.advice().unwrap().starts_with("did you mean completed:otp?"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z :=|?'\"<~()]{0,24}") {
        if let Ok(step) = Step::parse(&text) {
            prop_assert!(!step.any_of.is_empty());
        }
    }

    #[test]
    fn a_quoted_name_is_that_name(name in "\\PC{1,16}") {
        let step = Step::parse(&format!("\"{}\"", name.replace('"', "\"\""))).unwrap();
        prop_assert_eq!(step.names().collect::<Vec<_>>(), [name.as_str()]);
    }
}

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray};
use proptest::prelude::*;

use super::*;
use crate::functions::Paths;
use crate::timeline::{Kind, Lexicon, Token, encode};

fn steps(path: &str) -> RunSteps {
    let mut steps = RunSteps::default();
    read(&mut steps, path).unwrap();
    steps
}

fn read(steps: &mut RunSteps, path: &str) -> crate::Result<()> {
    let mut lexicon = Lexicon::default();
    let path = lexicon.coded(path);
    steps.read(path.path(), &lexicon)
}

/// `step started-ended end wait` of every attempt.
fn attempts(path: &str, offsets: &[i64]) -> Vec<String> {
    let show = |time: Option<i64>| time.map_or("?".to_owned(), |time| time.to_string());
    let at = |token: Option<usize>| token.map(|token| offsets[token]);
    let mut list = Vec::new();
    steps(path).for_each_attempt(|a| {
        let wait = at(a.started).zip(at(a.waited_from)).map(|(start, end)| start - end);
        list.push(format!(
            "{} {}-{} {:?} {}",
            a.step,
            show(at(a.started)),
            show(at(a.ended)),
            a.end,
            show(wait)
        ));
    });
    list
}

fn not_completed(path: &str, state: RunState, step: &str) -> Option<NotCompleted> {
    let mut found = None;
    steps(path).for_each_step(state, |facts| {
        if facts.step == step {
            found = Some(facts.not_completed);
        }
    });
    found.expect("step is reached")
}

#[test]
fn a_completion_closes_the_latest_open_attempt() {
    assert_eq!(attempts(">a;-a;>a;+a", &[0, 5, 7, 10]), ["a 0-5 Failed ?", "a 7-10 Completed 2"]);
}

#[test]
fn a_completion_prefers_an_attempt_started_strictly_earlier() {
    assert_eq!(attempts(">a;>a,+a", &[0, 5, 5]), ["a 0-5 Completed ?", "a 5-? Unfinished 0"]);
}

#[test]
fn a_completion_takes_a_start_of_the_same_instant_when_there_is_no_earlier_one() {
    assert_eq!(attempts("^;>a,+a", &[0, 5, 5]), ["a 5-5 Completed ?"]);
    assert_eq!(attempts(">a,>a,+a,+a", &[0; 4]), ["a 0-0 Completed 0", "a 0-0 Completed 0"]);
}

#[test]
fn a_completion_without_a_start_is_an_attempt_without_duration() {
    assert_eq!(attempts("^;+a;+a", &[0, 3, 4]), ["a ?-3 Completed ?", "a ?-4 Completed ?"]);
}

#[test]
fn starting_anew_leaves_the_older_attempt_unfinished_for_good() {
    let expected = ["a 0-? Unfinished ?", "a 2-3 Completed ?", "a ?-4 Completed ?"];
    assert_eq!(attempts(">a;>a;+a;+a", &[0, 2, 3, 4]), expected);
}

#[test]
fn steps_do_not_close_each_other() {
    assert_eq!(attempts(">a;>b;+a;-b", &[0, 1, 2, 3]), ["a 0-2 Completed ?", "b 1-3 Failed ?"]);
}

#[test]
fn the_wait_counts_from_the_latest_end_of_any_step_at_or_before_the_start() {
    assert_eq!(attempts(">a;+a;>b;+b", &[0, 5, 9, 12]), ["a 0-5 Completed ?", "b 9-12 Completed 4"]);
    assert_eq!(attempts(">a;>b,+a;+b", &[0, 5, 5, 9]), ["a 0-5 Completed ?", "b 5-9 Completed 0"]);
}

#[test]
fn a_step_event_without_a_step_id_belongs_to_no_step_but_ends_a_wait() {
    assert_eq!(attempts(">;+;>a", &[0, 2, 6]), ["a 6-? Unfinished 4"]);
}

#[test]
fn a_retried_step_is_completed_but_not_at_first_try() {
    let mut seen = Vec::new();
    let run = steps(">a;-a;>a;+a;>b;+b");
    run.for_each_step(RunState::Succeeded, |facts| {
        seen.push((facts.step, facts.attempts, facts.completed, facts.failed, facts.first_try_completed));
    });
    assert_eq!(seen, [("a", 2, true, true, false), ("b", 1, true, false, true)]);
    assert_eq!(run.retries(), 1);
}

#[test]
fn a_step_whose_last_attempt_failed_failed_here_whatever_followed() {
    for state in [RunState::Succeeded, RunState::Failed, RunState::Abandoned, RunState::Open] {
        assert_eq!(not_completed(">a;-a;>b;+b", state, "a"), Some(NotCompleted::FailedHere));
    }
}

#[test]
fn the_last_step_attempted_shares_the_fate_of_the_run() {
    let fates = [
        (RunState::Failed, NotCompleted::FailedHere),
        (RunState::Abandoned, NotCompleted::AbandonedHere),
        (RunState::Open, NotCompleted::OpenHere),
        (RunState::Succeeded, NotCompleted::MovedOn),
    ];
    for (state, fate) in fates {
        assert_eq!(not_completed(">a;+a;>b", state, "b"), Some(fate));
        assert_eq!(not_completed(">b;>a", state, "b"), Some(NotCompleted::MovedOn));
        assert_eq!(not_completed(">b;-b;>b", state, "b"), Some(fate));
        assert_eq!(not_completed(">b;+b", state, "b"), None);
    }
}

#[test]
fn a_buffer_read_again_forgets_the_run_before() {
    let mut lexicon = Lexicon::default();
    let paths = [">a;>b;+b", ">c", "?"].map(|path| lexicon.coded(path));
    let mut steps = RunSteps::default();
    let mut read = |path: usize| {
        steps.read(paths[path].path(), &lexicon)?;
        let mut names = Vec::new();
        steps.for_each_step(RunState::Open, |facts| names.push(facts.step.to_owned()));
        Ok::<_, crate::Error>(names)
    };
    assert_eq!(read(0).unwrap(), ["a", "b"]);
    assert_eq!(read(1).unwrap(), ["c"]);
    assert!(read(2).is_err());
}

const STATES: [RunState; 4] = [RunState::Succeeded, RunState::Failed, RunState::Abandoned, RunState::Open];
const KINDS: [Kind; 4] = [Kind::StepStarted, Kind::StepCompleted, Kind::StepFailed, Kind::Custom];

proptest! {
    #[test]
    fn classes_add_up(
        events in proptest::collection::vec((0..4_usize, 0..3_usize, any::<bool>()), 0..24),
        state in 0..4_usize,
    ) {
        let tokens: Vec<_> = events.iter().map(|(kind, name, tied)| {
            let token = Token::new(KINDS[*kind], ["a", "b", "c"][*name]);
            if *tied { token.tied() } else { token }
        }).collect();
        let path = encode(&tokens);
        let run = steps(&path);
        let (mut reached, mut attempts, mut completed) = (0, 0, 0);
        let mut classes = [0; 4];
        run.for_each_step(STATES[state], |facts| {
            reached += 1;
            attempts += facts.attempts;
            completed += usize::from(facts.completed);
            if let Some(class) = facts.not_completed {
                classes[class as usize] += 1;
            }
        });
        prop_assert_eq!(reached, completed + classes.iter().sum::<usize>());
        prop_assert_eq!(run.retries(), attempts - reached);

        let mut offsets = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let last = offsets.last().copied().unwrap_or(0);
            offsets.push(if token.tied && index > 0 { last } else { last + 1 });
        }
        let (mut listed, mut ended) = (0, 0);
        let is_ordered = |from: Option<usize>, to: Option<usize>| {
            from.zip(to).is_none_or(|(from, to)| offsets[from] <= offsets[to])
        };
        run.for_each_attempt(|attempt| {
            listed += 1;
            ended += usize::from(attempt.end != End::Unfinished);
            assert!(is_ordered(attempt.started, attempt.ended));
            assert!(is_ordered(attempt.waited_from, attempt.started));
        });
        prop_assert_eq!(listed, attempts);
        prop_assert_eq!(ended, tokens.iter().filter(|token| token.kind.ends_step()).count());
    }
}

/// All that is told of a run, but the numbers of names, which are given as they come.
fn told(run: &RunSteps) -> Vec<String> {
    let mut told = vec![format!("{:?} {} {}", run.bounds(), run.tokens(), run.retries())];
    run.for_each_attempt(|attempt| told.push(format!("{:?}", Attempt { name: 0, ..attempt })));
    run.for_each_step(RunState::Open, |facts| told.push(format!("{:?}", StepFacts { name: 0, ..facts })));
    told
}

proptest! {
    /// Whatever was read before, and whatever of it is taken over.
    #[test]
    fn a_path_is_read_as_it_is_alone(
        paths in proptest::collection::vec(
            proptest::collection::vec((0..5_usize, 0..2_usize, any::<bool>()), 0..7), 1..8,
        ),
    ) {
        let kinds = [Kind::JourneyStarted, Kind::StepStarted, Kind::StepCompleted, Kind::StepFailed, Kind::JourneyFailed];
        let text = |tokens: &Vec<(usize, usize, bool)>| {
            let tokens: Vec<_> = tokens.iter().map(|(kind, name, tied)| {
                let token = Token::new(kinds[*kind], ["a", "b"][*name]);
                if *tied { token.tied() } else { token }
            }).collect();
            encode(&tokens)
        };
        // in one column, so that they point into one list
        let texts: Vec<String> = paths.iter().map(text).collect();
        let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
        let mut lexicon = Lexicon::default();
        let column = Paths::of(&column, &mut lexicon).unwrap();
        let (mut steps, mut begun_before) = (RunSteps::default(), Vec::new());
        for row in 0..column.len() {
            let mut alone = RunSteps::default();
            alone.read(column.at(row), &lexicon).unwrap();
            steps.read(column.at(row), &lexicon).unwrap();
            prop_assert_eq!(told(&steps), told(&alone), "{:?}", &texts);
            let begun: Vec<_> = steps.begun_from(0).map(|(at, _, step)| (at, step.to_owned())).collect();
            prop_assert!(begun.starts_with(&begun_before[..steps.shared().min(begun_before.len())]));
            prop_assert!(steps.shared() <= begun_before.len());
            begun_before = begun;
        }
    }
}

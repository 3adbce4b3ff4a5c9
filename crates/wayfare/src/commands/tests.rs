//! Report commands become specs.

use std::ffi::OsString;

use serde_json::json;

use super::*;

fn spec(arguments: &[&str]) -> serde_json::Value {
    let argv: Vec<OsString> = [&["wayfare"], arguments].concat().into_iter().map(Into::into).collect();
    match crate::args::parse(&argv).unwrap().0.command {
        Command::Question(question) => serde_json::to_value(question.into_spec().unwrap()).unwrap(),
        other => panic!("expected a question, saw {other:?}"),
    }
}

#[test]
fn scope_options_are_common_to_all_reports() {
    let scope = [
        "--journey",
        "login, signup",
        "--journey",
        "reset",
        "--version",
        "3",
        "--from",
        "-7d",
        "--to",
        "yesterday",
        "--tz",
        "Europe/Berlin",
        "--as-of",
        "2026-02-01",
        "--where",
        "platform=ios",
        "--where",
        "country in (DE,AT)",
        "--by",
        "platform,country",
        "--limit",
        "5",
    ];
    for report in ["overview", "funnel", "steps", "failures", "invocations", "journeys"] {
        let expected = json!({
            "report": report,
            "journey": ["login", "signup", "reset"],
            "version": ["3"],
            "from": "-7d",
            "to": "yesterday",
            "tz": "Europe/Berlin",
            "as_of": "2026-02-01",
            "where": ["platform=ios", "country in (DE,AT)"],
            "by": ["platform", "country"],
            "limit": 5,
        });
        assert_eq!(spec(&[&[report], &scope[..]].concat()), expected, "{report}");
    }
}

#[test]
fn nothing_given_is_nothing_asked() {
    assert_eq!(spec(&["overview"]), json!({ "report": "overview" }));
}

#[test]
fn a_funnel_has_steps_in_order_and_a_window() {
    assert_eq!(
        spec(&["funnel", "--step", "a,b", "--step", "activity=journey_succeeded", "--window", "1h"]),
        json!({ "report": "funnel", "steps": ["a,b", "activity=journey_succeeded"], "window": "1h" })
    );
}

#[test]
fn a_funnel_counts_its_steps_from_one_on_the_command_line() {
    let arguments = [
        "funnel",
        "--step",
        "a",
        "--step",
        "b",
        "--step",
        "c",
        "--order",
        "strict",
        "--window-from",
        "previous_step",
        "--exclude",
        "failed:x between 1 and 3",
        "--hold",
        "params.offer at 1,2",
        "--unit",
        "user",
        "--list",
        "step=3,class=abandoned",
        "--breakdown",
        "country",
        "--attribution",
        "step_2",
    ];
    assert_eq!(
        spec(&arguments),
        json!({
            "report": "funnel", "steps": ["a", "b", "c"], "order": "strict", "window_from": "previous_step",
            "exclusions": [{ "step": "failed:x", "from": 0, "to": 2 }],
            "hold_constant": { "prop": "params.offer", "steps": [0, 1] },
            "unit": "user", "list": { "step": 2, "class": "abandoned" },
            "breakdown": { "props": ["country"], "attribution": "step_1" },
        })
    );
    let convert = spec(&["funnel", "--step", "a", "--step", "b", "--convert", "1..2", "--bins", "5"]);
    assert_eq!(convert["time_to_convert"], json!({ "from_step": 0, "to_step": 1, "bins": 5 }));
}

#[test]
fn lists_sort_by_a_column_either_way() {
    assert_eq!(
        spec(&["invocations", "--sort", "-duration_ms"]),
        json!({ "report": "invocations", "sort": "-duration_ms" })
    );
}

#[test]
fn one_run_values_and_sql_take_their_argument() {
    assert_eq!(
        spec(&["invocation", "i-1", "--tenant", "t", "--tz", "UTC"]),
        json!({ "report": "invocation", "id": "i-1", "tenant": "t", "tz": "UTC" })
    );
    assert_eq!(
        spec(&["values", "platform", "--journey", "login"]),
        json!({ "report": "values", "column": "platform", "journey": ["login"] })
    );
    assert_eq!(spec(&["sql", "SELECT 1"]), json!({ "report": "sql", "query": "SELECT 1" }));
}

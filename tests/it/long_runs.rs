//! Runs that last longer than the store expects of them.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use crate::harness::{Store, from_environment};

/// The first or the last part of a run of each of ten days, which ends on the next day but one.
fn events(parts: &[(u32, &str)]) -> String {
    let mut lines = String::new();
    for day in 1..=10 {
        for (offset, activity) in parts {
            let day_of_event = day + offset;
            writeln!(
                lines,
                r#"{{"activity":"{activity}","timestamp":"2026-03-{day_of_event:02}T12:00:00.000Z","invocation_id":"run-{day}","additional_params":{{"journey_id":"slow","step_id":"wait"}}}}"#
            )
            .unwrap();
        }
    }
    lines
}

const BEGIN: [(u32, &str); 2] = [(0, "journey_started"), (1, "step_started")];
const END: [(u32, &str); 1] = [(5, "journey_completed_successfully")];

#[test]
fn runs_over_several_days_are_one_run_each_before_and_after_compact() {
    let store = Store::new();
    let file = store.file("slow.ndjson", events(&[BEGIN.as_slice(), &END].concat()));
    store.ingest(&[file]);
    let before = store.rows(&["overview"]);
    assert_eq!((before.len(), &before[0]["started"], &before[0]["succeeded"]), (1, &10.into(), &10.into()));
    store
        .run(&["compact"])
        .expect(0)
        .says(&["10 of these runs last longer than the store's journey_lifetime, 24h"]);
    assert_eq!(store.rows(&["overview"]), before);
}

#[test]
fn a_run_whose_end_comes_in_another_file_after_compact_is_still_one_run() {
    for [first, second] in [[BEGIN.as_slice(), &END], [END.as_slice(), &BEGIN]] {
        let store = Store::new();
        let file = store.file("first.ndjson", events(first));
        store.ingest(&[file]);
        store.ok(&["compact"]);
        let file = store.file("second.ndjson", events(second));
        store.ingest(&[file]);
        let before = store.rows(&["overview"]);
        assert_eq!(
            (before.len(), &before[0]["started"], &before[0]["succeeded"]),
            (1, &10.into(), &10.into())
        );
        store.ok(&["compact"]);
        assert_eq!(store.rows(&["overview"]), before);
    }
}

#[test]
fn a_mapping_that_raises_the_lifetime_says_so() {
    let store = Store::new();
    let log =
        store.file("log.csv", "id,at,what\n1,2026-03-01T00:00:00Z,opened\n1,2026-04-01T00:00:00Z,closed\n");
    let mapping = store.file(
        "log.toml",
        "lifetime = \"60d\"\n[columns]\ninvocation_id = \"id\"\ntimestamp = \"at\"\nactivity = \"what\"\n",
    );
    let ingest = ["ingest", log.as_str(), "--mapping", mapping.as_str()];
    store.run(&ingest).expect(0).says(&["raised the store's journey_lifetime from 24h to 60d"]);
    let quiet = store.run(&ingest).expect(0);
    assert!(!quiet.err.contains("raised"), "{}", quiet.err);
}

/// Events of one run; `WAYFARE_RUN_EVENTS=1000000` for a large one.
const RUN_EVENTS: u64 = 20_000;
/// What a question may take, for any run.
const MEMORY: &str = "1GB";

#[test]
fn a_run_of_very_many_events_is_one_run() {
    let count = from_environment("WAYFARE_RUN_EVENTS", RUN_EVENTS);
    let mut lines = BufWriter::new(Vec::new());
    for event in 0..count {
        let activity = match event {
            0 => "journey_started",
            last if last + 1 == count => "journey_completed_successfully",
            odd if odd % 2 == 1 => "step_started",
            _ => "step_completed",
        };
        // a second each, in seconds since the first of March
        let at = 1_772_323_200_000 + event * 1_000;
        writeln!(
            lines,
            r#"{{"activity":"{activity}","timestamp":{at},"invocation_id":"long","additional_params":{{"journey_id":"loop","step_id":"retry"}}}}"#
        )
        .unwrap();
    }
    let store = Store::new();
    let file = store.file("long.ndjson", lines.into_inner().unwrap());
    store.ingest(&[file]);
    for state in ["folded", "compacted"] {
        let ask = |arguments: &[&str]| store.rows(&[arguments, &["--memory", MEMORY]].concat());
        let overview = ask(&["overview"]);
        assert_eq!((overview.len(), &overview[0]["succeeded"]), (1, &1.into()), "{state}");
        assert_eq!(
            overview[0]["average_duration_ms"],
            f64::from(u32::try_from(count - 1).unwrap()) * 1_000.0,
            "{state}"
        );
        let steps = ask(&["steps"]);
        assert_eq!(steps[0]["attempts"], (count - 1) / 2, "{state}");
        let events = ask(&["invocations"]);
        assert_eq!(events[0]["events"], count, "{state}");
        store.ok(&["compact", "--memory", MEMORY]);
    }
}

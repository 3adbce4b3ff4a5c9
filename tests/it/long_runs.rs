//! Runs that last longer than the store expects of them.

use std::fmt::Write as _;

use crate::harness::Store;

/// Ten days with a run each that ends on the next day but one.
fn events() -> String {
    let mut lines = String::new();
    for day in 1..=10 {
        for (offset, activity) in
            [(0, "journey_started"), (1, "step_started"), (2, "journey_completed_successfully")]
        {
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

#[test]
fn runs_over_several_days_are_one_run_each_before_and_after_compact() {
    let store = Store::new();
    let file = store.file("slow.ndjson", events());
    store.ingest(&[file]);
    let before = store.rows(&["overview"]);
    assert_eq!((before.len(), &before[0]["started"], &before[0]["succeeded"]), (1, &10.into(), &10.into()));
    store.ok(&["compact"]);
    assert_eq!(store.rows(&["overview"]), before);
}

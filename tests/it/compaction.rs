//! Event files merged, repeated events removed, and old files gone, as the summary says.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Ran, Store};

/// Runs of one day, an event a second, each with an id of its own.
fn day(runs: std::ops::Range<u32>) -> String {
    let mut lines = String::new();
    for run in runs {
        for (second, activity) in
            [(0, "journey_started"), (1, "step_started"), (2, "journey_completed_successfully")]
        {
            writeln!(
                lines,
                r#"{{"activity":"{activity}","timestamp":"2026-03-01T12:{run:02}:0{second}.000Z","invocation_id":"run-{run}","user_id":"user-{run}","additional_params":{{"journey_id":"login","step_id":"form"}}}}"#
            )
            .unwrap();
        }
    }
    lines
}

fn compact(store: &Store) -> Value {
    Ran::of(store.command(&["compact", "--format", "json"])).expect(0).json()
}

fn vacuum(store: &Store, arguments: &[&str]) -> Value {
    let mut command = store.command(&["vacuum", "--format", "json"]);
    Ran::of(command.args(arguments)).expect(0).json()
}

/// All files of a store that are Parquet files of a table.
fn data_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.retain(|path| !path.to_str().unwrap().contains("_delta_log"));
    found
}

#[test]
fn files_are_merged_repeats_removed_and_nothing_else_changes() {
    let store = Store::new();
    // the second file brings ten runs again
    for (name, runs) in [("a.ndjson", 0..20), ("b.ndjson", 10..40), ("c.ndjson", 40..50)] {
        let file = store.file(name, day(runs));
        store.ingest(&[file]);
    }
    assert_eq!(store.number("SELECT count(*) FROM events"), 180);
    let before = store.rows(&["overview"]);
    assert_eq!(before[0]["succeeded"], 50, "{before:?}");

    let done = compact(&store);
    let counts =
        ["event_files_before", "event_files_after", "events_merged", "events_removed", "invocations"];
    assert_eq!(counts.map(|name| done[name].clone()), [3, 1, 180, 30, 50].map(Value::from), "{done}");
    assert_eq!(store.number("SELECT count(*) FROM events"), 150);
    assert_eq!(store.number("SELECT count(DISTINCT event_id) FROM events"), 150);
    assert_eq!(store.rows(&["values", "user_id", "--limit", "1"])[0]["events"], 3);
    assert_eq!(store.rows(&["overview"]), before);

    let again = store.run(&["compact"]).expect(0).says(&["nothing to do"]);
    assert!(!again.err.contains("merged"), "{}", again.err);
}

#[test]
fn vacuum_removes_what_was_replaced_and_what_was_left_behind() {
    let store = Store::new();
    for (name, runs) in [("a.ndjson", 0..3), ("b.ndjson", 3..6)] {
        let file = store.file(name, day(runs));
        store.ingest(&[file]);
    }
    store.ok(&["compact"]);
    let more = store.file("c.ndjson", day(6..9));
    store.ingest(&[more]);
    store.ok(&["compact"]);
    let before = store.rows(&["overview"]);
    // of a command that was killed: a copy of its input, a file half written
    fs::write(store.path().join("spool-1"), "copy").unwrap();
    fs::write(store.path().join("events/part.parquet#17"), "half").unwrap();
    let all = data_files(&store.path()).len();

    // three files of events and one of runs were replaced, and one merged file and one of runs
    assert_eq!(vacuum(&store, &[])["files"], json!([]), "all is younger than seven days");
    let listed = vacuum(&store, &["--older-than", "0s", "--dry-run"]);
    assert_eq!(listed["files"].as_array().unwrap().len(), 7, "{listed}");
    assert_eq!(data_files(&store.path()).len(), all, "a dry run removes nothing");

    let removed = vacuum(&store, &["--older-than", "0s"]);
    assert_eq!((&removed["files"], &removed["bytes"]), (&listed["files"], &listed["bytes"]));
    assert_eq!(data_files(&store.path()).len(), 2, "one file of events, one of runs");
    assert!(!store.path().join("spool-1").exists() && !store.path().join("events/part.parquet#17").exists());
    assert_eq!(store.rows(&["overview"]), before);
    assert_eq!(vacuum(&store, &["--older-than", "0s"])["files"], json!([]));
    let more = store.file("d.ndjson", day(9..12));
    store.ingest(&[more]);
    assert_eq!(store.rows(&["overview"])[0]["succeeded"], 12);
}

#[test]
fn a_long_log_gets_a_checkpoint_and_compaction_leaves_it_readable() {
    let store = Store::new();
    for number in 0..12 {
        let file = store.file(&format!("{number}.ndjson"), day(number..number + 1));
        store.ingest(&[file]);
    }
    store.ok(&["compact"]);
    let log = store.path().join("events/_delta_log");
    let checkpoints = fs::read_dir(&log).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".checkpoint.parquet")
    });
    assert_eq!(checkpoints.count(), 1);
    assert_eq!(store.rows(&["overview"])[0]["succeeded"], 12);
    // what only the log knows is in the checkpoint, too: the batches that are stored, the tags of files
    vacuum(&store, &["--older-than", "0s"]);
    assert_eq!(store.ingest(&[store.beside("3.ndjson")])["files_known"], 1);
    assert_eq!(compact(&store)["dates_folded"], 0);
}

/// One file a batch with a bad line would be very many in time.
#[test]
fn files_of_rejected_records_are_merged_and_stay_what_they_were() {
    let store = Store::new();
    for number in 0..9 {
        let bad = format!("second, of anna-the-{number}.\n");
        let text = format!("{number}: no event\n{}{bad}", day(number..number + 1));
        let file = store.file(&format!("{number}.ndjson"), text);
        Ran::of(store.command(&["ingest", "--quiet", "--max-rejects", "2"]).arg(file)).expect(0);
    }
    let all = ["sql", "SELECT * FROM quarantine ORDER BY file, line"];
    let before = store.rows(&all);
    assert_eq!(before.len(), 18);
    let replaced = data_files(&store.path().join("quarantine"));
    assert_eq!(replaced.len(), 9);
    compact(&store);
    vacuum(&store, &["--older-than", "0s"]);
    let merged = data_files(&store.path().join("quarantine"));
    assert_eq!(merged.len(), 1, "{merged:?}");
    assert_eq!(store.rows(&all), before);
    assert_eq!(store.rows(&["sql", "SELECT * FROM quarantine"]), before, "by input and line");
    store.ok(&["verify"]);
    // with one file there is nothing to do, and few new ones are left alone
    compact(&store);
    let more = store.file("more.ndjson", "{\"activity\":1\n");
    Ran::of(store.command(&["ingest", "--max-rejects", "1"]).arg(more)).expect(0);
    compact(&store);
    assert_eq!(data_files(&store.path().join("quarantine")).len(), 2);
    // what was rejected is still known of the batch, and can be erased
    let mut again = store.command(&["ingest", "--format", "json"]);
    let again = Ran::of(again.arg(store.beside("3.ndjson"))).expect(3).json();
    assert_eq!(again["files_known"], 1, "{again}");
    store.ok(&["erase", "--user", "anna-the-3", "--yes"]);
    assert_eq!(store.rows(&all).len(), 18);
    assert_eq!(store.number("SELECT count(*) FROM quarantine WHERE text LIKE '%anna-the-3%'"), 0);
    store.ok(&["verify"]);
}

/// One replaces the files that the others are merging; they go on with what is left.
#[test]
fn several_at_once_all_end_well() {
    let store = Store::new();
    for file in 0..4 {
        let lines: String = (1..=9)
            .map(|date| day(file * 10..file * 10 + 6).replace("2026-03-01", &format!("2026-03-0{date}")))
            .collect();
        let path = store.file(&format!("{file}.ndjson"), lines.replace("run-", &format!("run-{file}-")));
        store.ingest(&[path]);
    }
    let ask = || store.rows(&["overview"]);
    let before = ask();
    let running: Vec<_> = (0..4)
        .map(|_| {
            store.command(&["compact", "--format", "json", "--quiet"]).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut merged = 0;
    for one in running {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        merged += summary["events_merged"].as_u64().unwrap();
    }
    // what each says it did, it did
    assert_eq!(merged, 4 * 9 * 6 * 3);
    assert_eq!(ask(), before);
    store.ok(&["verify"]);
}

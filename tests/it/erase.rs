//! An erased id is nowhere in the store, whatever was killed on the way; everything else is where it was.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::harness::{Store, copy_folder, file_says, files_below, from_environment};

const USER: &str = "usr-7f3a9b2c41";
/// Somebody whose id begins with the other's.
const NEIGHBOUR: &str = "usr-7f3a9b2c412";
/// Kills of one run; `WAYFARE_ERASE_KILLS=300` for the large one.
const KILLS: u64 = 6;

/// A run of journey `login`; its first event does not know the user yet.
fn run(number: usize, user: &str) -> String {
    let line = |activity: &str, second: usize, more: &str| {
        format!(
            "{{\"activity\":\"{activity}\",\"timestamp\":\"2026-03-{:02}T10:00:0{second}Z\",\
             \"invocation_id\":\"run-of-{number}\",\"device_id\":\"device-of-{number}\"{more}}}\n",
            1 + number % 5
        )
    };
    line("journey_started", 0, ",\"additional_params\":{\"journey_id\":\"login\"}")
        + &line(
            "step_completed",
            1,
            &format!(
                ",\"user_id\":\"{user}\",\"additional_params\":{{\"journey_id\":\"login\",\"step_id\":\"password\"}}"
            ),
        )
        + &line("journey_completed_successfully", 2, ",\"additional_params\":{\"journey_id\":\"login\"}")
}

/// Events of forty people, three runs of the one, and all the places where the id can hide.
fn store_with_the_user() -> Store {
    let store = Store::new();
    let mut lines: String =
        (0..40).map(|number| run(number, &format!("usr-{number}-{number:08x}"))).collect();
    lines += &run(100, NEIGHBOUR);
    for number in [201, 202, 203] {
        lines += &run(number, USER);
    }
    let at = "\"timestamp\":\"2026-03-02T12:00:00Z\"";
    // named in a parameter, in an escaped one, in a text, by an administrator
    writeln!(lines,
        "{{\"activity\":\"step_completed\",{at},\"invocation_id\":\"run-of-300\",\"additional_params\":{{\"who\":[\"{USER}\"]}}}}"
    ).unwrap();
    writeln!(lines,
        "{{\"activity\":\"step_completed\",{at},\"invocation_id\":\"run-of-301\",\"additional_params\":{{\"who\":\"usr\\u002d7f3a9b2c41\"}}}}"
    ).unwrap();
    writeln!(lines,
        "{{\"activity\":\"risk_recommendation\",{at},\"source\":\"risk\",\"user_agent\":\"app of {USER}; 1.0\"}}"
    ).unwrap();
    writeln!(lines,
        "{{\"activity\":\"user_deleted\",{at},\"source\":\"admin\",\"actor_id\":\"boss\",\"target_resource_id\":\"{USER}\"}}"
    ).unwrap();
    // and in what could not be used
    writeln!(lines, "{{\"activity\":\"step_completed\",\"timestamp\":\"soon\",\"user_id\":\"{USER}\"}}")
        .unwrap();
    lines += "not json\n";
    let file = store.file("events.ndjson", lines);
    store.ok(&["ingest", &file, "--max-rejects", "2"]);
    store.ok(&["compact"]);
    // former versions of files and cache, and what a killed ingest of standard input leaves
    let more = store.file("more.ndjson", run(204, USER));
    store.ingest(&[more]);
    store.ok(&["compact"]);
    fs::write(store.path().join("spool-0123"), run(201, USER)).unwrap();
    store
}

/// Every file that has the text in its bytes, or in its rows if it is Parquet.
fn places(root: &Path, text: &str) -> Vec<String> {
    let is_said = |said: &str| {
        // the neighbour's id begins with the other one
        let next = |at: usize| said.as_bytes().get(at + text.len()).copied();
        said.match_indices(text).any(|(at, _)| !(text == USER && next(at) == NEIGHBOUR.bytes().last()))
    };
    let says = |path: &PathBuf| file_says(path, is_said);
    files_below(root).into_iter().filter(says).map(|path| path.display().to_string()).collect()
}

#[track_caller]
fn check_erased(store: &Store) {
    assert_eq!(places(&store.path(), USER), Vec::<String>::new());
    // the whole runs went, the event before the login included
    assert_eq!(
        store.number(
            "SELECT count(*) FROM events WHERE invocation_id IN ('run-of-201','run-of-204','run-of-300')"
        ),
        0
    );
    for number in [201, 202, 203, 204] {
        assert_eq!(places(&store.path(), &format!("device-of-{number}")), Vec::<String>::new());
    }
    assert_eq!(store.number("SELECT count(*) FROM events"), 41 * 3);
    assert_eq!(store.number("SELECT count(*) FROM invocations"), 41);
    assert_eq!(store.number(&format!("SELECT count(*) FROM events WHERE user_id = '{NEIGHBOUR}'")), 1);
    assert_eq!(store.number("SELECT count(*) FROM quarantine"), 1);
    store.ok(&["verify"]);
}

#[test]
fn an_erased_user_is_nowhere_in_the_store() {
    let store = store_with_the_user();
    assert!(places(&store.path(), USER).len() > 10);
    let files = || -> Vec<_> {
        files_below(&store.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect()
    };
    let before = files();
    let plan = store
        .run(&["erase", "--user", USER, "--format", "json"])
        .expect(0)
        .says(&["would remove", "--yes"])
        .json();
    assert!(before == files(), "a plan changes nothing");
    let receipt = store.run(&["erase", "--user", USER, "--yes", "--format", "json"]).expect(0);
    assert!(
        !receipt.out.contains(USER) && !receipt.err.contains(USER),
        "the receipt names the id: {}",
        receipt.out
    );
    let receipt = receipt.json();
    assert_eq!(receipt["tables"][0]["rows_removed"], 4 * 3 + 4, "{receipt}");
    assert_eq!(receipt["tables"][0]["rows_removed"], plan["tables"][0]["rows_removed"]);
    assert_eq!(receipt["tables"][2]["rows_removed"], 1);
    assert_eq!(receipt["runs"], 6);
    assert!(
        receipt["files_removed"].as_array().unwrap().iter().any(|file| file == "spool-0123"),
        "{receipt}"
    );
    check_erased(&store);
    // once more: there is nothing left to do
    store.run(&["erase", "--user", USER, "--yes"]).expect(0).says(&["nothing in the store names it"]);
    check_erased(&store);
    // and the store goes on
    let more = store.file("again.ndjson", run(7, "usr-7"));
    store.ingest(&[more]);
    store.ok(&["compact"]);
    store.ok(&["verify"]);
}

#[test]
fn a_killed_erasure_is_completed_by_the_same_command() {
    let ready = store_with_the_user();
    for kill in 0..from_environment("WAYFARE_ERASE_KILLS", KILLS) {
        let store = Store::new();
        copy_folder(&ready.path(), &store.path());
        let mut child = store.command(&["erase", "--user", USER, "--yes", "--quiet"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(20 + kill * 37 % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        // whatever it had come to, the store is whole and the command can be given again
        store.ok(&["verify"]);
        store.ok(&["erase", "--user", USER, "--yes"]);
        check_erased(&store);
    }
}

#[test]
fn runs_and_devices_can_be_erased_and_wrong_use_is_refused() {
    let store = store_with_the_user();
    store.ok(&["erase", "--invocation", "run-of-3", "--device", "device-of-4", "--yes"]);
    for text in ["run-of-3\"", "device-of-3\"", "device-of-4\""] {
        assert_eq!(places(&store.path(), text), Vec::<String>::new(), "{text}");
    }
    assert_eq!(
        store.number("SELECT count(*) FROM events WHERE invocation_id IN ('run-of-3', 'run-of-4')"),
        0
    );
    assert_eq!(store.number("SELECT count(*) FROM events WHERE invocation_id = 'run-of-30'"), 3);
    store.run(&["erase", "--yes"]).expect(2).says(&["--user"]);
    store.run(&["erase", "--user", " "]).expect(2).says(&["the id of a user"]);
    store.run(&["erase", "--user", "x", "--yes", "--dry-run"]).expect(2);
}

/// Users of the store that one is erased from; `WAYFARE_USERS=1000000` for the large one.
const USERS: u64 = 2_000;

#[test]
fn one_user_of_many_is_erased() {
    let users = from_environment("WAYFARE_USERS", USERS);
    let store = Store::new();
    let path = store.beside("many.ndjson");
    let mut file = BufWriter::new(fs::File::create(&path).unwrap());
    for number in 0..usize::try_from(users).unwrap() {
        file.write_all(run(number, &format!("usr-{number:012}")).as_bytes()).unwrap();
    }
    file.flush().unwrap();
    store.ingest(&[&path]);
    store.ok(&["compact"]);
    let id = format!("usr-{:012}", users / 2);
    let receipt = store.run(&["erase", "--user", &id, "--yes", "--format", "json"]).expect(0).json();
    let table = &receipt["tables"][0];
    println!(
        "1 user of {users}: {} bytes searched, {} files of {} bytes written anew, {} rows removed, {} ms",
        table["bytes_searched"],
        table["files_written"],
        table["bytes_written"],
        table["rows_removed"],
        receipt["elapsed_ms"]
    );
    assert_eq!(table["rows_removed"], 3, "{receipt}");
    assert_eq!(places(&store.path(), &id), Vec::<String>::new());
    assert_eq!(store.number("SELECT count(*) FROM events"), i64::try_from(3 * (users - 1)).unwrap());
}

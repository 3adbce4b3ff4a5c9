//! Every system call of an ingest and of a compaction that changes files is killed at, and fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{check, check_all, run, say, send, size};
use crate::harness::{BINARY, Ran, Store, wayfare};

/// The calls that change files.
const CALLS: [&str; 11] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "linkat",
    "link",
    "unlink",
    "mkdir",
    "ftruncate",
];

/// What is done to a call.
const FAULTS: [&str; 3] = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"];

/// What is run with faults.
#[derive(Debug, Clone, Copy)]
enum Work {
    Ingest,
    Compact,
}

fn command(work: Work, store: &Path, folder: &Path) -> Command {
    match work {
        Work::Ingest => send(store, folder, 1),
        Work::Compact => {
            let mut command = wayfare(&["compact", "--quiet"]);
            command.arg("--store").arg(store);
            command
        }
    }
}

/// The same command under strace.
fn traced(work: Work, store: &Path, folder: &Path, options: &[&str]) -> Command {
    let inner = command(work, store, folder);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options).arg("--").arg(BINARY).args(inner.get_args());
    command.args(["--threads", "1"]).env_clear();
    command
}

/// The most calls of one name that one thread makes: strace counts them by thread.
fn calls_of_one_thread(trace: &str, call: &str) -> usize {
    let mut threads = std::collections::BTreeMap::<&str, usize>::new();
    for line in trace.lines().filter(|line| line.contains(&format!(" {call}("))) {
        *threads.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    threads.into_values().max().unwrap_or_default()
}

/// A store with one batch, uncompacted.
fn prepare(store: &Path, folder: &Path) {
    Ran::of(send(store, folder, 0)).expect(0);
}

/// `WAYFARE_CALLS`: how many points of each kind of work and fault at most; 0 is all.
#[test]
fn every_system_call_may_be_the_last_or_fail() {
    if !run("strace", &["-o", "/dev/null", "true"]) {
        say(
            "system calls: LEFT OUT, strace is not installed or not allowed here (scripts/setup-tests installs it)",
        );
        return;
    }
    let most = usize::try_from(size("WAYFARE_CALLS", 5)).unwrap();
    let (mut points, mut killed, mut failed) = (0, 0, 0);
    for work in [Work::Ingest, Work::Compact] {
        let beside = Store::new();
        let (template, folder, log) =
            (beside.beside("template"), beside.beside("batches"), beside.beside("log"));
        fs::create_dir(&folder).unwrap();
        prepare(&template, &folder);
        let probe = copy(&beside, &template);
        let calls = CALLS.join(",");
        let options = ["-o", log.to_str().unwrap(), "-e", &format!("trace={calls}")];
        assert!(traced(work, &probe, &folder, &options).status().unwrap().success());
        let trace = fs::read_to_string(&log).unwrap();
        for fault in FAULTS {
            let all: Vec<(&str, usize)> = CALLS
                .iter()
                .flat_map(|call| (1..=calls_of_one_thread(&trace, call)).map(move |number| (*call, number)))
                // the program and its libraries are opened first; an error there is not ours to handle
                .filter(|(call, _)| *call != "openat" || fault == "signal=SIGKILL")
                .collect();
            let stride = if most == 0 { 1 } else { all.len().div_ceil(most).max(1) };
            for (call, number) in all.into_iter().rev().step_by(stride) {
                let store = copy(&beside, &template);
                let inject = format!("inject={call}:{fault}:when={number}");
                let options = ["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
                let output = traced(work, &store, &folder, &options).output().unwrap();
                let context = format!("{work:?}, {inject}: {}", String::from_utf8_lossy(&output.stderr));
                assert!(!context.contains("panicked"), "{context}");
                let mut acknowledged = BTreeSet::from([0]);
                match output.status.code() {
                    Some(0) if matches!(work, Work::Ingest) => drop(acknowledged.insert(1)),
                    Some(0) => {}
                    Some(_) => failed += 1,
                    None => killed += 1,
                }
                check(&store, &acknowledged, 2, &context);
                check_all(&store, &folder, 2, &context);
                points += 1;
            }
        }
    }
    say(&format!(
        "system calls: {points} points, killed at {killed}, failed with a message at {failed}, 0 lost, 0 twice"
    ));
}

fn copy(beside: &Store, template: &Path) -> std::path::PathBuf {
    let copy = beside.beside("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).unwrap();
    }
    assert!(run("cp", &["-a", template.to_str().unwrap(), copy.to_str().unwrap()]));
    copy
}

//! Every system call that changes files, of an ingest and of a compaction, is the last one, or fails.
//!
//! strace does it to the n-th call of a thread, and which thread does what differs from run to run. So the test
//! notes which *points* (call and kind of file) were met, and says how many of those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{check, check_all, run, say, send};
use crate::harness::{BINARY, Ran, Store, from_environment, wayfare};

/// The calls that change files. `write` is none of them: it serves standard output and the wake-up of threads.
const CALLS: [&str; 9] =
    ["openat", "pwrite64", "fsync", "fdatasync", "rename", "linkat", "unlink", "mkdir", "ftruncate"];

/// What is done to a call.
const FAULTS: [&str; 3] = ["signal=SIGKILL", "error=EIO", "error=ENOSPC"];

/// Runs through all calls, until every point was met.
const ROUNDS_MAX: usize = 8;

/// What is run with faults.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// The first batch, which makes the store.
    Create,
    Ingest,
    Compact,
}

fn command(work: Work, store: &Path, folder: &Path) -> Command {
    match work {
        Work::Create | Work::Ingest => send(store, folder, 1),
        Work::Compact => {
            let mut command = wayfare(&["compact", "--quiet"]);
            command.arg("--store").arg(store);
            command
        }
    }
}

/// The same command under strace, which notes calls with the paths of their files.
fn traced(work: Work, store: &Path, folder: &Path, log: &Path, options: &[&str]) -> Command {
    let inner = command(work, store, folder);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-y", "-qq", "-o"])
        .arg(log)
        .args(options)
        .arg("--")
        .arg(&*BINARY)
        .args(inner.get_args());
    command.args(["--threads", "1"]).env_clear();
    command
}

/// A call and the kind of file it changes: what is random in names is left out.
fn point(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once(' ')?;
    let (call, arguments) = rest.trim_start().split_once('(')?;
    if call == "openat" && !arguments.contains("O_CREAT") {
        return None;
    }
    let (_, path) = arguments.split_once("/copy")?;
    let path = path.split(['"', '>']).next()?;
    let words = path.split(['-', '#', '/', '.']).map(|word| match word.len() {
        8.. if word.chars().all(|letter| letter.is_ascii_hexdigit()) => "*",
        _ => word,
    });
    Some((call.to_owned(), words.collect::<Vec<_>>().join("/")))
}

/// The most calls of one name that one thread makes.
fn calls_of_one_thread(trace: &str, call: &str) -> usize {
    let mut threads = BTreeMap::<&str, usize>::new();
    for line in trace.lines().filter(|line| line.contains(&format!(" {call}("))) {
        *threads.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    threads.into_values().max().unwrap_or_default()
}

/// A store before the work is done.
fn prepare(beside: &Store, work: Work, template: &Path) -> PathBuf {
    let copy = beside.beside("copy");
    if copy.exists() {
        fs::remove_dir_all(&copy).unwrap();
    }
    if !matches!(work, Work::Create) {
        assert!(run("cp", &["-a", template.to_str().unwrap(), copy.to_str().unwrap()]));
    }
    copy
}

/// Where all the runs of one kind of work happen.
struct Bench<'a> {
    beside: &'a Store,
    template: &'a Path,
    folder: &'a Path,
    work: Work,
}

/// What came of the runs.
#[derive(Default)]
struct Tally {
    runs: usize,
    killed: usize,
    failed: usize,
    points: usize,
    met: usize,
}

impl Bench<'_> {
    /// The calls of a run without faults.
    fn trace(&self) -> String {
        let (store, log) = (prepare(self.beside, self.work, self.template), self.beside.beside("log"));
        let calls = format!("trace={}", CALLS.join(","));
        assert!(traced(self.work, &store, self.folder, &log, &["-e", &calls]).status().unwrap().success());
        fs::read_to_string(&log).unwrap()
    }

    /// One run with one fault; gives the point that was met.
    fn run(&self, call: &str, fault: &str, number: usize, tally: &mut Tally) -> Option<(String, String)> {
        let (store, log) = (prepare(self.beside, self.work, self.template), self.beside.beside("log"));
        let inject = format!("inject={call}:{fault}:when={number}");
        let options = ["-e", &format!("trace={call}"), "-e", &inject];
        let output = traced(self.work, &store, self.folder, &log, &options).output().unwrap();
        let context = format!("{:?}, {inject}: {}", self.work, String::from_utf8_lossy(&output.stderr));
        assert!(!context.contains("panicked"), "{context}");
        let first = if matches!(self.work, Work::Create) { None } else { Some(0) };
        let mut acknowledged: BTreeSet<u64> = first.into_iter().collect();
        tally.runs += 1;
        match output.status.code() {
            Some(0) if matches!(self.work, Work::Compact) => {}
            Some(0) => drop(acknowledged.insert(1)),
            Some(_) => tally.failed += 1,
            None => tally.killed += 1,
        }
        if store.join("wayfare.toml").exists() {
            check(&store, &acknowledged, 2, &context);
        } else {
            assert!(acknowledged.is_empty(), "{context}");
        }
        check_all(&store, self.folder, 2, &context);
        let trace = fs::read_to_string(&log).unwrap();
        let met = trace
            .lines()
            .find(|line| ["= ?", "unfinished", "(INJECTED)"].iter().any(|sign| line.contains(sign)));
        met.and_then(point)
    }
}

/// `WAYFARE_CALLS`: how many runs of each kind of work and fault; 0 is as many as there are points.
#[test]
fn every_system_call_may_be_the_last_or_fail() {
    if !run("strace", &["-o", "/dev/null", "true"]) {
        say("system calls: LEFT OUT, strace is not installed or not allowed here (apt-get install strace)");
        return;
    }
    let most = usize::try_from(from_environment("WAYFARE_CALLS", 3)).unwrap();
    let beside = Store::new();
    let (template, folder) = (beside.beside("template"), beside.beside("batches"));
    fs::create_dir(&folder).unwrap();
    Ran::of(send(&template, &folder, 0)).expect(0);
    let mut tally = Tally::default();
    for work in [Work::Create, Work::Ingest, Work::Compact] {
        let bench = Bench { beside: &beside, template: &template, folder: &folder, work };
        let trace = bench.trace();
        let points: BTreeSet<_> = trace.lines().filter_map(point).collect();
        let calls: Vec<(&str, usize)> = CALLS
            .iter()
            .flat_map(|call| (1..=calls_of_one_thread(&trace, call)).map(move |number| (*call, number)))
            // libraries are opened, too, before anything of ours
            .filter(|(call, number)| *call != "openat" || *number > 8)
            .collect();
        for fault in FAULTS {
            let mut missing = points.clone();
            if most > 0 {
                let stride = calls.len().div_ceil(most).max(1);
                for &(call, number) in calls.iter().rev().step_by(stride) {
                    bench.run(call, fault, number, &mut tally).map(|met| missing.remove(&met));
                }
            } else {
                for _ in 0..ROUNDS_MAX {
                    for &(call, number) in &calls {
                        if missing.iter().any(|(name, _)| name == call) {
                            bench.run(call, fault, number, &mut tally).map(|met| missing.remove(&met));
                        }
                    }
                }
                if !missing.is_empty() {
                    say(&format!("system calls: {work:?}, {fault}: not met: {missing:?}"));
                }
            }
            tally.points += points.len();
            tally.met += points.len() - missing.len();
        }
    }
    let Tally { runs, killed, failed, points, met } = tally;
    say(&format!(
        "system calls: {runs} runs, killed in {killed}, failed with a message in {failed}; {met} of {points} points met; 0 lost, 0 twice"
    ));
}

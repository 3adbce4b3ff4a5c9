//! Every system call that changes files, of an ingest and of a compaction, is the last one, or fails.
//!
//! `tests/faults/nth_call.c`, preloaded, numbers the calls of all threads and does it to the n-th; strace, which could do the
//! same, counts by thread and would not reach them all. So strace only says whether the calls that are numbered
//! are those that there are. Threads change the order of some calls from run to run: a *point* is a call and the kind of file it
//! changes, and those that were not met are tried for again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{check, check_all, run, say, send};
use crate::harness::{BINARY, Ran, Store, from_environment, repository, wayfare};

/// What is done to a call: the last one of the process, or `EIO` and `ENOSPC` by their numbers in Linux.
const FAULTS: [(&str, &str); 3] = [("SIGKILL", "kill"), ("EIO", "5"), ("ENOSPC", "28")];

/// All calls of Linux that change a file, a name, or what survives of them.
const CHANGES: &str = "trace=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,fallocate,truncate,ftruncate,\
    copy_file_range,sendfile,splice,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,symlink,symlinkat,\
    unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat";

/// Tries for each point that was not met, after every call was.
const TRIES_MAX: usize = 32;

/// A call and the kind of file it changes.
type Point = (String, String);

/// What is run with faults.
#[derive(Debug, Clone, Copy)]
enum Work {
    /// The first batch, which makes the store.
    Create,
    Ingest,
    Compact,
}

impl Work {
    /// The batches that are in the store already.
    fn before(self) -> BTreeSet<u64> {
        match self {
            Self::Create => BTreeSet::new(),
            Self::Ingest => BTreeSet::from([0]),
            Self::Compact => BTreeSet::from([0, 1]),
        }
    }
}

fn command_of(work: Work, store: &Path, folder: &Path) -> Command {
    let mut command = match work {
        Work::Create | Work::Ingest => send(store, folder, 1),
        Work::Compact => {
            let mut command = wayfare(&["compact", "--quiet"]);
            command.arg("--store").arg(store);
            command
        }
    };
    command.args(["--threads", "1"]);
    command
}

/// What is random or a version in a path below the store's is left out.
fn point(call: &str, path: &str) -> Option<Point> {
    let (_, path) = path.split_once("/copy")?;
    let words = path.split(['-', '#', '/', '.']).map(|word| match word.len() {
        8.. if word.chars().all(|letter| letter.is_ascii_hexdigit()) => "*",
        _ => word,
    });
    Some((call.to_owned(), words.collect::<Vec<_>>().join("/")))
}

/// The points of what the preloaded counter wrote, by number: a line has number, call and path. A thread that was killed
/// may have had no time for its line.
fn counted(log: &str) -> BTreeMap<usize, Point> {
    let calls = log.lines().filter_map(|line| {
        let mut words = line.splitn(3, ' ');
        Some((words.next()?.parse().ok()?, point(words.next()?, words.next()?)?))
    });
    calls.collect()
}

/// The point of a line of strace: thread, call and arguments.
fn traced(line: &str) -> Option<Point> {
    let (call, arguments) = line.split_once(' ')?.1.trim_start().split_once('(')?;
    let opens = call.starts_with("open");
    if opens && !arguments.contains("O_CREAT") {
        return None;
    }
    let from = arguments.find("/copy")?;
    point(call, arguments.get(from..)?.split(['"', '>']).next()?)
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
    /// The library that numbers calls.
    counter: &'a Path,
    work: Work,
}

/// What came of the runs.
#[derive(Default)]
struct Tally {
    runs: usize,
    killed: usize,
    failed: usize,
    /// Calls to be hit, once by each fault, and those that were.
    calls: usize,
    hit: usize,
    /// The same of points.
    points: usize,
    met: usize,
}

impl Bench<'_> {
    /// The points of a run without faults, in the order of the calls.
    fn points(&self) -> Vec<Point> {
        let (store, log) = (prepare(self.beside, self.work, self.template), self.fresh_log());
        Ran::of(self.numbered(&store, &log)).expect(0);
        let points: Vec<Point> = counted(&fs::read_to_string(&log).unwrap()).into_values().collect();
        if run("strace", &["-o", "/dev/null", "true"]) {
            let store = prepare(self.beside, self.work, self.template);
            let mut command = Command::new("strace");
            command
                .args(["-f", "-y", "-qq", "-s", "0", "-e", CHANGES, "-o"])
                .arg(&log)
                .arg("--")
                .arg(&*BINARY);
            command.args(command_of(self.work, &store, self.folder).get_args()).env_clear();
            Ran::of(command).expect(0);
            let seen: BTreeSet<Point> =
                fs::read_to_string(&log).unwrap().lines().filter_map(traced).collect();
            assert_eq!(seen, points.iter().cloned().collect(), "{:?}: strace sees other calls", self.work);
        } else {
            say("system calls: strace is not allowed here, so nobody checks that all calls are numbered");
        }
        points
    }

    fn fresh_log(&self) -> PathBuf {
        let log = self.beside.beside("log");
        fs::write(&log, "").unwrap();
        log
    }

    /// The command with its calls numbered.
    fn numbered(&self, store: &Path, log: &Path) -> Command {
        let mut command = command_of(self.work, store, self.folder);
        command.env("LD_PRELOAD", self.counter).env("NTH_CALL_BELOW", store).env("NTH_CALL_LOG", log);
        command
    }

    /// One run in which call `number` is hit; gives the points of its calls.
    fn run(&self, (name, fault): (&str, &str), number: usize, tally: &mut Tally) -> BTreeMap<usize, Point> {
        let (store, log) = (prepare(self.beside, self.work, self.template), self.fresh_log());
        let mut command = self.numbered(&store, &log);
        let output =
            command.env("NTH_CALL_AT", number.to_string()).env("NTH_CALL_FAULT", fault).output().unwrap();
        let calls = counted(&fs::read_to_string(&log).unwrap());
        let hit = calls.get(&number);
        let error = String::from_utf8_lossy(&output.stderr);
        let context = format!("{:?}, {name} at call {number} {hit:?}: {error}", self.work);
        assert!(!context.contains("panicked"), "{context}");
        let mut acknowledged = self.work.before();
        tally.runs += 1;
        match output.status.code() {
            Some(0) if matches!(self.work, Work::Compact) => {}
            Some(0) => drop(acknowledged.insert(1)),
            Some(_) => tally.failed += 1,
            None => tally.killed += 1,
        }
        assert_eq!(output.status.code().is_none(), fault == "kill" && hit.is_some(), "{context}");
        if store.join("wayfare.toml").exists() {
            check(&store, &acknowledged, 2, &context);
        } else {
            assert!(acknowledged.is_empty(), "{context}");
        }
        check_all(&store, self.folder, 2, &context);
        calls
    }

    /// Hits a point where it was in the run before, or a call later where that did not come so far.
    fn meet(&self, fault: (&str, &str), points: &[Point], point: &Point, tally: &mut Tally) -> bool {
        let mut next = points.iter().position(|other| other == point).unwrap() + 1;
        (0..TRIES_MAX).any(|_| {
            let hit = next;
            let calls = self.run(fault, hit, tally);
            let seen = calls.iter().find(|(_, other)| *other == point).map(|(number, _)| *number);
            next = seen.unwrap_or(hit % points.len() + 1);
            seen == Some(hit)
        })
    }

    /// Hits every call, or `most` of them, and then those points that were not met.
    fn run_all(&self, points: &[Point], most: usize, tally: &mut Tally) {
        for fault in FAULTS {
            let mut missing: BTreeSet<&Point> = points.iter().collect();
            let stride = if most == 0 { 1 } else { points.len().div_ceil(most) };
            for number in (1..=points.len()).rev().step_by(stride) {
                let calls = self.run(fault, number, tally);
                tally.hit += usize::from(calls.contains_key(&number));
                calls.get(&number).map(|hit| missing.remove(hit));
            }
            if most == 0 {
                missing.retain(|point| !self.meet(fault, points, point, tally));
            }
            if most == 0 && !missing.is_empty() {
                say(&format!("system calls: {:?}, {}: not met: {missing:?}", self.work, fault.0));
            }
            let all = points.iter().collect::<BTreeSet<_>>().len();
            tally.calls += points.len();
            tally.points += all;
            tally.met += all - missing.len();
        }
    }
}

/// Compiles the counter of calls; says so when that is not possible here.
fn compile(beside: &Store) -> Option<PathBuf> {
    let source = repository("tests/faults/nth_call.c");
    let library = beside.beside("nth_call.so");
    let arguments = ["-shared", "-fPIC", "-O1", "-o", library.to_str().unwrap(), source.to_str().unwrap()];
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || !run("cc", &["--version"]) {
        say("system calls: LEFT OUT, it takes Linux and a C compiler");
        return None;
    }
    assert!(run("cc", &arguments), "{} does not compile", source.display());
    Some(library)
}

/// `WAYFARE_CALLS`: how many calls of each kind of work are hit by each fault; 0 is all.
#[test]
fn every_system_call_may_be_the_last_or_fail() {
    let most = usize::try_from(from_environment("WAYFARE_CALLS", 3)).unwrap();
    let beside = Store::new();
    let Some(counter) = compile(&beside) else { return };
    let (template, folder) = (beside.beside("template"), beside.beside("batches"));
    fs::create_dir(&folder).unwrap();
    let mut tally = Tally::default();
    for work in [Work::Create, Work::Ingest, Work::Compact] {
        for number in work.before() {
            Ran::of(send(&template, &folder, number)).expect(0);
        }
        let bench = Bench { beside: &beside, template: &template, folder: &folder, counter: &counter, work };
        let points = bench.points();
        say(&format!("system calls: {work:?} makes {}", points.len()));
        bench.run_all(&points, most, &mut tally);
    }
    let Tally { runs, killed, failed, calls, hit, points, met } = tally;
    say(&format!(
        "system calls: {runs} runs, killed in {killed}, failed with a message in {failed}; {hit} of {calls} calls hit, \
         {met} of {points} points met; 0 lost, 0 twice"
    ));
}

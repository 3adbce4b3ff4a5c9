//! Compaction, retention, erasure and vacuum over a simulated disk: every call that changes it fails once, and is
//! once the last one before a power cut.
//!
//! The store is then what it was before or what it was to become, in each of its tables, and sound; and the same command
//! again, on a disk that works, gives what it gives undisturbed.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::util::pretty::pretty_format_batches;
use wayfare_ingest::{
    Cutoff, Disk, DiskFile, ErrorKind, LocalDisk, Resolve, Subject, SubjectKind, VacuumAction, VacuumOptions,
    erase, retain,
};
use wayfare_query::spec::Spec;
use wayfare_query::{Engine, EngineOptions, Result, Store as Opened};

use self::simulated::{Dice, Fault, Simulated};
use super::{NOW_MS, runtime, say, take_in, take_in_file};
use crate::harness::{Store, copy_folder, file_says, files_below, from_environment};

#[path = "../../../crates/wayfare-ingest/src/store/simulated.rs"]
mod simulated;

/// Calls of each kind of work that are tried with each fault; `WAYFARE_DISK_CALLS=0` for all.
const CALLS: u64 = 3;

/// Whom the erasure is about, and whom not.
const USER: &str = "usr-5e1f0c77";
const OTHER: &str = "usr-0a2b4c6d";

/// The day before which retention removes all.
const FIRST_DAY_KEPT: &str = "2026-03-02";

/// What is done while the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Compact,
    Retain,
    Erase,
    Vacuum,
}

impl Work {
    const ALL: [Self; 4] = [Self::Compact, Self::Retain, Self::Erase, Self::Vacuum];

    async fn carry(self, disk: Arc<dyn Disk>, root: &Path) -> Result<()> {
        let store = Opened::open_on(disk, root)?;
        match self {
            Self::Compact => {
                engine(store).compact(NOW_MS, &|_, _, _| ()).await?;
            }
            Self::Retain => {
                let cutoff = Cutoff { before: FIRST_DAY_KEPT.parse().unwrap(), sources: Vec::new() };
                retain(&store, &cutoff, Resolve::Carry).await?;
            }
            Self::Erase => {
                let user = Subject { kind: SubjectKind::User, id: USER.to_owned() };
                erase(&store, &[user], Resolve::Carry, NOW_MS, 1, &|_, _| ()).await?;
            }
            Self::Vacuum => {
                // the files are of today, whenever that is
                let now = UNIX_EPOCH + Duration::from_hours(24 * 365 * 200);
                let options = VacuumOptions { older_than: Duration::ZERO, action: VacuumAction::Remove, now };
                store.vacuum(options).await?;
            }
        }
        Ok(())
    }
}

fn engine(store: Opened) -> Engine {
    Engine::new(Arc::new(store), EngineOptions { threads: 1, ..EngineOptions::default() })
}

/// What is in a store: events with how often each is stored, runs, rejected lines.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content([String; 3]);

async fn content(root: &Path) -> Result<Content> {
    let engine = engine(Opened::open(root)?);
    let mut parts: [String; 3] = Default::default();
    for (part, query) in parts.iter_mut().zip([
        "SELECT event_id, activity, invocation_id, user_id, count(*) AS times FROM events GROUP BY 1, 2, 3, 4 ORDER BY 1",
        "SELECT invocation_id, events, first_at, last_at FROM invocations ORDER BY 1",
        "SELECT file, line, text FROM quarantine ORDER BY 1, 2",
    ]) {
        let report = engine.run(&Spec::Sql { query: query.to_owned() }).await?;
        *part = pretty_format_batches(&[report.batch]).unwrap().to_string();
    }
    Ok(Content(parts))
}

/// Data files and whatever else is no log and no lock.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    let is_data = |path: &PathBuf| {
        !path.to_string_lossy().contains("_delta_log")
            && !path.extension().is_some_and(|extension| extension == "lock" || extension == "toml")
    };
    files_below(root).into_iter().filter(is_data).collect()
}

/// Lines of a run of a user, over two days, and one that is refused.
fn run_of(user: &str) -> String {
    let line = |activity: &str, at: &str| {
        format!(
            "{{\"activity\":\"{activity}\",\"timestamp\":\"2026-03-{at}Z\",\"invocation_id\":\"run-of-{user}\",\
             \"user_id\":\"{user}\",\"additional_params\":{{\"journey_id\":\"login\"}}}}\n"
        )
    };
    line("journey_started", "01T23:59:00")
        + &line("journey_completed_successfully", "02T00:01:00")
        + &format!("of {user}, and no event\n")
}

/// A store with something to do for everybody: files to merge, events stored twice, a cache that is out of date, old
/// days, a user, files that were replaced, and what a killed command left behind.
async fn template(beside: &Store) {
    let folder = beside.beside("batches");
    fs::create_dir(&folder).unwrap();
    let store = Opened::open_or_create(&beside.path()).await.unwrap();
    for number in 0..2 {
        take_in(&store, &folder, number).await;
    }
    engine(Opened::open(&beside.path()).unwrap()).compact(NOW_MS, &|_, _, _| ()).await.unwrap();
    take_in(&store, &folder, 2).await;
    let again = beside.file("again.ndjson", super::batch(0));
    take_in_file(&store, again.as_ref(), "again").await;
    let people = beside.file("people.ndjson", run_of(USER) + &run_of(OTHER));
    take_in_file(&store, people.as_ref(), "people").await;
    fs::write(beside.path().join("spool-1"), run_of(USER)).unwrap();
    let next = store.events().snapshot().await.unwrap().version + 1;
    let draft = beside.path().join(format!("events/_delta_log/{next:020}.json#17"));
    fs::write(draft, run_of(USER)).unwrap();
}

/// What an undisturbed run makes of the store.
struct Expected {
    calls: u64,
    before: Content,
    after: Content,
    files_after: usize,
}

async fn undisturbed(work: Work, template: &Path) -> Expected {
    let beside = Store::new();
    copy_folder(template, &beside.path());
    let disk = Simulated::over(&beside.path());
    let before = content(&beside.path()).await.unwrap();
    work.carry(Arc::new(disk.clone()), &beside.path()).await.unwrap();
    let after = content(&beside.path()).await.unwrap();
    Expected { calls: disk.calls(), before, after, files_after: files(&beside.path()).len() }
}

impl Expected {
    /// Looks at a store after `work` ended in `done`, then lets the same work be done to its end.
    async fn check(&self, work: Work, root: &Path, done: &Result<()>, place: &str) {
        let seen = content(root).await.unwrap_or_else(|error| panic!("{place}: {error}"));
        let [before, after] = [&self.before.0, &self.after.0];
        for (part, (before, after)) in seen.0.iter().zip(before.iter().zip(after)) {
            assert!(part == before || part == after, "{place}:\n{part}\nbefore:\n{before}\nafter:\n{after}");
        }
        // runs are those of the events that are there
        if before[0] != after[0] && before[1] != after[1] {
            assert_eq!(seen.0[0] == before[0], seen.0[1] == before[1], "{place}: {seen:?}");
        }
        if done.is_ok() {
            assert_eq!(seen, self.after, "{place}: said to be done");
            self.check_swept(work, root, place);
        }
        sound(root, place).await;
        work.carry(Arc::new(LocalDisk), root).await.unwrap_or_else(|error| panic!("{place}, again: {error}"));
        assert_eq!(content(root).await.unwrap(), self.after, "{place}, again");
        self.check_swept(work, root, place);
        sound(root, place).await;
    }

    /// Fails if something is left on the disk that was to go.
    fn check_swept(&self, work: Work, root: &Path, place: &str) {
        // compaction leaves what it replaced to the readers of before
        if work != Work::Compact {
            assert_eq!(files(root).len(), self.files_after, "{place}: {:?}", files(root));
        }
        if work == Work::Erase {
            let naming =
                files_below(root).into_iter().find(|path| file_says(path, |said| said.contains(USER)));
            assert_eq!(naming, None, "{place}: the id is there");
        }
    }
}

async fn sound(root: &Path, place: &str) {
    let health = engine(Opened::open(root).unwrap()).verify(&|_, _| ()).await.unwrap();
    assert!(health.findings.is_empty(), "{place}: {:?}", health.findings);
}

/// Every call of a kind of work, or some of them spread over all; the last is one that never comes.
fn numbers(calls: u64) -> impl Iterator<Item = u64> {
    let wanted = from_environment("WAYFARE_DISK_CALLS", CALLS);
    let stride = calls.checked_div(wanted).unwrap_or_default().max(1);
    (0..calls).rev().step_by(usize::try_from(stride).unwrap()).chain([calls])
}

#[test]
fn a_failure_of_any_call_of_upkeep_leaves_the_store_as_it_was_or_as_it_was_to_be() {
    runtime().block_on(async {
        let prepared = Store::new();
        template(&prepared).await;
        for work in Work::ALL {
            let expected = undisturbed(work, &prepared.path()).await;
            let (mut tried, mut failed) = (0, 0);
            for at in numbers(expected.calls) {
                let kind = if at % 2 == 0 { IoErrorKind::StorageFull } else { IoErrorKind::Other };
                let place = format!("{work:?}, {kind:?} at call {at} of {}", expected.calls);
                let beside = Store::new();
                copy_folder(&prepared.path(), &beside.path());
                let disk = Simulated::over(&beside.path()).with_fault(at, Fault::Fails(kind));
                let done = work.carry(Arc::new(disk), &beside.path()).await;
                if let Err(error) = &done {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{place}: {error}");
                    failed += 1;
                }
                expected.check(work, &beside.path(), &done, &place).await;
                tried += 1;
            }
            say(&format!(
                "failing disk: {work:?}, {} calls, {tried} tried, {failed} ended it, 0 lost",
                expected.calls
            ));
        }
    });
}

#[test]
fn a_power_cut_at_any_call_of_upkeep_leaves_the_store_as_it_was_or_as_it_was_to_be() {
    let seed = from_environment("WAYFARE_SEED", 1);
    runtime().block_on(async {
        let prepared = Store::new();
        template(&prepared).await;
        for work in Work::ALL {
            let expected = undisturbed(work, &prepared.path()).await;
            let mut tried = 0;
            for at in numbers(expected.calls) {
                let place = format!("WAYFARE_SEED={seed}, {work:?}, cut at call {at} of {}", expected.calls);
                let (beside, image) = (Store::new(), Store::new());
                copy_folder(&prepared.path(), &beside.path());
                let disk = Simulated::over(&beside.path()).with_fault(at, Fault::Dies);
                let done = work.carry(Arc::new(disk.clone()), &beside.path()).await;
                fs::create_dir(image.path()).unwrap();
                disk.cut(&image.path(), &mut Dice(seed.wrapping_mul(1_000_003).wrapping_add(at)));
                expected.check(work, &image.path(), &done, &place).await;
                tried += 1;
            }
            say(&format!("power cut: {work:?}, {} calls, {tried} cuts, 0 lost", expected.calls));
        }
    });
}

//! What was acknowledged survives what can go wrong, and counts once.
//!
//! Each test sends numbered batches, keeps a ledger of those that were acknowledged, breaks something, and compares.
//! Sizes are small here; a variable of the environment, named beside each test, asks for more. `WAYFARE_SEED` is where
//! random numbers start; a failure names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use wayfare_ingest::{IngestOptions, IngestProgress, Input, Mapping, Origin, ingest};
use wayfare_query::Store as Opened;

use crate::harness::{Ran, Store, from_environment, wayfare};

mod full_disk;
mod kills;
mod power_cut;
mod resend;
mod shared;
mod system_calls;
mod upkeep;

/// When batches are taken in within this process; any time will do.
const NOW_MS: i64 = 1_774_000_000_000;

/// Says something even when the test passes: that it was left out, or how much it did.
fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

/// Random numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    /// Starts at `WAYFARE_SEED` and says so.
    fn new(test: &str) -> Self {
        let seed = from_environment("WAYFARE_SEED", 1);
        say(&format!("{test}: WAYFARE_SEED={seed}"));
        Self(seed)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count.max(1)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// Events of one run; their latencies add up to nothing.
const EVENTS_OF_RUN: u64 = 4;

/// The events of a batch, four a run over three days, and one line that is refused.
fn batch(number: u64) -> String {
    let mut text = "not an event\n".to_owned();
    for run in 0..runs_of(number) {
        let day = 1 + (number + run) % 3;
        for (second, rest) in [
            r#""activity":"journey_started""#.to_owned(),
            format!(
                r#""activity":"step_completed","additional_params":{{"step_id":"a","latency_ms":{run}}}"#
            ),
            format!(
                r#""activity":"step_completed","additional_params":{{"step_id":"b","latency_ms":-{run}}}"#
            ),
            r#""activity":"journey_completed_successfully""#.to_owned(),
        ]
        .iter()
        .enumerate()
        {
            writeln!(
                text,
                r#"{{"timestamp":"2026-03-{day:02}T10:00:{second:02}Z","invocation_id":"b{number}-{run}","journey_id":"j",{rest}}}"#
            )
            .unwrap();
        }
    }
    text
}

/// Runs of a batch; batches differ in size.
fn runs_of(number: u64) -> u64 {
    3 + number % 5
}

fn events_of(number: u64) -> u64 {
    runs_of(number) * EVENTS_OF_RUN
}

fn id_of(number: u64) -> String {
    format!("b{number}")
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Writes a batch's file into a folder.
fn batch_file(folder: &Path, number: u64) -> PathBuf {
    let path = folder.join(format!("{}.ndjson", id_of(number)));
    fs::write(&path, batch(number)).unwrap();
    path
}

/// The command that takes a batch in.
fn send(store: &Path, folder: &Path, number: u64) -> Command {
    let mut command = wayfare(&["ingest", "--quiet", "--max-rejects", "1", "--batch-id", &id_of(number)]);
    command.arg("--store").arg(store).arg(batch_file(folder, number));
    command
}

/// Events by batch, as a reader finds them.
fn counts(store: &Path) -> BTreeMap<String, u64> {
    let query =
        "SELECT batch_id, count(*) AS events, sum(latency_ms) AS balance FROM events GROUP BY batch_id";
    let mut command = wayfare(&["sql", "--format", "json", query]);
    let report = Ran::of(command.arg("--store").arg(store)).expect(0).json();
    let rows = report["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            assert_eq!(row["balance"], 0, "half a batch: {row}");
            (row["batch_id"].as_str().unwrap().to_owned(), row["events"].as_u64().unwrap())
        })
        .collect()
}

/// Fails unless every acknowledged batch is there whole, and every other one whole or not at all.
#[track_caller]
fn check(store: &Path, acknowledged: &BTreeSet<u64>, sent: u64, context: &str) {
    let counts = counts(store);
    for number in 0..sent {
        let count = counts.get(&id_of(number)).copied().unwrap_or_default();
        let lost = count == 0 && !acknowledged.contains(&number);
        assert!(lost || count == events_of(number), "{context}: batch {number} has {count} events");
    }
}

/// Takes a batch in within this process; tells whether it was new.
async fn take_in(store: &Opened, folder: &Path, number: u64) -> bool {
    take_in_file(store, &batch_file(folder, number), &id_of(number)).await
}

/// Takes a file in within this process, as a batch of that id; tells whether it was new.
async fn take_in_file(store: &Opened, path: &Path, id: &str) -> bool {
    let input = Input { name: id.into(), origin: Origin::File(path.to_path_buf()) };
    let mut options = IngestOptions::new(Mapping::mosaic().unwrap(), NOW_MS);
    options.threads = 1;
    options.batch_id = Some(id.to_owned());
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    let summary = ingest(store, &[input], &options, &quiet).await.unwrap();
    !summary.inputs[0].already_stored
}

/// Sends every batch again and fails unless each counts once, in events, runs and quarantine.
#[track_caller]
fn check_all(store: &Path, folder: &Path, sent: u64, context: &str) {
    runtime().block_on(async {
        let store = Opened::open_or_create(store).await.unwrap();
        for number in 0..sent {
            take_in(&store, folder, number).await;
        }
    });
    check(store, &(0..sent).collect(), sent, context);
    let runs: u64 = (0..sent).map(runs_of).sum();
    let number = |query: &str| {
        let mut command = wayfare(&["sql", "--format", "csv", query]);
        let out = Ran::of(command.arg("--store").arg(store)).expect(0).out;
        out.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(number("SELECT count(*) FROM quarantine"), sent, "{context}");
    for when in ["before", "after"] {
        assert_eq!(number("SELECT count(*) FROM invocations"), runs, "{context}, {when} compaction");
        Ran::of(wayfare(&["compact", "--quiet"]).arg("--store").arg(store)).expect(0);
    }
    Ran::of(wayfare(&["verify", "--quiet"]).arg("--store").arg(store)).expect(0);
}

/// Whether the machine lets a test mount file systems; says so when not.
fn may_mount(test: &str) -> bool {
    let probe = Store::new();
    let folder = probe.beside("probe");
    fs::create_dir(&folder).unwrap();
    let mounted = run("mount", &["-t", "tmpfs", "-o", "size=64k", "none", folder.to_str().unwrap()]);
    if mounted {
        assert!(run("umount", &[folder.to_str().unwrap()]));
    } else {
        say(&format!("{test}: LEFT OUT, this machine does not let it mount file systems (it takes root)"));
    }
    mounted
}

/// Runs a tool of the system in silence; tells whether it succeeded.
fn run(tool: &str, arguments: &[&str]) -> bool {
    Command::new(tool).args(arguments).output().is_ok_and(|done| done.status.success())
}

/// A mounted file system, unmounted at the end.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[self.0.to_str().unwrap()]);
    }
}

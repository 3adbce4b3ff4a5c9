//! SIGKILL at random moments of ingest and of compaction.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Dice, check, check_all, say, send};
use crate::harness::{Ran, Store, from_environment, wayfare};

/// Kills between two looks at everything.
const CHECKED_EVERY: u64 = 10;

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

/// Lets a command run for a while, then kills it; tells whether it was done before.
fn kill_after(mut command: Command, delay: Duration) -> bool {
    let mut child: Child = command.spawn().unwrap();
    let started = Instant::now();
    while started.elapsed() < delay {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return true;
        }
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// `WAYFARE_KILLS`: how many. The ledger lies beside the store and is synced.
#[test]
fn random_kills_lose_nothing_acknowledged_and_count_nothing_twice() {
    let kills = from_environment("WAYFARE_KILLS", 50);
    let mut dice = Dice::new("kills");
    let store = Store::new();
    let folder = store.beside("batches");
    fs::create_dir(&folder).unwrap();
    let mut ledger = File::create(store.beside("ledger")).unwrap();
    let mut acknowledged = BTreeSet::new();
    let compact = || {
        let mut command = wayfare(&["compact", "--quiet"]);
        command.arg("--store").arg(store.path());
        command
    };
    // how long they take when nobody kills them
    let started = Instant::now();
    Ran::of(send(&store.path(), &folder, 0)).expect(0);
    let mut ingest_ms = millis(started);
    let started = Instant::now();
    Ran::of(compact()).expect(0);
    let mut compact_ms = millis(started);
    acknowledged.insert(0);

    let (mut sent, mut done, mut compactions) = (1, 0, 0);
    while done < kills {
        let compacts = dice.below(4) == 0;
        // every second time an unacknowledged batch is sent again, as a job that was killed would
        let again = (0..sent).find(|number| !acknowledged.contains(number)).filter(|_| dice.below(2) == 0);
        let number = again.unwrap_or(sent);
        let command = if compacts { compact() } else { send(&store.path(), &folder, number) };
        let usual_ms = if compacts { &mut compact_ms } else { &mut ingest_ms };
        let finished = kill_after(command, Duration::from_millis(dice.below(*usual_ms * 6 / 5)));
        // the machine may be slower or quicker by now: about every fourth is to get to its end
        *usual_ms = if finished { *usual_ms * 9 / 10 } else { *usual_ms * 31 / 30 + 1 };
        done += u64::from(!finished);
        compactions += u64::from(compacts && !finished);
        if !compacts {
            sent = sent.max(number + 1);
            if finished {
                writeln!(ledger, "{number}").unwrap();
                ledger.sync_all().unwrap();
                acknowledged.insert(number);
            }
        }
        if !finished && done % CHECKED_EVERY == 0 {
            check(&store.path(), &acknowledged, sent, &format!("after {done} kills"));
        }
    }
    check_all(&store.path(), &folder, sent, &format!("after {done} kills"));
    let unacknowledged = sent - acknowledged.len() as u64;
    say(&format!(
        "kills: {done} ({compactions} of compaction), {sent} batches, {unacknowledged} of them not acknowledged, 0 lost, 0 twice"
    ));
}

/// `WAYFARE_STDIN_EVENTS`: how many; more than half a million are several commits, of which a kill leaves some.
#[test]
fn an_ingest_of_standard_input_that_was_killed_goes_on() {
    let events = from_environment("WAYFARE_STDIN_EVENTS", 10_000);
    let mut dice = Dice::new("standard input");
    let store = Store::new();
    let input = store.beside("input.ndjson");
    let generate = ["generate", "--quiet", "--events", &events.to_string(), "--output"];
    Ran::of(wayfare(&generate).arg(&input)).expect(0);
    let ingest = |input: &Path| {
        let mut command = wayfare(&["ingest", "-", "--quiet", "--store"]);
        command.arg(store.path()).stdin(File::open(input).unwrap());
        command
    };
    // how long it takes when nobody kills it, into another store
    let started = Instant::now();
    let unbroken = Store::new();
    let mut command = wayfare(&["ingest", "-", "--quiet", "--store"]);
    Ran::of(command.arg(unbroken.path()).stdin(File::open(&input).unwrap())).expect(0);
    let usual_ms = millis(started);
    let mut kills = 0;
    for _ in 0..10 {
        kills += u64::from(!kill_after(ingest(&input), Duration::from_millis(dice.below(usual_ms))));
    }
    Ran::of(ingest(&input)).expect(0);
    let all = "SELECT event_id, batch_id, timestamp, user_id FROM events ORDER BY event_id";
    let content = |store: &Store| Ran::of(store.command(&["sql", "--format", "csv", all])).expect(0).out;
    assert!(content(&store) == content(&unbroken), "after {kills} kills");
    let gone = ["vacuum", "--quiet", "--older-than", "0s"];
    Ran::of(store.command(&gone)).expect(0);
    let left = fs::read_dir(store.path()).unwrap().flatten();
    let spools = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("spool-"));
    assert_eq!(spools.count(), 0);
    Ran::of(store.command(&["verify", "--quiet"])).expect(0);
    say(&format!("standard input: {events} events, {kills} kills, the same as from an unbroken one"));
}

//! Writers, a compactor and readers at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use wayfare_query::spec::Spec;
use wayfare_query::{Engine, EngineOptions, Store as Opened};

use super::{EVENTS_OF_RUN, check_all, events_of, runtime, say, send};
use crate::harness::{Ran, Store, from_environment, wayfare};

const WRITERS: u64 = 4;
const READERS: u64 = 8;

/// One query sees three tables at one moment: whole batches, and as many runs as their events make.
const QUERY: &str = "SELECT (SELECT count(*) FROM events) AS a, \
                     (SELECT coalesce(sum(latency_ms), 0) FROM events) AS b, (SELECT count(*) FROM invocations) AS c, \
                     (SELECT coalesce(sum(events), 0) FROM invocations) AS d";

/// What all threads know.
#[derive(Default)]
struct Known {
    next: AtomicU64,
    events_acknowledged: AtomicU64,
    acknowledged: Mutex<BTreeSet<u64>>,
    reads: AtomicU64,
    compactions: AtomicU64,
    ended: AtomicBool,
}

impl Known {
    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }
}

fn write(store: &Path, folder: &Path, known: &Known) {
    while known.goes_on() {
        let number = known.next.fetch_add(1, Ordering::SeqCst);
        Ran::of(send(store, folder, number)).expect(0);
        known.acknowledged.lock().unwrap().insert(number);
        known.events_acknowledged.fetch_add(events_of(number), Ordering::SeqCst);
    }
}

fn compact(store: &Path, known: &Known) {
    while known.goes_on() {
        Ran::of(wayfare(&["compact", "--quiet"]).arg("--store").arg(store)).expect(0);
        known.compactions.fetch_add(1, Ordering::SeqCst);
    }
}

fn read(store: &Path, known: &Known) {
    let runtime = runtime();
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let engine = Engine::new(Arc::new(Opened::open(store).unwrap()), options);
    let mut seen = 0;
    while known.goes_on() {
        let before = known.events_acknowledged.load(Ordering::SeqCst);
        let report = runtime.block_on(engine.run(&Spec::Sql { query: QUERY.into() })).unwrap();
        let numbers: Vec<u64> = report
            .batch
            .columns()
            .iter()
            .map(|column| u64::try_from(column.as_primitive::<Int64Type>().value(0)).unwrap())
            .collect();
        let [events, balance, runs, events_of_runs] = numbers[..] else { panic!("{numbers:?}") };
        assert!(events >= before, "{before} events were acknowledged, {events} are seen");
        assert!(events >= seen, "{seen} events were seen before, {events} now");
        assert_eq!((balance, runs * EVENTS_OF_RUN, events_of_runs), (0, events, events), "half a batch");
        seen = events;
        known.reads.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
    }
}

/// `WAYFARE_SHARED_SECONDS`: how long.
#[test]
fn writers_a_compactor_and_readers_do_not_disturb_each_other() {
    let duration = Duration::from_secs(from_environment("WAYFARE_SHARED_SECONDS", 20));
    let beside = Store::new();
    let (store, folder): (PathBuf, PathBuf) = (beside.path(), beside.beside("batches"));
    fs::create_dir(&folder).unwrap();
    let known = Known::default();
    // the store is made by several at once, too
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let number = known.next.fetch_add(1, Ordering::SeqCst);
                Ran::of(send(&store, &folder, number)).expect(0);
                known.events_acknowledged.fetch_add(events_of(number), Ordering::SeqCst);
            });
        }
    });
    let started = Instant::now();
    thread::scope(|scope| {
        let writers = (0..WRITERS).map(|_| scope.spawn(|| write(&store, &folder, &known)));
        let readers = (0..READERS).map(|_| scope.spawn(|| read(&store, &known)));
        let compactor = scope.spawn(|| compact(&store, &known));
        let all: Vec<_> = writers.chain([compactor]).collect();
        let all: Vec<_> = all.into_iter().chain(readers).collect();
        while started.elapsed() < duration && !all.iter().any(ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(10));
        }
        known.ended.store(true, Ordering::SeqCst);
    });
    let sent = known.next.load(Ordering::SeqCst);
    let (reads, compactions) = (known.reads.into_inner(), known.compactions.into_inner());
    assert!(reads > 0 && compactions > 0, "{reads} reads, {compactions} compactions");
    check_all(&store, &folder, sent, "afterwards");
    say(&format!(
        "shared: {} s, {sent} batches by {WRITERS} writers, {compactions} compactions, {reads} reads by {READERS} readers, each of whole batches",
        duration.as_secs()
    ));
}

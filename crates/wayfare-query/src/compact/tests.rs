//! Compaction against stores whose runs are long, late, torn apart and repeated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use futures::FutureExt as _;
use tempfile::TempDir;
use wayfare_ingest::{
    IngestOptions, IngestProgress, Limits, Mapping, Resolve, Store, Subject, SubjectKind, erase, expand,
    ingest,
};

mod settled;

use super::{CompactStage, CompactSummary};
use crate::question::Question;
use crate::rows::{collect, integers};
use crate::spec::{Scope, Spec};
use crate::{Engine, EngineOptions, KeepRuns};

/// 2026-03-01T00:00:00Z.
const START_MS: i64 = 1_772_323_200_000;
const DAY_MS: i64 = 86_400_000;
const NOW_MS: i64 = START_MS + 400 * DAY_MS;

/// One event of a run: its invocation and its time.
type Event = (u32, i64);

/// A run as a report shows it: events, first and last time.
type Run = (i64, i64, i64);

/// A small generator of numbers, so that a failing seed can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A store in a temporary folder.
struct World {
    folder: TempDir,
    engine: Engine,
    files: u32,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(&folder.path().join("store")).await.unwrap();
        let options = EngineOptions { threads: 2, ..EngineOptions::default() };
        Self { folder, engine: Engine::new(Arc::new(store), options), files: 0 }
    }

    /// Takes events in, as one file.
    async fn take_in(&mut self, events: &[Event]) {
        self.files += 1;
        let path = self.folder.path().join(format!("events-{}.ndjson", self.files));
        std::fs::write(&path, lines(events)).unwrap();
        let mut options = IngestOptions::new(Mapping::mosaic().unwrap(), NOW_MS);
        options.threads = 1;
        let inputs = expand(&[path.to_str().unwrap().to_owned()], &Limits::default()).unwrap();
        let quiet: Arc<dyn IngestProgress> = Arc::new(());
        let summary = ingest(self.engine.store(), &inputs, &options, &quiet).await.unwrap();
        assert_eq!(summary.total(|input| input.accepted), events.len() as u64);
    }

    async fn compact(&self) -> CompactSummary {
        self.engine.compact(NOW_MS, &|_, _, _| ()).await.unwrap()
    }

    /// A compaction that is broken off after so many steps; tells whether it was.
    async fn compact_a_bit(&self, steps: u64) -> bool {
        let left = std::sync::atomic::AtomicU64::new(steps);
        let hook = move |_: CompactStage, _: u64, _: u64| {
            if left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                std::panic::resume_unwind(Box::new("broken off"));
            }
        };
        AssertUnwindSafe(self.engine.compact(NOW_MS, &hook)).catch_unwind().await.is_err()
    }

    async fn ask(&self, spec: &Spec) -> RecordBatch {
        self.engine.run(spec).await.unwrap().batch
    }

    async fn sql(&self, query: &str) -> RecordBatch {
        self.ask(&Spec::Sql { query: query.to_owned() }).await
    }

    async fn number(&self, query: &str) -> i64 {
        self.sql(query).await.column(0).as_primitive::<Int64Type>().value(0)
    }

    /// The runs, which stand for an answer.
    async fn runs(&self) -> BTreeMap<String, Vec<Run>> {
        let rows = self.sql("SELECT invocation_id, events, first_at, last_at FROM invocations").await;
        let counts = rows.column(1).as_primitive::<Int64Type>();
        let [first, last] =
            [2, 3].map(|column| rows.column(column).as_primitive::<TimestampMicrosecondType>());
        let mut runs: BTreeMap<String, Vec<Run>> = BTreeMap::new();
        for (row, id) in rows.column(0).as_string_view().iter().enumerate() {
            let run = (counts.value(row), first.value(row) / 1_000, last.value(row) / 1_000);
            runs.entry(id.unwrap().to_owned()).or_default().push(run);
        }
        runs
    }

    async fn overview(&self) -> RecordBatch {
        self.ask(&Spec::Overview(Scope::default())).await
    }

    /// Of each event file the number of its row groups.
    async fn row_groups(&self) -> Vec<usize> {
        let store = self.engine.store();
        let mut counts = Vec::new();
        for file in store.events().snapshot().await.unwrap().files {
            counts.push(store.contents(&file).await.unwrap().row_groups());
        }
        counts
    }

    fn log_folder(&self, table: &str) -> PathBuf {
        self.folder.path().join("store").join(table).join("_delta_log")
    }
}

fn lines(events: &[Event]) -> String {
    let mut text = String::new();
    for (run, at_ms) in events {
        writeln!(
            text,
            r#"{{"event_id":"{run}/{at_ms}","activity":"step_started","timestamp":{at_ms},"invocation_id":"run-{run}","additional_params":{{"journey_id":"slow","step_id":"wait"}}}}"#
        )
        .unwrap();
    }
    text
}

/// What the runs are, from nothing but the events.
fn truth(events: &[Event]) -> BTreeMap<String, Vec<Run>> {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (run, at_ms) in events {
        times.entry(format!("run-{run}")).or_default().push(*at_ms);
    }
    let run = |mut times: Vec<i64>| {
        times.sort_unstable();
        times.dedup();
        vec![(i64::try_from(times.len()).unwrap(), times[0], times[times.len() - 1])]
    };
    times.into_iter().map(|(id, times)| (id, run(times))).collect()
}

/// Most runs are short, some last for months; their events are of any order.
fn random_events(random: &mut Random) -> Vec<Event> {
    let mut events = Vec::new();
    for run in 0..40 {
        let start_ms = START_MS + i64::try_from(random.below(90 * 24)).unwrap() * 3_600_000;
        let span_hours =
            if random.below(4) == 0 { 24 * (1 + random.below(80)) } else { 1 + random.below(30) };
        for _ in 0..=random.below(5) {
            let later_ms = i64::try_from(random.below(span_hours * 3_600_000)).unwrap();
            events.push((run, start_ms + later_ms));
        }
    }
    events.sort_unstable();
    events.dedup();
    for index in (1..events.len()).rev() {
        let other = usize::try_from(random.below(index as u64 + 1)).unwrap();
        events.swap(index, other);
    }
    events
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Rounds of the random test; `WAYFARE_LONG_RUN_ROUNDS` asks for more.
#[expect(clippy::disallowed_methods, reason = "how much to test is a matter of who runs the tests")]
fn rounds() -> u64 {
    std::env::var("WAYFARE_LONG_RUN_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[test]
fn long_runs_are_whole_whatever_came_when_and_however_far_compaction_is() {
    runtime().block_on(async {
        for seed in 0..rounds() {
            let mut random = Random(seed);
            let events = random_events(&mut random);
            let mut world = World::new().await;
            let mut stored = Vec::new();
            let (mut rest, mut cuts) = (events.as_slice(), 0);
            while !rest.is_empty() {
                let count = 1 + usize::try_from(random.below(60)).unwrap();
                let (batch, others) = rest.split_at(count.min(rest.len()));
                rest = others;
                // a resend now and then: the file is another one, its events are not
                let mut batch = batch.to_vec();
                if random.below(3) == 0 {
                    batch.extend_from_slice(&stored[..stored.len().min(20)]);
                }
                world.take_in(&batch).await;
                stored.extend(batch);
                let place = format!("seed {seed}, {} events", stored.len());
                assert_eq!(world.runs().await, truth(&stored), "{place}, taken in");
                match random.below(4) {
                    0 => {
                        world.compact().await;
                        assert_eq!(world.runs().await, truth(&stored), "{place}, compacted");
                    }
                    1 => {
                        cuts += u32::from(world.compact_a_bit(random.below(6)).await);
                        assert_eq!(world.runs().await, truth(&stored), "{place}, compacted a bit");
                    }
                    2 => {
                        let keep_runs =
                            KeepRuns { at_rest_ms: 0, events_min: 1, ..KeepRuns::by(|| NOW_MS + 1) };
                        let engine = world.engine_that_keeps(keep_runs);
                        engine.run(&Spec::Overview(Scope::default())).await.unwrap();
                        assert_eq!(world.runs().await, truth(&stored), "{place}, kept by a question");
                    }
                    _ => {}
                }
            }
            let before = world.overview().await;
            world.compact().await;
            assert_eq!(world.runs().await, truth(&events), "seed {seed}, at the end");
            assert_eq!(world.overview().await, before, "seed {seed}");
            assert_eq!(
                world.number("SELECT count(*) FROM events").await,
                i64::try_from(events.len()).unwrap(),
                "seed {seed}: an event is stored once"
            );
            let again = world.compact().await;
            assert_eq!((again.dates, again.events.merged), (0, 0), "seed {seed}: nothing is left to do");
            println!("seed {seed}: {} events, {cuts} compactions broken off", events.len());
        }
    });
}

#[test]
fn merging_event_files_leaves_the_cache_true() {
    runtime().block_on(async {
        let mut world = World::new().await;
        let day = |run: u32, day: i64| (run, START_MS + day * DAY_MS + 1_000 * i64::from(run));
        world.take_in(&[day(1, 0), day(2, 10), day(3, 20)]).await;
        world.compact().await;
        world.take_in(&[day(4, 0), day(5, 20)]).await;
        // the runs of the dates are folded from two files a date, and cached
        let mut summary = CompactSummary::default();
        let context = world.engine.session().unwrap();
        super::runs::fold_stale(world.engine.store(), &context, NOW_MS, &|_, _, _| (), &mut summary)
            .await
            .unwrap();
        assert_eq!((summary.dates, summary.dates_kept), (2, 1));
        let merged = world.compact().await;
        assert_eq!((merged.events.files_before, merged.events.files_after), (5, 3), "{merged:?}");
        assert_eq!((merged.events.merged, merged.events.repeats), (4, 0), "{merged:?}");
        assert_eq!((merged.dates, merged.dates_kept), (0, 3), "{merged:?}");
        // an event that stood twice is another matter: its date is folded again
        world.take_in(&[day(1, 0)]).await;
        let merged = world.compact().await;
        assert_eq!((merged.events.merged, merged.events.repeats), (3, 1), "{merged:?}");
        assert_eq!((merged.dates, merged.dates_kept), (1, 2), "{merged:?}");
    });
}

#[test]
fn a_merge_without_repeats_changes_no_data() {
    runtime().block_on(async {
        let mut world = World::new().await;
        world.take_in(&[(1, START_MS)]).await;
        world.take_in(&[(2, START_MS)]).await;
        world.compact().await;
        let log = newest_entry(&world.log_folder("events"));
        assert!(log.contains(r#""dataChange":false"#) && !log.contains(r#""dataChange":true"#), "{log}");
        world.take_in(&[(2, START_MS), (3, START_MS)]).await;
        world.compact().await;
        let log = newest_entry(&world.log_folder("events"));
        assert!(log.contains(r#""dataChange":true"#) && !log.contains(r#""dataChange":false"#), "{log}");
    });
}

#[test]
fn large_row_groups_are_moved_and_many_small_ones_merged() {
    runtime().block_on(async {
        let mut world = World::new().await;
        let minute = |run: u32, minute: i64| (run, START_MS + minute * 60_000);
        // run 5 lies in both files
        let first: Vec<Event> = (0..10).map(|n| minute(9 - u32::try_from(n / 2).unwrap(), n)).collect();
        let second: Vec<Event> = (0..10).map(|n| minute(5 - u32::try_from(n / 2).unwrap(), 20 + n)).collect();
        let mut stored = [first, second].concat();
        world.take_in(&stored[..10]).await;
        world.take_in(&stored[10..]).await;
        let merged = world.compact().await.events;
        assert_eq!((merged.files_after, merged.merged, merged.repeats), (1, 20, 0));
        assert_eq!(world.row_groups().await, [2]);
        assert_eq!(world.runs().await, truth(&stored));
        // events of small files come behind, in a row group of their own
        for (further, row_groups) in [(30, 3), (31, 1)] {
            stored.push(minute(5, further));
            world.take_in(&stored[stored.len() - 1..]).await;
            world.compact().await;
            assert_eq!(world.row_groups().await, [row_groups]);
            assert_eq!(world.runs().await, truth(&stored));
        }
        // a file with an event that stands in another one is merged with it
        let mut again: Vec<Event> = (0..9).map(|n| minute(20, n)).collect();
        again.push(stored[0]);
        world.take_in(&again).await;
        let merged = world.compact().await.events;
        assert_eq!((merged.files_after, merged.merged, merged.repeats), (1, 32, 1));
        assert_eq!(world.row_groups().await, [1]);
        stored.extend(again);
        assert_eq!(world.runs().await, truth(&stored));
        assert!(world.engine.verify(&|_, _| ()).await.unwrap().findings.is_empty());
    });
}

#[test]
fn what_is_left_of_moved_row_groups_after_an_erasure_is_in_order() {
    runtime().block_on(async {
        let mut world = World::new().await;
        let events = |runs: [u32; 5]| runs.map(|run| [0, 1].map(|n| (run, START_MS + n * 60_000))).concat();
        let (first, second) = (events([1, 3, 5, 7, 9]), events([0, 2, 4, 6, 8]));
        world.take_in(&first).await;
        world.take_in(&second).await;
        world.compact().await;
        assert_eq!(world.row_groups().await, [2]);
        let subject = Subject { kind: SubjectKind::Invocation, id: "run-4".to_owned() };
        let store = world.engine.store();
        let receipt = erase(store, &[subject], Resolve::Carry, NOW_MS, 1, &|_, _| ()).await.unwrap();
        assert_eq!((receipt.runs, receipt.tables[0].rows_removed), (1, 2));
        assert_eq!(world.row_groups().await, [1]);
        assert!(world.engine.verify(&|_, _| ()).await.unwrap().findings.is_empty());
        let left: Vec<Event> = first.into_iter().chain(second).filter(|(run, _)| *run != 4).collect();
        assert_eq!(world.runs().await, truth(&left));
    });
}

fn newest_entry(log: &Path) -> String {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    std::fs::read_to_string(entries.iter().max().unwrap()).unwrap()
}

/// What folds is known to a session by a view. If it knew the session, too, neither would ever be freed, nor the rows.
#[test]
fn a_question_over_events_leaves_nothing_behind() {
    runtime().block_on(async {
        let mut world = World::new().await;
        world.take_in(&[(1, START_MS), (2, START_MS + 1)]).await;
        let question = Question::open(&world.engine, &Scope::default(), &[], true).await.unwrap();
        question.register_runs(&[]).unwrap();
        let runs = question.sql("SELECT count(*) AS runs FROM runs").await.unwrap();
        let runs = integers(&collect(runs).await.unwrap(), "runs").unwrap();
        assert_eq!(runs.value(0), 2);
        let session = Arc::downgrade(&question.context.runtime_env());
        drop(question);
        assert!(session.upgrade().is_none());
    });
}

//! How long the kernels of a report take, away from files and plans: putting a run's events together, reading its
//! path, pairing its attempts, and running the funnel over it; and what it takes to check the bytes of files.
//!
//! `cargo bench --workspace --bench kernels` measures; `cargo test --workspace --bench kernels` runs each once.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wayfare_ingest::{DataFile, IngestOptions, IngestProgress, Mapping, Store, expand, ingest};
use wayfare_query::attempts::{RunState, RunSteps};
use wayfare_query::funnel::{Definition, Funnel, FunnelEvent, Ties};
use wayfare_query::run::{Role, Run, RunEvent, finish};
use wayfare_query::timeline::{Lexicon, tokens};

/// Steps of the runs: the median run of the sample has 19 events, a long one some hundreds.
const STEPS: [usize; 3] = [4, 9, 100];

/// Runs of one measurement, so that its time is far above that of the clock.
const RUNS: usize = 1_000;

/// The step ids of a run with `steps` steps.
fn step_ids(steps: usize) -> Vec<String> {
    (0..steps).map(|step| format!("step_{step:03}")).collect()
}

/// The events of one run: started, each step started and completed a second later, every third one tried twice,
/// completed. `shift_ms` moves them in time, so that runs differ.
fn events(ids: &[String], shift_ms: i64) -> Vec<RunEvent<'_>> {
    let mut events =
        vec![RunEvent { role: Role::JourneyStarted, activity: "journey_started", ..RunEvent::default() }];
    for (number, id) in ids.iter().enumerate() {
        let attempts = if number % 3 == 2 { 2 } else { 1 };
        for attempt in 0..attempts {
            events.push(RunEvent {
                role: Role::StepStarted,
                activity: "step_started",
                step_id: Some(id),
                ..RunEvent::default()
            });
            let failed = attempt + 1 < attempts;
            events.push(RunEvent {
                role: Role::StepCompleted,
                activity: "step_completed",
                step_id: Some(id),
                outcome: Some(if failed { "failure" } else { "success" }),
                error_code: failed.then_some("otp_expired"),
                ..RunEvent::default()
            });
        }
    }
    events.push(RunEvent {
        role: Role::JourneySucceeded,
        activity: "journey_completed_successfully",
        ..RunEvent::default()
    });
    for ((id, at_ms), event) in (1..).zip((0..).step_by(500)).zip(&mut events) {
        (event.id, event.at_ms) = (id, shift_ms + at_ms);
    }
    events
}

/// The events of many runs, in an order of arrival that is not theirs.
fn runs(ids: &[String]) -> Vec<Vec<RunEvent<'_>>> {
    let arrived = |run: usize| {
        let mut events = events(ids, i64::try_from(run).unwrap_or_default());
        let middle = run % events.len();
        events.rotate_left(middle);
        events
    };
    (0..RUNS).map(arrived).collect()
}

fn folded(ids: &[String]) -> Vec<Run> {
    let mut steps = RunSteps::default();
    runs(ids).iter_mut().map(|run| finish(run, &mut steps)).collect()
}

fn fold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fold: events to a run");
    for steps in STEPS {
        let ids = step_ids(steps);
        let made = runs(&ids);
        group.throughput(Throughput::Elements(made.iter().map(|run| run.len() as u64).sum()));
        group.bench_function(BenchmarkId::from_parameter(steps), |bencher| {
            bencher.iter_batched(
                || made.clone(),
                |mut runs| {
                    let mut steps = RunSteps::default();
                    for run in &mut runs {
                        black_box(finish(run, &mut steps));
                    }
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn path(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path: text to tokens");
    for steps in STEPS {
        let runs = folded(&step_ids(steps));
        group.throughput(Throughput::Bytes(runs.iter().map(|run| run.path.len() as u64).sum()));
        group.bench_function(BenchmarkId::from_parameter(steps), |bencher| {
            bencher.iter(|| runs.iter().map(|run| tokens(black_box(&run.path)).count()).sum::<usize>());
        });
    }
}

fn attempts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps: a run to attempts");
    for steps in STEPS {
        let runs = folded(&step_ids(steps));
        group.throughput(Throughput::Elements(runs.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(steps), |bencher| {
            let (mut paired, mut lexicon) = (RunSteps::default(), Lexicon::default());
            let paths: Vec<_> = runs.iter().map(|run| lexicon.coded(&run.path)).collect();
            bencher.iter(|| {
                for path in &paths {
                    if paired.read(path.path(), &lexicon).is_err() {
                        continue;
                    }
                    paired.for_each_step(RunState::Succeeded, |facts| {
                        black_box(facts);
                    });
                    paired.for_each_attempt(|attempt| {
                        black_box(attempt);
                    });
                }
            });
        });
    }
}

fn funnel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("funnel: six steps over a run");
    for (name, ties) in [("any", Ties::Any), ("strictly increasing", Ties::StrictlyIncreasing)] {
        for steps in STEPS {
            let ids = step_ids(steps);
            let events = matched(&ids);
            let definition = Definition { window_ms: Some(3_600_000), ties, ..Definition::new(6) };
            let Ok(mut funnel) = Funnel::try_new(definition) else { continue };
            group.throughput(Throughput::Elements((RUNS * events.len()) as u64));
            group.bench_function(BenchmarkId::new(name, steps), |bencher| {
                bencher.iter(|| (0..RUNS).map(|_| funnel.run(black_box(&events)).level).sum::<usize>());
            });
        }
    }
}

/// What a funnel of six steps sees of a run: its start, four steps that are completed, its end.
fn matched(ids: &[String]) -> Vec<FunnelEvent> {
    let run = events(ids, 0);
    let last = run.len() - 1;
    let step_of = |(index, event): (usize, &RunEvent<'_>)| -> u64 {
        match event.role {
            Role::JourneyStarted => 1,
            Role::JourneySucceeded => 1 << 5,
            Role::StepCompleted => 1 << (1 + index * 4 / (last + 1)),
            _ => 0,
        }
    };
    let seen = run.iter().enumerate().map(|(index, event)| FunnelEvent {
        at_ms: event.at_ms,
        steps: step_of((index, event)),
        ..FunnelEvent::default()
    });
    seen.filter(|event| event.steps != 0).collect()
}

/// Reads the files of a store through the access that compares every byte with its seal, and through the one below it.
#[expect(clippy::unwrap_used, reason = "without its store there is nothing to measure")]
fn seal(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (_folder, store, files) = runtime.block_on(sample_store());
    let mut group = criterion.benchmark_group("seal: bytes of files");
    group.throughput(Throughput::Bytes(files.iter().map(|file| file.size_bytes).sum()));
    let plain: Arc<dyn ObjectStore> = store.files();
    for (name, access) in [("checked", store.access()), ("not checked", plain)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    for file in &files {
                        black_box(access.get(&file.location).await.unwrap().bytes().await.unwrap());
                    }
                });
            });
        });
    }
}

/// The committed sample as a store, and the files of its events.
#[expect(clippy::unwrap_used, reason = "without its store there is nothing to measure")]
async fn sample_store() -> (TempDir, Store, Vec<DataFile>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(folder.path()).await.unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample.ndjson.gz");
    let options = IngestOptions::new(Mapping::mosaic().unwrap(), 1_775_000_000_000);
    let inputs = expand(&[sample.display().to_string()], &options.limits).unwrap();
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    ingest(&store, &inputs, &options, &quiet).await.unwrap();
    let files = store.events().snapshot().await.unwrap().files;
    (folder, store, files)
}

criterion_group!(kernels, fold, path, attempts, funnel, seal);
criterion_main!(kernels);

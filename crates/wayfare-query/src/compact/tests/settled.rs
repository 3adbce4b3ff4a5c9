//! What a question folds and keeps.

use super::*;

/// Runs of four dates, two of them over midnight.
const EVENTS: [Event; 8] = [
    (1, START_MS),
    (1, START_MS + 1_000),
    (2, START_MS + DAY_MS - 1),
    (2, START_MS + DAY_MS),
    (3, START_MS + 2 * DAY_MS - 1),
    (3, START_MS + 2 * DAY_MS),
    (4, START_MS + 3 * DAY_MS),
    (4, START_MS + 3 * DAY_MS + 5),
];

fn a_minute_later() -> i64 {
    NOW_MS + 60_001
}

fn soon() -> i64 {
    NOW_MS + 59_999
}

/// A world whose questions keep what they fold.
async fn keeping(clock: fn() -> i64) -> World {
    let mut world = World::new().await;
    world.take_in(&EVENTS).await;
    world.engine =
        world.engine_that_keeps(KeepRuns { events_min: EVENTS.len() as u64, ..KeepRuns::by(clock) });
    world
}

impl World {
    /// Another engine over the same store.
    pub(super) fn engine_that_keeps(&self, keep_runs: impl Into<Option<KeepRuns>>) -> Engine {
        let store = Arc::new(Store::open(self.engine.store().root()).unwrap());
        Engine::new(
            store,
            EngineOptions { threads: 2, keep_runs: keep_runs.into(), ..EngineOptions::default() },
        )
    }

    /// Dates whose runs are kept.
    async fn dates_kept(&self) -> usize {
        self.engine.store().invocations().snapshot().await.unwrap().files.len()
    }
}

fn overview() -> Spec {
    Spec::Overview(Scope::default())
}

#[tokio::test]
async fn a_question_keeps_the_runs_of_dates_at_rest() {
    let world = keeping(a_minute_later).await;
    let first = world.overview().await;
    assert_eq!(world.dates_kept().await, 4);
    let second = world.overview().await;
    assert_eq!(first, second);
    let other = world.engine_that_keeps(None);
    assert_eq!(other.run(&overview()).await.unwrap().batch, first, "from what was kept");
    let compacted = world.compact().await;
    assert_eq!((compacted.dates, compacted.dates_kept), (0, 4), "a compaction finds them folded");
}

#[tokio::test]
async fn what_is_new_or_little_is_folded_for_the_question_alone() {
    let world = keeping(soon).await;
    let fresh = world.overview().await;
    assert_eq!(world.dates_kept().await, 0, "events came less than a minute ago");
    let mut world = keeping(a_minute_later).await;
    let more = KeepRuns { events_min: EVENTS.len() as u64 + 1, ..KeepRuns::by(a_minute_later) };
    world.engine = world.engine_that_keeps(more);
    assert_eq!(world.overview().await, fresh);
    assert_eq!(world.dates_kept().await, 0, "fewer events than pays");
}

#[tokio::test]
async fn a_question_that_reads_no_runs_keeps_none() {
    let world = keeping(a_minute_later).await;
    let past = Scope { as_of: Some("2026-03-02".to_owned()), ..Scope::default() };
    let specs = [
        Spec::Overview(past),
        Spec::Sql { query: "SELECT count(*) FROM events".to_owned() },
        Spec::Invocation { id: "run-1".to_owned(), tenant: None, tz: None },
    ];
    for spec in &specs {
        let _answer_or_none_found = world.engine.run(spec).await;
        assert_eq!(world.dates_kept().await, 0, "{spec:?}");
    }
    assert_eq!(world.number("SELECT count(*) FROM invocations").await, 4);
    assert_eq!(world.dates_kept().await, 4);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_answered_from_all_the_same() {
    let world = keeping(a_minute_later).await;
    let alone = world.engine.store().turn_alone().unwrap();
    let first = world.overview().await;
    assert_eq!(world.dates_kept().await, 0, "somebody removes files");
    drop(alone);
    assert_eq!(world.overview().await, first);
    assert_eq!(world.dates_kept().await, 4);
}

#[tokio::test]
async fn of_many_questions_one_folds() {
    let world = keeping(a_minute_later).await;
    let overview = overview();
    let answers = futures::future::join_all((0..8).map(|_| world.engine.run(&overview))).await;
    let batches: Vec<RecordBatch> = answers.into_iter().map(|answer| answer.unwrap().batch).collect();
    assert!(batches.iter().all(|batch| *batch == batches[0]));
    assert_eq!(world.dates_kept().await, 4);
    assert_eq!(world.engine.store().invocations().snapshot().await.unwrap().version, 1, "one commit");
}

#[tokio::test]
async fn a_tenants_question_keeps_the_runs_of_all() {
    let world = keeping(a_minute_later).await;
    let all = world.engine_that_keeps(None);
    let expected = all.run(&overview()).await.unwrap().batch;
    world.engine.of_tenant("nobody").run(&overview()).await.unwrap();
    assert_eq!(world.dates_kept().await, 4);
    assert_eq!(all.run(&overview()).await.unwrap().batch, expected);
}

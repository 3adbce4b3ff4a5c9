//! Look-ups leave files out, and none that holds a row.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::parquet::file::reader::{FileReader as _, SerializedFileReader};
use datafusion::physical_plan::{collect, displayable};
use tempfile::TempDir;
use wayfare_ingest::{IngestOptions, IngestProgress, Limits, Mapping, Store, expand, ingest};

use super::SnapshotTable;
use crate::error::of_datafusion;
use crate::runs::StoreSnapshot;
use crate::{Engine, EngineOptions, ErrorKind, Result};

/// 2026-03-02T00:00:00Z.
const NOW_MS: i64 = 1_772_409_600_000;
const FILES: usize = 3;
const RUNS: usize = 30;

/// A store of three event files, each with every third run: ranges of ids tell nothing. Those of the last file have a parent.
async fn store() -> (TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_or_create(&folder.path().join("store")).await.unwrap();
    for file in 0..FILES {
        let line = |run: usize| {
            let parent = if file == 2 {
                format!(",\"parent_invocation_id\":\"r{:02}\"", run - 1)
            } else {
                String::new()
            };
            format!(
                "{{\"activity\":\"journey_started\",\"timestamp\":\"2026-03-01T10:00:{run:02}Z\",\"invocation_id\":\"r{run:02}\"\
                 {parent},\"additional_params\":{{\"journey_id\":\"login\"}}}}\n"
            )
        };
        let path = folder.path().join(format!("{file}.ndjson"));
        std::fs::write(&path, (file..RUNS).step_by(FILES).map(line).collect::<String>()).unwrap();
        let options = IngestOptions::new(Mapping::mosaic().unwrap(), NOW_MS);
        let inputs = expand(&[path.to_str().unwrap().to_owned()], &Limits::default()).unwrap();
        let quiet: Arc<dyn IngestProgress> = Arc::new(());
        ingest(&store, &inputs, &options, &quiet).await.unwrap();
    }
    let options = EngineOptions { threads: 2, ..EngineOptions::default() };
    (folder, Engine::new(Arc::new(store), options))
}

fn is(column: &str, id: &str) -> Expr {
    col(column).eq(lit(ScalarValue::Utf8View(Some(id.to_owned()))))
}

/// How many files are opened for a filter, and how many rows there are.
async fn looked_up(engine: &Engine, filter: Expr) -> Result<(usize, usize)> {
    let failed = |cause| of_datafusion("cannot look up", cause);
    let snapshot = StoreSnapshot::of(engine.store()).await?;
    let table = SnapshotTable::new(engine.store().events(), snapshot.events.files);
    let context = engine.session()?;
    let plan = table.plan_where(&context.state(), filter, &["event_id"]).await.map_err(failed)?;
    let opened = displayable(&*plan).indent(false).to_string().matches(".parquet").count();
    let rows = collect(plan, context.task_ctx()).await.map_err(failed)?;
    Ok((opened, rows.iter().map(arrow::array::RecordBatch::num_rows).sum()))
}

#[tokio::test]
async fn a_look_up_opens_the_files_that_hold_its_rows() {
    let (_folder, engine) = store().await;
    let mut opened = 0;
    for run in 0..RUNS {
        let (files, rows) = looked_up(&engine, is("invocation_id", &format!("r{run:02}"))).await.unwrap();
        assert_eq!(rows, 1, "run {run}");
        opened += files;
    }
    // a filter may be wrong once in a while
    assert!((RUNS..RUNS + 3).contains(&opened), "{opened} files for {RUNS} look-ups");
    let either = is("invocation_id", "r00").or(is("invocation_id", "r01"));
    assert_eq!(looked_up(&engine, either).await.unwrap().1, 2);
    let neither = is("invocation_id", "r07").and(is("user_id", "nobody"));
    assert_eq!(looked_up(&engine, neither).await.unwrap(), (0, 0));
    assert_eq!(looked_up(&engine, is("invocation_id", "r07x")).await.unwrap(), (0, 0));
    assert_eq!(looked_up(&engine, is("parent_invocation_id", "r07")).await.unwrap(), (1, 1));
    assert_eq!(looked_up(&engine, is("parent_invocation_id", "r08")).await.unwrap(), (0, 0));
}

#[tokio::test]
async fn what_else_is_asked_leaves_no_file_out() {
    let (_folder, engine) = store().await;
    let others = col("invocation_id").not_eq(lit(ScalarValue::Utf8View(Some("r00".to_owned()))));
    assert_eq!(looked_up(&engine, others).await.unwrap(), (FILES, RUNS - 1));
    let without_parent = col("parent_invocation_id").is_null().and(is("activity", "journey_started"));
    assert_eq!(looked_up(&engine, without_parent).await.unwrap().1, RUNS * 2 / FILES);
}

#[tokio::test]
async fn a_damaged_filter_leaves_no_row_out() {
    let (_folder, engine) = store().await;
    let snapshot = StoreSnapshot::of(engine.store()).await.unwrap();
    for file in &snapshot.events.files {
        let path = std::path::Path::new("/").join(file.location.as_ref());
        let mut bytes = std::fs::read(&path).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
        for chunk in reader.metadata().row_group(0).columns() {
            let (Some(start), Some(length)) = (chunk.bloom_filter_offset(), chunk.bloom_filter_length())
            else {
                continue;
            };
            let end = usize::try_from(start).unwrap() + usize::try_from(length).unwrap();
            // the filter's bits, all unset: it would hold nothing
            bytes[end - 32..end].fill(0);
        }
        std::fs::write(&path, bytes).unwrap();
    }
    for run in 0..RUNS {
        match looked_up(&engine, is("invocation_id", &format!("r{run:02}"))).await {
            Ok((_, rows)) => assert_eq!(rows, 1, "run {run}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
        }
    }
}

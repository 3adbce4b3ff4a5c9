//! Batches over a disk that fails, forgets, and is shared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use arrow::array::AsArray as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::*;
use crate::ErrorKind;
use crate::store::simulated::{Dice, Fault, Simulated};
use crate::store::{Disk, LocalDisk};

mod faults;
mod resume;
mod shared;

/// Events of journeys, `runs` runs of three events over four days, and one line that is refused.
fn lines(name: &str, runs: usize) -> String {
    let mut text = "not an event\n".to_owned();
    for run in 0..runs {
        for (second, activity) in
            ["journey_started", "step_completed", "journey_completed_successfully"].iter().enumerate()
        {
            writeln!(
                text,
                "{{\"activity\":\"{activity}\",\"timestamp\":\"2026-03-{:02}T10:00:0{second}Z\",\"invocation_id\":\"{name}-{run}\"}}",
                1 + run % 4
            )
            .unwrap();
        }
    }
    text
}

/// Files beside a store.
struct Inputs {
    folder: TempDir,
}

impl Inputs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Input {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        Input { name: name.into(), origin: Origin::File(path) }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }
}

fn options() -> IngestOptions {
    IngestOptions { threads: 1, ..IngestOptions::new(Mapping::mosaic().unwrap(), 1_774_000_000_000) }
}

/// Parts of one block, and blocks as small as they can be: about 250 records of [`lines`].
fn small_parts() -> IngestOptions {
    let limits = Limits { block_bytes: 1, ..Limits::default() };
    IngestOptions { part_records: 1, limits, ..options() }
}

async fn take_in(
    disk: Arc<dyn Disk>,
    root: &Path,
    input: &Input,
    options: &IngestOptions,
) -> Result<InputSummary> {
    let store = Store::open_or_create_on(disk, root).await?;
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    let mut summary = ingest(&store, std::slice::from_ref(input), options, &quiet).await?;
    Ok(summary.inputs.remove(0))
}

/// Rows of a table by batch id, read from the files that the log names.
async fn rows_by_batch(table: &crate::Table) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for file in table.snapshot().await.unwrap().files {
        let opened = File::open(Path::new("/").join(file.location.as_ref())).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let ids = batch.column_by_name("batch_id").unwrap().as_string::<i32>();
            for id in ids.iter().flatten() {
                *counts.entry(id.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}

async fn events_in(root: &Path) -> usize {
    rows_by_batch(Store::open(root).unwrap().events()).await.values().sum()
}

async fn rejects_in(root: &Path) -> usize {
    rows_by_batch(Store::open(root).unwrap().quarantine()).await.values().sum()
}

//! An ingest that was broken off goes on where it was, with the same result.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Event ids of the store by file, as text that can be compared.
async fn content(root: &Path) -> Vec<String> {
    let mut rows = Vec::new();
    for file in Store::open(root).unwrap().events().snapshot().await.unwrap().files {
        let opened = File::open(Path::new("/").join(file.location.as_ref())).unwrap();
        for batch in ParquetRecordBatchReaderBuilder::try_new(opened).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let ids = batch.column_by_name("event_id").unwrap();
            let runs = batch.column_by_name("invocation_id").unwrap().as_string::<i32>();
            let ids = arrow::util::display::ArrayFormatter::try_new(
                ids,
                &arrow::util::display::FormatOptions::default(),
            )
            .unwrap();
            rows.extend((0..batch.num_rows()).map(|row| format!("{} {}", runs.value(row), ids.value(row))));
        }
    }
    rows.sort_unstable();
    rows
}

fn gzipped(text: &str) -> Vec<u8> {
    // several members, as appended logs have them
    let (first, second) = text.split_at(text.len() / 3);
    let member = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    [member(first), member(second)].concat()
}

/// Breaks an ingest off at one call after the other, each time on the same store, until it ends by itself.
async fn in_many_tries(root: &Path, base: &Path, input: &Input, options: &IngestOptions) -> u64 {
    let mut tries = 0;
    loop {
        // far enough that one part is committed at most
        let disk = Simulated::new(base).with_fault(25 + tries * 7 % 30, Fault::Dies);
        tries += 1;
        match take_in(Arc::new(disk), root, input, options).await {
            Ok(_) => return tries,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        }
        assert!(tries < 500, "it does not get on");
    }
}

#[tokio::test]
async fn an_ingest_broken_off_many_times_gives_what_an_unbroken_one_gives() {
    let inputs = Inputs::new();
    let text = lines("r", 1_000);
    for (name, bytes) in [("plain", text.clone().into_bytes()), ("packed", gzipped(&text))] {
        let input = inputs.file(name, bytes);
        let (whole, pieces) = (Inputs::new(), Inputs::new());
        let whole_root = whole.root().join("store");
        take_in(Arc::new(LocalDisk), &whole_root, &input, &small_parts()).await.unwrap();
        let root = pieces.root().join("store");
        drop(Store::open_or_create(&root).await.unwrap());
        let tries = in_many_tries(&root, &pieces.root(), &input, &small_parts()).await;
        assert!(tries > 5, "{name}: {tries} tries are no test");
        assert_eq!(content(&root).await, content(&whole_root).await, "{name}");
        assert_eq!(rejects_in(&root).await, 1, "{name}");
    }
}

#[tokio::test]
async fn parts_of_another_size_go_on_where_the_last_part_ended() {
    let inputs = Inputs::new();
    let input = inputs.file("r", lines("r", 1_000));
    let beside = Inputs::new();
    let root = beside.root().join("store");
    drop(Store::open_or_create(&root).await.unwrap());
    for (calls, part_records) in [(60, 50), (50, 300), (70, 400)] {
        let disk = Simulated::new(&beside.root()).with_fault(calls, Fault::Dies);
        take_in(Arc::new(disk), &root, &input, &IngestOptions { part_records, ..small_parts() })
            .await
            .unwrap_err();
    }
    let before = events_in(&root).await;
    assert!(before > 0 && before < 3_000, "{before}");
    take_in(Arc::new(LocalDisk), &root, &input, &small_parts()).await.unwrap();
    assert_eq!(events_in(&root).await, 3_000);
    assert_eq!(rejects_in(&root).await, 1);
}

#[tokio::test]
async fn a_batch_id_counts_once_and_names_one_content() {
    let inputs = Inputs::new();
    let (first, second) = (inputs.file("a", lines("a", 5)), inputs.file("b", lines("b", 5)));
    let beside = Inputs::new();
    let root = beside.root().join("store");
    let named = |name: &str| IngestOptions { batch_id: Some(name.to_owned()), ..options() };
    let local = || -> Arc<dyn Disk> { Arc::new(LocalDisk) };
    assert_eq!(take_in(local(), &root, &first, &named("x")).await.unwrap().accepted, 15);
    assert!(take_in(local(), &root, &first, &named("x")).await.unwrap().already_stored);
    let error = take_in(local(), &root, &second, &named("x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(events_in(&root).await, 15);
    for bad in ["", "a\nb", &"x".repeat(BATCH_ID_BYTES_MAX + 1)] {
        let error = take_in(local(), &root, &second, &named(bad)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad:?}");
    }
}

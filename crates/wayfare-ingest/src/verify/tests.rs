//! Files whose bytes are whole and whose rows are not what they claim to be.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use tempfile::TempDir;

use super::{Check, verify};
use crate::store::{Commit, DataFile, EVENTS_LAYOUT, Store, encode};
use crate::{IngestOptions, IngestProgress, Input, Mapping, Origin, ingest};

const LINES: &str = r#"
{"activity":"journey_started","timestamp":"2026-03-01T12:00:00Z","journey_id":"login","invocation_id":"a","user_id":"u"}
{"activity":"step_started","timestamp":"2026-03-01T12:00:01Z","journey_id":"login","invocation_id":"a","user_id":"u"}
{"activity":"journey_started","timestamp":"2026-03-01T12:00:02Z","journey_id":"login","invocation_id":"b"}
"#;

/// A store with one file of events, that file, and its rows.
async fn sound() -> (TempDir, Store, DataFile, RecordBatch) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    std::fs::write(&path, LINES.trim_start()).unwrap();
    let store = Store::open_or_create(&folder.path().join("store")).await.unwrap();
    let input = Input { name: "events".into(), origin: Origin::File(path) };
    let options = IngestOptions::new(Mapping::mosaic().unwrap(), 1_774_000_000_000);
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    ingest(&store, &[input], &options, &quiet).await.unwrap();
    let file = store.events().snapshot().await.unwrap().files.pop().unwrap();
    let batches: Vec<_> =
        store.contents(&file).await.unwrap().batches(None).unwrap().map(Result::unwrap).collect();
    let rows = concat_batches(&batches[0].schema(), &batches).unwrap();
    (folder, store, file, rows)
}

/// Puts a sealed file in the place of the only one, and tells what is found wrong then.
async fn found(rows: &[u32], date: &str, claim: impl FnOnce(String) -> String) -> Vec<(Check, String)> {
    let (_folder, store, file, all) = sound().await;
    let rows = take_record_batch(&all, &UInt32Array::from(rows.to_vec())).unwrap();
    let encoded = encode(&rows, EVENTS_LAYOUT).unwrap();
    let partition = [("source", "cis".to_owned()), ("date", date.to_owned())];
    let mut lie = store.events().put(encoded, &partition, "part", 0).await.unwrap();
    lie.claim(claim);
    store.events().commit(Commit { add: vec![lie], remove: vec![file], ..Commit::default() }).await.unwrap();
    let health = verify(&store, 1, &|_, _| {}).await.unwrap();
    health.findings.into_iter().map(|finding| (finding.check, finding.detail)).collect()
}

#[tokio::test]
async fn rows_that_are_not_what_their_file_claims_are_found() {
    let day = "2026-03-01";
    let as_it_is = |text: String| text;
    assert_eq!(found(&[0, 1, 2], day, as_it_is).await, []);
    let checks = |found: Vec<(Check, String)>| found.into_iter().map(|(check, _)| check).collect::<Vec<_>>();
    assert_eq!(checks(found(&[2, 0, 1], day, as_it_is).await), [Check::Order]);
    assert_eq!(checks(found(&[0, 1, 2], "2026-03-02", as_it_is).await), [Check::Partition]);
    for (truth, lie) in [
        (r#""numRecords":3"#, r#""numRecords":4"#),
        (r#""user_id":1"#, r#""user_id":2"#),
        (r#""invocation_id":"b""#, r#""invocation_id":"a""#),
    ] {
        let claim = |text: String| {
            assert!(text.contains(truth), "{text}");
            text.replace(truth, lie)
        };
        assert_eq!(checks(found(&[0, 1, 2], day, claim).await), [Check::Statistics], "{lie}");
    }
}

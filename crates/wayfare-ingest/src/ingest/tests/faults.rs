//! Every call to the disk may be the last one, or fail; what was answered is there afterwards, and once.

use super::*;

/// Runs of each batch, so that their counts differ.
const RUNS: [usize; 3] = [2, 3, 5];

/// How many power cuts: `WAYFARE_CUTS`, else a few.
#[expect(clippy::disallowed_methods, reason = "the size of a test is its caller's choice")]
fn cuts() -> u64 {
    std::env::var("WAYFARE_CUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(40)
}

fn batches(inputs: &Inputs) -> Vec<(Input, IngestOptions)> {
    let batch = |(number, &runs): (usize, &usize)| {
        let name = format!("b{number}");
        let options = IngestOptions { batch_id: Some(name.clone()), ..options() };
        (inputs.file(&name, lines(&name, runs)), options)
    };
    RUNS.iter().enumerate().map(batch).collect()
}

/// Takes the batches in one after the other; gives the ids of those that were answered for.
async fn send(disk: &Simulated, root: &Path, batches: &[(Input, IngestOptions)]) -> Vec<String> {
    let mut answered = Vec::new();
    for (input, options) in batches {
        if take_in(Arc::new(disk.clone()), root, input, options).await.is_ok() {
            answered.extend(options.batch_id.clone());
        }
    }
    answered
}

fn expected(number: usize) -> usize {
    RUNS[number] * 3
}

async fn check(root: &Path, answered: &[String], context: &str) {
    let counts = match Store::open(root) {
        Ok(store) => rows_by_batch(store.events()).await,
        Err(_) => BTreeMap::new(),
    };
    for number in 0..RUNS.len() {
        let id = format!("b{number}");
        let count = counts.get(&id).copied().unwrap_or_default();
        if answered.contains(&id) {
            assert_eq!(count, expected(number), "{context}: {id} was answered for");
        } else {
            assert!(count == 0 || count == expected(number), "{context}: {id} is there in part: {count}");
        }
    }
}

/// Sends everything again and looks whether everything counts once.
async fn check_again(root: &Path, batches: &[(Input, IngestOptions)], context: &str) {
    for (input, options) in batches {
        take_in(Arc::new(LocalDisk), root, input, options)
            .await
            .unwrap_or_else(|error| panic!("{context}: {error:?}"));
    }
    assert_eq!(events_in(root).await, RUNS.iter().sum::<usize>() * 3, "{context}");
    assert_eq!(rejects_in(root).await, RUNS.len(), "{context}");
}

async fn calls_of_all(batches: &[(Input, IngestOptions)]) -> u64 {
    let beside = Inputs::new();
    let disk = Simulated::new(&beside.root());
    assert_eq!(send(&disk, &beside.root().join("store"), batches).await.len(), RUNS.len());
    disk.calls()
}

#[tokio::test]
async fn a_power_cut_at_any_call_loses_nothing_that_was_answered() {
    let inputs = Inputs::new();
    let batches = batches(&inputs);
    let calls = calls_of_all(&batches).await;
    for seed in 0..cuts() {
        let mut dice = Dice(seed);
        let at = dice.below(calls + 1);
        let (beside, image) = (Inputs::new(), Inputs::new());
        let disk = Simulated::new(&beside.root()).with_fault(at, Fault::Dies);
        let answered = send(&disk, &beside.root().join("store"), &batches).await;
        disk.cut(&image.root(), &mut dice);
        let (root, context) = (image.root().join("store"), format!("seed {seed}, call {at} of {calls}"));
        check(&root, &answered, &context).await;
        check_again(&root, &batches, &context).await;
    }
}

#[tokio::test]
async fn a_failure_of_any_call_is_an_error_and_no_more() {
    let inputs = Inputs::new();
    let batches = batches(&inputs);
    let calls = calls_of_all(&batches).await;
    // all of them when as many are asked for
    let stride = (calls / cuts()).max(1);
    for at in (0..calls).step_by(usize::try_from(stride).unwrap()) {
        let kind = if at % 2 == 0 { IoErrorKind::StorageFull } else { IoErrorKind::Other };
        let beside = Inputs::new();
        let (root, context) = (beside.root().join("store"), format!("{kind:?} at call {at} of {calls}"));
        let disk = Simulated::new(&beside.root()).with_fault(at, Fault::Fails(kind));
        let answered = send(&disk, &root, &batches).await;
        assert!(answered.len() >= RUNS.len() - 1, "{context}: one failure fails one batch: {answered:?}");
        check(&root, &answered, &context).await;
        check_again(&root, &batches, &context).await;
    }
}

#[tokio::test]
async fn a_disk_that_is_full_keeps_no_half_written_files() {
    let inputs = Inputs::new();
    let batches = batches(&inputs);
    let beside = Inputs::new();
    let root = beside.root().join("store");
    take_in(Arc::new(LocalDisk), &root, &batches[0].0, &batches[0].1).await.unwrap();
    let before = files_below(&root);
    for at in 0.. {
        let disk = Simulated::over(&beside.root()).with_fault(at, Fault::Fails(IoErrorKind::StorageFull));
        match take_in(Arc::new(disk.clone()), &root, &batches[1].0, &batches[1].1).await {
            // the quarantine comes first, and stays
            Err(_) => assert!(files_below(&root) <= before + 2, "call {at}"),
            Ok(_) if disk.calls() <= at => break,
            Ok(_) => return,
        }
    }
}

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn what_somebody_else_committed_is_synced_before_it_is_answered_for() {
    let inputs = Inputs::new();
    let batches = batches(&inputs);
    let (input, options) = &batches[0];
    let beside = Inputs::new();
    let root = beside.root().join("store");
    let disk = Simulated::new(&beside.root());
    take_in(Arc::new(disk.clone()), &root, input, options).await.unwrap();
    // a second process that finds the batch stored, on a disk that cannot sync
    let broken = Simulated::new(&beside.root()).with_fault(0, Fault::Fails(IoErrorKind::Other));
    let error = take_in(Arc::new(broken), &root, input, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(take_in(Arc::new(disk), &root, input, options).await.unwrap().already_stored);
}

//! Several writers on one store.

use super::*;

/// A writer of its own: nothing is shared with the others but the folder.
async fn writer(root: PathBuf, inputs: Vec<Input>, options: IngestOptions) -> Result<IngestSummary> {
    let store = Store::open_or_create(&root).await?;
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    ingest(&store, &inputs, &options, &quiet).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_writers_store_everything_once() {
    let inputs = Inputs::new();
    let root = inputs.root().join("store");
    // each writer has files of its own, and one that all of them have
    let common = inputs.file("common", lines("common", 500));
    let tasks: Vec<_> = (0..4)
        .map(|number| {
            let own = (0..5).map(|file| {
                let name = format!("w{number}-{file}");
                inputs.file(&name, lines(&name, 3))
            });
            let files: Vec<Input> = own.chain([common.clone()]).collect();
            tokio::spawn(writer(root.clone(), files, small_parts()))
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.unwrap().unwrap().total(|input| input.accepted);
    }
    assert_eq!(accepted, 4 * 5 * 9 + 1_500);
    assert_eq!(events_in(&root).await, 4 * 5 * 9 + 1_500);
    assert_eq!(rejects_in(&root).await, 4 * 5 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lifetime_raised_by_several_at_once_is_the_longest() {
    let inputs = Inputs::new();
    let root = inputs.root().join("store");
    let mut tasks = Vec::new();
    for days in [3, 9, 5, 7] {
        let name = format!("d{days}");
        let input = inputs.file(&name, lines(&name, 1));
        let mapping = format!(
            "lifetime = \"{days}d\"\n[columns]\nactivity = \"activity\"\ntimestamp = \"timestamp\"\n"
        );
        let mapping = Mapping::parse(&mapping, "m.toml").unwrap();
        let options = IngestOptions { mapping, ..options() };
        tasks.push(tokio::spawn(writer(root.clone(), vec![input], options)));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let lifetime = Store::open(&root).unwrap().settings().journey_lifetime;
    assert_eq!(lifetime, Lifetime::Millis(9 * 86_400_000));
}

#[tokio::test]
async fn a_change_that_does_not_fit_any_more_is_a_conflict() {
    use crate::store::Commit;
    let inputs = Inputs::new();
    let root = inputs.root().join("store");
    let summary = writer(root.clone(), vec![inputs.file("a", lines("a", 2))], options()).await.unwrap();
    assert_eq!(summary.commits, 1);
    let store = Store::open(&root).unwrap();
    let before = store.events().snapshot().await.unwrap();
    let remove = |file: &crate::DataFile| Commit { remove: vec![file.clone()], ..Commit::default() };
    store.events().commit(remove(&before.files[0])).await.unwrap();
    let error = store.events().commit(remove(&before.files[0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "the file was removed before");
    let stale = Commit { base: Some(before.version), ..remove(&before.files[1]) };
    let error = store.events().commit(stale).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "the base is not the newest version");
    store.events().commit(remove(&before.files[1])).await.unwrap();
    assert_eq!(store.events().snapshot().await.unwrap().files.len(), before.files.len() - 2);
}

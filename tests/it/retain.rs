//! What is older than it may be kept is gone, from the disk too, and nothing else is.

use crate::harness::{Store, files_below, sample};

#[test]
fn old_days_go_for_good() {
    let store = Store::new();
    let rejected = store.file("bad.ndjson", "{\"activity\":1\n");
    store.ok(&["ingest", sample().to_str().unwrap(), &rejected, "--max-rejects", "1"]);
    store.ok(&["compact"]);
    let count = |condition: &str| store.number(&format!("SELECT count(*) FROM events WHERE {condition}"));
    let (young, risk) = (count("date >= '2026-03-11'"), count("source = 'risk' AND date < '2026-03-11'"));
    let all = count("true");
    let files = || files_below(&store.path());
    let before = files();

    let plan = store.run(&["retain", "--older-than", "2026-03-11"]).expect(0);
    plan.says(&["would remove", "--yes", "events of 2026-03-01 to 2026-03-10"]);
    assert_eq!(files(), before);

    store.run(&["retain", "--older-than", "2026-03-11", "--source", "risk", "--yes"]).expect(0);
    assert_eq!(count("true"), all - risk);
    store.run(&["retain", "--older-than", "2026-03-11", "--yes"]).expect(0).says(&["removed what is older"]);
    assert_eq!((count("true"), count("date < '2026-03-11'")), (young, 0));
    let old = |path: &&std::path::PathBuf| {
        (1..=10).any(|day| path.to_string_lossy().contains(&format!("date=2026-03-{day:02}")))
    };
    assert_eq!(files().iter().find(old), None, "a file of an old day is on disk");
    assert_eq!(store.number("SELECT count(*) FROM quarantine"), 1, "what was rejected today is young");
    store.ok(&["verify"]);
    store.run(&["retain", "--older-than", "2026-03-11", "--yes"]).expect(0).says(&["nothing is older"]);

    store.ok(&["retain", "--older-than", "180d"]);
    store.run(&["retain", "--older-than", "2100-01-01", "--yes"]).expect(0);
    assert_eq!((count("true"), store.number("SELECT count(*) FROM quarantine")), (0, 0));
    store.ok(&["verify"]);
    store.run(&["retain", "--older-than", "soon"]).expect(2).says(&["\"soon\"", "2026-01-31"]);
}

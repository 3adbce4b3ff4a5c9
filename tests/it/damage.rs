//! Damaged bytes never give a wrong number: the answer is the same, or the error names the file and says damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tokio::task::{JoinError, JoinHandle};
use wayfare_ingest::{Commit, Encoder, FileLayout};
use wayfare_query::spec::{Scope, Spec};
use wayfare_query::{Engine, EngineOptions, ErrorKind, Store as Library};

use crate::harness::{Random, Store, files_below, from_environment};

/// Mutants of one run; `WAYFARE_MUTANTS=20000` for the large one, `WAYFARE_SEED` for other ones.
const MUTANTS: u64 = 300;
const SEED: u64 = 20_260_301;
/// Beats that are waited for an answer, longer than any takes, so that a hang is a failure. A process that was halted
/// from outside has missed its beats, and so has not hung.
const BEATS_MAX: u32 = 600;
const BEAT: Duration = Duration::from_millis(100);

/// A small store with everything in it: several commits, two sources, cached and stale dates, rejected lines.
fn small_store() -> Store {
    let store = Store::new();
    for part in 0..3 {
        let lines: String = (0..12)
            .map(|run| {
                let at = |second: u32| format!("2026-03-0{}T10:{run:02}:{second:02}.000Z", 1 + (part + run) % 3);
                let line = |activity: &str, second: u32, more: &str| {
                    format!(
                        "{{\"activity\":\"{activity}\",\"timestamp\":\"{}\",\"invocation_id\":\"r{part}-{run}\",\
                         \"user_id\":\"u{run}\",\"additional_params\":{{\"journey_id\":\"login\"{more}}}}}\n",
                        at(second)
                    )
                };
                let end = if run % 3 == 0 { "unsuccessfully" } else { "successfully" };
                line("journey_started", 0, "")
                    + &line("step_completed", 1, ",\"step_id\":\"password\",\"outcome\":\"success\"")
                    + &line(&format!("journey_completed_{end}"), 2 + run, "")
            })
            .collect();
        let risk = "{\"activity\":\"risk_recommendation\",\"timestamp\":\"2026-03-02T00:00:00Z\",\"source\":\"risk\"}\n";
        let file = store.file(&format!("{part}.ndjson"), lines + risk + "not json\n");
        store.ok(&["ingest", &file, "--max-rejects", "1"]);
        if part == 1 {
            store.ok(&["compact"]);
        }
    }
    store
}

/// Changes one file; `others` are the bytes of all.
fn mutate(
    random: &mut Random,
    files: &BTreeMap<PathBuf, Vec<u8>>,
    foreign: &[Vec<u8>],
) -> (String, Vec<(PathBuf, Vec<u8>)>) {
    let nth = |index: usize| files.iter().nth(index).unwrap();
    let (path, bytes) = nth(random.below(files.len()));
    let mut changed = bytes.clone();
    let at = random.below(bytes.len());
    let kind = random.below(10);
    match kind {
        0 | 1 => changed[at] ^= 1 << random.below(8),
        2 => {
            let end = (at + 1 + random.below(64)).min(changed.len());
            changed[at..end].iter_mut().for_each(|byte| *byte = random.byte());
        }
        3 => {
            let end = (at + 1 + random.below(4096)).min(changed.len());
            changed[at..end].fill(0);
        }
        4 => changed.truncate(at),
        5 => changed.extend((0..=random.below(64)).map(|_| b'x')),
        6 => {
            let (other, theirs) = nth(random.below(files.len()));
            let changes = vec![(path.clone(), theirs.clone()), (other.clone(), bytes.clone())];
            return (format!("{} and {} swapped", path.display(), other.display()), changes);
        }
        7 => changed = nth(random.below(files.len())).1.clone(),
        8 => changed = foreign[random.below(foreign.len())].clone(),
        // the length of a Parquet footer lies
        _ => {
            let length = changed.len().saturating_sub(8);
            let lie = u32::try_from(random.next() & 0xffff).unwrap().to_le_bytes();
            changed.iter_mut().skip(length).zip(lie).for_each(|(byte, lie)| *byte = lie);
        }
    }
    (format!("kind {kind} at {at} of {}", path.display()), vec![(path.clone(), changed)])
}

fn questions() -> Vec<Spec> {
    let sql = |query: &str| Spec::Sql { query: query.to_owned() };
    vec![
        Spec::Overview(Scope::default()),
        sql(
            "SELECT activity, user_id, timestamp, additional_params, source, date FROM events ORDER BY event_id",
        ),
        sql("SELECT file, line, text FROM quarantine ORDER BY file, line"),
    ]
}

/// The answers as text, or what kind of error there was instead.
async fn answers(root: PathBuf) -> Result<Vec<String>, (ErrorKind, String)> {
    let of = |error: wayfare_query::Error| {
        (error.kind(), format!("{error}: {:?}", std::error::Error::source(&error)))
    };
    let engine = Engine::new(Arc::new(Library::open(&root).map_err(of)?), EngineOptions::default());
    let mut answers = Vec::new();
    for question in questions() {
        let report = engine.run(&question).await.map_err(of)?;
        answers.push(arrow::util::pretty::pretty_format_batches(&[report.batch]).unwrap().to_string());
    }
    Ok(answers)
}

/// What a task comes to; nothing if it hangs.
async fn within_beats<T>(mut task: JoinHandle<T>) -> Option<Result<T, JoinError>> {
    for _ in 0..BEATS_MAX {
        if let Ok(done) = tokio::time::timeout(BEAT, &mut task).await {
            return Some(done);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_gives_the_same_answer_or_is_called_damage() {
    let mutants = from_environment("WAYFARE_MUTANTS", MUTANTS);
    let seed = from_environment("WAYFARE_SEED", SEED);
    let (store, stranger) = (small_store(), small_store());
    // the settings are for people to edit, and the locks are empty
    let is_guarded = |path: &PathBuf| {
        !path.ends_with("wayfare.toml") && path.extension().is_none_or(|extension| extension != "lock")
    };
    let read = |root: PathBuf| files_below(&root).into_iter().filter(is_guarded);
    let files: BTreeMap<PathBuf, Vec<u8>> =
        read(store.path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    let foreign: Vec<Vec<u8>> = read(stranger.path()).map(|path| fs::read(path).unwrap()).collect();
    let sound = answers(store.path()).await.unwrap();
    let (mut same, mut noticed) = (0, 0);
    for number in 0..mutants {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let (what, changes) = mutate(&mut random, &files, &foreign);
        let place = format!("WAYFARE_SEED={seed}, mutant {number}: {what}");
        for (path, bytes) in &changes {
            fs::write(path, bytes).unwrap();
        }
        // a task of its own: a panic in it is an error of the task
        let asked = within_beats(tokio::spawn(answers(store.path()))).await;
        match asked
            .unwrap_or_else(|| panic!("{place}: hangs"))
            .unwrap_or_else(|panic| panic!("{place}: {panic}"))
        {
            Ok(seen) => {
                assert_eq!(seen, sound, "{place}: another answer");
                same += 1;
            }
            Err((kind, message)) => {
                assert_eq!(kind, ErrorKind::Corrupt, "{place}: {message}");
                noticed += 1;
            }
        }
        for (path, _) in &changes {
            fs::write(path, &files[path]).unwrap();
        }
    }
    println!("{mutants} mutants: {noticed} noticed, {same} without an effect");
    assert!(noticed > mutants / 2, "{noticed} of {mutants} noticed");
    assert_eq!(answers(store.path()).await.unwrap(), sound);
}

/// The binary says which file, and ends with the code for damage.
#[test]
fn a_damaged_file_is_named_checked_and_taken_out() {
    let store = small_store();
    store.run(&["verify"]).expect(0).says(&["all is as it was written"]);
    let victim = files_below(&store.path().join("events"))
        .into_iter()
        .find(|path| {
            path.to_string_lossy().contains("date=2026-03-01")
                && path.extension().is_some_and(|e| e == "parquet")
        })
        .unwrap();
    let name = victim.file_name().unwrap().to_str().unwrap().to_owned();
    let before = store.number("SELECT count(*) FROM events");
    let distinct = store.number("SELECT count(DISTINCT event_id) FROM events");
    let sound = store.rows(&["overview"]);
    let mut bytes = fs::read(&victim).unwrap();
    bytes[200] ^= 4;
    fs::write(&victim, bytes).unwrap();

    store
        .run(&["sql", "SELECT count(DISTINCT user_id) FROM events"])
        .expect(7)
        .says(&["not as they were written", &name]);
    store.run(&["verify"]).expect(7).says(&[&name, "bytes: ", "--repair"]);
    let rows =
        store.run(&["verify", "--format", "json"]).expect(7).json()["findings"][0]["rows"].as_i64().unwrap();
    let repaired = store.run(&["verify", "--repair", "--format", "json"]).expect(7);
    assert_eq!(repaired.json()["repair"]["lost"].as_object().unwrap().len(), 1, "{}", repaired.out);
    store.run(&["verify"]).expect(0).says(&["left over: damaged/events/"]);
    assert_eq!(store.number("SELECT count(*) FROM events"), before - rows);

    // what was lost comes back from the event files, and nothing counts twice
    let files = [0, 1, 2].map(|part| store.beside(&format!("{part}.ndjson")).to_str().unwrap().to_owned());
    let ingest =
        [&["ingest", "--max-rejects", "3"], files.each_ref().map(String::as_str).as_slice()].concat();
    store.run(&ingest).expect(0).says(&["already in the store"]);
    assert_eq!(store.number("SELECT count(*) FROM events"), before - rows);
    store.ok(&[&["ingest", "--again", "--max-rejects", "3"], &ingest[3..]].concat());
    assert_eq!(store.rows(&["overview"]), sound);
    assert_eq!(store.number("SELECT count(DISTINCT event_id) FROM events"), distinct);
    assert_eq!(store.number("SELECT count(*) FROM quarantine"), 3);

    // the cache is rebuilt, nothing is lost
    store.ok(&["compact"]);
    assert_eq!(store.number("SELECT count(*) FROM events"), distinct);
    let overview = store.rows(&["overview"]);
    for path in files_below(&store.path().join("invocations")) {
        if path.extension().is_some_and(|e| e == "parquet") && !path.to_string_lossy().contains("_delta_log")
        {
            fs::write(&path, b"gone").unwrap();
        }
    }
    store.run(&["overview"]).expect(7);
    store.run(&["verify", "--repair"]).expect(0).says(&["dropped from the cache"]);
    assert_eq!(store.rows(&["overview"]), overview);
}

#[test]
fn a_file_or_a_log_entry_that_is_missing_is_damage() {
    let store = small_store();
    let log = store.path().join("events/_delta_log");
    let entry = log.join("00000000000000000001.json");
    let bytes = fs::read(&entry).unwrap();
    fs::remove_file(&entry).unwrap();
    store
        .run(&["verify"])
        .expect(7)
        .says(&["00000000000000000001.json: log: the entry is missing", "backup"]);
    fs::write(&entry, bytes).unwrap();
    let victim = files_below(&store.path().join("events"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "parquet"));
    fs::remove_file(victim.unwrap()).unwrap();
    store
        .run(&["sql", "SELECT DISTINCT user_id FROM events"])
        .expect(7)
        .says(&["the file is missing", "events/source="]);
    store.run(&["verify"]).expect(7).says(&["bytes: the file is missing"]);
}

/// A cached date whose file is whole and says that it is up to date, and lacks a run.
#[tokio::test]
async fn cached_runs_that_are_not_those_of_the_events_are_found() {
    let store = small_store();
    store.ok(&["compact"]);
    store.run(&["verify"]).expect(0);
    let open = Library::open(&store.path()).unwrap();
    let table = open.invocations();
    let cached = table.snapshot().await.unwrap().files;
    let victim = cached.into_iter().find(|file| file.statistics.rows > 1).unwrap();
    let bytes = fs::read(store.path().join("invocations").join(&victim.path)).unwrap();
    let rows = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap().build().unwrap();
    let rows = rows.map(Result::unwrap).next().unwrap();
    let mut encoder = Encoder::try_new(table.file_schema(), FileLayout::PLAIN).unwrap();
    encoder.write(&rows.slice(1, rows.num_rows() - 1)).unwrap();
    let appendix = victim.appendix(&*open.access()).await.unwrap();
    encoder.append(&appendix.unwrap_or_default()).unwrap();
    // what a file was folded from stands in its name, before a random part
    let name = victim.path.rsplit('/').next().unwrap();
    let stem = name.rsplit_once('-').unwrap().0;
    let partition = [("start_date", victim.partition_value("start_date").unwrap().to_owned())];
    let lie = table.put(encoder.finish().unwrap(), &partition, stem, 0).await.unwrap();
    table.commit(Commit { add: vec![lie], remove: vec![victim], ..Commit::default() }).await.unwrap();
    store.run(&["verify"]).expect(7).says(&["cache: the runs are not those that the events give"]);
    store.run(&["verify", "--repair"]).expect(0);
    store.run(&["verify"]).expect(0);
}

#[tokio::test]
async fn a_log_that_is_gone_is_damage_for_who_has_the_store_open_too() {
    for gone in ["events/_delta_log", "events"] {
        let store = small_store();
        let open = Library::open(&store.path()).unwrap();
        open.events().snapshot().await.unwrap();
        fs::remove_dir_all(store.path().join(gone)).unwrap();
        let error = open.events().snapshot().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{gone}: {error}");
        assert!(error.to_string().contains("events/_delta_log"), "{gone}: {error}");
        for command in [["overview"], ["compact"], ["vacuum"]] {
            store.run(&command).expect(7).says(&["log is missing", "events/_delta_log", "backup"]);
        }
        store.run(&["verify"]).expect(7).says(&["events/_delta_log"]);
    }
}

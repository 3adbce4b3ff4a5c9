//! The logs of events: pages, filters, counts, export, one event; sessions and recommendations.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::harness::{Ran, Store, sample};

/// The sample's events as they were written.
static LINES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(sample()).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
});

fn of_source(source: &'static str) -> impl Iterator<Item = &'static Value> {
    LINES.iter().filter(move |line| line["source"] == source)
}

fn loaded() -> Store {
    let store = Store::new();
    store.ingest(&[sample()]);
    store
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
}

/// All pages of a list; `between` is called after each of them.
fn walk(store: &Store, question: &[&str], limit: &str, mut between: impl FnMut(usize)) -> Vec<Value> {
    let (mut rows, mut next): (Vec<Value>, Option<String>) = (Vec::new(), None);
    for page in 0.. {
        let mut command = store.command(question);
        command.args(["--limit", limit, "--format", "json"]);
        command.args(next.iter().flat_map(|next| ["--after", next]));
        let report = Ran::of(command).expect(0).json();
        rows.extend(report["rows"].as_array().unwrap().iter().cloned());
        next = report["next"].as_str().map(str::to_owned);
        if next.is_none() {
            return rows;
        }
        between(page);
    }
    unreachable!("pages end")
}

#[test]
fn pages_neither_skip_nor_repeat_while_events_come_in() {
    let store = loaded();
    for order in [&[][..], &["--oldest-first"]] {
        let question = [&["activity", "admin", "--from", "2026-03-03", "--to", "now"], order].concat();
        let before = store.rows(&[&question[..], &["--limit", "1000"]].concat());
        assert!(before.len() > 80, "{}", before.len());
        let mut stored = 0;
        let walked = walk(&store, &question, "30", |page| {
            // events before, inside and after the range, and one that is there already
            let late: String = [1, 5, 15, 25, 31]
                .map(|day| {
                    format!(
                        "{{\"activity\":\"updateApp\",\"source\":\"admin\",\"timestamp\":\"2026-03-{day:02}T11:22:33.{page:03}Z\",\
                         \"actor_id\":\"late{}{page}\"}}\n",
                        order.len()
                    )
                })
                .concat();
            let again = of_source("admin").nth(page).unwrap();
            let file = store.file("late.ndjson", format!("{late}{again}\n"));
            assert_eq!(store.ingest(&[file])["accepted"].as_u64(), Some(6));
            stored += 5;
        });
        assert_eq!(ids(&walked), ids(&before), "{order:?}");
        assert!(stored >= 10);
        // a new walk sees them, and the one that was stored again once
        let after = store.rows(&[&question[..], &["--limit", "1000"]].concat());
        let distinct: BTreeSet<String> = ids(&after).into_iter().collect();
        assert!(distinct.len() == after.len() && after.len() > before.len(), "{}", after.len());
    }
}

#[test]
fn a_page_of_another_question_is_refused() {
    let store = loaded();
    let report =
        Ran::of(store.command(&["activity", "risk", "-n", "2", "--format", "json"])).expect(0).json();
    let next = report["next"].as_str().unwrap();
    store.run(&["activity", "admin", "--after", next]).expect(2).says(&["another question", "hint: "]);
    store.run(&["activity", "risk", "--search", "x", "--after", next]).expect(2).says(&["another question"]);
    store.run(&["activity", "risk", "--after", "page 2"]).expect(2).says(&["\"page 2\""]);
    store.run(&["activity", "risk", "-n", "5", "--after", next]).expect(0);
}

#[test]
fn filters_find_what_the_lines_have() {
    let store = loaded();
    let count = |arguments: &[&str]| store.rows(&[arguments, &["--limit", "100000"]].concat()).len();
    let lines = |source, fits: &dyn Fn(&Value) -> bool| of_source(source).filter(|line| fits(line)).count();
    let user = of_source("cis").find_map(|line| line["user_id"].as_str()).unwrap();
    assert_eq!(count(&["activity", "user", "--user", user]), lines("cis", &|line| line["user_id"] == user));
    let actor = of_source("admin").next().unwrap()["actor_id"].as_str().unwrap();
    assert_eq!(
        count(&["activity", "admin", "--actor", actor]),
        lines("admin", &|line| line["actor_id"] == actor)
    );
    assert_eq!(
        count(&["activity", "admin", "--target", "tenant"]),
        lines("admin", &|line| line["target_resource_type"] == "tenant")
    );
    let ip = of_source("risk").next().unwrap()["ip"].as_str().unwrap();
    assert_eq!(count(&["activity", "risk", "--ip", ip]), lines("risk", &|line| line["ip"] == ip));
    let params = |line: &Value| line["additional_params"].to_string();
    assert_eq!(
        count(&["activity", "risk", "--search", "behavior_BOT"]),
        lines("risk", &|line| params(line).contains("BEHAVIOR_BOT"))
    );
    // any spelling of a type, several at once
    let types = ["--type", "User login", "--type", "smsSent"];
    let wanted = |line: &Value| {
        ["user_login", "sms_sent", "User login", "SMS sent"].iter().any(|t| line["activity"] == *t)
    };
    assert_eq!(count(&[&["activity", "user"], &types[..]].concat()), lines("cis", &wanted));
    assert_eq!(
        count(&["activity", "verify", "--country", "DE,FR"]),
        lines("verify", &|line| ["DE", "FR"].iter().any(|c| line["additional_params"]["country"] == *c))
    );
    assert_eq!(
        count(&["activity", "risk", "--where", "params.risk_score >= 75"]),
        lines("risk", &|line| line["additional_params"]["risk_score"].as_f64().unwrap() >= 75.0)
    );
    assert_eq!(
        count(&["activity", "admin", "--from", "2026-03-10", "--to", "2026-03-12"]),
        lines("admin", &|line| ("2026-03-10".."2026-03-12").contains(&line["timestamp"].as_str().unwrap()))
    );
    store.run(&["activity", "user", "--type", "usr_login"]).expect(5).says(&["did you mean user_login?"]);
    let none = Ran::of(store.command(&["activity", "user", "--user", "nobody"])).expect(0);
    assert!(none.out.contains("no rows") && none.out.contains("none of the 20,000 events"), "{}", none.out);
}

#[test]
fn counts_are_those_of_the_lines() {
    let store = loaded();
    // events that were stored twice count once
    let again: String = of_source("risk").take(50).map(Value::to_string).collect::<Vec<_>>().join("\n");
    assert_eq!(store.ingest(&[store.file("again.ndjson", again)])["accepted"], 50);
    let mut by_type: BTreeMap<String, i64> = BTreeMap::new();
    for line in of_source("risk") {
        let kind = line["additional_params"]["recommendation"]["type"].as_str().unwrap();
        *by_type.entry(kind.to_owned()).or_default() += 1;
    }
    let rows = store.rows(&["activity", "risk", "--by", "recommendation"]);
    let seen = rows
        .iter()
        .map(|row| (row["recommendation"].as_str().unwrap().to_owned(), row["events"].as_i64().unwrap()));
    assert_eq!(seen.collect::<BTreeMap<_, _>>(), by_type);
    let days = store.rows(&["risk"]);
    for (kind, count) in &by_type {
        let column = kind.to_lowercase();
        assert_eq!(days.iter().map(|row| row[&column].as_i64().unwrap()).sum::<i64>(), *count, "{kind}");
    }
    let sessions: BTreeSet<&str> =
        of_source("verify").map(|line| line["additional_params"]["session_id"].as_str().unwrap()).collect();
    for by in [&[][..], &["--by", "platform"], &["--by", "day"]] {
        let rows = store.rows(&[&["sessions"], by].concat());
        let all: i64 = rows.iter().map(|row| row["sessions"].as_i64().unwrap()).sum();
        assert_eq!(usize::try_from(all).unwrap(), sessions.len(), "{by:?}");
    }
}

#[test]
fn everything_is_exported_in_order() {
    let store = loaded();
    let path = store.beside("risk.ndjson");
    let all = ["activity", "risk", "--all", "--output", path.to_str().unwrap()];
    assert!(store.ok(&all).is_empty());
    let text = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), of_source("risk").count());
    assert_eq!(ids(&rows), ids(&store.rows(&["activity", "risk", "--limit", "100000"])));
    let parquet = store.beside("risk.parquet");
    store.ok(&["activity", "risk", "--all", "--output", parquet.to_str().unwrap()]);
    assert!(std::fs::read(&parquet).unwrap().starts_with(b"PAR1"));
    let json =
        Ran::of(store.command(&["activity", "risk", "--all", "--limit", "9", "--format", "json"])).expect(0);
    assert_eq!(json.json()["rows"].as_array().unwrap()[..], rows[..9]);
    store.run(&["activity", "risk", "--all"]).expect(2).says(&["nothing for a table", "--output"]);
}

#[test]
fn one_event_is_shown_whole() {
    let store = loaded();
    let row = &store.rows(&["activity", "admin", "--where", "changes is set", "-n", "1"])[0];
    let id = row["event_id"].as_str().unwrap();
    let change = row["additional_params"].as_object().unwrap().iter().next().unwrap();
    let told = format!(
        "{}: {} → {}",
        change.0,
        change.1["prev"].as_str().unwrap(),
        change.1["current"].as_str().unwrap()
    );
    assert_eq!(row["changes"], told.as_str());
    let shown: Value = serde_json::from_str(&store.ok(&["event", id.split_at(8).0])).unwrap();
    for name in ["event_id", "activity", "actor_id", "target_resource_id", "additional_params", "changes"] {
        assert_eq!(shown[name], row[name], "{name}");
    }
    store.run(&["event", "ffffffffffffffffffffffffffffffff"]).expect(5).says(&["no event"]);
    store.run(&["event", "12"]).expect(2).says(&["hexadecimal digits"]);
}

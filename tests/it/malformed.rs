//! Whatever a line looks like, it is accepted, a duplicate or rejected, and a rejected one stands in quarantine.

use std::sync::Arc;

use wayfare_ingest::{IngestOptions, IngestProgress, Limits, Mapping, Store as Library, expand, ingest};

use crate::harness::{Random, Store, from_environment};

/// Lines of one run; `WAYFARE_LINES=1000000` for the large one, `WAYFARE_SEED` for other ones.
const LINES: u64 = 20_000;
const SEED: u64 = 20_260_301;

/// One line without its end. Every kind occurs, most of them broken; a line break is in none.
fn line(random: &mut Random, number: u64) -> Vec<u8> {
    let good = |value: &str| {
        format!(
            "{{\"activity\":\"step_completed\",\"timestamp\":\"2026-03-01T10:00:00.000Z\",\"invocation_id\":\"r{number}\",\"additional_params\":{value}}}"
        )
    };
    let field = |name: &str, value: &str| {
        good("{}").replace(&format!("\"{name}\":\""), &format!("\"{name}\":{value},\"_\":\""))
    };
    let text = match random.below(26) {
        0..4 => good("{\"journey_id\":\"login\"}"),
        // the same event again
        4 => "{\"activity\":\"a\",\"timestamp\":1772359205000,\"event_id\":\"one\"}".to_owned(),
        5 => format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        6 => good(&format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200))),
        7 => good("123456789012345678901234567890e999999"),
        8 => field(
            "timestamp",
            ["1e400", "-1", "99999999999999999999", "true", "[]", "{}", "null", "\"\"", "0"][random.below(9)],
        ),
        9 => field("activity", ["7", "null", "[1]", "{\"a\":1}", "\"\"", "\" \""][random.below(6)]),
        10 => field("invocation_id", ["7", "false", "[]", "1.5e3", "\"\\u0000\""][random.below(5)]),
        11 => "\u{feff}".to_owned() + &good("{}"),
        12 => good("{}") + "\r",
        13 => good("{\"a\":1,\"a\":2}").replace("\"activity\"", "\"activity\":\"x\",\"activity\""),
        14 => good("{\"text\":\"\\ud800 alone\"}"),
        15 => good("{\"n\":NaN}"),
        16 => good("{}").chars().take(random.below(90)).collect(),
        17 => good("{}") + &good("{}"),
        18 => ["null", "true", "\"text\"", "[]", "[{}]", "12", "{}", "", " ", "\t", "{", "}", "\\", "\""]
            [random.below(14)]
        .to_owned(),
        19 => good(&format!("\"{}\"", "x".repeat(random.below(5_000)))),
        20 => (0..200).fold("{".to_owned(), |line, name| line + &format!("\"k{name}\":{name},")) + "\"z\":0}",
        21 => "activity,timestamp\u{2028}a;b".to_owned(),
        22 => good("{\"a\":\"\u{1f600}\u{202e}\u{0}\"}"),
        // bytes that are no text
        23 => {
            let noise: Vec<u8> = (0..random.below(200)).map(|_| random.byte()).collect();
            return one_line(noise);
        }
        24 => {
            let mut bytes = good("{\"journey_id\":\"login\"}").into_bytes();
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
            return one_line(bytes);
        }
        _ => good("{}").replace('"', "'"),
    };
    text.into_bytes()
}

/// Without what would make several records of it.
fn one_line(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|byte| !matches!(byte, b'\n' | b'['));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_accounted_for() {
    let (lines, seed) = (from_environment("WAYFARE_LINES", LINES), from_environment("WAYFARE_SEED", SEED));
    let mut random = Random(seed);
    // the first line says what the file is; the last has no end
    let mut bytes = b"{\"activity\":\"a\",\"timestamp\":1772359205000,\"event_id\":\"one\"}\n".to_vec();
    let mut expected = 1;
    for number in 1..lines {
        let line = if number == lines / 2 { vec![b'x'; 10_000_000] } else { line(&mut random, number) };
        // a line with an array has as many records as that
        let text = line.trim_ascii();
        expected += u64::from(!text.is_empty() && text != b"[]");
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes.pop();
    let place = Store::new();
    let file = place.file("hostile.ndjson", bytes);
    let store = Library::open_or_create(&place.path()).await.unwrap();
    let mut options = IngestOptions::new(Mapping::mosaic().unwrap(), 1_772_323_200_000);
    options.part_records = 5_000;
    let inputs = expand(&[file], &Limits::default()).unwrap();
    let quiet: Arc<dyn IngestProgress> = Arc::new(());
    let summary = ingest(&store, &inputs, &options, &quiet).await.unwrap();
    let (read, accepted) = (summary.total(|input| input.read), summary.total(|input| input.accepted));
    let (duplicates, rejected) =
        (summary.total(|input| input.duplicates), summary.total(|input| input.rejected));
    println!(
        "seed {seed}: read {read} = accepted {accepted} + duplicates {duplicates} + rejected {rejected}: {:?}",
        summary.reasons
    );
    assert_eq!(read, accepted + duplicates + rejected);
    assert_eq!(read, expected, "a line with anything in it is a record");
    assert!(accepted > lines / 5 && rejected > lines / 5 && duplicates > 0);
    // among very many, a changed byte makes a wild time of a good one, too
    assert!(summary.reasons.len() >= 7, "{:?}", summary.reasons);
    assert!(summary.inputs[0].damage.is_none());
    assert_eq!(place.number("SELECT count(*) FROM quarantine"), i64::try_from(rejected).unwrap());
    assert_eq!(place.number("SELECT count(*) FROM events"), i64::try_from(accepted).unwrap());
    place.ok(&["verify"]);
}

//! Golden files: `tests/golden/NAME.EXTENSION` at the root of the repository.
//!
//! `WAYFARE_BLESS=1 cargo test --workspace golden` writes them anew; review the difference before committing it.

use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array,
    LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::*;

const PIPE: Look = Look { color: false, width: None, unicode: true };

fn report(name: &'static str, title: &str, spec: Value, columns: Vec<(&str, ArrayRef)>) -> Report {
    Report {
        name,
        title: title.to_owned(),
        spec,
        snapshot: 12,
        as_of_ms: Some(1_769_860_800_000),
        batch: RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap(),
        rows_total: None,
        next: None,
        notes: Vec::new(),
    }
}

fn texts<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(StringViewArray::from_iter_values(values))
}

fn counts<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn floats<const N: usize>(values: [Option<f64>; N]) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

fn funnel() -> Report {
    let spec = json!({
        "report": "funnel", "journey": ["login"], "from": "2026-01-01", "to": "2026-02-01", "tz": "Europe/Berlin",
        "steps": ["enter_email", "enter_code", "done"], "window": "1h",
    });
    let mut report = report(
        "funnel",
        "Funnel of login",
        spec,
        vec![
            ("step_number", counts([1, 2, 3])),
            ("step", texts(["enter_email", "enter_code", "done"])),
            ("reached", counts([12_345, 10_001, 17])),
            ("share_of_first", floats([Some(1.0), Some(10_001.0 / 12_345.0), Some(17.0 / 12_345.0)])),
            ("share_of_first_numerator", counts([12_345, 10_001, 17])),
            ("share_of_first_denominator", counts([12_345; 3])),
            ("share_of_first_low", floats([Some(0.9997), Some(0.803), Some(0.0009)])),
            ("share_of_first_high", floats([Some(1.0), Some(0.817), Some(0.002)])),
            ("share_of_previous", floats([None, Some(10_001.0 / 12_345.0), Some(17.0 / 10_001.0)])),
            ("drop_off", counts([2_344, 9_984, 0])),
            ("median_from_previous_ms", floats([None, Some(1_400.0), Some(192_000.5)])),
        ],
    );
    report.notes = vec!["12,345 runs".to_owned()];
    report
}

fn overview() -> Report {
    let spec = json!({ "report": "overview", "by": ["journey_id"], "limit": 4 });
    let mut report = report(
        "overview",
        "Overview by journey",
        spec,
        vec![
            ("journey_id", texts(["login", "signup", "reset_password", "never ended"])),
            ("started", counts([1_000_000, 5_000, 12, 3])),
            ("total_invocations", counts([990_000, 4_000, 12, 0])),
            ("succeeded", counts([980_100, 3_000, 12, 0])),
            ("failed", counts([9_900, 1_000, 0, 0])),
            ("abandoned", counts([10_000, 999, 0, 0])),
            ("open", counts([0, 1, 0, 3])),
            ("completion_rate", floats([Some(0.99), Some(0.75), Some(1.0), None])),
            ("completion_rate_numerator", counts([980_100, 3_000, 12, 0])),
            ("completion_rate_denominator", counts([990_000, 4_000, 12, 0])),
            ("completion_rate_low", floats([Some(0.9898), Some(0.736), Some(0.757), None])),
            ("completion_rate_high", floats([Some(0.9902), Some(0.763), Some(1.0), None])),
            ("success_rate_of_started", floats([Some(0.9801), Some(0.6), Some(1.0), Some(0.0)])),
            ("average_duration_ms", floats([Some(4_321.25), Some(183_600_000.0), Some(0.0), None])),
            ("p99_duration_ms", floats([Some(60_000.0), Some(863_999_999.0), Some(0.0), None])),
        ],
    );
    report.rows_total = Some(1_238);
    report
}

fn failures() -> Report {
    report(
        "failures",
        "Failures of login",
        json!({ "report": "failures", "journey": ["login"] }),
        vec![
            ("failing_step", texts(["enter_code", "enter_email", "other"])),
            ("error_code", Arc::new(StringArray::from(vec![Some("wrong|code"), None, Some("other")]))),
            ("failures", counts([60, 30, 10])),
            ("share_of_failures", floats([Some(0.6), Some(0.3), Some(0.1)])),
            ("failure_rate", floats([Some(0.012), Some(0.004), None])),
        ],
    )
}

fn types() -> Report {
    let list =
        ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let parts = StructArray::from(vec![
        (Arc::new(Field::new("name", DataType::Utf8, true)), texts_utf8(["a", "b\"", ""])),
        (Arc::new(Field::new("size", DataType::Int64, true)), counts([1, 2, 3])),
    ]);
    let instants = || TimestampMicrosecondArray::from(vec![Some(1_767_225_600_123_456), None, Some(0)]);
    let words: DictionaryArray<Int32Type> = vec![Some("x"), Some("y, z"), None].into_iter().collect();
    report(
        "sql",
        "",
        json!({ "report": "sql", "query": "SELECT …" }),
        vec![
            (
                "text",
                Arc::new(StringArray::from(vec![Some("plain"), Some("two\nlines, \"quoted\""), Some("")])),
            ),
            ("large", Arc::new(LargeStringArray::from(vec![Some("grün"), None, Some("日本|語")]))),
            ("word", Arc::new(words)),
            ("number_ms", counts([1_234_567, -5, 0])),
            ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
            ("float", floats([Some(0.1 + 0.2), Some(f64::NAN), Some(1e300)])),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
            ("day", Arc::new(Date32Array::from(vec![Some(20_454), None, Some(-1)]))),
            ("zoned", Arc::new(instants().with_timezone("UTC"))),
            ("naive", Arc::new(instants())),
            ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")]))),
            ("list", Arc::new(list)),
            ("parts", Arc::new(parts)),
            ("nothing", Arc::new(NullArray::new(3))),
        ],
    )
}

fn texts_utf8<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn empty() -> Report {
    let mut report = funnel();
    report.batch = report.batch.slice(0, 0);
    report.notes =
        vec!["no run of journey login began in the range; the store has runs from 2025-11-01 on".to_owned()];
    report
}

fn bytes(report: &Report, format: Format, look: Look) -> Vec<u8> {
    let mut bytes = Vec::new();
    render(report, format, &look, &mut bytes).unwrap();
    bytes
}

fn written(report: &Report, format: Format, look: Look) -> String {
    String::from_utf8(bytes(report, format, look)).unwrap()
}

/// Compares a text with its golden file.
pub(crate) fn check(file: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(file);
    if env::var_os("WAYFARE_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{file} differs; WAYFARE_BLESS=1 writes it anew\nexpected:\n{expected}\nsaw:\n{text}"
    );
}

#[test]
fn golden_every_format() {
    let formats = [
        (Format::Table, "txt"),
        (Format::Json, "json"),
        (Format::Ndjson, "ndjson"),
        (Format::Csv, "csv"),
        (Format::Markdown, "md"),
    ];
    for (name, report) in [
        ("funnel", funnel()),
        ("overview", overview()),
        ("failures", failures()),
        ("types", types()),
        ("empty", empty()),
    ] {
        for (format, extension) in formats {
            check(&format!("{name}.{extension}"), &written(&report, format, PIPE));
        }
    }
}

#[test]
fn golden_terminals() {
    let narrow = Look { width: Some(80), ..PIPE };
    check("terminal-narrow.txt", &written(&overview(), Format::Table, narrow));
    check("terminal-narrow-upright.txt", &written(&types(), Format::Table, narrow));
    check("terminal-color.txt", &written(&failures(), Format::Table, Look { color: true, ..PIPE }));
    check("terminal-ascii.txt", &written(&funnel(), Format::Table, Look { unicode: false, ..PIPE }));
}

#[test]
fn json_is_json_and_keeps_the_columns() {
    for report in [funnel(), overview(), failures(), types(), empty()] {
        let object: Value = serde_json::from_str(&written(&report, Format::Json, PIPE)).unwrap();
        assert_eq!(object["schema_version"], 1);
        assert_eq!(object["rows"].as_array().unwrap().len(), report.batch.num_rows());
        let lines = written(&report, Format::Ndjson, PIPE);
        let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(object["rows"], Value::Array(rows));
    }
}

#[test]
fn no_line_of_a_table_is_wider_than_the_terminal() {
    for report in [funnel(), overview(), failures()] {
        for width in [40, 60, 80, 120] {
            let text = written(&report, Format::Table, Look { width: Some(width), ..PIPE });
            let rows = text.lines().skip(3).take_while(|line| !line.is_empty());
            for line in rows {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line}");
            }
        }
    }
}

/// What a table is about, and its rows, read back by another's reader.
fn read_back(format: Format, bytes: Vec<u8>) -> (Value, Vec<RecordBatch>) {
    let (about, batches) = if format == Format::Parquet {
        let file = bytes::Bytes::from(bytes);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let about = about.iter().find(|entry| entry.key == "wayfare").unwrap().value.clone().unwrap();
        (about, reader.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap())
    } else {
        let reader = StreamReader::try_new(io::Cursor::new(bytes), None).unwrap();
        (reader.schema().metadata()["wayfare"].clone(), reader.collect::<Result<Vec<_>, _>>().unwrap())
    };
    (serde_json::from_str(&about).unwrap(), batches)
}

#[test]
fn columnar_formats_hold_what_json_holds() {
    for report in [funnel(), overview(), failures(), types(), empty()] {
        let mut object: Value = serde_json::from_str(&written(&report, Format::Json, PIPE)).unwrap();
        let rows = object.as_object_mut().unwrap().remove("rows").unwrap();
        for format in [Format::Parquet, Format::Arrow] {
            let (about, batches) = read_back(format, bytes(&report, format, PIPE));
            assert_eq!(about, object, "{format:?}");
            let seen: Vec<Value> = batches
                .iter()
                .flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)))
                .map(|(batch, row)| {
                    let mut text = Vec::new();
                    machine::json_row(batch, row, &mut text).unwrap();
                    serde_json::from_slice(&text).unwrap()
                })
                .collect();
            assert_eq!(Value::Array(seen), rows, "{format:?}");
        }
    }
}

/// A reader that goes away after some bytes.
struct Gone(usize);

impl Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_stops_every_format_at_every_place() {
    for format in Format::value_variants().iter().copied() {
        let whole = bytes(&funnel(), format, PIPE).len();
        for after in 0..whole {
            let error = render(&funnel(), format, &PIPE, &mut Gone(after)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?} after {after} bytes");
        }
    }
}

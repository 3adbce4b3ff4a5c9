use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

use super::*;

const NAME: &str = "part-1.parquet";

fn parquet(rows: i64) -> Bytes {
    let values = Int64Array::from_iter_values((0..rows).map(|row| row.wrapping_mul(0x1E37_79B9_7F4A_7C15)));
    let batch = RecordBatch::try_from_iter([("v", Arc::new(values) as _)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn open(bytes: &[u8], name: &str) -> Result<Seal, Flaw> {
    let size = bytes.len() as u64;
    let end = |count: u64| &bytes[bytes.len() - usize::try_from(count.min(size)).unwrap()..];
    let mut tail = Seal::tail_bytes(end(END_BYTES as u64), size)?;
    tail = Seal::tail_bytes(end(tail), size)?;
    Seal::open(end(tail), size, name)
}

fn check(bytes: &[u8], name: &str) -> Result<(), Flaw> {
    open(bytes, name)?.check(0, bytes)
}

#[test]
fn a_sealed_file_is_still_parquet() {
    let sealed = seal_parquet(parquet(20_000), NAME);
    check(&sealed, NAME).unwrap();
    let rows: usize = ParquetRecordBatchReaderBuilder::try_new(sealed)
        .unwrap()
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(rows, 20_000);
}

#[test]
fn a_file_under_another_name_or_without_a_seal_does_not_fit() {
    let sealed = seal_parquet(parquet(10), NAME);
    assert_eq!(check(&sealed, "part-2.parquet"), Err(Flaw::Seal));
    assert_eq!(check(&parquet(10), NAME), Err(Flaw::NoSeal));
    assert_eq!(check(b"", NAME), Err(Flaw::NoSeal));
}

proptest! {
    #[test]
    fn no_changed_byte_and_no_cut_goes_unnoticed(at in any::<prop::sample::Index>(), flip in 1_u8.., rows in 0_i64..12_000) {
        let sealed = seal_parquet(parquet(rows), NAME);
        let at = at.index(sealed.len());
        let mut changed = sealed.to_vec();
        changed[at] ^= flip;
        prop_assert!(check(&changed, NAME).is_err(), "byte {at} of {}", sealed.len());
        prop_assert!(check(&sealed[..at], NAME).is_err(), "cut to {at} of {}", sealed.len());
    }

    #[test]
    fn what_covers_a_range_can_be_checked_alone(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let sealed = seal_parquet(parquet(12_000), NAME);
        let (from, to) = (from.index(sealed.len()) as u64, to.index(sealed.len()) as u64);
        let range = from.min(to)..from.max(to) + 1;
        let seal = open(&sealed, NAME).unwrap();
        let cover = seal.cover(&range);
        prop_assert!(cover.start <= range.start && cover.end >= range.end && cover.end <= seal.size());
        let bytes = &sealed[usize::try_from(cover.start).unwrap()..usize::try_from(cover.end).unwrap()];
        prop_assert_eq!(seal.check(cover.start, bytes), Ok(()));
    }
}

const ENTRY: &str = "{\"commitInfo\":{\"timestamp\":1}}\n{\"add\":{\"path\":\"a\"}}\n";

#[test]
fn a_log_entry_keeps_its_lines_and_notices_every_change() {
    let name = "00000000000000000001.json";
    let sealed = seal_log(ENTRY.as_bytes(), name).unwrap();
    let lines: Vec<serde_json::Value> = std::str::from_utf8(&sealed)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["commitInfo"]["timestamp"], 1);
    assert_eq!(check_log(&sealed, name), Ok(()));
    assert_eq!(check_log(&sealed, "00000000000000000002.json"), Err(Flaw::Entry));
    assert_eq!(check_log(ENTRY.as_bytes(), name), Err(Flaw::NoSeal));
    for at in 0..sealed.len() {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        assert!(check_log(&changed, name).is_err(), "byte {at}");
        assert!(check_log(&sealed[..at], name).is_err(), "cut to {at}");
    }
}

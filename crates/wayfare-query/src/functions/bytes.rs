//! Intermediate states as bytes, little endian.

use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};
use datafusion::error::DataFusionError;

pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend(value.to_le_bytes());
}

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_i64(out, i64::try_from(count).unwrap_or(i64::MAX));
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend(text.as_bytes());
}

pub(super) fn take_i64(rest: &mut &[u8]) -> DataFusionResult<i64> {
    let (bytes, others) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    *rest = others;
    Ok(i64::from_le_bytes(*bytes))
}

pub(super) fn take_count(rest: &mut &[u8]) -> DataFusionResult<usize> {
    usize::try_from(take_i64(rest)?).map_err(|_negative| damaged())
}

pub(super) fn take_bytes<'a>(rest: &mut &'a [u8]) -> DataFusionResult<&'a [u8]> {
    let length = take_count(rest)?;
    let (bytes, others) = rest.split_at_checked(length).ok_or_else(damaged)?;
    *rest = others;
    Ok(bytes)
}

pub(super) fn take_text<'a>(rest: &mut &'a [u8]) -> DataFusionResult<&'a str> {
    std::str::from_utf8(take_bytes(rest)?).map_err(|_bytes| damaged())
}

pub(super) fn damaged() -> DataFusionError {
    exec_datafusion_err!("the intermediate state of a function is damaged")
}

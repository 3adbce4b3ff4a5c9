//! Intermediate states as bytes, little endian.

use arrow::buffer::Buffer;
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

pub(super) fn take_i64(rest: &mut Buffer) -> DataFusionResult<i64> {
    let bytes = *rest.first_chunk::<8>().ok_or_else(damaged)?;
    rest.advance(8);
    Ok(i64::from_le_bytes(bytes))
}

pub(super) fn take_count(rest: &mut Buffer) -> DataFusionResult<usize> {
    usize::try_from(take_i64(rest)?).map_err(|_negative| damaged())
}

/// Takes bytes without copying them.
pub(super) fn take_bytes(rest: &mut Buffer) -> DataFusionResult<Buffer> {
    let length = take_count(rest)?;
    if length > rest.len() {
        return Err(damaged());
    }
    let bytes = rest.slice_with_length(0, length);
    rest.advance(length);
    Ok(bytes)
}

/// The text of bytes that were taken.
pub(super) fn text(bytes: &Buffer) -> DataFusionResult<&str> {
    std::str::from_utf8(bytes).map_err(|_bytes| damaged())
}

pub(super) fn damaged() -> DataFusionError {
    exec_datafusion_err!("the intermediate state of a function is damaged")
}

//! The fold's intermediate state as bytes: events one after the other, texts written out, little endian.

use datafusion::common::{Result as DataFusionResult, exec_datafusion_err};

use super::accumulator::{FoldAccumulator, Packed, Shape};
use super::intern::NONE;

/// The length that stands for "no text".
const NO_TEXT: u32 = u32::MAX;

/// Appends one event.
pub(super) fn write(out: &mut Vec<u8>, event: &Packed, from: &FoldAccumulator) {
    for word in event.id {
        out.extend(word.to_le_bytes());
    }
    out.extend(event.at_ms.to_le_bytes());
    out.extend(event.marks.to_le_bytes());
    let shape = from.shape_of(event.shape);
    let status = shape.and_then(|shape| shape.http_status);
    out.extend(status.unwrap_or(i64::MIN).to_le_bytes());
    let event_texts = shape.map(|shape| shape.texts.as_slice()).unwrap_or_default();
    let dimensions = from.dimensions.get(event.dimensions).map(<[u32; _]>::as_slice).unwrap_or_default();
    for &number in event_texts.iter().chain(dimensions) {
        match from.texts.get(number) {
            Some(text) => {
                out.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
                out.extend(text.as_bytes());
            }
            None => out.extend(NO_TEXT.to_le_bytes()),
        }
    }
}

/// Reads one event from the front of `rest`.
pub(super) fn read(rest: &mut &[u8], group: u32, into: &mut FoldAccumulator) -> DataFusionResult<Packed> {
    let id = [u64::from_le_bytes(bytes(rest)?), u64::from_le_bytes(bytes(rest)?)];
    let at_ms = i64::from_le_bytes(bytes(rest)?);
    let marks = u64::from_le_bytes(bytes(rest)?);
    let status = i64::from_le_bytes(bytes(rest)?);
    let mut shape = Shape { texts: [NONE; _], http_status: (status != i64::MIN).then_some(status) };
    for number in &mut shape.texts {
        *number = text(rest, into)?;
    }
    let mut dimensions = [NONE; _];
    for number in &mut dimensions {
        *number = text(rest, into)?;
    }
    Ok(Packed {
        id,
        at_ms,
        marks,
        group,
        shape: into.shape(shape),
        dimensions: into.dimensions.number(dimensions),
    })
}

fn text(rest: &mut &[u8], into: &mut FoldAccumulator) -> DataFusionResult<u32> {
    let length = u32::from_le_bytes(bytes(rest)?);
    if length == NO_TEXT {
        return Ok(NONE);
    }
    let (text, others) = rest.split_at_checked(length as usize).ok_or_else(cut)?;
    *rest = others;
    let text = std::str::from_utf8(text).map_err(|_bytes| cut())?;
    Ok(into.texts.number(text))
}

fn bytes<const N: usize>(rest: &mut &[u8]) -> DataFusionResult<[u8; N]> {
    let (bytes, others) = rest.split_first_chunk::<N>().ok_or_else(cut)?;
    *rest = others;
    Ok(*bytes)
}

fn cut() -> datafusion::error::DataFusionError {
    exec_datafusion_err!("fold_run: the intermediate state is damaged")
}

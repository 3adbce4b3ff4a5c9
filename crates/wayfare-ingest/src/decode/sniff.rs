//! Recognises the format of an input by its first bytes.

use super::bytes::Bytes;
use crate::{Error, Result};

const SNIFF_BYTES: usize = 64 << 10;
const SNIFF_LINES: usize = 16;

/// How records lie in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object a line.
    Lines,
    /// JSON arrays of objects, or objects that span lines.
    Elements,
    /// CSV.
    Rows,
}

/// Recognises the format and drops a byte order mark.
pub(super) fn format(bytes: &mut Bytes) -> Result<Format> {
    bytes.fill(SNIFF_BYTES);
    if bytes.as_slice().starts_with(b"\xef\xbb\xbf") {
        bytes.skip(3);
    }
    let head = bytes.as_slice();
    if matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..]) {
        return Err(Error::invalid("expected NDJSON, a JSON array or CSV in UTF-8, saw UTF-16 text")
            .hint("convert it first: iconv -f UTF-16 -t UTF-8"));
    }
    let lines = || head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    match lines().next() {
        Some([b'[', ..] | b"{") => return Ok(Format::Elements),
        None | Some([b'{', ..]) => return Ok(Format::Lines),
        Some(_) => {}
    }
    // A first line may be damaged: the lines after it tell.
    let objects = lines().skip(1).take(SNIFF_LINES).filter(|line| line.starts_with(b"{")).count();
    if objects * 2 > lines().skip(1).take(SNIFF_LINES).count() {
        return Ok(Format::Lines);
    }
    let first = lines().next().unwrap_or_default();
    // The window may end in the middle of a character.
    let readable = match std::str::from_utf8(first) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && first.len() + 8 > head.len(),
    };
    let control = first.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t' && *byte != b'\r');
    if head.contains(&0) || control || !readable {
        return Err(Error::invalid("expected NDJSON, a JSON array or CSV, saw binary data"));
    }
    Ok(Format::Rows)
}

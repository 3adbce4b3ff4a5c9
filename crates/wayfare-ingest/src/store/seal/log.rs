//! The seal of a log entry: a member of its `commitInfo`, over the entry's name and all its other bytes.

use bytes::Bytes;

use super::Flaw;

/// How the line with the provenance of a commit begins.
const LINE: &[u8] = b"{\"commitInfo\":{";
/// How the seal begins, right behind it.
const MEMBER: &[u8] = b"\"wayfareSeal\":\"";
/// How the seal ends.
const END: &[u8] = b"\",";
/// Hexadecimal digits of the digest.
const DIGITS: usize = 64;

/// Puts a seal into an entry that will have `name`; an entry without provenance has no room for one and is not ours.
pub(in crate::store) fn seal_log(entry: &[u8], name: &str) -> Result<Bytes, Flaw> {
    let at = place(entry).ok_or(Flaw::NoSeal)?;
    let (before, after) = entry.split_at_checked(at).ok_or(Flaw::NoSeal)?;
    let digest = digest(name, before, after);
    Ok([before, MEMBER, digest.as_bytes(), END, after].concat().into())
}

/// Compares an entry with its seal.
pub(in crate::store) fn check_log(entry: &[u8], name: &str) -> Result<(), Flaw> {
    let at = place(entry).ok_or(Flaw::NoSeal)?;
    let (before, rest) = entry.split_at_checked(at).ok_or(Flaw::NoSeal)?;
    let rest = rest.strip_prefix(MEMBER).ok_or(Flaw::NoSeal)?;
    let (stated, rest) = rest.split_at_checked(DIGITS).ok_or(Flaw::NoSeal)?;
    let after = rest.strip_prefix(END).ok_or(Flaw::Entry)?;
    if digest(name, before, after).as_bytes() == stated { Ok(()) } else { Err(Flaw::Entry) }
}

/// Where the members of the provenance begin.
fn place(entry: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in entry.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(LINE) {
            return Some(at + LINE.len());
        }
        at += line.len();
    }
    None
}

fn digest(name: &str, before: &[u8], after: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    hasher.update(&(before.len() as u64).to_le_bytes()).update(before).update(after);
    hasher.finalize().to_hex().to_string()
}

//! BLAKE3 of an input's bytes, on all threads: the function is a tree, and its large branches are hashed apart.
//!
//! Source: J. O'Connor, J.-P. Aumasson, S. Neves, Z. Wilcox-O'Hearn, "BLAKE3", section 2.1; the crate's `hazmat` module has
//! the branches. The result is that of hashing the bytes one after the other.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use blake3::{Hash, Hasher};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Bytes of a branch that one thread hashes at a time.
const BRANCH_BYTES: u64 = 32 << 20;

/// A part of what is hashed: `prefix`, then the file.
#[derive(Debug, Clone, Copy)]
struct Branch {
    start: u64,
    length: u64,
}

/// Hashes `prefix` and all bytes of the file that `open` opens.
pub(super) fn digest(
    prefix: &[u8],
    open: impl Fn() -> io::Result<File> + Sync,
    threads: usize,
) -> io::Result<Hash> {
    digest_by(prefix, open, threads, BRANCH_BYTES)
}

fn digest_by(
    prefix: &[u8],
    open: impl Fn() -> io::Result<File> + Sync,
    threads: usize,
    branch_bytes: u64,
) -> io::Result<Hash> {
    let file = open()?;
    let about = file.metadata()?;
    let length = about.len() + prefix.len() as u64;
    if !about.is_file() || length <= branch_bytes {
        return one_by_one(prefix, file);
    }
    let mut branches = Vec::new();
    cut(Branch { start: 0, length }, branch_bytes, &mut branches);
    let next = AtomicUsize::new(0);
    let work = || -> io::Result<Vec<(usize, ChainingValue)>> {
        let mut file = open()?;
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(branch) = branches.get(index) else { return Ok(done) };
            done.push((index, hash_branch(prefix, &mut file, *branch)?));
        }
    };
    let mut values = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, branches.len())).map(|_| scope.spawn(work)).collect();
        let mut values = Vec::with_capacity(branches.len());
        for worker in workers {
            values.extend(worker.join().map_err(|_panic| io::Error::other("a thread panicked"))??);
        }
        Ok::<_, io::Error>(values)
    })?;
    values.sort_unstable_by_key(|(index, _)| *index);
    let mut values = values.into_iter().map(|(_, value)| value);
    let left = left_subtree_len(length);
    let left_value = merged(left, branch_bytes, &mut values);
    let right_value = merged(length - left, branch_bytes, &mut values);
    Ok(merge_subtrees_root(&left_value, &right_value, Mode::Hash))
}

fn one_by_one(prefix: &[u8], mut file: File) -> io::Result<Hash> {
    let mut hasher = Hasher::new();
    hasher.update(prefix);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            count => drop(hasher.update(buffer.get(..count).unwrap_or_default())),
        }
    }
}

/// The branches in order, none longer than `branch_bytes`.
fn cut(branch: Branch, branch_bytes: u64, branches: &mut Vec<Branch>) {
    if branch.length <= branch_bytes {
        branches.push(branch);
        return;
    }
    let left = left_subtree_len(branch.length);
    cut(Branch { length: left, ..branch }, branch_bytes, branches);
    cut(Branch { start: branch.start + left, length: branch.length - left }, branch_bytes, branches);
}

/// The value of a branch from those of the branches that [`cut`] made of it.
fn merged(length: u64, branch_bytes: u64, values: &mut impl Iterator<Item = ChainingValue>) -> ChainingValue {
    if length <= branch_bytes {
        return values.next().unwrap_or_default();
    }
    let left = left_subtree_len(length);
    let left_value = merged(left, branch_bytes, values);
    let right_value = merged(length - left, branch_bytes, values);
    merge_subtrees_non_root(&left_value, &right_value, Mode::Hash)
}

fn hash_branch(prefix: &[u8], file: &mut File, branch: Branch) -> io::Result<ChainingValue> {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(branch.start);
    let at = usize::try_from(branch.start).unwrap_or(usize::MAX);
    let ahead = prefix.get(at..).unwrap_or_default();
    hasher.update(ahead);
    file.seek(SeekFrom::Start(branch.start.saturating_sub(prefix.len() as u64)))?;
    let mut rest = file.take(branch.length - ahead.len() as u64);
    let mut buffer = vec![0; READ_BYTES];
    while rest.limit() > 0 {
        match rest.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => drop(hasher.update(buffer.get(..count).unwrap_or_default())),
        }
    }
    Ok(hasher.finalize_non_root())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn branches_give_what_one_pass_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input");
        let prefix = [7; 37];
        for length in [0, 1, 1_000, 2_011, 2_012, 4_059, 5_000, 8_192, 70_000, 200_001] {
            let bytes: Vec<u8> =
                (0..length).map(|at: u32| at.to_le_bytes()[usize::from(at.is_multiple_of(7))]).collect();
            fs::write(&path, &bytes).unwrap();
            let expected = blake3::hash(&[&prefix[..], &bytes].concat());
            for (threads, branch_bytes) in [(1, 1 << 20), (1, 2_048), (3, 4_096), (2, 32_768)] {
                let seen = digest_by(&prefix, || File::open(&path), threads, branch_bytes).unwrap();
                assert_eq!(seen, expected, "{length} bytes, branches of {branch_bytes}");
            }
        }
    }
}

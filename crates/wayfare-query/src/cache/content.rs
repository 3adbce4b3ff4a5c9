//! What the event files of a date hold, as one number that merging files does not change.
//!
//! Every event file has a 128-bit number; that of a date is the sum over its files. A file that ingest wrote has a
//! digest of its path, which never repeats. Files that are merged into others hand their sum on: each of the others
//! carries a share of it in its name. So a cache stays true when the files of its events are merged, and does
//! not when an event comes, goes or changes.

use wayfare_ingest::DataFile;

/// How the names of merged files begin.
const MERGED: &str = "merged-";

/// Hexadecimal digits of a merge's id.
const MERGE_ID_DIGITS: usize = 16;

/// The number of what files hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content(u128);

impl Content {
    /// The content of files together.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = &'a DataFile>) -> Self {
        Self(files.into_iter().map(|file| of_path(&file.path)).fold(0, u128::wrapping_add))
    }

    /// The id of the merge of files with this content.
    pub(crate) fn merge_id(self) -> String {
        blake3::hash(&self.to_bytes()).to_hex().chars().take(MERGE_ID_DIGITS).collect()
    }

    /// Takes a random share away, for the file of this number of a merge; what is left is for the others.
    pub(crate) fn take_share(&mut self, merge: &str, file: usize) -> Self {
        let share = digest(format!("{merge}/{file}").as_bytes());
        self.0 = self.0.wrapping_sub(share);
        Self(share)
    }

    /// The bytes of the number.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

fn of_path(path: &str) -> u128 {
    if let Some(number) = merged_name(path).and_then(|(_, number)| u128::from_str_radix(number, 16).ok()) {
        return number;
    }
    digest(path.as_bytes())
}

fn digest(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut first);
    u128::from_le_bytes(first)
}

/// The beginning of a merged file's name, with its share of the content of the files that it was merged from. Without
/// one, since events were left out, the file is known by its whole name, as those of ingest are.
pub(crate) fn merged_stem(merge: &str, content: Option<Content>) -> String {
    match content {
        Some(Content(number)) => format!("{MERGED}{merge}-{number:032x}"),
        None => format!("{MERGED}{merge}"),
    }
}

/// The id of the merge that a file came from.
pub(crate) fn merge_of(file: &DataFile) -> Option<&str> {
    let name = file.path.rsplit('/').next()?;
    name.strip_prefix(MERGED)?.get(..MERGE_ID_DIGITS)
}

/// The merge's id and the content's digits in the name of a merged file that has them.
fn merged_name(path: &str) -> Option<(&str, &str)> {
    let name = path.rsplit('/').next()?.strip_prefix(MERGED)?;
    let mut parts = name.split('-');
    match (parts.next(), parts.next(), parts.next()) {
        // a random part follows the number
        (Some(merge), Some(number), Some(_random)) if number.len() == 32 => Some((merge, number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_the_content_and_leaving_out_changes_it() {
        let [left, right] =
            ["a-1", "b-2"].map(|name| of_path(&format!("date=2026-03-01/part-{name}.parquet")));
        let both = Content(left.wrapping_add(right));
        let merge = "0123456789abcdef";
        let path = |stem: String| format!("date=2026-03-01/{stem}-{:032x}.parquet", 7);
        for files in 1..4 {
            let mut rest = both;
            let mut shares: Vec<Content> = (1..files).map(|file| rest.take_share(merge, file)).collect();
            shares.push(rest);
            let numbers: Vec<u128> =
                shares.into_iter().map(|share| of_path(&path(merged_stem(merge, Some(share))))).collect();
            assert_eq!(numbers.iter().fold(0, |sum: u128, number| sum.wrapping_add(*number)), both.0);
            assert!(numbers.iter().all(|&number| number != 0), "a file that goes has to be missed");
        }
        let without = of_path(&path(merged_stem(merge, None)));
        assert!(without != both.0 && without != left && without != 0);
    }
}

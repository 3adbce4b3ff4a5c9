//! The paths of a file: in an order in which neighbours begin alike, and as codes beside lists of tokens.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, BinaryBuilder, StringViewArray, UInt32Array};
use arrow::compute::take;

use crate::functions::Paths;
use crate::timeline::{Coder, Lexicon, code_at, push_code};
use crate::{Error, Result};

/// Tokens of one list, and bytes of their texts, to the end of a path. Runs of a journey have some dozens; where names
/// never repeat, lists are as long as paths.
const LISTED_TOKENS_MAX: usize = 1_024;
const LISTED_BYTES_MAX: usize = 32 << 10;

/// Paths as codes into one list of all their tokens, in the order of their texts.
#[derive(Debug)]
pub(super) struct Ranked {
    texts: Vec<String>,
    paths: BinaryArray,
}

impl Ranked {
    /// Reads a column of paths.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no path.
    pub(super) fn of(column: &ArrayRef) -> Result<Self> {
        let mut lexicon = Lexicon::default();
        let paths = Paths::of(column, &mut lexicon)?;
        let (texts, ranks) = lexicon.ranked();
        let mut built = BinaryBuilder::with_capacity(paths.len(), 0);
        let (mut numbers, mut codes) = (Vec::new(), Vec::new());
        for row in 0..paths.len() {
            lexicon.numbers(paths.at(row), &mut numbers)?;
            codes.clear();
            for number in &numbers {
                let rank = ranks.get((number / 2) as usize).copied().unwrap_or_default();
                push_code(&mut codes, rank, number % 2 == 1);
            }
            built.append_value(&codes);
        }
        Ok(Self { texts, paths: built.finish() })
    }

    /// A key by which neighbouring paths begin alike.
    pub(super) fn keys(&self) -> ArrayRef {
        Arc::new(self.paths.clone())
    }

    /// The columns `path` and `tokens` of a file whose rows are those of `order`; `ends` are the rows before which a journey
    /// ends. A list is in the order of its tokens' texts, and so are paths that share it.
    ///
    /// # Errors
    /// `Internal` when there are more lists than rows can be numbered.
    pub(super) fn columns(&self, order: &UInt32Array, ends: &[usize]) -> Result<(ArrayRef, ArrayRef)> {
        let failed = |cause| Error::internal("cannot list the tokens of paths").because(cause);
        let mut codes = BinaryBuilder::with_capacity(order.len(), 0);
        let (mut lists, mut places) = (Vec::new(), Vec::with_capacity(order.len()));
        let mut start = 0;
        for &end in ends {
            while start < end {
                let (rows, ranks) = self.listed(order, start..end)?;
                let mut coder = Coder::default();
                for &rank in &ranks {
                    coder.place(self.text(rank));
                }
                let ranks: Vec<u32> = ranks.into_iter().collect();
                let mut path = Vec::new();
                for row in rows.clone() {
                    path.clear();
                    each_token(self.path(order, row), |rank, tied| {
                        let place = ranks.binary_search(&rank).unwrap_or_default();
                        push_code(&mut path, u32::try_from(place).unwrap_or(u32::MAX), tied);
                    })?;
                    codes.append_value(&path);
                }
                places.resize(rows.end, u32::try_from(lists.len()).ok());
                lists.push(coder.list().to_owned());
                start = rows.end;
            }
        }
        let lists: ArrayRef = Arc::new(StringViewArray::from(lists));
        let tokens = take(&lists, &UInt32Array::from(places), None).map_err(failed)?;
        Ok((Arc::new(codes.finish()), tokens))
    }

    /// The first of some rows whose tokens make one list, and these.
    fn listed(&self, order: &UInt32Array, rows: Range<usize>) -> Result<(Range<usize>, BTreeSet<u32>)> {
        let (mut ranks, mut bytes) = (BTreeSet::new(), 0);
        let (mut new, mut before): (Vec<u32>, Option<&[u8]>) = (Vec::new(), None);
        for row in rows.clone() {
            let path = self.path(order, row);
            if before.replace(path) == Some(path) {
                continue;
            }
            new.clear();
            each_token(path, |rank, _| new.extend((!ranks.contains(&rank)).then_some(rank)))?;
            bytes += new.iter().map(|&rank| self.text(rank).len()).sum::<usize>();
            let is_full = ranks.len() + new.len() > LISTED_TOKENS_MAX || bytes > LISTED_BYTES_MAX;
            if row > rows.start && is_full && !new.is_empty() {
                return Ok((rows.start..row, ranks));
            }
            ranks.extend(&new);
        }
        Ok((rows, ranks))
    }

    fn path(&self, order: &UInt32Array, row: usize) -> &[u8] {
        self.paths.value(order.value(row) as usize)
    }

    fn text(&self, rank: u32) -> &str {
        self.texts.get(rank as usize).map_or("", String::as_str)
    }
}

fn each_token(path: &[u8], mut each: impl FnMut(u32, bool)) -> Result<()> {
    let mut at = 0;
    while at < path.len() {
        let (rank, tied, end) = code_at(path, at)?;
        each(rank, tied);
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray as _;
    use arrow::compute::cast;
    use arrow::datatypes::DataType;

    use super::*;
    use crate::functions::joined;

    /// The texts in the order of their keys, the list of each, and the texts that are read back.
    fn written(texts: &[String]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let column: ArrayRef = Arc::new(texts.iter().map(Some).collect::<StringViewArray>());
        let ranked = Ranked::of(&column).unwrap();
        let mut order: Vec<u32> = (0..u32::try_from(texts.len()).unwrap()).collect();
        order.sort_by_key(|&row| ranked.paths.value(row as usize));
        let sorted = order.iter().map(|&row| texts[row as usize].clone()).collect();
        let (codes, tokens) = ranked.columns(&UInt32Array::from(order), &[texts.len()]).unwrap();
        let lists = tokens.as_string_view().iter().map(|list| list.unwrap().to_owned()).collect();
        let codes = cast(&codes, &DataType::BinaryView).unwrap();
        let column: ArrayRef = Arc::new(joined(&codes, &tokens).unwrap());
        let mut lexicon = Lexicon::default();
        let paths = Paths::of(&column, &mut lexicon).unwrap();
        let read = (0..paths.len()).map(|row| {
            let mut text = String::new();
            lexicon.write(paths.at(row), &mut text).unwrap();
            text
        });
        (sorted, lists, read.collect())
    }

    #[test]
    fn paths_share_a_list_in_order_and_begin_as_their_neighbours_do() {
        let texts = ["^;>b;$", "^;>a;>b", "", "^;>b,$", "^;>a"].map(str::to_owned);
        let (sorted, lists, read) = written(&texts);
        assert_eq!(sorted, ["", "^;>a", "^;>a;>b", "^;>b;$", "^;>b,$"]);
        assert_eq!(read, sorted);
        assert_eq!(lists, ["$;>a;>b;^"; 5]);
    }

    #[test]
    fn names_that_never_repeat_make_many_lists() {
        let texts: Vec<String> = (0..3_000).map(|run| format!("^;>{run}a;>{run}b;$")).collect();
        let (sorted, mut lists, read) = written(&texts);
        assert_eq!(read, sorted);
        assert!(lists.iter().all(|list| list.split(';').count() <= LISTED_TOKENS_MAX));
        lists.dedup();
        assert_eq!(lists.len(), 6);
        let many: Vec<String> = (0..9_000).map(|token| format!(">{token}")).collect();
        let long = ["^;>x".to_owned(), many.join(";")];
        let (sorted, lists, read) = written(&long);
        assert_eq!((read, lists.len()), (sorted, 2));
    }
}

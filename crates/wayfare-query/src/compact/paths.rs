//! The paths of a file: in an order in which neighbours begin alike, and as codes beside lists of tokens.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, StringArray, UInt32Array};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::functions::Paths;
use crate::keyed::Keyed;
use crate::timeline::{Coder, Lexicon, ListNumber, Path, code_at, push_code};
use crate::{Error, Result};

/// Tokens of one list, and bytes of their texts, to the end of a path. Runs of a journey have some dozens; where names
/// never repeat, lists are as long as paths.
const LISTED_TOKENS_MAX: usize = 1_024;
const LISTED_BYTES_MAX: usize = 32 << 10;

/// The distinct paths of some rows as codes into one list of all their tokens, which is in the order of their texts.
#[derive(Debug)]
pub(super) struct Ranked {
    texts: Vec<String>,
    /// In their order: neighbours begin alike.
    paths: Vec<Vec<u8>>,
    /// For each row the place of its path.
    ranks: Vec<u32>,
}

impl Ranked {
    /// Reads a column of paths.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no path.
    pub(super) fn of(column: &ArrayRef) -> Result<Self> {
        let mut lexicon = Lexicon::default();
        let paths = Paths::of(column, &mut lexicon)?;
        let (texts, ranks_of_texts) = lexicon.ranked();
        let mut distinct = Distinct::default();
        let numbers: Vec<u32> = (0..paths.len())
            .map(|row| distinct.number(paths.at(row), &lexicon, &ranks_of_texts))
            .collect::<Result<_>>()?;
        let (paths, places) = distinct.sorted();
        let rank = |number: u32| places.get(number as usize).copied().unwrap_or_default();
        Ok(Self { texts, paths, ranks: numbers.into_iter().map(rank).collect() })
    }

    /// For each row a number by which neighbouring paths begin alike.
    pub(super) fn ranks(&self) -> &[u32] {
        &self.ranks
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
                let (mut path, mut before) = (Vec::new(), None);
                for row in rows.clone() {
                    let rank = self.rank(order, row);
                    if before.replace(rank) != Some(rank) {
                        path.clear();
                        each_token(self.path(rank), |rank, tied| {
                            let place = ranks.binary_search(&rank).unwrap_or_default();
                            push_code(&mut path, u32::try_from(place).unwrap_or(u32::MAX), tied);
                        })?;
                    }
                    codes.append_value(&path);
                }
                places.resize(rows.end, u32::try_from(lists.len()).ok());
                lists.push(coder.list().to_owned());
                start = rows.end;
            }
        }
        let lists: ArrayRef = Arc::new(StringArray::from(lists));
        let tokens = Keyed::try_new(UInt32Array::from(places), lists).map_err(failed)?;
        Ok((Arc::new(codes.finish()), Arc::new(tokens)))
    }

    /// The first of some rows whose tokens make one list, and these.
    fn listed(&self, order: &UInt32Array, rows: Range<usize>) -> Result<(Range<usize>, BTreeSet<u32>)> {
        let (mut ranks, mut bytes) = (BTreeSet::new(), 0);
        let (mut new, mut before) = (Vec::new(), None);
        for row in rows.clone() {
            let path = self.rank(order, row);
            if before.replace(path) == Some(path) {
                continue;
            }
            new.clear();
            each_token(self.path(path), |rank, _| new.extend((!ranks.contains(&rank)).then_some(rank)))?;
            bytes += new.iter().map(|&rank| self.text(rank).len()).sum::<usize>();
            let is_full = ranks.len() + new.len() > LISTED_TOKENS_MAX || bytes > LISTED_BYTES_MAX;
            if row > rows.start && is_full && !new.is_empty() {
                return Ok((rows.start..row, ranks));
            }
            ranks.extend(&new);
        }
        Ok((rows, ranks))
    }

    fn rank(&self, order: &UInt32Array, row: usize) -> u32 {
        self.ranks.get(order.value(row) as usize).copied().unwrap_or_default()
    }

    fn path(&self, rank: u32) -> &[u8] {
        self.paths.get(rank as usize).map_or(&[], Vec::as_slice)
    }

    fn text(&self, rank: u32) -> &str {
        self.texts.get(rank as usize).map_or("", String::as_str)
    }
}

/// Distinct paths, numbered as they come.
#[derive(Debug, Default)]
struct Distinct<'a> {
    /// As they stand in a list.
    listed: HashMap<(ListNumber, &'a [u8]), u32, RandomState>,
    /// As codes into the list of all tokens.
    coded: HashMap<Vec<u8>, u32, RandomState>,
    numbers: Vec<u32>,
    codes: Vec<u8>,
}

impl<'a> Distinct<'a> {
    fn number(&mut self, path: Path<'a>, lexicon: &Lexicon, ranks: &[u32]) -> Result<u32> {
        let Self { listed, coded, numbers, codes } = self;
        let listed = match listed.entry((path.list, path.codes)) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(new) => new,
        };
        lexicon.numbers(path, numbers)?;
        codes.clear();
        for number in numbers {
            let rank = ranks.get((*number / 2) as usize).copied().unwrap_or_default();
            push_code(codes, rank, *number % 2 == 1);
        }
        let next = u32::try_from(coded.len()).unwrap_or(u32::MAX);
        Ok(*listed.insert(*coded.entry_ref(codes.as_slice()).or_insert(next)))
    }

    /// The paths in order, and for each number its place among them.
    fn sorted(self) -> (Vec<Vec<u8>>, Vec<u32>) {
        let mut paths: Vec<(Vec<u8>, u32)> = self.coded.into_iter().collect();
        paths.sort_unstable();
        let mut places = vec![0; paths.len()];
        for (place, (_, number)) in (0..).zip(&paths) {
            if let Some(of_number) = places.get_mut(*number as usize) {
                *of_number = place;
            }
        }
        (paths.into_iter().map(|(path, _)| path).collect(), places)
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
    use arrow::array::{AsArray as _, StringViewArray};
    use arrow::compute::cast;
    use arrow::datatypes::DataType;

    use super::*;
    use crate::functions::joined;

    /// The texts in the order of their keys, the list of each, and the texts that are read back.
    fn written(texts: &[String]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let column: ArrayRef = Arc::new(texts.iter().map(Some).collect::<StringViewArray>());
        let ranked = Ranked::of(&column).unwrap();
        let mut order: Vec<u32> = (0..u32::try_from(texts.len()).unwrap()).collect();
        order.sort_by_key(|&row| ranked.ranks()[row as usize]);
        let sorted = order.iter().map(|&row| texts[row as usize].clone()).collect();
        let (codes, tokens) = ranked.columns(&UInt32Array::from(order), &[texts.len()]).unwrap();
        let tokens = cast(&tokens, &DataType::Utf8View).unwrap();
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

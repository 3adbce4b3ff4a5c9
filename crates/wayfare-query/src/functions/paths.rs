//! The column of paths, and work that is done once a distinct path, not once a run.
//!
//! The store keeps the runs of a journey sorted by path, and Parquet's dictionary holds a path once: rows of one path
//! follow one another and have one and the same view. So a batch falls into few stretches, which are told apart by
//! comparing 16 bytes a row, and only the first row of a stretch looks its path up.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, BinaryViewBuilder, GenericByteViewArray,
    StringViewArray, StructArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{ByteViewType, DataType, Field, Fields};
use foldhash::fast::RandomState;

use crate::timeline::{Coder, Lexicon, ListNumber, Offsets, Path};
use crate::{Error, Result};

/// Paths that have a number. With a kilobyte of results each they take 32 MB; frequent paths come early, and what comes after
/// them is worked out anew each time.
const NUMBERED_MAX: usize = 32_768;

/// The number of a path among those of [`PathNumbers`].
pub(super) type PathNumber = u32;

/// The type of a column of paths: codes, and the list of tokens that they point into.
pub(crate) fn path_type() -> DataType {
    DataType::Struct(path_fields())
}

fn path_fields() -> Fields {
    let (codes, tokens) = (DataType::BinaryView, DataType::Utf8View);
    [Field::new("codes", codes, true), Field::new("tokens", tokens, true)].into_iter().collect()
}

/// The types of a path as a function may be given it: a column of the store, or text.
pub(super) fn path_types() -> [DataType; 2] {
    [path_type(), DataType::Utf8View]
}

/// A column of [`path_type`] of its two parts.
///
/// # Errors
/// `Internal` for parts of other types or lengths.
pub(crate) fn joined(codes: &ArrayRef, tokens: &ArrayRef) -> Result<StructArray> {
    let parts = vec![Arc::clone(codes), Arc::clone(tokens)];
    StructArray::try_new(path_fields(), parts, None)
        .map_err(|cause| Error::internal("codes and tokens are no paths").because(cause))
}

/// A column of texts as one of [`path_type`], with one list of tokens.
///
/// # Errors
/// `Internal` when there are too many tokens.
pub(super) fn coded(texts: &StringViewArray) -> Result<StructArray> {
    let (mut coder, mut path) = (Coder::default(), Vec::new());
    let mut codes = BinaryViewBuilder::with_capacity(texts.len()).with_deduplicate_strings();
    let mut row = 0;
    while row < texts.len() {
        let end = stretch(texts, row, texts.len());
        if texts.is_null(row) {
            (row..end).for_each(|_| codes.append_null());
        } else {
            path.clear();
            coder.push(texts.value(row), &mut path);
            (row..end).for_each(|_| codes.append_value(&path));
        }
        row = end;
    }
    one_list(&(Arc::new(codes.finish()) as ArrayRef), coder.list())
}

/// A column of [`path_type`] of codes into one list of tokens.
///
/// # Errors
/// `Internal` for codes of another type.
pub(crate) fn one_list(codes: &ArrayRef, tokens: &str) -> Result<StructArray> {
    let list: ArrayRef = Arc::new(StringViewArray::from(vec![tokens]));
    let tokens = take(&list, &UInt32Array::from(vec![0; codes.len()]), None)
        .map_err(|cause| Error::internal("cannot list the tokens of paths").because(cause))?;
    joined(codes, &tokens)
}

/// The paths of a batch.
#[derive(Debug)]
pub(crate) struct Paths {
    codes: BinaryViewArray,
    /// The lists that the codes point into, each with the row before which it ends.
    lists: Vec<(usize, ListNumber)>,
}

impl Paths {
    /// Makes a lexicon know the tokens of a column of one of [`path_types`].
    ///
    /// # Errors
    /// `Internal` for a column of another type.
    pub(crate) fn of(column: &ArrayRef, lexicon: &mut Lexicon) -> Result<Self> {
        let coded_texts;
        let column = match column.as_string_view_opt() {
            Some(texts) => {
                coded_texts = coded(texts)?;
                Some(&coded_texts)
            }
            None => column.as_struct_opt(),
        };
        let columns = column.map(StructArray::columns).unwrap_or_default();
        let [codes, tokens] = columns else { return Err(Error::internal("a column is no path")) };
        let (codes, tokens) = (codes.as_binary_view_opt(), tokens.as_string_view_opt());
        let (codes, tokens) = codes.zip(tokens).ok_or_else(|| Error::internal("a column is no path"))?;
        lexicon.begin_batch();
        let (mut lists, mut row) = (Vec::new(), 0);
        while row < tokens.len() {
            let end = stretch(tokens, row, tokens.len());
            lists.push((end, lexicon.list(if tokens.is_null(row) { "" } else { tokens.value(row) })));
            row = end;
        }
        Ok(Self { codes: codes.clone(), lists })
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether a row has no path.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.codes.is_null(row)
    }

    /// The path of a row; empty where there is none.
    pub(crate) fn at(&self, row: usize) -> Path<'_> {
        let (_, list) = self.list_at(row);
        Path { codes: if self.is_null(row) { &[] } else { self.codes.value(row) }, list }
    }

    /// As [`stretch`].
    pub(super) fn stretch(&self, start: usize, end: usize) -> usize {
        let (list_end, _) = self.list_at(start);
        stretch(&self.codes, start, end.min(list_end))
    }

    fn list_at(&self, row: usize) -> (usize, ListNumber) {
        let place = self.lists.partition_point(|&(end, _)| end <= row);
        self.lists.get(place).copied().unwrap_or_default()
    }
}

/// Numbers of paths, from 0 on, by which what was worked out of them is kept.
#[derive(Debug, Default)]
pub(super) struct PathNumbers {
    epoch: u32,
    numbers: HashMap<Box<[u32]>, PathNumber, RandomState>,
    given: usize,
    path: Vec<u32>,
    bytes: usize,
}

impl PathNumbers {
    /// The number of a path, the next one for a new path; none when there is no room for it.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no path.
    pub(super) fn number(&mut self, path: Path<'_>, lexicon: &Lexicon) -> Result<Option<PathNumber>> {
        if self.epoch != lexicon.epoch() {
            self.numbers.clear();
            self.bytes = 0;
            self.epoch = lexicon.epoch();
        }
        lexicon.numbers(path, &mut self.path)?;
        if let Some(&number) = self.numbers.get(self.path.as_slice()) {
            return Ok(Some(number));
        }
        if self.given >= NUMBERED_MAX {
            return Ok(None);
        }
        let next = PathNumber::try_from(self.given).ok();
        if let Some(next) = next {
            self.given += 1;
            self.bytes += size_of_val(self.path.as_slice()) + size_of::<(Box<[u32]>, PathNumber)>();
            self.numbers.insert(self.path.as_slice().into(), next);
        }
        Ok(next)
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}

/// The end of the stretch of rows from `start` on that have one and the same text; what is the same text in other places
/// may begin a new stretch.
pub(super) fn stretch<T: ByteViewType>(texts: &GenericByteViewArray<T>, start: usize, end: usize) -> usize {
    let Some((first, rest)) = texts.views().get(start..end).and_then(<[u128]>::split_first) else {
        return end;
    };
    let differs = match texts.nulls() {
        None => rest.iter().position(|view| view != first),
        Some(nulls) => {
            let is_null = nulls.is_null(start);
            let others = (start + 1..).zip(rest);
            let mut differ = others.map(|(row, view)| view != first || nulls.is_null(row) != is_null);
            differ.position(|differs| differs)
        }
    };
    differs.map_or(end, |same| start + 1 + same)
}

/// The offsets of a run, as many as its path has tokens.
///
/// # Errors
/// `Corrupt` when they are none, or not one a token.
pub(super) fn offsets_at(offsets: &BinaryViewArray, row: usize, tokens: usize) -> Result<Offsets<'_>> {
    let offsets = Offsets::of(offsets.value(row))?;
    if offsets.len() == tokens {
        return Ok(offsets);
    }
    Err(Error::corrupt(format!("a path of {tokens} tokens has {} offsets", offsets.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::push_code;

    const TEXTS: [Option<&str>; 6] = [Some("^;>a"), Some("^;>a"), Some("^,>b"), None, None, Some("")];

    #[test]
    fn rows_of_one_view_are_one_stretch() {
        let texts = StringViewArray::from(vec![Some("a"), Some("a"), Some("b"), None, None, Some("")]);
        let mut ends = Vec::new();
        let mut start = 0;
        while start < texts.len() {
            start = stretch(&texts, start, texts.len());
            ends.push(start);
        }
        assert_eq!(ends, [2, 3, 5, 6]);
        assert_eq!(stretch(&texts, 0, 1), 1);
    }

    fn written(paths: &Paths, lexicon: &Lexicon) -> Vec<Option<String>> {
        let text = |row| {
            let mut text = String::new();
            lexicon.write(paths.at(row), &mut text).unwrap();
            (!paths.is_null(row)).then_some(text)
        };
        (0..paths.len()).map(text).collect()
    }

    #[test]
    fn paths_are_the_texts_that_they_were_made_of() {
        let texts = StringViewArray::from(TEXTS.to_vec());
        let mut lexicon = Lexicon::default();
        let column: ArrayRef = Arc::new(coded(&texts).unwrap());
        assert_eq!(column.data_type(), &path_type());
        let paths = Paths::of(&column, &mut lexicon).unwrap();
        assert_eq!(written(&paths, &lexicon), TEXTS.map(|text| text.map(str::to_owned)));
        assert_eq!((paths.stretch(0, 6), paths.stretch(2, 6), paths.stretch(3, 6)), (2, 3, 5));
        let of_texts: ArrayRef = Arc::new(texts.clone());
        let paths = Paths::of(&of_texts, &mut lexicon).unwrap();
        assert_eq!(written(&paths, &lexicon), TEXTS.map(|text| text.map(str::to_owned)));
        let other: ArrayRef = Arc::new(UInt32Array::from(vec![1]));
        assert!(Paths::of(&other, &mut lexicon).is_err());
    }

    #[test]
    fn a_path_has_one_number_until_there_is_no_room() {
        let mut numbers = PathNumbers::default();
        let mut lexicon = Lexicon::default();
        let tokens: Vec<String> = (0..=NUMBERED_MAX).map(|number| format!(">{number}")).collect();
        let list = lexicon.list(&tokens.join(";"));
        let mut number = |place| {
            let mut codes = Vec::new();
            push_code(&mut codes, place, false);
            numbers.number(Path { codes: &codes, list }, &lexicon).unwrap()
        };
        let last = u32::try_from(NUMBERED_MAX).unwrap();
        for _ in 0..2 {
            for place in 0..last {
                assert_eq!(number(place), Some(place));
            }
            assert_eq!(number(last), None);
        }
        assert!(numbers.size() > NUMBERED_MAX);
    }
}

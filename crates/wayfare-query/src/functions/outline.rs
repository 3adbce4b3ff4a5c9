//! What a path says of every run that took it: facts by number, and the tokens between which their times lie.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::names::{NameNumber, Names};
use crate::timeline::Offsets;

/// The number of a pair of keys in an accumulator.
pub(super) type CellNumber = u32;

/// Pairs of keys by number, so that a text is copied on first sight only.
#[derive(Debug, Default)]
pub(super) struct Keys {
    names: Names,
    numbers: HashMap<(NameNumber, NameNumber), CellNumber, RandomState>,
    pairs: Vec<(NameNumber, NameNumber)>,
    /// For each cell its place in the sketch at hand; one that is not this cell's is none.
    places: Vec<usize>,
}

impl Keys {
    pub(super) fn number(&mut self, first: &str, second: &str) -> CellNumber {
        let pair = (self.names.number(first), self.names.number(second));
        let next = CellNumber::try_from(self.pairs.len()).unwrap_or(CellNumber::MAX);
        *self.numbers.entry(pair).or_insert_with(|| {
            self.pairs.push(pair);
            next
        })
    }

    /// The keys of a number.
    pub(super) fn texts(&self, number: CellNumber) -> (&str, &str) {
        let pair = self.pairs.get(number as usize);
        pair.map_or(("", ""), |&(first, second)| (self.names.text(first), self.names.text(second)))
    }

    /// The place of a cell among those of a sketch, at the end of them when it is new.
    fn place(&mut self, cell: CellNumber, cells: &[CellNumber]) -> usize {
        if self.places.len() <= cell as usize {
            self.places.resize(cell as usize + 1, usize::MAX);
        }
        let Some(place) = self.places.get_mut(cell as usize) else { return cells.len() };
        if cells.get(*place) != Some(&cell) {
            *place = cells.len();
        }
        *place
    }

    /// All keys in their order, with their numbers.
    pub(super) fn sorted(&self) -> Vec<(&str, &str, CellNumber)> {
        let numbers = self.numbers.values().copied();
        let mut keys: Vec<_> =
            numbers.map(|number| (self.texts(number).0, self.texts(number).1, number)).collect();
        keys.sort_unstable();
        keys
    }
}

/// Cells by numbers that stand for their keys elsewhere, so that keys are looked up once and not in every sketch.
#[derive(Debug, Default)]
pub(super) struct CellsByNumbers {
    epoch: u32,
    cells: HashMap<(u32, u32), CellNumber, RandomState>,
}

impl CellsByNumbers {
    /// Forgets all when the numbers stand for other keys from now on.
    pub(super) fn at_epoch(&mut self, epoch: u32) {
        if self.epoch != epoch {
            self.cells.clear();
            self.epoch = epoch;
        }
    }

    /// The cell of two numbers; `find` looks up their keys.
    pub(super) fn get(&mut self, numbers: (u32, u32), find: impl FnOnce() -> CellNumber) -> CellNumber {
        *self.cells.entry(numbers).or_insert_with(find)
    }
}

/// A time of a fact, as the tokens between which it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) cell: CellNumber,
    /// Which of the cell's times.
    pub(super) times: usize,
    from: u32,
    to: u32,
}

impl Span {
    /// Milliseconds in one run, whose offsets are given.
    pub(super) fn of(&self, offsets: Offsets<'_>) -> Option<i64> {
        Some(offsets.get(self.to as usize)?.saturating_sub(offsets.get(self.from as usize)?))
    }
}

/// The facts of runs that are alike. Many are kept, so they are small.
#[derive(Debug)]
pub(super) struct Outline {
    tokens: usize,
    cells: Box<[CellNumber]>,
    counts: Box<[u32]>,
    spans: Box<[Span]>,
}

impl Outline {
    /// What one run adds to the counts of each cell.
    pub(super) fn counts(&self) -> impl Iterator<Item = (CellNumber, &[u32])> {
        counts(&self.cells, &self.counts)
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.spans.iter().copied()
    }

    /// How many tokens the path has.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }
}

/// An outline as it is drawn; one is used again and again.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    tokens: usize,
    cells: Vec<CellNumber>,
    counts: Vec<u32>,
    spans: Vec<Span>,
}

impl Drawing {
    /// The outline, to be kept.
    pub(super) fn outline(&self) -> Outline {
        let Self { tokens, cells, counts, spans } = self;
        Outline {
            tokens: *tokens,
            cells: cells.as_slice().into(),
            counts: counts.as_slice().into(),
            spans: spans.as_slice().into(),
        }
    }

    /// As [`Outline::counts`].
    pub(super) fn counts(&self) -> impl Iterator<Item = (CellNumber, &[u32])> {
        counts(&self.cells, &self.counts)
    }
}

/// For each cell its counts.
fn counts<'a>(cells: &'a [CellNumber], counts: &'a [u32]) -> impl Iterator<Item = (CellNumber, &'a [u32])> {
    let width = counts.len().checked_div(cells.len()).unwrap_or_default().max(1);
    cells.iter().copied().zip(counts.chunks_exact(width))
}

/// The one who draws an outline.
#[derive(Debug)]
pub(super) struct Sketch<'a> {
    keys: &'a mut Keys,
    drawing: &'a mut Drawing,
    width: usize,
}

/// A cell of a sketch: it takes counts and times.
#[derive(Debug)]
pub(super) struct Place<'a> {
    cell: CellNumber,
    counts: &'a mut [u32],
    spans: &'a mut Vec<Span>,
}

impl<'a> Sketch<'a> {
    /// Begins a drawing whose cells have `width` counts.
    pub(super) fn new(keys: &'a mut Keys, drawing: &'a mut Drawing, width: usize) -> Self {
        drawing.tokens = 0;
        drawing.cells.clear();
        drawing.counts.clear();
        drawing.spans.clear();
        Self { keys, drawing, width }
    }

    /// The outline as it was drawn so far.
    pub(super) fn outline(&self) -> Outline {
        self.drawing.outline()
    }

    /// As [`Outline::counts`].
    pub(super) fn counts(&self) -> impl Iterator<Item = (CellNumber, &[u32])> {
        self.drawing.counts()
    }

    /// Says how many tokens the path has.
    pub(super) fn tokens(&mut self, tokens: usize) {
        self.drawing.tokens = tokens;
    }

    /// The cell of two keys, and whether a run comes to it for the first time.
    pub(super) fn at(&mut self, first: &str, second: &str) -> (Place<'_>, bool) {
        let cell = self.number(first, second);
        self.at_number(cell)
    }

    /// The number of the cell of two keys, which stays from sketch to sketch.
    pub(super) fn number(&mut self, first: &str, second: &str) -> CellNumber {
        self.keys.number(first, second)
    }

    /// As [`Self::at`].
    pub(super) fn at_number(&mut self, cell: CellNumber) -> (Place<'_>, bool) {
        let Drawing { cells, counts, .. } = &mut *self.drawing;
        let place = self.keys.place(cell, cells);
        let is_new = place == cells.len();
        if is_new {
            cells.push(cell);
            counts.resize(counts.len() + self.width, 0);
        }
        (self.again(place), is_new)
    }

    /// The cell at a place, which is the number of cells that came before it.
    pub(super) fn again(&mut self, place: usize) -> Place<'_> {
        let Drawing { cells, counts, spans, .. } = &mut *self.drawing;
        let cell = cells.get(place).copied().unwrap_or_default();
        let counts = counts.chunks_exact_mut(self.width.max(1)).nth(place).unwrap_or_default();
        Place { cell, counts, spans }
    }
}

impl Place<'_> {
    /// Adds to the count at a position.
    pub(super) fn count(&mut self, position: usize, more: u32) {
        if let Some(count) = self.counts.get_mut(position) {
            *count += more;
        }
    }

    /// Adds the time between two tokens to the times at a position.
    pub(super) fn time(&mut self, position: usize, from: usize, to: usize) {
        // A path has fewer tokens than four thousand millions: its text would not fit into a column.
        if let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(to)) {
            self.spans.push(Span { cell: self.cell, times: position, from, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::write_offsets;

    #[test]
    fn a_cell_is_counted_once_however_often_a_run_comes_to_it() {
        let mut keys = Keys::default();
        keys.number("z", "");
        let mut drawing = Drawing::default();
        let mut sketch = Sketch::new(&mut keys, &mut drawing, 2);
        for step in ["b", "a", "b"] {
            let (mut cell, first) = sketch.at(step, "");
            cell.count(0, first.into());
            cell.count(1, 1);
        }
        sketch.at("b", "").0.time(0, 1, 2);
        sketch.tokens(3);
        let outline = drawing.outline();
        assert!(drawing.counts().eq(outline.counts()));
        assert_eq!(outline.counts().collect::<Vec<_>>(), [(1, [1, 2].as_slice()), (2, [1, 1].as_slice())]);
        let mut bytes = Vec::new();
        write_offsets(&[0, 7, 11], &mut bytes);
        let offsets = Offsets::of(&bytes).unwrap();
        let times: Vec<_> = outline.spans().map(|span| (span.cell, span.of(offsets))).collect();
        assert_eq!(times, [(1, Some(4))]);
        assert_eq!(keys.sorted(), [("a", "", 2), ("b", "", 1), ("z", "", 0)]);
    }
}

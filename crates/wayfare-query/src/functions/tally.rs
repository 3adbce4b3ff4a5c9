//! Counts of the runs of one group, summed up path after path.
//!
//! Neighbouring paths begin alike, and what runs pass there is passed by those of all of them. So what is passed lies on a pile, runs are
//! added to its top, and they go down when what lies above is taken away: each passage is counted once for all paths that go on from it.

use super::outline::CellNumber;

/// Counts by cell, which are added to a group when another has its turn.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) group: usize,
    width: usize,
    cells: Vec<CellNumber>,
    /// For each cell its counts, one after the other; all are 0 but those of `cells`.
    counts: Vec<i64>,
    /// What the runs of the path at hand pass, in order.
    passed: Vec<Passed>,
    /// For each cell how often it is among `passed`.
    often: Vec<u32>,
}

/// A passage through a cell.
#[derive(Debug, Clone, Copy)]
struct Passed {
    cell: CellNumber,
    /// Whether runs come to the cell for the first time.
    is_first: bool,
    /// Runs that pass and are not counted yet.
    runs: i64,
}

impl Tally {
    /// A tally whose cells have `width` counts.
    pub(super) fn new(width: usize) -> Self {
        let (cells, counts, passed, often) = Default::default();
        Self { group: 0, width, cells, counts, passed, often }
    }

    /// Adds what so many runs count.
    pub(super) fn add<'a>(&mut self, counts: impl Iterator<Item = (CellNumber, &'a [u32])>, runs: i64) {
        for (cell, counts) in counts {
            for (sum, count) in self.at(cell).iter_mut().zip(counts) {
                *sum += i64::from(*count) * runs;
            }
        }
    }

    /// Goes back to the first passages of the path at hand.
    pub(super) fn back_to(&mut self, passages: usize) {
        self.count_from(passages);
        for passed in self.passed.drain(passages.min(self.passed.len())..) {
            if let Some(often) = self.often.get_mut(passed.cell as usize) {
                *often -= 1;
            }
        }
    }

    /// Adds a passage to the path at hand. The counts of its cell are of runs and of passages.
    pub(super) fn pass(&mut self, cell: CellNumber) {
        let place = cell as usize;
        if self.often.len() <= place {
            self.often.resize(place + 1, 0);
        }
        if let Some(often) = self.often.get_mut(place) {
            self.passed.push(Passed { cell, is_first: *often == 0, runs: 0 });
            *often += 1;
        }
    }

    /// Adds runs of the path at hand, which pass through one more cell at their end.
    pub(super) fn runs(&mut self, runs: i64, end: CellNumber) {
        if let Some(last) = self.passed.last_mut() {
            last.runs += runs;
        }
        self.count(end, true, runs);
    }

    /// Counts the runs of all passages from one on.
    fn count_from(&mut self, first: usize) {
        let mut runs = 0;
        for place in (first..self.passed.len()).rev() {
            let Some(passed) = self.passed.get_mut(place) else { break };
            runs += std::mem::take(&mut passed.runs);
            let Passed { cell, is_first, .. } = *passed;
            if runs > 0 {
                self.count(cell, is_first, runs);
            }
        }
        if let Some(below) = first.checked_sub(1).and_then(|below| self.passed.get_mut(below)) {
            below.runs += runs;
        }
    }

    fn count(&mut self, cell: CellNumber, is_first: bool, runs: i64) {
        for (sum, counts) in self.at(cell).iter_mut().zip([is_first, true]) {
            *sum += if counts { runs } else { 0 };
        }
    }

    /// The counts of a cell, to be added to.
    fn at(&mut self, cell: CellNumber) -> &mut [i64] {
        let place = cell as usize * self.width;
        let end = place + self.width;
        if self.counts.len() < end {
            self.counts.resize(end, 0);
        }
        let sums = self.counts.get_mut(place..end).unwrap_or_default();
        if sums.iter().all(|sum| *sum == 0) {
            self.cells.push(cell);
        }
        sums
    }

    /// Hands out all counts and begins anew with the same path at hand.
    pub(super) fn settle<E>(
        &mut self,
        mut each: impl FnMut(CellNumber, &[i64]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.count_from(0);
        for cell in self.cells.drain(..) {
            let place = cell as usize * self.width;
            let sums = self.counts.get_mut(place..place + self.width).unwrap_or_default();
            each(cell, sums)?;
            sums.fill(0);
        }
        Ok(())
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.counts.capacity() * size_of::<i64>() + self.often.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Counts = BTreeMap<CellNumber, [i64; 2]>;

    fn settled(tally: &mut Tally, counts: &mut Counts) {
        let settled = tally.settle(|cell, sums| {
            for (count, sum) in counts.entry(cell).or_default().iter_mut().zip(sums) {
                *count += sum;
            }
            Ok::<_, ()>(())
        });
        settled.unwrap();
    }

    proptest! {
        /// Runs by what they pass: those of the next path share some passages with those of the one before.
        #[test]
        fn what_is_passed_is_counted_as_of_each_run_alone(
            paths in proptest::collection::vec(
                (0_usize..5, proptest::collection::vec(0_u32..4, 0..5), 4_u32..6, 1_i64..4, any::<bool>()),
                1..20,
            ),
        ) {
            let (mut tally, mut path) = (Tally::new(2), Vec::new());
            let (mut found, mut expected) = (Counts::new(), Counts::new());
            for (shared, further, end, runs, settles) in paths {
                path.truncate(shared);
                tally.back_to(path.len());
                for cell in further {
                    path.push(cell);
                    tally.pass(cell);
                }
                tally.runs(runs, end);
                for (place, &cell) in path.iter().chain([&end]).enumerate() {
                    let [of_runs, passages] = expected.entry(cell).or_default();
                    *of_runs += if path.iter().take(place).any(|before| *before == cell) { 0 } else { runs };
                    *passages += runs;
                }
                if settles {
                    settled(&mut tally, &mut found);
                }
            }
            settled(&mut tally, &mut found);
            prop_assert_eq!(found, expected);
        }
    }
}

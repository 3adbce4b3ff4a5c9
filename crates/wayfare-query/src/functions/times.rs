//! Many times, kept small: what exact percentiles are computed from.

use arrow::buffer::Buffer;
use datafusion::common::Result as DataFusionResult;

use super::bytes::{damaged, put_count, put_i64, take_bytes, take_i64};

/// A multiset of milliseconds, in no order.
///
/// Each is kept as a number of variable length (LEB128): two bytes up to 16 seconds, three up to 35 minutes. Most
/// durations and waits take two, a quarter of an integer. Bytes lie in chunks, so that no set is moved when it grows, and
/// sets are merged by joining their chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Each holds whole times.
    full: Vec<Buffer>,
    bytes: Vec<u8>,
    count: i64,
    sum: i64,
}

/// Bytes from which on a chunk is full.
const CHUNK: usize = 16_384;

/// Bytes from which on a chunk is joined, not copied.
const JOINED_MIN: usize = 256;

impl Times {
    /// Adds one time. A negative one takes ten bytes.
    pub(super) fn push(&mut self, time_ms: i64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time_ms);
        let mut rest = time_ms.cast_unsigned();
        // most take one of these lengths, which is copied at once
        match time_ms {
            0..0x80 => self.bytes.push(low_bits(rest)),
            0x80..0x4000 => self.bytes.extend([low_bits(rest) | 0x80, low_bits(rest >> 7)]),
            0x4000..0x20_0000 => {
                let [first, second] = [rest, rest >> 7].map(|bits| low_bits(bits) | 0x80);
                self.bytes.extend([first, second, low_bits(rest >> 14)]);
            }
            _ => {
                while rest > 0x7f {
                    self.bytes.push(low_bits(rest) | 0x80);
                    rest >>= 7;
                }
                self.bytes.push(low_bits(rest));
            }
        }
        if self.bytes.len() >= CHUNK {
            // a time takes ten bytes at most
            let next = Vec::with_capacity(CHUNK + 10);
            self.full.push(Buffer::from_vec(std::mem::replace(&mut self.bytes, next)));
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().map(Buffer::as_slice).chain([self.bytes.as_slice()])
    }

    /// How many there are.
    pub(super) fn count(&self) -> i64 {
        self.count
    }

    /// Their sum, at most what the type holds.
    pub(super) fn sum(&self) -> i64 {
        self.sum
    }

    /// Gives the times with those of some ascending `ranks` in their sorted places; the others are in no order. Takes a
    /// tenth of the time of a sort, and formulas over order statistics look at no others.
    pub(super) fn placed(&self, ranks: impl IntoIterator<Item = usize>) -> Vec<i64> {
        let mut times = Vec::with_capacity(usize::try_from(self.count).unwrap_or_default());
        for chunk in self.chunks() {
            let mut bytes = chunk.iter().copied();
            while let Some(byte) = bytes.next() {
                let (mut time, mut last, mut shift) = (u64::from(byte & 0x7f), byte, 7);
                while last & 0x80 != 0 {
                    last = bytes.next().unwrap_or_default();
                    time |= u64::from(last & 0x7f).wrapping_shl(shift);
                    shift += 7;
                }
                times.push(time.cast_signed());
            }
        }
        place(&mut times, &ranks.into_iter().collect::<Vec<_>>(), 0);
        times
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.full.iter().map(Buffer::len).sum::<usize>() + self.bytes.capacity() + size_of::<Self>()
    }

    /// Writes the set for [`Self::merge`].
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        put_i64(out, self.sum);
        put_count(out, self.chunks().map(<[u8]>::len).sum());
        self.chunks().for_each(|chunk| out.extend_from_slice(chunk));
    }

    /// Adds what was written.
    pub(super) fn merge(&mut self, rest: &mut Buffer) -> DataFusionResult<()> {
        let (count, sum) = (take_i64(rest)?, take_i64(rest)?);
        let bytes = take_bytes(rest)?;
        if i64::try_from(bytes.len()).is_ok_and(|length| length < count) {
            return Err(damaged());
        }
        self.count += count;
        self.sum = self.sum.saturating_add(sum);
        if bytes.len() < JOINED_MIN {
            self.bytes.extend_from_slice(&bytes);
        } else {
            self.full.push(bytes);
        }
        Ok(())
    }
}

impl Extend<i64> for Times {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, times_ms: I) {
        for time_ms in times_ms {
            self.push(time_ms);
        }
    }
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// Puts the times of ascending `ranks` into their sorted places, where `times` begins at rank `from`: first that of the rank
/// in the middle, then those below among what is smaller and those above among what is larger.
fn place(times: &mut [i64], ranks: &[usize], from: usize) {
    let (below, [rank, above @ ..]) = ranks.split_at(ranks.len() / 2) else { return };
    match rank.checked_sub(from) {
        Some(at) if at < times.len() => {
            let (smaller, _, larger) = times.select_nth_unstable(at);
            place(smaller, below, from);
            place(larger, above, rank + 1);
        }
        _ => place(times, below, from),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::time_summary::{PERCENTILES, Ranks};
    use super::*;
    use crate::stats::median_ranks_95;
    use crate::stats::percentile;

    proptest! {
        #[test]
        fn percentiles_are_those_of_all_sorted_times(
            left in proptest::collection::vec(prop_oneof![0_i64..50, -3..3_000_000_i64, any::<i64>()], 0..300),
            right in proptest::collection::vec(0_i64..50, 0..300),
        ) {
            let (mut times, mut others) = (Times::default(), Times::default());
            for &time in &left {
                times.push(time);
            }
            for &time in &right {
                others.push(time);
            }
            let mut written = Vec::new();
            others.write(&mut written);
            times.merge(&mut Buffer::from_vec(written)).unwrap();
            let mut sorted = [left, right].concat();
            sorted.sort_unstable();
            prop_assert_eq!(times.count(), i64::try_from(sorted.len()).unwrap());
            let placed = times.placed(Ranks::ALL.places(sorted.len(), median_ranks_95(sorted.len())));
            for (_, percent) in PERCENTILES {
                prop_assert_eq!(percentile(&placed, percent), percentile(&sorted, percent));
            }
        }
    }

    #[test]
    fn many_times_lie_in_many_chunks() {
        let all: Vec<i64> = (0..20_000).map(|index| index * 7_919 % 1_000_003).collect();
        let (mut times, mut others) = (Times::default(), Times::default());
        times.extend(all.iter().copied());
        others.extend(all.iter().copied());
        let mut written = Vec::new();
        others.write(&mut written);
        times.merge(&mut Buffer::from_vec(written)).unwrap();
        assert!(times.full.len() > 2, "{} chunks", times.full.len());
        let mut sorted = [all.as_slice(), all.as_slice()].concat();
        sorted.sort_unstable();
        assert_eq!(times.placed(0..sorted.len()), sorted);
        assert_eq!((times.count(), times.sum()), (40_000, sorted.iter().sum()));
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let mut written = Vec::new();
        let mut times = Times::default();
        times.push(5);
        times.write(&mut written);
        assert!(Times::default().merge(&mut Buffer::from(&written[..written.len() - 1])).is_err());
        written[0] = 9;
        assert!(Times::default().merge(&mut Buffer::from_vec(written)).is_err());
    }
}

//! Many times, kept small: what exact percentiles are computed from.

use datafusion::common::Result as DataFusionResult;

use super::bytes::{damaged, put_count, put_i64, take_bytes, take_i64};

/// A multiset of milliseconds, in no order.
///
/// Each is kept as a number of variable length (LEB128): two bytes up to 16 seconds, three up to 35 minutes. Most
/// durations and waits take two, a quarter of an integer. Sets are merged by joining their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Times {
    bytes: Vec<u8>,
    count: i64,
    sum: i64,
}

impl Times {
    /// Adds one time. A negative one takes ten bytes.
    pub(super) fn push(&mut self, time_ms: i64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time_ms);
        let mut rest = time_ms.cast_unsigned();
        while rest > 0x7f {
            self.bytes.push(low_bits(rest) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(low_bits(rest));
    }

    /// How many there are.
    pub(super) fn count(&self) -> i64 {
        self.count
    }

    /// Their sum, at most what the type holds.
    pub(super) fn sum(&self) -> i64 {
        self.sum
    }

    /// Gives the times with those of some `ranks`, ascending, in their sorted places; the others are in no order. Takes a
    /// tenth of the time of a sort, and formulas over order statistics look at no others.
    pub(super) fn placed(&self, ranks: impl IntoIterator<Item = usize>) -> Vec<i64> {
        let mut times = Vec::with_capacity(usize::try_from(self.count).unwrap_or_default());
        let (mut time, mut shift) = (0_u64, 0);
        for &byte in &self.bytes {
            time |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                times.push(time.cast_signed());
                (time, shift) = (0, 0);
            }
        }
        place(&mut times, ranks);
        times
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }

    /// Writes the set for [`Self::merge`].
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        put_i64(out, self.sum);
        put_count(out, self.bytes.len());
        out.extend_from_slice(&self.bytes);
    }

    /// Adds what was written.
    pub(super) fn merge(&mut self, rest: &mut &[u8]) -> DataFusionResult<()> {
        let (count, sum) = (take_i64(rest)?, take_i64(rest)?);
        let bytes = take_bytes(rest)?;
        if i64::try_from(bytes.len()).is_ok_and(|length| length < count) {
            return Err(damaged());
        }
        self.count += count;
        self.sum = self.sum.saturating_add(sum);
        self.bytes.extend_from_slice(bytes);
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

/// Puts the times of `ranks` into their sorted places.
fn place(times: &mut [i64], ranks: impl IntoIterator<Item = usize>) {
    let mut from = 0;
    for rank in ranks {
        let (Some(at), Some(open)) = (rank.checked_sub(from), times.get_mut(from..)) else { continue };
        if at < open.len() {
            open.select_nth_unstable(at);
            from = rank + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::time_summary::{PERCENTILES, looked_at};
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
            times.merge(&mut written.as_slice()).unwrap();
            let mut sorted = [left, right].concat();
            sorted.sort_unstable();
            prop_assert_eq!(times.count(), i64::try_from(sorted.len()).unwrap());
            let placed = times.placed(looked_at(sorted.len(), median_ranks_95(sorted.len())));
            for (_, percent) in PERCENTILES {
                prop_assert_eq!(percentile(&placed, percent), percentile(&sorted, percent));
            }
        }
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let mut written = Vec::new();
        let mut times = Times::default();
        times.push(5);
        times.write(&mut written);
        assert!(Times::default().merge(&mut &written[..written.len() - 1]).is_err());
        written[0] = 9;
        assert!(Times::default().merge(&mut written.as_slice()).is_err());
    }
}

//! When the events of a run happened, as bytes: what the column `offsets` holds.
//!
//! Milliseconds from the first event to each further one, in order, each in the same number of bits, low bits first. The first byte
//! is that number, 8 to 57 or 64, as many as the last of them needs; a run of one event has no bytes. So a time is found by its place,
//! without a look at the others, and what is left of the last byte is too short for one more.

use crate::{Error, Result};

/// Bits of a number: fewer would leave its end open, and with more it might begin in one and end in the ninth byte from there.
const BITS_MIN: u32 = 8;
const BITS_MAX: u32 = 57;

/// Bits of a number that needs more.
const BITS_ALL: u32 = 64;

/// The offsets of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets<'a> {
    bits: u32,
    /// How many numbers there are.
    count: usize,
    further: &'a [u8],
}

impl<'a> Offsets<'a> {
    /// Offsets as they are stored.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are none that [`write`] gives.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self> {
        let (bits, further) = match bytes {
            [] => (BITS_MIN, bytes),
            [bits, further @ ..] => (u32::from(*bits), further),
        };
        let all = further.len() * 8;
        let is_known = (BITS_MIN..=BITS_MAX).contains(&bits) || bits == BITS_ALL;
        if !is_known || all % bits as usize >= 8 {
            return Err(Error::corrupt("offsets of a run that are none"));
        }
        Ok(Self { bits, count: all / bits as usize, further })
    }

    /// How many events there are.
    pub(crate) fn len(self) -> usize {
        self.count + 1
    }

    /// Milliseconds from the first event to the one at a place; nothing beyond the last.
    pub(crate) fn get(self, place: usize) -> Option<i64> {
        let Some(before) = place.checked_sub(1) else { return Some(0) };
        if before >= self.count {
            return None;
        }
        let start = before * self.bits as usize;
        let rest = self.further.get(start / 8..)?;
        let number = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        Some((number >> (start % 8) & (u64::MAX >> (u64::BITS - self.bits))).cast_signed())
    }

    /// Milliseconds from the first event to the last.
    pub(crate) fn last(self) -> i64 {
        self.get(self.len() - 1).unwrap_or_default()
    }

    /// All of them, that of the first event included.
    pub(crate) fn iter(self) -> impl Iterator<Item = i64> {
        (0..self.len()).map_while(move |place| self.get(place))
    }
}

/// Writes ascending offsets, of which the first is 0, after what is in `out`.
pub(crate) fn write(offsets: &[i64], out: &mut Vec<u8>) {
    let Some((_, further)) = offsets.split_first().filter(|(_, further)| !further.is_empty()) else { return };
    let all = further.iter().fold(0, |all, offset| all | offset.cast_unsigned());
    let needed = (u64::BITS - all.leading_zeros()).max(BITS_MIN);
    let bits = if needed > BITS_MAX { BITS_ALL } else { needed };
    out.extend(u8::try_from(bits));
    let (mut waiting, mut waiting_bits) = (0_u128, 0);
    for offset in further {
        waiting |= u128::from(offset.cast_unsigned()) << waiting_bits;
        waiting_bits += bits;
        let whole = waiting_bits / 8;
        out.extend(waiting.to_le_bytes().into_iter().take(whole as usize));
        waiting >>= whole * 8;
        waiting_bits -= whole * 8;
    }
    if waiting_bits > 0 {
        out.extend(waiting.to_le_bytes().first());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(offsets: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(offsets, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            mut further in proptest::collection::vec(prop_oneof![0_i64..300, 0..5_000_000_i64, 0..i64::MAX], 0..40),
        ) {
            further.sort_unstable();
            let all: Vec<i64> = std::iter::once(0).chain(further).collect();
            let bytes = written(&all);
            let offsets = Offsets::of(&bytes).unwrap();
            prop_assert_eq!(offsets.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!((offsets.len(), Some(&offsets.last())), (all.len(), all.last()));
            prop_assert_eq!(offsets.get(all.len()), None);
        }
    }

    #[test]
    fn a_run_takes_as_few_bits_as_its_length_needs() {
        assert_eq!(written(&[0]), b"");
        assert_eq!(written(&[0, 0, 255]), [8, 0, 255]);
        assert_eq!(written(&[0, 1, 256]), [9, 1, 0, 2]);
        assert_eq!(written(&[0, 1, 2, 3, 1 << 19]).len(), 1 + 10);
        assert_eq!(written(&[0, i64::MAX]).len(), 9);
    }

    #[test]
    fn bytes_that_are_no_offsets_are_refused() {
        for bytes in
            [&[0, 1][..], &[7, 1], &[9, 1], &[20, 1, 2, 3, 4], &[58, 1, 2, 3, 4, 5, 6, 7, 8], &[65; 9]]
        {
            assert_eq!(Offsets::of(bytes).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        }
    }
}

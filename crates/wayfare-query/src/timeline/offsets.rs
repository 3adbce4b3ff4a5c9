//! When the events of a run happened, as bytes: what the column `offsets` holds.
//!
//! Milliseconds from the first event to each further one, in order, all of the same width, little end first. The first byte
//! is that width in bytes, 1 to 8, as many as the last of them needs; a run of one event has no bytes. So a time is found by its place,
//! without a look at the others.

use crate::{Error, Result};

/// The offsets of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets<'a> {
    width: usize,
    further: &'a [u8],
}

impl<'a> Offsets<'a> {
    /// Offsets as they are stored.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are none that [`write`] gives.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self> {
        let (width, further) = match bytes {
            [] => (1, bytes),
            [width, further @ ..] => (usize::from(*width), further),
        };
        if !(1..=8).contains(&width) || !further.len().is_multiple_of(width) {
            return Err(Error::corrupt("offsets of a run that are none"));
        }
        Ok(Self { width, further })
    }

    /// How many events there are.
    pub(crate) fn len(self) -> usize {
        self.further.len() / self.width + 1
    }

    /// Milliseconds from the first event to the one at a place; nothing beyond the last.
    pub(crate) fn get(self, place: usize) -> Option<i64> {
        let Some(before) = place.checked_sub(1) else { return Some(0) };
        let start = before.checked_mul(self.width)?;
        // most widths are 2 or 3, and eight bytes are read at once where there are as many
        if let Some(bytes) = self.further.get(start..).and_then(|rest| rest.first_chunk::<8>()) {
            return Some((u64::from_le_bytes(*bytes) & (u64::MAX >> (64 - 8 * self.width))).cast_signed());
        }
        let bytes = self.further.get(start..start + self.width)?;
        Some(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).cast_signed())
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
    let all = further.iter().fold(1, |all, offset| all | offset.cast_unsigned());
    let width = 8 - all.leading_zeros() / 8;
    out.extend(u8::try_from(width));
    for offset in further {
        out.extend(offset.to_le_bytes().into_iter().take(width as usize));
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
    fn a_run_takes_as_few_bytes_as_its_length_needs() {
        assert_eq!(written(&[0]), b"");
        assert_eq!(written(&[0, 0, 255]), [1, 0, 255]);
        assert_eq!(written(&[0, 1, 256]), [2, 1, 0, 0, 1]);
        assert_eq!(written(&[0, i64::MAX]).len(), 9);
    }

    #[test]
    fn bytes_that_are_no_offsets_are_refused() {
        for bytes in [&[0, 1][..], &[9, 1], &[2, 1], &[3, 1, 2, 3, 4]] {
            assert_eq!(Offsets::of(bytes).unwrap_err().kind(), crate::ErrorKind::Corrupt);
        }
    }
}

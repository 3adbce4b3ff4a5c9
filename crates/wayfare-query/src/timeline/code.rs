//! Paths as bytes: each token is its place in a list of tokens, and whether it is tied to the one before.
//!
//! A code is `2 * place + tied`, in one byte below 2^7, in two below 2^14 (the first has the bits 10), else in five
//! (the first is C0). Codes are in the order of their bytes, as longer ones begin with greater bytes.

use crate::{Error, Result};

/// Codes below this take one byte, and below the other two.
const ONE_BYTE_END: u32 = 1 << 7;
const TWO_BYTES_END: u32 = 1 << 14;

/// What stands before the bits of longer codes.
const OF_TWO_BYTES: u8 = 0x80;
const OF_FIVE_BYTES: u8 = 0xc0;

/// Appends a token.
pub(crate) fn push_code(path: &mut Vec<u8>, place: u32, tied: bool) {
    // Places are counted by tokens that are held as texts, so there are far fewer than two thousand millions.
    let code = place.saturating_mul(2) | u32::from(tied);
    match code.to_be_bytes() {
        [.., low] if code < ONE_BYTE_END => path.push(low),
        [.., high, low] if code < TWO_BYTES_END => path.extend([OF_TWO_BYTES | high, low]),
        bytes => {
            path.push(OF_FIVE_BYTES);
            path.extend(bytes);
        }
    }
}

/// The token at a byte: its place, whether it is tied, and where its code ends.
///
/// # Errors
/// `Corrupt` when no code begins there.
#[inline]
pub(crate) fn code_at(path: &[u8], start: usize) -> Result<(u32, bool, usize)> {
    let rest = path.get(start..).unwrap_or_default();
    let (code, length) = match *rest {
        [low, ..] if low < OF_TWO_BYTES => (u32::from(low), 1),
        [high, low, ..] if high < OF_FIVE_BYTES => (u32::from_be_bytes([0, 0, high & 0x3f, low]), 2),
        [OF_FIVE_BYTES, a, b, c, d, ..] => (u32::from_be_bytes([a, b, c, d]), 5),
        _ => return Err(Error::corrupt("a path ends inside a token").with("byte", start)),
    };
    Ok((code / 2, code % 2 == 1, start + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(tokens: &[(u32, bool)]) -> Vec<u8> {
        let mut path = Vec::new();
        for &(place, tied) in tokens {
            push_code(&mut path, place, tied);
        }
        path
    }

    fn places() -> impl Strategy<Value = (u32, bool)> {
        (prop_oneof![0_u32..70, 8_100_u32..8_300, Just(0x7fff_ffff)], any::<bool>())
    }

    proptest! {
        #[test]
        fn tokens_are_read_as_they_were_written(tokens in proptest::collection::vec(places(), 0..9)) {
            let path = written(&tokens);
            let (mut read, mut at) = (Vec::new(), 0);
            while at < path.len() {
                let (place, tied, end) = code_at(&path, at).unwrap();
                read.push((place, tied));
                at = end;
            }
            prop_assert_eq!(read, tokens);
        }

        #[test]
        fn paths_are_in_the_order_of_their_tokens(
            left in proptest::collection::vec(places(), 0..4),
            right in proptest::collection::vec(places(), 0..4),
        ) {
            prop_assert_eq!(written(&left).cmp(&written(&right)), left.cmp(&right));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut at = 0;
            while at < bytes.len() {
                let Ok((_, _, end)) = code_at(&bytes, at) else { break };
                prop_assert!(end > at && end <= bytes.len());
                at = end;
            }
        }
    }

    #[test]
    fn frequent_tokens_take_one_byte() {
        assert_eq!(written(&[(63, true), (64, false), (8_191, true), (8_192, false)]).len(), 1 + 2 + 2 + 5);
    }
}

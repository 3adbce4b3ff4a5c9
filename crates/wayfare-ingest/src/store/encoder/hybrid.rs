//! Small numbers as Parquet's hybrid of runs and packed bits.
//!
//! Source: Apache Parquet, `Encodings.md`, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)".

/// Numbers that are packed together.
const GROUP: usize = 8;

/// The bits that all numbers up to `largest` fit in.
pub(super) fn bit_width(largest: u32) -> u8 {
    u8::try_from(u32::BITS - largest.leading_zeros()).unwrap_or_default()
}

/// Appends numbers of `width` bits each.
pub(super) fn encode(numbers: &[u32], width: u8, out: &mut Vec<u8>) {
    let (mut packed, mut rest) = (numbers, numbers);
    while let Some((&number, behind)) = rest.split_first() {
        let run = 1 + behind.iter().take_while(|&&next| next == number).count();
        // what was to be packed before takes as much of the run as fills its last group
        let before = packed.len() - rest.len();
        let fill = before.next_multiple_of(GROUP) - before;
        rest = rest.get(run..).unwrap_or_default();
        if run >= fill + GROUP {
            pack(packed.get(..before + fill).unwrap_or_default(), width, out);
            repeat(number, run - fill, width, out);
            packed = rest;
        }
    }
    pack(packed, width, out);
}

/// Appends one number many times.
pub(super) fn repeat(number: u32, times: usize, width: u8, out: &mut Vec<u8>) {
    header(times << 1, out);
    out.extend(number.to_le_bytes().iter().take(usize::from(width).div_ceil(8)));
}

/// Appends numbers bit by bit; the last group is filled with zeros.
fn pack(numbers: &[u32], width: u8, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
    header(groups << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    let (mut bits, mut held) = (0_u64, 0);
    for number in numbers {
        bits |= u64::from(*number) << held;
        held += u32::from(width);
        if held >= u32::BITS {
            let [a, b, c, d, ..] = bits.to_le_bytes();
            out.extend([a, b, c, d]);
            bits >>= u32::BITS;
            held -= u32::BITS;
        }
    }
    out.extend(bits.to_le_bytes().iter().take(held.div_ceil(8) as usize));
    out.resize(end, 0);
}

/// Appends a number in seven bits a byte, the lowest first.
fn header(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader makes of it, by the letter of the format.
    fn decoded(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (mut header, mut shift) = (0, 0);
            loop {
                let (&byte, rest) = bytes.split_first().unwrap();
                bytes = rest;
                header |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if header & 1 == 0 {
                let (value, rest) = bytes.split_at(usize::from(width).div_ceil(8));
                bytes = rest;
                let value = value.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
                numbers.extend(std::iter::repeat_n(value, header >> 1));
            } else {
                let (packed, rest) = bytes.split_at((header >> 1) * usize::from(width));
                bytes = rest;
                let bit = |at: usize| u32::from(packed[at / 8] >> (at % 8) & 1);
                let width = usize::from(width);
                let number = |at: usize| (0..width).fold(0, |n, low| n | bit(at * width + low) << low);
                numbers.extend((0..(header >> 1) * GROUP).map(number));
            }
        }
        assert!(bytes.is_empty(), "bytes are left");
        assert!(numbers.len() < count + GROUP, "more than one group is filled");
        assert!(numbers[count..].iter().all(|&number| number == 0));
        numbers.truncate(count);
        numbers
    }

    fn encoded(numbers: &[u32]) -> (Vec<u8>, u8) {
        let width = bit_width(numbers.iter().copied().max().unwrap_or(0));
        let mut bytes = Vec::new();
        encode(numbers, width, &mut bytes);
        (bytes, width)
    }

    #[test]
    fn widths_hold_the_largest_number() {
        assert_eq!([0, 1, 2, 3, 255, 256, u32::MAX].map(bit_width), [0, 1, 2, 2, 8, 9, 32]);
    }

    #[test]
    fn a_long_run_is_two_numbers() {
        assert_eq!(encoded(&[5; 1000]).0, [0xd0, 0x0f, 5]);
        assert_eq!(encoded(&[0; 70]).0, [140, 1]);
    }

    #[test]
    fn the_examples_of_the_format() {
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5, 6, 7]).0, [3, 0x88, 0xc6, 0xfa]);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(
            runs in proptest::collection::vec((0_u32..40, 1_usize..30), 0..60), shift in 0_u32..26,
        ) {
            let numbers: Vec<u32> =
                runs.iter().flat_map(|&(number, times)| std::iter::repeat_n(number << shift, times)).collect();
            let (bytes, width) = encoded(&numbers);
            prop_assert_eq!(decoded(&bytes, width, numbers.len()), numbers);
        }
    }
}

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use super::read_within;
use crate::Limits;

const LIMITS: Limits = Limits {
    line_bytes_max: 60,
    depth_max: 3,
    reject_text_bytes_max: 7,
    decompressed_bytes_max: 1 << 30,
    decompression_ratio_max: 1000,
    ratio_free_bytes: 1 << 20,
    files_max: 1,
    block_bytes: 1 << 20,
    event_min_ms: 0,
    event_ahead_max_ms: 0,
};

/// Pieces of which all formats and all their defects are made.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("{\"a\":1,\"b\":\"x\"}".to_owned()),
        2 => Just("{\"a\":{\"b\":[1,2]},\"a\":\"\\u00e9\\\"\"}".to_owned()),
        1 => Just("{\"a\":[[[]]]}".to_owned()),
        3 => Just("1,\"x, \"\"y\"\"\",z".to_owned()),
        2 => Just("\"two\nlines\",2,3".to_owned()),
        4 => Just("\n".to_owned()),
        2 => Just(",\n".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => (20..100_usize).prop_map(|count| "long ".repeat(count)),
        1 => "[\\[\\]{}\",:;\\\\\na1 ]{1,6}".prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    let start = prop_oneof![Just(""), Just("{\"a\":0}\n"), Just("["), Just("a,b,c\n"), Just("a;b\n")];
    (start, vec(piece(), 0..60)).prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

proptest! {
    #[test]
    fn blocks_do_not_change_the_records(text in text(), block_bytes in 1..300_usize) {
        let whole = read_within(text.as_bytes(), &LIMITS);
        // The reader asks for 32 KiB at once: to cut at other places, the input is made longer than that.
        let filler = match text.as_bytes() {
            [b'{', ..] => "{\"filler\":1}\n",
            [b'[', ..] => "  \n",
            _ => "\n",
        };
        let cut = read_within(text.as_bytes(), &Limits { block_bytes, ..LIMITS });
        prop_assert_eq!(&cut, &whole);
        let mut long = text.clone();
        if !long.ends_with('\n') {
            long.push('\n');
        }
        long.push_str(&filler.repeat(4000));
        long.push_str(&text);
        let whole = read_within(long.as_bytes(), &Limits { block_bytes: 1 << 24, ..LIMITS });
        let cut = read_within(long.as_bytes(), &Limits { block_bytes, ..LIMITS });
        prop_assert_eq!(&cut, &whole);
    }

    #[test]
    fn every_line_is_accepted_or_rejected(good in vec(any::<bool>(), 1..200), noise in "[^\n]{1,30}") {
        let mut text = String::from("{\"n\":0}\n");
        let mut damaged = 0;
        for (number, good) in good.iter().enumerate() {
            if *good {
                writeln!(text, "{{\"n\":{number}}}").unwrap();
            } else {
                writeln!(text, "{{\"n\":{number}}} {noise}?").unwrap();
                damaged += 1;
            }
        }
        let outcome = read_within(text.as_bytes(), &Limits { line_bytes_max: 1000, ..LIMITS });
        prop_assert_eq!(outcome.rejects.len(), damaged);
        prop_assert_eq!(outcome.records.len() + damaged, good.len() + 1);
        prop_assert_eq!(outcome.error, None);
    }

    #[test]
    fn any_bytes_are_survived(
        start in proptest::sample::select(vec![
            &b""[..], b"{", b"[", b"a,b\n", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18",
        ]),
        bytes in vec(any::<u8>(), 0..400),
        block_bytes in 1..100_usize,
    ) {
        let input = [start, &bytes].concat();
        let _outcome = read_within(&input, &Limits { block_bytes, ..LIMITS });
    }
}

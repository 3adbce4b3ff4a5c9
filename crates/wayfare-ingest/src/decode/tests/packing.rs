use std::io::{self, Read, Write as _};

use super::{open, read, read_within};
use crate::{Decoder, ErrorKind, Limits, Reason};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Lines that do not pack into nothing.
fn lines(from: u64, to: u64) -> String {
    let line = |n: u64| format!("{{\"n\":{n},\"x\":\"{:x}\"}}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (from..to).map(line).collect::<Vec<_>>().concat()
}

#[test]
fn packed_streams_may_have_parts() {
    let plain = read(lines(0, 200).as_bytes());
    for pack in [gzip, zstd] {
        let mut packed = pack(lines(0, 77).as_bytes());
        packed.extend(pack(lines(77, 200).as_bytes()));
        assert_eq!(read(&packed), plain);
    }
    // Without a last newline at the seam, a line goes on in the next part.
    let mut packed = gzip(b"{\"n\"");
    packed.extend(gzip(b":1}"));
    assert_eq!(read(&packed).column("n"), ["json 1"]);
    assert_eq!(read(&gzip(b"a,b\n1,2\n")).column("b"), ["2"]);
}

#[test]
fn a_stream_cut_short_gives_what_lies_before() {
    let whole = read(lines(0, 30_000).as_bytes());
    for (pack, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        let packed = pack(lines(0, 30_000).as_bytes());
        for cut in [5, 12, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
            let outcome = read(&packed[..cut]);
            let message = outcome.error.as_deref().unwrap_or_default();
            let expected = format!("the {name} stream is cut short: its end is missing (file input, line ");
            assert!(message.starts_with(&expected), "{cut}: {message}");
            assert_eq!(outcome.records[..], whole.records[..outcome.records.len()], "{cut}");
            assert!(message.ends_with(&format!("line {})", outcome.records.len() + 1)), "{cut}: {message}");
            assert!(
                cut < packed.len() / 2 || outcome.records.len() > 10_000,
                "{cut}: {}",
                outcome.records.len()
            );
            assert_eq!(outcome.rejects, [], "half a line is no reject");
        }
    }
}

#[test]
fn a_damaged_stream_ends_with_an_error() {
    for pack in [gzip, zstd] {
        let mut packed = pack(lines(0, 20_000).as_bytes());
        let middle = packed.len() / 2;
        for byte in &mut packed[middle..middle + 8] {
            *byte ^= 0x5a;
        }
        let outcome = read(&packed);
        let message = outcome.error.unwrap();
        assert!(message.contains("damaged") || message.contains("cut short"), "{message}");
        assert!(!outcome.records.is_empty());
    }
    let mut followed = gzip(b"{\"a\":1}\n");
    followed.extend(b"garbage that is no gzip");
    let outcome = read(&followed);
    assert_eq!((outcome.lines(), outcome.error.is_some()), (vec![1], true));
}

#[test]
fn a_damaged_array_or_csv_gives_what_lies_before() {
    let row = |n: u64| format!("{n},\"{:x}\n\"\n", n * 0x9e37_79b9);
    let rows = (0..5000).map(row).collect::<Vec<_>>().concat();
    let packed = gzip(format!("n,x\n{rows}").as_bytes());
    let outcome = read(&packed[..packed.len() / 2]);
    assert!(outcome.records.len() > 500 && outcome.error.is_some());
    let elements = lines(0, 5000).replace("}\n", "},\n");
    let packed = gzip(format!("[{elements}").as_bytes());
    let outcome = read(&packed[..packed.len() / 2]);
    assert!(outcome.records.len() > 500 && outcome.error.unwrap().contains("gzip"));
    let header = gzip(lines(0, 50).replace('\n', "").replace('{', "x").as_bytes());
    assert_eq!(open(&header[..header.len() / 2], &Limits::default()).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn bombs_are_refused() {
    let bomb = gzip("{\"a\":1}\n".repeat(1 << 20).as_bytes());
    let ratio = Limits { ratio_free_bytes: 1 << 16, decompression_ratio_max: 100, ..Limits::default() };
    let size = Limits { decompressed_bytes_max: 1 << 20, ..Limits::default() };
    for limits in [ratio, size] {
        let error = open(&bomb, &limits).and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    }
    assert_eq!(read(&bomb).records.len(), 1 << 20);
    let plain = "{\"a\":1}\n".repeat(1 << 18);
    assert!(read_within(plain.as_bytes(), &ratio).error.is_none(), "the ratio is about packed input");
    let endless = gzip(&vec![b'x'; 8 << 20]);
    let outcome = read(&[gzip(b"{\"a\":1}\n"), endless].concat());
    assert_eq!(outcome.reasons(), [(2, Reason::LineTooLong)]);
}

/// Gives some bytes, then fails as a disk does.
struct Failing(io::Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn a_failing_disk_is_not_a_damaged_stream() {
    let packed = gzip(lines(0, 3000).as_bytes());
    for bytes in [lines(0, 3000).into_bytes(), packed[..packed.len() / 2].to_vec()] {
        let raw = Box::new(Failing(io::Cursor::new(bytes)));
        let results: Vec<_> = Decoder::open("input".into(), raw, &Limits::default()).unwrap().collect();
        assert!(results.len() > 1);
        assert_eq!(results.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

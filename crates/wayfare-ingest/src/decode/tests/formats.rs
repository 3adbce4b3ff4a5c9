use super::{open, read, read_within};
use crate::{ErrorKind, Limits, Reason};

#[test]
fn lines_are_read_whatever_surrounds_them() {
    let outcome = read(b"\xef\xbb\xbf\r\n{\"a\":1}\r\n\n  \t\n {\"a\":\"x\"} \n{\"a\":null}\n{\"a\":true}");
    assert_eq!(outcome.lines(), [2, 5, 6, 7]);
    assert_eq!(outcome.column("a"), ["json 1", "x", "json true"]);
    assert_eq!((outcome.rejects, outcome.error), (vec![], None));
}

#[test]
fn a_bad_line_does_not_stop_the_file() {
    let text =
        b"{\"a\":1}\n{\"a\":\n\"x\"\n{\"a\":\"\xff\"}\n{\"a\":2}\n{\"a\":[[[[]]]]}\n{\"a\":\"\0\"}\n{\"a\":3}\n";
    let outcome = read_within(text, &Limits { depth_max: 3, ..Limits::default() });
    assert_eq!(outcome.column("a"), ["json 1", "json 2", "json 3"]);
    let expected = [
        (2, Reason::BadJson),
        (3, Reason::NotAnObject),
        (4, Reason::BadUtf8),
        (6, Reason::TooDeep),
        (7, Reason::BadJson),
    ];
    assert_eq!(outcome.reasons(), expected);
    assert_eq!(outcome.rejects[0].2, "{\"a\":");
}

#[test]
fn a_bad_first_line_does_not_change_the_format() {
    let outcome = read(b"?? {\"a\":0}\n{\"a\":1}\n{\"a\":2}\n");
    assert_eq!((outcome.lines(), outcome.reasons()), (vec![2, 3], vec![(1, Reason::BadJson)]));
}

#[test]
fn a_line_that_is_too_long_is_skipped_without_being_kept() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20));
    let outcome = read(format!("{{\"a\":1}}\n{long}\n{{\"a\":2}}\n{long}").as_bytes());
    assert_eq!(outcome.column("a"), ["json 1", "json 2"]);
    assert_eq!(outcome.reasons(), [(2, Reason::LineTooLong), (4, Reason::LineTooLong)]);
    assert_eq!(outcome.rejects[0].2.len(), Limits::default().reject_text_bytes_max);
    let csv = read(format!("a,b\n1,2\n{long}\n3,4\n").as_bytes());
    assert_eq!((csv.lines(), csv.reasons()), (vec![2, 4], vec![(3, Reason::LineTooLong)]));
    let array = read(format!("[{{\"a\":1}},\n{long},\n{{\"a\":2}}]\n").as_bytes());
    assert_eq!((array.lines(), array.reasons()), (vec![1, 3], vec![(2, Reason::LineTooLong)]));
    assert_eq!(array.error, None);
}

#[test]
fn arrays_follow_one_another() {
    let text =
        b" [ {\"a\":1}, {\"a\":\"]},{\\\"\"}\n,\n{\"a\":\n{\"b\":[1,\n2]}} ]\n[]\n[{\"a\":4}] {\"a\":5}\n";
    let outcome = read(text);
    assert_eq!(outcome.lines(), [1, 1, 3, 7, 7]);
    assert_eq!(outcome.column("a")[1..3], ["]},{\"", "json {\"b\":[1,\n2]}"]);
    assert_eq!((outcome.rejects, outcome.error), (vec![], None));
}

#[test]
fn objects_may_span_lines() {
    let outcome = read(b"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n");
    assert_eq!((outcome.lines(), outcome.column("a")), (vec![1, 4], vec!["json 1", "json 2"]));
}

#[test]
fn an_array_may_stand_on_a_line() {
    let outcome = read(b"{\"a\":1}\n[{\"a\":2},{\"a\":},{\"a\":3}]\n[{\"a\":4},\n{\"a\":5}\n");
    assert_eq!(outcome.lines(), [1, 2, 2, 3, 4]);
    assert_eq!(outcome.reasons(), [(2, Reason::BadJson), (3, Reason::BadJson)]);
}

#[test]
fn damage_in_an_array_costs_the_element() {
    let text = b"[{\"a\":1},\n{\"a\":,},\n12, \"x\", [1], null,\n{\"a\":2}},\n{\"a\":\"open},\n{\"a\":3},\n{\"a\":4}]\n";
    let outcome = read(text);
    assert_eq!(outcome.column("a"), ["json 1", "json 2", "json 3", "json 4"]);
    let expected = [
        (2, Reason::BadJson),
        (3, Reason::NotAnObject),
        (3, Reason::NotAnObject),
        (3, Reason::NotAnObject),
        (3, Reason::NotAnObject),
        (4, Reason::BadJson),
        (5, Reason::BadJson),
    ];
    assert_eq!(outcome.reasons(), expected);
    assert_eq!(outcome.error, None);
}

#[test]
fn an_array_that_is_not_closed_is_an_error_after_its_records() {
    for text in ["[{\"a\":1},\n{\"a\":2}", "[{\"a\":1},\n{\"a\":2},\n{\"a\":{"] {
        let outcome = read(text.as_bytes());
        assert_eq!(outcome.column("a"), ["json 1", "json 2"]);
        assert!(outcome.error.unwrap().contains("saw the end of the file (file input, line "), "{text}");
    }
}

#[test]
fn rows_are_read_with_their_lines() {
    let text = b"\n\na, b.c ,,a\r\n1,\"x\ny\",,4\r\n\r\n,\"say \"\"hi\"\"\",3,\r\n1,2\r\n1,2,3,4";
    let outcome = read(text);
    assert_eq!(outcome.lines(), [4, 7, 9]);
    assert_eq!(outcome.column("a"), ["1", "1"]);
    assert_eq!(outcome.column("b.c"), ["x\ny", "say \"hi\"", "2"]);
    assert_eq!(outcome.column("column_3"), ["3", "3"]);
    assert_eq!(outcome.column("a_2"), ["4", "4"]);
    assert_eq!(outcome.rejects, [(8, Reason::ColumnCount, "1,2".to_owned())]);
}

#[test]
fn the_separator_is_recognised() {
    for separator in [",", ";", "\t"] {
        let text = "a|\"b,;\n,;c\"|d\n1|2|3\n".replace('|', separator);
        let decoder = open(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(decoder.header().unwrap(), ["a", "b,;\n,;c", "d"]);
        assert_eq!(read(text.as_bytes()).lines(), [3]);
    }
    assert_eq!(read(b"only\n1\n2\n").column("only"), ["1", "2"]);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    let limits = Limits { line_bytes_max: 40, ..Limits::default() };
    let rows = (4..40).map(|number| format!("{number},y\n")).collect::<Vec<_>>().concat();
    let outcome = read_within(format!("a,b\n1,x\n2,\"x\n{rows}").as_bytes(), &limits);
    assert_eq!(outcome.reasons(), [(3, Reason::BadCsv)]);
    assert_eq!(outcome.rejects[0].2, "2,\"x");
    assert_eq!(outcome.records.len(), 37);
    let at_end = read(b"a,b\n1,x\n2,\"x\n3,y\n");
    assert_eq!((at_end.lines(), at_end.reasons()), (vec![2, 4], vec![(3, Reason::BadCsv)]));
}

#[test]
fn bytes_that_are_no_utf8_cost_the_row() {
    let outcome = read(b"a,b\n1,x\n2,\xe4\n3,\xc3\xa4\n");
    assert_eq!((outcome.lines(), outcome.reasons()), (vec![2, 4], vec![(3, Reason::BadUtf8)]));
}

#[test]
fn nothing_is_no_error() {
    for text in ["", "\n \n", "\u{feff}", "[]", "[\n]\n", "a,b\n"] {
        let outcome = read(text.as_bytes());
        assert_eq!(outcome, super::Outcome::default(), "{text:?}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for (bytes, part) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "saw binary data"),
        (b"PAR1\x15\x04\x15", "saw binary data"),
        (b"a,b\n1,\0\n", "saw binary data"),
        (b"\x1f", "saw binary data"),
        (b"\xe4,b\n1,2\n", "saw binary data"),
        (b"\xff\xfea\0,\0", "saw UTF-16"),
        (b"{\0\"\0", "saw UTF-16"),
    ] {
        let error = open(bytes, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(part) && error.to_string().contains("file input"), "{error}");
    }
}

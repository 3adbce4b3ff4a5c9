//! Rows of a report against rows that were computed elsewhere.

use serde_json::{Map, Value};

/// A float may differ by this part of its value: other engines sum in another order.
const RELATIVE: f64 = 1e-9;

/// Whether two values are the same: integers exactly, floats closely.
pub(crate) fn same(expected: &Value, seen: &Value) -> bool {
    if let (Some(expected), Some(seen)) = (expected.as_i64(), seen.as_i64()) {
        return expected == seen;
    }
    match (expected.as_f64(), seen.as_f64()) {
        (Some(expected), Some(seen)) => (expected - seen).abs() <= RELATIVE * expected.abs(),
        _ => expected == seen,
    }
}

/// Fails unless the rows are as expected, in any order. `names` are the columns that the report names otherwise, `keys`
/// those (by the expected name) that tell rows apart; a report may have more columns.
#[track_caller]
pub(crate) fn compare(
    place: &str,
    expected: &[Value],
    seen: &[Value],
    keys: &[&str],
    names: &[(&str, &str)],
) {
    let name = |column: &str| -> String {
        names.iter().find(|(theirs, _)| *theirs == column).map_or(column, |(_, ours)| *ours).to_owned()
    };
    assert!(!expected.is_empty(), "{place}: nothing to compare");
    assert_eq!(seen.len(), expected.len(), "{place}: rows");
    for row in expected {
        let row: &Map<String, Value> = row.as_object().unwrap();
        let found = seen.iter().find(|seen| keys.iter().all(|key| seen[name(key)] == row[*key]));
        let Some(found) = found else { panic!("{place}: no row for {row:?} in {seen:?}") };
        for (column, value) in row {
            let column = name(column);
            let Some(seen) = found.get(&column) else { panic!("{place}: no column {column} in {found}") };
            assert!(same(value, seen), "{place}: {column}: expected {value}, saw {seen} in {found}");
        }
    }
}

#[test]
fn integers_are_compared_exactly_and_floats_closely() {
    let values = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (expected, seen, equal) in [
        ("1", "1", true),
        ("9007199254740993", "9007199254740992", false),
        ("1.5", "1.5000000001", true),
        ("1.5", "1.50001", false),
        ("2.0", "2", true),
        ("null", "null", true),
        ("null", "0", false),
        ("\"a\"", "\"a\"", true),
    ] {
        assert_eq!(same(&values(expected), &values(seen)), equal, "{expected} {seen}");
    }
}

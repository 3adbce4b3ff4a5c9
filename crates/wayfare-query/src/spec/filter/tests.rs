use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Condition {
    Condition::parse(text).unwrap()
}

fn condition(column: &str, op: Op, values: &[&str]) -> Condition {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Condition { column: column.to_owned(), path: None, op, values }
}

#[test]
fn every_operator_is_read() {
    let cases = [
        ("platform=ios", condition("platform", Op::Eq, &["ios"])),
        ("platform == ios", condition("platform", Op::Eq, &["ios"])),
        ("platform != ios", condition("platform", Op::Ne, &["ios"])),
        ("http_status>=500", condition("http_status", Op::Ge, &["500"])),
        ("http_status <= 500", condition("http_status", Op::Le, &["500"])),
        ("http_status < 500", condition("http_status", Op::Lt, &["500"])),
        ("http_status > 500", condition("http_status", Op::Gt, &["500"])),
        ("error_message ~ timed out", condition("error_message", Op::Contains, &["timed out"])),
        ("error_message!~timeout", condition("error_message", Op::NotContains, &["timeout"])),
        ("country in (DE, AT)", condition("country", Op::In, &["DE", "AT"])),
        ("country in DE,AT", condition("country", Op::In, &["DE", "AT"])),
        ("country IN(DE)", condition("country", Op::In, &["DE"])),
        ("country not in (DE, 'A,B')", condition("country", Op::NotIn, &["DE", "A,B"])),
        ("error_code is set", condition("error_code", Op::IsSet, &[])),
        ("error_code is not null", condition("error_code", Op::IsSet, &[])),
        ("error_code is null", condition("error_code", Op::IsNull, &[])),
        ("step_id = \"a = b\"", condition("step_id", Op::Eq, &["a = b"])),
        ("step_id=''", condition("step_id", Op::Eq, &[""])),
        ("step_id=terms and conditions", condition("step_id", Op::Eq, &["terms and conditions"])),
        ("step_id='x and platform=ios'", condition("step_id", Op::Eq, &["x and platform=ios"])),
        ("url=https://a.b/?c=d", condition("url", Op::Eq, &["https://a.b/?c=d"])),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn a_path_leads_into_the_parameters() {
    let found = parse("params.offer.\"sale price\".0 > 10");
    assert_eq!(found.column, "additional_params");
    assert_eq!(found.path.unwrap(), ["offer", "sale price", "0"]);
    assert_eq!(parse("additional_params.a=b").path.unwrap(), ["a"]);
    assert_eq!(parse("params ~ b"), condition("additional_params", Op::Contains, &["b"]));
}

#[test]
fn conditions_are_joined_by_and() {
    let found =
        Condition::parse_all("step_id=otp and platform in (ios, android) AND params.a is set").unwrap();
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["step_id = otp", "platform in (ios, android)", "params.a is set"]);
    assert!(Condition::parse("a=1 and b=2").unwrap_err().advice().unwrap().contains("one by one"));
}

#[test]
fn what_is_no_condition_is_refused_with_what_was_expected() {
    let cases = [
        ("", "expected a column"),
        ("=ios", "expected a column"),
        ("platform", "expected an operator"),
        ("platform ios", "expected an operator"),
        ("platform contains ios", "expected an operator"),
        ("platform=", "expected a value after ="),
        ("platform is set now", "expected nothing after is set"),
        ("platform in ()", "expected values parted by commas"),
        ("platform in (a,,b)", "expected values parted by commas"),
        ("platform in (a", "expected a closing )"),
        ("platform in", "expected values parted by commas"),
        ("platform='ios", "expected a closing '"),
        ("platform='ios' x", "expected nothing after the closing quote"),
        ("platform.name=ios", "only params has keys"),
        ("params.=ios", "expected a column"),
        ("a=1 or b=2", "expected one value"),
    ];
    for (text, expected) in cases {
        let error = Condition::parse(text).expect_err(text);
        assert!(error.message().starts_with(expected), "{text}: {error}");
        assert_eq!(error.context(), [("condition", text.to_owned())]);
    }
    let error = Condition::parse("platform contains ios").unwrap_err();
    assert_eq!(error.advice(), Some("write ~ for contains"));
}

#[test]
fn nothing_but_is_null_holds_without_a_value() {
    let texts =
        ["c=a", "c!=a", "c<1", "c<=1", "c>1", "c>=1", "c~a", "c!~a", "c in (a)", "c not in (a)", "c is set"];
    for text in texts {
        assert!(!parse(text).matches_text(None), "{text}");
    }
    assert!(parse("c is null").matches_text(None));
    assert!(!parse("c is null").matches_text(Some("")));
    assert!(parse("c is set").matches_text(Some("")));
}

#[test]
fn texts_are_compared_as_the_operator_says() {
    let holds = |condition: &str, text: &str| parse(condition).matches_text(Some(text));
    assert!(holds("c=ios", "ios") && !holds("c=ios", "iOS") && !holds("c=1.1", "1.10"));
    assert!(holds("c!=ios", "iOS") && !holds("c!=ios", "ios"));
    assert!(holds("c~TIME", "timeout") && !holds("c!~TIME", "timeout") && holds("c~straße", "STRAßE 1"));
    assert!(holds("c in (a,b)", "b") && !holds("c in (a,b)", "c"));
    assert!(holds("c not in (a,b)", "c") && !holds("c not in (a,b)", "b"));
}

#[test]
fn numbers_are_compared_as_numbers_and_other_values_as_texts() {
    let holds = |condition: &str, text: &str| parse(condition).matches_text(Some(text));
    assert!(holds("c<10", "9") && holds("c<10", "-9.5") && !holds("c<10", "10") && holds("c<=10", "10.0"));
    assert!(holds("c>9007199254740992", "9007199254740993"));
    assert!(!holds("c<10", "nine") && !holds("c>=10", "nine") && !holds("c<10", ""));
    assert!(holds("c<inf", "9") && holds("c>=2026-03-01", "2026-03-01T10:00:00Z"));
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let text = || "[a-z\"' ,().=~A-Z0-9é|:]{0,12}";
    let ops =
        [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Contains, Op::NotContains, Op::In, Op::NotIn];
    let path = proptest::collection::vec("[a-z\". ]{1,5}", 1..3);
    let values = proptest::collection::vec(text(), 1..4);
    (proptest::option::of(path), 0..ops.len() + 2, values).prop_map(move |(path, op, mut values)| {
        let op = ops.get(op).copied().unwrap_or(if op == ops.len() { Op::IsSet } else { Op::IsNull });
        match op {
            Op::IsSet | Op::IsNull => values.clear(),
            Op::In | Op::NotIn => {}
            _ => values.truncate(1),
        }
        let column = if path.is_some() { "additional_params" } else { "step_id" };
        Condition { column: column.to_owned(), path, op, values }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(condition in any_condition()) {
        let text = condition.to_string();
        prop_assert_eq!(Condition::parse(&text).map_err(|error| error.to_string()), Ok(condition), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z =!<>~'\"(),.|]{0,24}") {
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(Condition::parse(&condition.to_string()).unwrap(), condition);
        }
    }
}

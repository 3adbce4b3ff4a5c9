//! Reads steps.

use super::activity::{kinds_as_activity, kinds_as_step};
use super::{Step, StepTest};
use crate::spec::filter::Condition;
use crate::spec::quoted::{self, Quoted};
use crate::timeline::Kind;
use crate::{Error, Result};
use wayfare_ingest::nearest;

const COMPLETED: &[Kind] = &[Kind::StepCompleted, Kind::JourneySucceeded];

/// What a word before a colon asks for.
const PREFIXES: [(&str, &[Kind]); 7] = [
    ("started", &[Kind::StepStarted]),
    ("completed", COMPLETED),
    ("failed", &[Kind::StepFailed, Kind::JourneyFailed]),
    ("custom", &[Kind::Custom]),
    ("call", &[Kind::CallSucceeded, Kind::CallFailed]),
    ("activity", &[Kind::Other]),
    (
        "event",
        &[
            Kind::Custom,
            Kind::Other,
            Kind::StepCompleted,
            Kind::StepFailed,
            Kind::SubJourneySucceeded,
            Kind::SubJourneyFailed,
            Kind::JourneySucceeded,
            Kind::JourneyFailed,
        ],
    ),
];

impl Step {
    /// Reads a step.
    ///
    /// # Errors
    ///
    /// `Invalid` when the text or one of its alternatives is empty or malformed.
    pub fn parse(text: &str) -> Result<Self> {
        parse(text).map_err(|error| error.with("step", text.trim()))
    }
}

fn parse(text: &str) -> Result<Step> {
    let (label, body) = match Quoted::parse(text)?.split_once(":=") {
        None => (None, text.trim()),
        Some(("", _)) => return Err(Error::invalid("expected a label before :=")),
        Some((label, body)) => (Some(quoted::value(label)?), body),
    };
    let (body, optional) = match body.strip_suffix('?') {
        Some(body) if body.is_empty() || body.ends_with(char::is_whitespace) => (body.trim_end(), true),
        _ => (body, false),
    };
    if body.is_empty() {
        return Err(Error::invalid("expected a step, saw nothing").hint("name a step, or write a condition"));
    }
    let any_of = Quoted::parse(body)?.split("|").into_iter().map(test).collect::<Result<Vec<_>>>()?;
    let name = match (label, quoted::take(body)) {
        (Some(label), _) => label,
        (None, Some((name, ""))) => name,
        (None, _) => body.to_owned(),
    };
    Ok(Step { name, optional, any_of })
}

/// The test of a step's good end.
pub(super) fn completed(name: &str) -> StepTest {
    StepTest::Token { kinds: COMPLETED, name: Some(name.to_owned()) }
}

/// Reads one alternative.
fn test(text: &str) -> Result<StepTest> {
    if text.is_empty() {
        return Err(Error::invalid("expected a step on both sides of |, saw nothing"));
    }
    if let Some((name, rest)) = quoted::take(text)
        && rest.is_empty()
    {
        return named(COMPLETED, name);
    }
    if is_condition(text)? {
        return Condition::parse_all(text).map(StepTest::Event);
    }
    if let Some((prefix, rest)) = Quoted::parse(text)?.split_once(":") {
        let known = PREFIXES.iter().find(|(name, _)| name.eq_ignore_ascii_case(prefix));
        if let Some((prefix, kinds)) = known {
            let is_quoted = rest.starts_with(quoted::is_quote);
            let name = quoted::value(rest)?;
            return match kinds_as_activity(&name).filter(|_| !is_quoted) {
                Some(kinds) if matches!(*prefix, "activity" | "event") => {
                    Ok(StepTest::Token { kinds, name: None })
                }
                _ => named(kinds, name),
            };
        }
        if let Some(near) = nearest(prefix, PREFIXES.iter().map(|(name, _)| *name)) {
            let hint =
                format!("did you mean {near}:{rest}? put the name in quotes if the colon belongs to it");
            return Err(Error::invalid(format!("there is no kind of event {prefix}")).hint(hint));
        }
    }
    match kinds_as_step(text) {
        Some(kinds) => Ok(StepTest::Token { kinds, name: None }),
        None => named(COMPLETED, text.to_owned()),
    }
}

fn named(kinds: &'static [Kind], name: String) -> Result<StepTest> {
    if name.is_empty() {
        return Err(Error::invalid("expected the name of a step, saw nothing"));
    }
    Ok(StepTest::Token { kinds, name: Some(name) })
}

/// Whether a text is meant as conditions: it has an operator sign outside quotes, or it is a column followed
/// by `is set`, `is null` or a list in parentheses. `Sign in with Google` is a name.
fn is_condition(text: &str) -> Result<bool> {
    let quoted = Quoted::parse(text)?;
    let is_sign = |(at, sign): (usize, &str)| quoted.is_outside(at) && !sign.is_empty();
    if text.match_indices(['=', '<', '>', '~']).any(is_sign) {
        return Ok(true);
    }
    let lower = text.to_lowercase();
    let ends = [" is set", " is null", " is not null", ")"].iter().any(|end| lower.ends_with(end));
    Ok(ends && Condition::begins(text))
}

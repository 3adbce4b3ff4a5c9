//! Steps of a funnel as people write them.
//!
//! | text | matches |
//! | --- | --- |
//! | `otp` | step `otp` completed successfully, or the journey ended well on it |
//! | `started:otp` `completed:otp` `failed:otp` | the step was started, completed (as above), or it failed |
//! | `custom:otp` `call:idp` | a custom event of the step, a call to the connection |
//! | `event:otp` | any event but a start that has this step id or activity |
//! | `Journey started`, `stepCompleted`, … | the journey event of this name, in any spelling |
//! | `activity:login` | an event of this activity |
//! | `step_id=otp and platform=ios` | an event for which the conditions hold, see [`Condition`] |
//! | `otp \| password` | any of them |
//! | `otp ?` | optional: may be left out |
//! | `Verified := otp \| password` | with a label |
//!
//! Quotes protect a name that holds operators, bars or colons, or that is spelled like a journey event.

mod activity;
mod parse;

use super::filter::Condition;
use crate::timeline::{Kind, Token};

/// One step of a funnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The label, else the text of the step.
    pub name: String,
    /// Whether an attempt may leave it out.
    pub optional: bool,
    /// What matches it: any of these, at least one.
    pub any_of: Vec<StepTest>,
}

/// One way to match a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepTest {
    /// A token of the timeline answers it: one of the kinds, of this name or of any.
    Token {
        /// The kinds that match.
        kinds: &'static [Kind],
        /// The name that the token has to have.
        name: Option<String>,
    },
    /// Only the event itself answers it: all of the conditions hold.
    Event(Vec<Condition>),
}

impl StepTest {
    /// Whether the token alone says that the test holds; never for a test that needs the event.
    pub fn mark(&self, token: &Token<'_>) -> bool {
        match self {
            Self::Token { kinds, name } => {
                name.as_ref().is_none_or(|name| *name == token.name) && kinds.contains(&token.kind)
            }
            Self::Event(_) => false,
        }
    }
}

impl Step {
    /// Whether the token alone says that it matches the step.
    pub fn mark(&self, token: &Token<'_>) -> bool {
        self.any_of.iter().any(|test| test.mark(token))
    }

    /// The conditions of those tests that only events can answer.
    pub fn event_tests(&self) -> impl Iterator<Item = &[Condition]> {
        self.any_of.iter().filter_map(|test| match test {
            StepTest::Event(conditions) => Some(conditions.as_slice()),
            StepTest::Token { .. } => None,
        })
    }

    /// The names of steps, connections and activities that the tests ask for, as they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.any_of.iter().filter_map(|test| match test {
            StepTest::Token { name, .. } => name.as_deref(),
            StepTest::Event(_) => None,
        })
    }
}

/// The text that stands for "step `name` completed": the name itself, in quotes where it would read as something else.
pub(crate) fn step_text(name: &str) -> String {
    let plain = Step { name: name.to_owned(), optional: false, any_of: vec![parse::completed(name)] };
    match Step::parse(name) {
        Ok(step) if step == plain => name.to_owned(),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests;

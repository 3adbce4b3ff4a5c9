//! What a number of a report counts, as text: the runs behind it are a list.
//!
//! | text | the runs behind |
//! | --- | --- |
//! | `step=otp` | `reached` of the step in `steps` |
//! | `step=otp and class=failed_here` | another of its counts of runs |
//! | `from=otp and to="END failed"` | `invocations` of a transition in `paths`, its nodes as the row has them |
//! | `from=otp and to=other and kept in (otp, form)` | the same where only some steps stand for themselves, and `other` for the rest |
//! | `way="login_form → otp"` | `invocations` of a way in `paths --variants`, its steps as the row has them |
//! | `dimension=failed_step and value=otp` | the runs of a row of `causes`, of all states; with `and side=rest` all others |
//! | `connection_id=sms and http_status=503` | `invocations` of a row of `calls`, by its columns of calls |
//! | `connection_id=sms and class=failures_explained` | another of its counts of runs |
//! | `sub_journey=otp and outcome=failed and nested_by=bracket` | `invocations` of a row of `sub-journeys` |
//! | `issue="second end"` | the runs of a row of `quality` |
//!
//! It is written as conditions are, with `=`, and `is null` where the row has no value.

use super::{Condition, Op, suggest};
use crate::{Error, Result};

/// What the runs of a list have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// They count in a column of `steps`.
    Step {
        /// The step's id.
        step: String,
        /// The column's name.
        class: String,
    },
    /// They go from one node to another.
    Transition {
        /// `START`, or a step's id.
        from: String,
        /// A step's id, or `END` and a state.
        to: String,
        /// The steps that stand for themselves; all when absent.
        kept: Option<Vec<String>>,
    },
    /// They take this way.
    Way(String),
    /// They are those that `causes` compares, or those that it compares them with.
    Cause {
        /// A dimension of runs, two of them joined by a comma, or what a timeline tells.
        dimension: String,
        /// Its value.
        value: Option<String>,
        /// Which of the two.
        side: Side,
    },
    /// They have a call that counts in a row of `calls`.
    Call {
        /// Columns of the call with their values.
        columns: Vec<(&'static str, Option<String>)>,
        /// Which count of the row.
        class: CallClass,
    },
    /// They have a sub-journey that ended in a way.
    SubJourney {
        /// Its id.
        sub_journey: String,
        /// How it ended.
        outcome: String,
        /// How it is nested.
        nested_by: Nesting,
    },
    /// Something is wrong with them: an issue of `quality`.
    Issue(String),
}

/// Runs with a value, or without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those that have the value.
    With,
    /// All others.
    Rest,
}

/// A count of runs in `calls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClass {
    /// Runs with such a call.
    Made,
    /// Runs in which such a call failed.
    Failed,
    /// Failed runs that such a call explains.
    Explains,
}

/// How one journey lies inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// Inside one invocation, between its start and its end.
    Bracket,
    /// With an invocation of its own that names its parent.
    ParentId,
}

impl Nesting {
    /// The nesting as the report writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bracket => "bracket",
            Self::ParentId => "parent_id",
        }
    }
}

/// Columns of a call that calls can be told apart by; all else is a dimension of its run.
pub const CALL_COLUMNS: [&str; 6] =
    ["connection_id", "step_id", "http_status", "outcome", "error_code", "error_category"];

/// Columns of `calls` that count runs, each with what it counts.
const CALL_CLASSES: [(&str, CallClass); 3] = [
    ("invocations", CallClass::Made),
    ("invocations_with_failed", CallClass::Failed),
    ("failures_explained", CallClass::Explains),
];

/// What may stand before an operator, beside [`CALL_COLUMNS`].
const NAMES: [&str; 12] = [
    "step",
    "class",
    "from",
    "to",
    "kept",
    "way",
    "dimension",
    "value",
    "side",
    "sub_journey",
    "nested_by",
    "issue",
];

/// The class of all runs that reached a step.
const REACHED: &str = "reached";

impl Behind {
    /// Reads what is behind a number.
    ///
    /// # Errors
    ///
    /// `Invalid` for names that are not known, and for those that do not belong together.
    pub fn parse(text: &str) -> Result<Self> {
        let mut terms = Terms::read(text)?;
        let found = if let Some(step) = terms.text("step") {
            let class = terms.text("class").unwrap_or_else(|| REACHED.to_owned());
            Some(Self::Step { step, class })
        } else if let Some(from) = terms.text("from") {
            let kept = terms.list("kept");
            terms.text("to").map(|to| Self::Transition { from, to, kept })
        } else if let Some(dimension) = terms.text("dimension") {
            let side = match terms.text("side").as_deref() {
                None => Some(Side::With),
                Some("rest") => Some(Side::Rest),
                Some(_) => None,
            };
            let side = side.filter(|_| terms.has("value"));
            side.map(|side| Self::Cause { dimension, value: terms.value("value"), side })
        } else if let Some(sub_journey) = terms.text("sub_journey") {
            let nested_by = match terms.text("nested_by").as_deref() {
                None | Some("bracket") => Some(Nesting::Bracket),
                Some("parent_id") => Some(Nesting::ParentId),
                Some(_) => None,
            };
            let outcome = terms.text("outcome");
            outcome.zip(nested_by).map(|(outcome, nested_by)| Self::SubJourney {
                sub_journey,
                outcome,
                nested_by,
            })
        } else if let Some(way) = terms.text("way") {
            Some(Self::Way(way))
        } else if let Some(issue) = terms.text("issue") {
            Some(Self::Issue(issue))
        } else {
            terms.call()?
        };
        found.filter(|_| terms.left.is_empty()).ok_or_else(|| unfit(text))
    }
}

/// What a name is said to be.
enum Value {
    Is(Option<String>),
    In(Vec<String>),
}

/// The names of a text that nothing has been made of yet, each once.
struct Terms {
    left: Vec<(String, Value)>,
}

impl Terms {
    fn read(text: &str) -> Result<Self> {
        let mut left: Vec<(String, Value)> = Vec::new();
        for condition in Condition::parse_all(text)? {
            let name = condition.subject();
            let known = || NAMES.into_iter().chain(CALL_COLUMNS);
            if !known().any(|known| known == name) {
                return Err(suggest::unknown("number to look behind by", &name, known()));
            }
            if left.iter().any(|(seen, _)| *seen == name) {
                return Err(unfit(text));
            }
            let value = match (condition.op, condition.values.as_slice()) {
                (Op::Eq, [value]) => Value::Is(Some(value.clone())),
                (Op::IsNull, []) => Value::Is(None),
                (Op::In, values) => Value::In(values.to_vec()),
                _ => return Err(unfit(text)),
            };
            left.push((name, value));
        }
        Ok(Self { left })
    }

    fn take(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let place = self.left.iter().position(|(seen, value)| seen == name && fits(value))?;
        Some(self.left.swap_remove(place).1)
    }

    fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(seen, value)| seen == name && matches!(value, Value::Is(_)))
    }

    /// The value of a name that is there; nothing where it is said to have none.
    fn value(&mut self, name: &str) -> Option<String> {
        match self.take(name, |value| matches!(value, Value::Is(_)))? {
            Value::Is(value) => value,
            Value::In(_) => None,
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name, |value| matches!(value, Value::Is(Some(_))))? {
            Value::Is(value) => value,
            Value::In(_) => None,
        }
    }

    fn list(&mut self, name: &str) -> Option<Vec<String>> {
        match self.take(name, |value| matches!(value, Value::In(_)))? {
            Value::In(values) => Some(values),
            Value::Is(_) => None,
        }
    }

    /// A row of `calls`; one that is split by nothing of calls has its class alone.
    fn call(&mut self) -> Result<Option<Behind>> {
        let named: Vec<_> = CALL_COLUMNS.into_iter().filter(|column| self.has(column)).collect();
        let columns: Vec<_> = named.into_iter().map(|column| (column, self.value(column))).collect();
        let class = match self.text("class") {
            None if columns.is_empty() => return Ok(None),
            None => CallClass::Made,
            Some(class) => {
                let known = CALL_CLASSES.into_iter().find(|(name, _)| *name == class);
                let names = CALL_CLASSES.into_iter().map(|(name, _)| name);
                known.ok_or_else(|| suggest::unknown("count of runs with a call", &class, names))?.1
            }
        };
        Ok(Some(Behind::Call { columns, class }))
    }
}

fn unfit(text: &str) -> Error {
    Error::invalid(format!("expected a number to look behind, saw {text:?}")).hint(
        "`step=otp and class=failed_here`, `from=otp and to=password`, `way=\"otp → password\"`, \
         `dimension=failed_step and value=otp`, `connection_id=sms`, `issue=\"second end\"`, or \
         `sub_journey=otp and outcome=failed`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn each_number_has_its_text() {
        let read = |text| Behind::parse(text).unwrap();
        let step = |step: &str, class: &str| Behind::Step { step: text(step), class: text(class) };
        assert_eq!(read("step=otp"), step("otp", "reached"));
        assert_eq!(read("step = 'a, b' and class=moved_on"), step("a, b", "moved_on"));
        let way = |kept| Behind::Transition { from: text("START"), to: text("END failed"), kept };
        assert_eq!(read("from=START and to=\"END failed\""), way(None));
        let kept = Some(vec![text("a"), text("b, c")]);
        assert_eq!(read("from=START and to=\"END failed\" and kept in (a, 'b, c')"), way(kept));
        assert_eq!(read("way=\"a → b\""), Behind::Way(text("a → b")));
        assert_eq!(read("way=\"\""), Behind::Way(String::new()));
        let cause = |value, side| Behind::Cause { dimension: text("failed_step"), value, side };
        assert_eq!(read("dimension=failed_step and value=otp"), cause(Some(text("otp")), Side::With));
        assert_eq!(read("value is null and side=rest and dimension=failed_step"), cause(None, Side::Rest));
        let call = |columns: &[(&'static str, Option<String>)], class| Behind::Call {
            columns: columns.to_vec(),
            class,
        };
        let columns = [("connection_id", Some(text("sms"))), ("http_status", None)];
        assert_eq!(read("http_status is null and connection_id=sms"), call(&columns, CallClass::Made));
        assert_eq!(read("class=failures_explained"), call(&[], CallClass::Explains));
        let nested =
            |nested_by| Behind::SubJourney { sub_journey: text("otp"), outcome: text("failed"), nested_by };
        assert_eq!(read("sub_journey=otp and outcome=failed"), nested(Nesting::Bracket));
        assert_eq!(
            read("sub_journey=otp and outcome=failed and nested_by=parent_id"),
            nested(Nesting::ParentId)
        );
        assert_eq!(read("issue=\"second end\""), Behind::Issue(text("second end")));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for text in [
            "",
            "from=a",
            "class=reached",
            "step=a and way=b",
            "step=a and step=b",
            "step!=a",
            "step is null",
            "stpe=a",
            "from=a and to=b and kept=c",
            "dimension=os",
            "dimension=os and value=a and side=with",
            "connection_id=a and class=reached",
            "connection_id=a and issue=b",
            "sub_journey=a",
            "sub_journey=a and outcome=failed and nested_by=time",
        ] {
            assert!(Behind::parse(text).is_err(), "{text}");
        }
    }
}

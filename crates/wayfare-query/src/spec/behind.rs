//! What a number of a report counts, as text: the runs behind it are a list.
//!
//! | text | the runs behind |
//! | --- | --- |
//! | `step=otp` | `reached` of the step in `steps` |
//! | `step=otp and class=failed_here` | another of its counts of runs |
//! | `from=otp and to="END failed"` | `invocations` of a transition in `paths`, its nodes as the row has them |
//! | `way="login_form → otp"` | `invocations` of a way in `paths --variants`, its steps as the row has them |
//!
//! It is written as conditions are, with `=` alone.

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
    },
    /// They take this way.
    Way(String),
}

/// What may stand before `=`.
const NAMES: [&str; 5] = ["step", "class", "from", "to", "way"];

/// The class of all runs that reached a step.
const REACHED: &str = "reached";

impl Behind {
    /// Reads what is behind a number.
    ///
    /// # Errors
    ///
    /// `Invalid` for names that are not known, and for those that do not belong together.
    pub fn parse(text: &str) -> Result<Self> {
        let mut seen: [Option<String>; NAMES.len()] = Default::default();
        for condition in Condition::parse_all(text)? {
            let name = condition.subject();
            let Some(place) = NAMES.iter().position(|known| *known == name) else {
                return Err(suggest::unknown("number to look behind by", &name, NAMES.into_iter()));
            };
            match (condition.op, condition.values.as_slice(), seen.get_mut(place)) {
                (Op::Eq, [value], Some(free)) if free.is_none() => *free = Some(value.clone()),
                _ => return Err(unfit(text)),
            }
        }
        match seen {
            [Some(step), class, None, None, None] => {
                Ok(Self::Step { step, class: class.unwrap_or_else(|| REACHED.to_owned()) })
            }
            [None, None, Some(from), Some(to), None] => Ok(Self::Transition { from, to }),
            [None, None, None, None, Some(way)] => Ok(Self::Way(way)),
            _ => Err(unfit(text)),
        }
    }
}

fn unfit(text: &str) -> Error {
    Error::invalid(format!("expected a number to look behind, saw {text:?}"))
        .hint("`step=otp and class=failed_here`, `from=otp and to=password`, or `way=\"otp → password\"`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_text() {
        let read = |text| Behind::parse(text).unwrap();
        let step = |step: &str, class: &str| Behind::Step { step: step.to_owned(), class: class.to_owned() };
        assert_eq!(read("step=otp"), step("otp", "reached"));
        assert_eq!(read("step = 'a, b' and class=moved_on"), step("a, b", "moved_on"));
        let (from, to) = ("START".to_owned(), "END failed".to_owned());
        assert_eq!(read("from=START and to=\"END failed\""), Behind::Transition { from, to });
        assert_eq!(read("way=\"a → b\""), Behind::Way("a → b".to_owned()));
        assert_eq!(read("way=\"\""), Behind::Way(String::new()));
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for text in
            ["", "from=a", "class=reached", "step=a and way=b", "step=a and step=b", "step!=a", "stpe=a"]
        {
            assert!(Behind::parse(text).is_err(), "{text}");
        }
    }
}

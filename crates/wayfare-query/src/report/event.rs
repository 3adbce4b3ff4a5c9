//! `event ID`: one event with everything that is known of it.

use std::collections::BTreeSet;

use arrow::array::AsArray as _;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{col, lit};

use crate::error::of_datafusion;
use crate::question::Question;
use crate::rows::{collect, column};
use crate::{Error, Result};

use super::Answer;
use super::activity::{from_hex, marked};
use super::events::call;

/// Digits of an event id.
const DIGITS: usize = 32;

/// Fewer digits would often mean several events.
const DIGITS_MIN: usize = 6;

/// Events that are looked at to tell whether an id is unique; those stored twice have the same one.
const FOUND_MAX: usize = 1_000;

pub(super) async fn rows(question: &Question<'_>, id: &str) -> Result<Answer> {
    let (low, high) = span(id)?;
    let bytes = |bytes| lit(ScalarValue::BinaryView(Some(bytes)));
    let failed = |cause| of_datafusion("cannot look the event up", cause);
    let all = question.events()?;
    let mut columns = vec![col("event_id"), col("source"), col("activity"), col("timestamp")];
    let known = ["event_id", "source", "activity", "timestamp", "date"];
    let further = all.schema().fields().iter().map(|field| field.name().as_str());
    columns.extend(further.filter(|name| !known.contains(name)).map(col));
    columns.push(call(&question.context, "changes", vec![col("additional_params")])?.alias("changes"));
    let found = all
        .filter(col("event_id").gt_eq(bytes(low)).and(col("event_id").lt_eq(bytes(high))))
        .and_then(|found| found.select(columns))
        .and_then(|found| {
            found.sort(vec![col("event_id").sort(true, false), col("ingested_at").sort(true, false)])
        })
        .and_then(|found| found.limit(0, Some(FOUND_MAX)))
        .map_err(failed)?;
    let found = collect(found).await?;
    let ids = column(&found, "event_id")?.as_binary_view();
    match ids.iter().collect::<BTreeSet<_>>().len() {
        0 => Err(Error::not_found(format!("no event {id:?} in the store"))
            .hint("`wayfare activity user --format json` lists events with their ids")),
        1 => Ok(Answer::new(format!("Event {id}"), marked(&found.slice(0, 1))?)),
        several => {
            Err(Error::invalid(format!("{several} events begin with {id:?}"))
                .hint("give more digits of the id"))
        }
    }
}

/// The smallest and the largest id that begin with some digits.
fn span(digits: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let refuse = || {
        Error::invalid(format!(
            "expected {DIGITS_MIN} to {DIGITS} hexadecimal digits of an event id, saw {digits:?}"
        ))
    };
    if !(DIGITS_MIN..=DIGITS).contains(&digits.len()) {
        return Err(refuse());
    }
    let filled = |filler: &str| from_hex(&format!("{digits}{}", filler.repeat(DIGITS - digits.len())));
    filled("0").zip(filled("f")).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_digits_of_an_id_stand_for_all_ids_that_begin_so() {
        let (low, high) = span("0123456").unwrap();
        assert_eq!((low[..4].to_vec(), low.len()), (vec![0x01, 0x23, 0x45, 0x60], 16));
        assert_eq!((high[..4].to_vec(), high[15]), (vec![0x01, 0x23, 0x45, 0x6f], 0xff));
        for digits in ["", "01234", "xyz123", &"0".repeat(33), "ééé"] {
            assert!(span(digits).is_err(), "{digits}");
        }
    }
}

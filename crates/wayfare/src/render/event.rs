//! One event for people: the JSON of what it has.

use std::io::{self, Write};

use serde_json::{Map, Value};
use wayfare_query::Report;

use super::human::one_line;
use super::machine::json_row;

/// Writes the event as indented JSON, without the columns that it has no value for.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for row in 0..report.batch.num_rows() {
        let mut bytes = Vec::new();
        json_row(&report.batch, row, &mut bytes)?;
        let mut event: Map<String, Value> = serde_json::from_slice(&bytes)?;
        event.retain(|_, value| !value.is_null());
        for line in serde_json::to_string_pretty(&event)?.lines() {
            writeln!(out, "{}", one_line(line))?;
        }
    }
    Ok(())
}

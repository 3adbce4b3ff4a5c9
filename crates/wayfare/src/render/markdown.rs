//! `markdown`: a pipe table for documents, with the report's title above and its notes below.

use std::io::{self, Write};

use wayfare_query::Report;

use super::column::{Manner, columns};
use super::{facts, human};

pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if !report.title.is_empty() {
        writeln!(out, "**{}**\n", escaped(&human::one_line(&report.title)))?;
    }
    let facts = facts::facts(report);
    if !facts.is_empty() {
        writeln!(out, "{}\n", escaped(&facts.join(" · ")))?;
    }
    let (columns, _) = columns(report);
    let manner = Manner { zone: facts::zone(report), bars: false, unicode: true };
    let row = |out: &mut dyn Write, cells: &mut dyn Iterator<Item = String>| {
        for cell in cells {
            write!(out, "| {cell} ")?;
        }
        out.write_all(b"|\n")
    };
    row(out, &mut columns.iter().map(|column| escaped(&column.heading)))?;
    let edge = |right| if right { "---:" } else { "---" };
    row(out, &mut columns.iter().map(|column| edge(column.to_the_right(manner)).to_owned()))?;
    for index in 0..report.batch.num_rows() {
        row(out, &mut columns.iter().map(|column| escaped(&column.show(index, manner).text)))?;
    }
    if let Some(more) = facts::more(report) {
        writeln!(out, "\n… {more}")?;
    }
    for note in &report.notes {
        writeln!(out, "\n{}", escaped(note))?;
    }
    Ok(())
}

/// Text that stays in its cell and is not taken for a mark-up.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '\\' | '`' | '*' | '<' | '[' | ']' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

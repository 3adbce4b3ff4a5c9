//! `table`: columns for a person at a terminal, without borders.
//!
//! The layout is our own because of three things that table libraries do not give together: rows are written one
//! by one after a pass that only measures, headings break into lines instead of widening a column of numbers, and
//! a terminal that is too narrow gets what all rows share said once, then whole columns left out and named,
//! or the table turned on its side.

mod layout;
mod paint;
mod upright;

use std::io::{self, Write};

use wayfare_query::Report;

use self::layout::Layout;
use self::paint::Paint;
use super::column::{Column, Manner, Tone, columns};
use super::{Look, facts, human};

/// So many rows are shown as one column each when the table is too wide.
const UPRIGHT_ROWS_MAX: usize = 3;

/// The width of remarks where lines may have any length.
const REMARK_WIDTH: usize = 100;

pub(super) fn render(report: &Report, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color: look.color, unicode: look.unicode };
    let manner = Manner { zone: facts::zone(report), bars: true, unicode: look.unicode };
    head(report, paint, out)?;
    let rows = report.batch.num_rows();
    let (columns, hidden) = columns(report);
    let is_explained = report.name == "explain";
    let mut rest = Rest { rates: rows > 0 && !hidden.is_empty() && !is_explained, ..Rest::default() };
    if is_explained {
        rest.hidden.clone_from(&hidden);
    }
    if rows == 0 {
        writeln!(out, "no rows")?;
        return foot(report, &rest, look, out);
    }
    let layout = Layout::measure(&columns, rows, manner);
    let Some(width) = look.width.filter(|width| layout.width() > *width) else {
        layout.write(rows, manner, paint, out)?;
        return foot(report, &rest, look, out);
    };
    // what says nothing makes room first
    let (empty, told): (Vec<_>, Vec<_>) = columns.into_iter().partition(Column::is_empty);
    rest.empty = empty.iter().map(|column| column.name).collect();
    if rows <= UPRIGHT_ROWS_MAX {
        upright::write(&told, rows, width, manner, paint, out)?;
        return foot(report, &rest, look, out);
    }
    let told = without_constants(told, look, manner, out)?;
    let mut layout = Layout::measure(&told, rows, manner);
    rest.left_out = layout.fit(width);
    layout.write(rows, manner, paint, out)?;
    foot(report, &rest, look, out)
}

/// Says once what all rows have in common, and gives the other columns: at least one text, which names the rows.
fn without_constants<'a>(
    columns: Vec<Column<'a>>,
    look: &Look,
    manner: Manner,
    out: &mut dyn Write,
) -> io::Result<Vec<Column<'a>>> {
    let (mut kept, mut said) = (Vec::new(), Vec::new());
    let varies = |column: &Column<'_>| column.is_text() && column.constant(manner).is_none();
    let named = columns.iter().any(varies);
    for (index, column) in columns.into_iter().enumerate() {
        match column.constant(manner).filter(|_| named || index > 0) {
            Some(text) => said.push(format!("{} {text}", column.heading)),
            None => kept.push(column),
        }
    }
    if !said.is_empty() {
        faint(&format!("in all rows: {}", said.join(" · ")), look, out)?;
        writeln!(out)?;
    }
    Ok(kept)
}

/// Columns that a table has no room for.
#[derive(Default)]
struct Rest<'a> {
    /// Too wide.
    left_out: Vec<&'a str>,
    /// For machines.
    hidden: Vec<&'a str>,
    /// Without any value.
    empty: Vec<&'a str>,
    /// What stands beside rates.
    rates: bool,
}

fn head(report: &Report, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    if !report.title.is_empty() {
        writeln!(out, "{}", paint.strong(&human::one_line(&report.title)))?;
    }
    let facts = facts::facts(report);
    if !facts.is_empty() {
        let between = if paint.unicode { " · " } else { " | " };
        writeln!(out, "{}", paint.tone(&facts.join(between), Tone::Faint))?;
    }
    if report.title.is_empty() && facts.is_empty() { Ok(()) } else { writeln!(out) }
}

fn foot(report: &Report, rest: &Rest<'_>, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color: look.color, unicode: look.unicode };
    if let Some(more) = facts::more(report) {
        writeln!(out, "{} {more}", paint.dots())?;
    }
    if !report.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &report.notes {
        let note = human::one_line(note);
        let lines = look.width.map_or_else(|| vec![note.clone()], |width| layout::lines_of(&note, width));
        for line in lines {
            writeln!(out, "{line}")?;
        }
    }
    let mut more = Vec::new();
    let left_out: Vec<&str> = rest.left_out.iter().chain(&rest.hidden).copied().collect();
    if !left_out.is_empty() {
        more.push(left_out.join(", "));
    }
    if rest.rates {
        more.push("numerator, denominator and 95 % interval of every rate".to_owned());
    }
    if !more.is_empty() || !rest.empty.is_empty() {
        writeln!(out)?;
    }
    if !rest.empty.is_empty() {
        faint(&format!("no values: {}", rest.empty.join(", ")), look, out)?;
    }
    if !more.is_empty() {
        faint(&format!("more with --format json or csv: {}", more.join("; ")), look, out)?;
    }
    Ok(())
}

/// A remark in as many lines as it takes.
fn faint(text: &str, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color: look.color, unicode: look.unicode };
    for line in layout::lines_of(text, look.width.unwrap_or(REMARK_WIDTH)) {
        writeln!(out, "{}", paint.tone(&line, Tone::Faint))?;
    }
    Ok(())
}

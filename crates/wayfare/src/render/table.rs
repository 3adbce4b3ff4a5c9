//! `table`: columns for a person at a terminal, without borders.
//!
//! The layout is our own because of three things that table libraries do not give together: rows are written one
//! by one after a pass that only measures, headings break into lines instead of widening a column of numbers, and
//! a terminal that is too narrow gets whole columns left out and named, or the table turned on its side.

mod layout;
mod paint;
mod upright;

use std::io::{self, Write};

use wayfare_query::Report;

use self::layout::Layout;
use self::paint::Paint;
use super::column::{Manner, Tone, columns};
use super::{Look, facts, human};

/// So many rows are shown as one column each when the table is too wide.
const UPRIGHT_ROWS_MAX: usize = 3;

pub(super) fn render(report: &Report, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint { color: look.color, unicode: look.unicode };
    let manner = Manner { zone: facts::zone(report), bars: true, unicode: look.unicode };
    head(report, paint, out)?;
    let rows = report.batch.num_rows();
    let (columns, hidden) = columns(report);
    let mut left_out = Vec::new();
    if rows == 0 {
        writeln!(out, "no rows")?;
    } else {
        let mut layout = Layout::measure(&columns, rows, manner);
        match look.width {
            Some(width) if layout.width() > width && rows <= UPRIGHT_ROWS_MAX => {
                upright::write(&columns, rows, width, manner, paint, out)?;
            }
            Some(width) => {
                left_out = layout.fit(width);
                layout.write(rows, manner, paint, out)?;
            }
            None => layout.write(rows, manner, paint, out)?,
        }
    }
    foot(report, &left_out, rows > 0 && !hidden.is_empty(), paint, out)
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

fn foot(
    report: &Report,
    left_out: &[&str],
    hidden: bool,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cut = report.rows_cut();
    if cut > 0 {
        writeln!(out, "{} {} more rows (--limit)", paint.dots(), human::count(cut))?;
    }
    if !report.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &report.notes {
        writeln!(out, "{}", human::one_line(note))?;
    }
    let mut faint = Vec::new();
    if !left_out.is_empty() {
        faint.push(format!("too wide to show here: {}", left_out.join(", ")));
    }
    if hidden {
        faint.push("numerator, denominator and 95 % interval of every rate".to_owned());
    }
    if !faint.is_empty() {
        let line = format!("in --format json, ndjson and csv: {}", faint.join("; "));
        writeln!(out, "\n{}", paint.tone(&line, Tone::Faint))?;
    }
    Ok(())
}

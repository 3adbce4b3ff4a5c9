//! A table on its side: a line a column, for few rows that are too wide for the terminal.

use std::io::{self, Write};
use std::ops::Range;

use super::super::column::{Column, Manner, Shown, Tone};
use super::layout::{GAP, width_of};
use super::paint::Paint;

/// Writes the rows beside one another, or below one another if even that is too wide.
pub(super) fn write(
    columns: &[Column<'_>],
    rows: usize,
    width: usize,
    manner: Manner,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    // bars compare the rows of a column; on its side there is no column
    let manner = Manner { bars: false, ..manner };
    let names = columns.iter().map(|column| width_of(&column.heading)).max().unwrap_or(0);
    let beside = names + widths(columns, 0..rows, manner).iter().map(|width| GAP + width).sum::<usize>();
    if beside <= width {
        return block(columns, 0..rows, names, manner, paint, out);
    }
    for row in 0..rows {
        if row > 0 {
            writeln!(out)?;
        }
        block(columns, row..row + 1, names, manner, paint, out)?;
    }
    Ok(())
}

fn widths(columns: &[Column<'_>], rows: Range<usize>, manner: Manner) -> Vec<usize> {
    let widest =
        |row| columns.iter().map(|column| width_of(&column.show(row, manner).text)).max().unwrap_or(0);
    rows.map(widest).collect()
}

fn block(
    columns: &[Column<'_>],
    rows: Range<usize>,
    names: usize,
    manner: Manner,
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let widths = widths(columns, rows.clone(), manner);
    for column in columns {
        write!(out, "{}", paint.tone(&column.heading, Tone::Faint))?;
        // spaces are written when something follows them
        let mut owed = names - width_of(&column.heading);
        for (row, width) in rows.clone().zip(&widths) {
            let Shown { text, tone } = column.show(row, manner);
            owed += GAP;
            if !text.is_empty() {
                write!(out, "{:owed$}{}", "", paint.tone(&text, tone))?;
                owed = 0;
            }
            owed += width - width_of(&text);
        }
        writeln!(out)?;
    }
    Ok(())
}

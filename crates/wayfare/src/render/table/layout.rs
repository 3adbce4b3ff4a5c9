//! How wide each column is, and what has to go where the terminal is too narrow.

use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::super::column::{Column, Manner, Shown, Tone};
use super::paint::Paint;

/// Between two columns.
pub(super) const GAP: usize = 2;

/// A heading breaks into at most so many lines before it widens its column.
const HEADING_LINES_MAX: usize = 3;

/// Text is not cut below this.
const TEXT_WIDTH_MIN: usize = 24;

/// Columns of a terminal that a text takes.
pub(super) fn width_of(text: &str) -> usize {
    text.width()
}

/// The columns with their widths.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    slots: Vec<Slot<'a>>,
}

#[derive(Debug)]
struct Slot<'a> {
    column: &'a Column<'a>,
    width: usize,
    heading: Vec<String>,
}

impl<'a> Layout<'a> {
    /// Measures every value once.
    pub(super) fn measure(columns: &'a [Column<'a>], rows: usize, manner: Manner) -> Self {
        let slot = |column: &'a Column<'a>| {
            let values = (0..rows).map(|row| width_of(&column.show(row, manner).text)).max().unwrap_or(0);
            let heading = broken(&column.heading, values);
            let width = heading.iter().map(|line| width_of(line)).max().unwrap_or(0).max(values);
            Slot { column, width, heading }
        };
        Self { slots: columns.iter().map(slot).collect() }
    }

    /// Columns of a terminal that a row takes.
    pub(super) fn width(&self) -> usize {
        let gaps = GAP * self.slots.len().saturating_sub(1);
        self.slots.iter().map(|slot| slot.width).sum::<usize>() + gaps
    }

    /// Makes a row fit into `width`: long texts are cut, then columns are left out from the right, and what room
    /// that leaves is given back to the texts. Gives the names of the columns left out.
    pub(super) fn fit(&mut self, width: usize) -> Vec<&'a str> {
        let wanted: Vec<usize> = self.slots.iter().map(|slot| slot.width).collect();
        for slot in self.slots.iter_mut().filter(|slot| slot.column.may_be_cut()) {
            slot.width = slot.width.min(slot.width_min());
        }
        let mut left_out = Vec::new();
        while self.width() > width && self.slots.len() > 1 {
            left_out.extend(self.slots.pop().map(|slot| slot.column.name));
        }
        left_out.reverse();
        let mut room = width.saturating_sub(self.width());
        for (slot, wanted) in self.slots.iter_mut().zip(wanted) {
            let more = room.min(wanted.saturating_sub(slot.width));
            slot.width += more;
            room -= more;
        }
        left_out
    }

    /// Writes headings, a rule and the rows.
    pub(super) fn write(
        &self,
        rows: usize,
        manner: Manner,
        paint: Paint,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let lines = self.slots.iter().map(|slot| slot.heading.len()).max().unwrap_or(0);
        for line in 0..lines {
            // headings stand on the rule
            let text = |slot: &Slot<'_>| {
                let above = lines - slot.heading.len();
                line.checked_sub(above).and_then(|own| slot.heading.get(own)).cloned().unwrap_or_default()
            };
            self.line(manner, paint, out, |slot| Shown { text: text(slot), tone: Tone::Faint })?;
        }
        writeln!(out, "{}", paint.tone(&paint.rule(self.width()), Tone::Faint))?;
        for row in 0..rows {
            self.line(manner, paint, out, |slot| slot.column.show(row, manner))?;
        }
        Ok(())
    }

    fn line(
        &self,
        manner: Manner,
        paint: Paint,
        out: &mut dyn Write,
        show: impl Fn(&Slot<'_>) -> Shown,
    ) -> io::Result<()> {
        // spaces are written when something follows them, so that no line ends with any
        let mut owed = 0;
        for slot in &self.slots {
            let Shown { text, tone } = show(slot);
            let text = cut(text, slot.width, paint);
            let pad = slot.width - width_of(&text);
            let (before, after) = if slot.column.to_the_right(manner) { (pad, 0) } else { (0, pad) };
            if text.is_empty() {
                owed += before;
            } else {
                write!(out, "{:width$}{}", "", paint.tone(&text, tone), width = owed + before)?;
                owed = 0;
            }
            owed += after + GAP;
        }
        writeln!(out)
    }
}

impl Slot<'_> {
    fn width_min(&self) -> usize {
        self.heading.iter().map(|line| width_of(line)).max().unwrap_or(0).max(TEXT_WIDTH_MIN)
    }
}

/// The heading in few enough lines, as narrow as that allows but not narrower than the values.
fn broken(heading: &str, values: usize) -> Vec<String> {
    let longest_word = heading.split(' ').map(width_of).max().unwrap_or(0);
    let mut width = values.max(longest_word);
    loop {
        let lines = lines_of(heading, width);
        if lines.len() <= HEADING_LINES_MAX {
            return lines;
        }
        width += 1;
    }
}

/// The words of a text in lines of at most `width`; a longer word has a line of its own.
pub(super) fn lines_of(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width_of(line) + 1 + width_of(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn cut(text: String, width: usize, paint: Paint) -> String {
    if width_of(&text) <= width {
        return text;
    }
    let room = width.saturating_sub(width_of(paint.dots()));
    let (mut kept, mut taken) = (String::new(), 0);
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > room {
            break;
        }
        kept.push(c);
    }
    kept.push_str(paint.dots());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_break_before_they_widen_a_column() {
        assert_eq!(broken("success rate of started", 7), ["success", "rate of", "started"]);
        assert_eq!(broken("reached", 2), ["reached"]);
        assert_eq!(broken("a b c d", 1), ["a b", "c d"]);
    }

    #[test]
    fn texts_are_cut_by_their_width_on_screen() {
        let paint = Paint { color: false, unicode: true };
        assert_eq!(cut("日本語日本語".to_owned(), 7, paint), "日本語…");
        assert_eq!(cut("short".to_owned(), 5, paint), "short");
        assert_eq!(cut("too long".to_owned(), 5, Paint { unicode: false, ..paint }), "to...");
    }
}

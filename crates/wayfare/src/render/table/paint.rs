//! Colour as an addition: without it every text says the same.

use std::borrow::Cow;

use super::super::column::Tone;

/// Which marks the reader's terminal shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) color: bool,
    pub(super) unicode: bool,
}

impl Paint {
    /// The text in the colour of its tone.
    pub(super) fn tone(self, text: &str, tone: Tone) -> Cow<'_, str> {
        let code = match tone {
            Tone::Plain => return text.into(),
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Waiting => "33",
            Tone::Faint => "2",
        };
        self.with(text, code)
    }

    /// The text in bold.
    pub(super) fn strong(self, text: &str) -> Cow<'_, str> {
        self.with(text, "1")
    }

    /// A thin line.
    pub(super) fn rule(self, width: usize) -> String {
        if self.unicode { "─" } else { "-" }.repeat(width)
    }

    /// The mark of something left out.
    pub(super) fn dots(self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }

    fn with<'a>(self, text: &'a str, code: &str) -> Cow<'a, str> {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m").into()
        } else {
            text.into()
        }
    }
}

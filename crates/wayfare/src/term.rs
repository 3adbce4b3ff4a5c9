//! What stdout and stderr can show: colour, width, characters beyond ASCII.

use std::env;
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, even into a pipe or file.
    Always,
    /// Never.
    Never,
}

/// What the two output streams can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// stdout is read by a person.
    pub(crate) stdout: Stream,
    /// stderr is read by a person.
    pub(crate) stderr: Stream,
    /// Characters in a line of the terminal; `None` where lines may have any length.
    pub(crate) width: Option<usize>,
    /// Whether characters beyond ASCII can be relied on.
    pub(crate) unicode: bool,
}

/// One output stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stream {
    /// Whether it is a terminal.
    pub(crate) terminal: bool,
    /// Whether to colour what is written to it.
    pub(crate) color: bool,
}

impl Terminal {
    /// Looks at the process's streams and environment.
    pub(crate) fn detect(choice: ColorChoice) -> Self {
        let environment = Environment::read();
        let stream = |terminal| Stream { terminal, color: environment.color(choice, terminal) };
        let stdout = stream(io::stdout().is_terminal());
        let width = stdout.terminal.then(|| console::Term::stdout().size_checked()).flatten();
        Self {
            stdout,
            stderr: stream(io::stderr().is_terminal()),
            width: width.map(|(_, columns)| usize::from(columns)),
            unicode: environment.unicode(),
        }
    }
}

/// The environment variables that matter here.
#[derive(Debug, Default)]
struct Environment {
    no_color: bool,
    dumb: bool,
    locale: Option<String>,
}

impl Environment {
    fn read() -> Self {
        let text =
            |name| env::var_os(name).and_then(|value| value.into_string().ok()).filter(|v| !v.is_empty());
        Self {
            no_color: text("NO_COLOR").is_some(),
            dumb: text("TERM").as_deref() == Some("dumb"),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text),
        }
    }

    fn color(&self, choice: ColorChoice, terminal: bool) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !self.no_color && !self.dumb,
        }
    }

    /// A locale that is set and is not UTF-8 rules unicode out; none at all (containers) does not.
    fn unicode(&self) -> bool {
        let utf8 = |locale: &str| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        !self.dumb && self.locale.as_deref().is_none_or(utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_follows_the_choice_then_the_environment() {
        let plain = Environment::default();
        assert!(plain.color(ColorChoice::Auto, true));
        assert!(!plain.color(ColorChoice::Auto, false));
        assert!(plain.color(ColorChoice::Always, false));
        assert!(!plain.color(ColorChoice::Never, true));
        let no_color = Environment { no_color: true, ..Environment::default() };
        assert!(!no_color.color(ColorChoice::Auto, true));
        assert!(no_color.color(ColorChoice::Always, true));
        let dumb = Environment { dumb: true, ..Environment::default() };
        assert!(!dumb.color(ColorChoice::Auto, true));
    }

    #[test]
    fn unicode_needs_a_terminal_and_a_locale_that_can() {
        let with = |locale: &str| Environment { locale: Some(locale.to_owned()), ..Environment::default() };
        assert!(Environment::default().unicode());
        assert!(with("de_DE.UTF-8").unicode());
        assert!(with("C.utf8").unicode());
        assert!(!with("POSIX").unicode());
        assert!(!Environment { dumb: true, ..with("C.UTF-8") }.unicode());
    }
}

//! What a command works with: the global options, the streams, and what main has to clean up.

use std::error::Error as _;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use wayfare_query::{Error, Report, ReportStream, Result};

use futures::TryStreamExt as _;

use crate::args::Global;
use crate::backend::{OnMissing, StoreOptions};
use crate::out::{Out, Pipe, Unfinished, write_failed};
use crate::progress::Progress;
use crate::render::{self, Format, Look};
use crate::settings::Settings;
use crate::term::{ColorChoice, Terminal};

/// One run of the program.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Options that every command takes.
    pub(crate) global: Global,
    /// The settings file.
    pub(crate) settings: Settings,
    /// What the streams can show.
    pub(crate) terminal: Terminal,
    /// Whether stdout was closed by its reader.
    pub(crate) pipe: Pipe,
    /// The temporary output file.
    pub(crate) unfinished: Unfinished,
    /// The progress bar on the screen.
    bar: Arc<Mutex<Option<Progress>>>,
}

impl Session {
    /// Looks at the terminal and keeps the rest.
    pub(crate) fn new(global: Global, settings: Settings) -> Self {
        let terminal = Terminal::detect(global.color);
        Self {
            global,
            settings,
            terminal,
            pipe: Pipe::default(),
            unfinished: Unfinished::default(),
            bar: Arc::default(),
        }
    }

    /// Opens where data goes.
    ///
    /// # Errors
    ///
    /// `Invalid` for a binary format on a screen; those of [`Out::file`].
    pub(crate) fn out(&self) -> Result<Out> {
        match &self.global.output {
            Some(path) if path.as_os_str() != "-" => Out::file(path, &self.pipe, &self.unfinished),
            _ if self.format().is_binary() && self.terminal.stdout.terminal => {
                Err(Error::invalid("parquet and arrow are nothing for a terminal")
                    .hint("name a file with --output FILE, or write into a pipe"))
            }
            _ => Ok(Out::stdout(&self.pipe)),
        }
    }

    /// The format asked for, by name or by the extension of the output file.
    pub(crate) fn format(&self) -> Format {
        let by_extension = || self.global.output.as_deref().and_then(Format::of_path);
        self.global.format.or_else(by_extension).unwrap_or_default()
    }

    /// Writes a report; what a format has no room for goes to stderr.
    pub(crate) fn show(&self, report: &Report, out: &mut Out) -> Result<()> {
        let format = self.format();
        render::render(report, format, &self.look(), out).map_err(write_failed)?;
        if format.streams() && format != Format::Json {
            out.flush().map_err(write_failed)?;
            for note in &report.notes {
                self.say(format_args!("note: {note}"));
            }
            if let Some(more) = render::more(report) {
                self.say(format_args!("note: {more}"));
            }
        }
        Ok(())
    }

    /// Writes a report whose rows come one batch after the other.
    pub(crate) async fn show_stream(&self, report: ReportStream, out: &mut Out) -> Result<()> {
        let ReportStream { head, mut batches } = report;
        let mut encoder = render::encoder(&head, self.format(), out).map_err(write_failed)?;
        while let Some(batch) = batches.try_next().await? {
            encoder.batch(&batch).map_err(write_failed)?;
        }
        encoder.end().map_err(write_failed)
    }

    /// Writes an empty line between two reports, where the format bears it.
    pub(crate) fn gap(&self, out: &mut Out) -> io::Result<()> {
        if matches!(self.format(), Format::Table | Format::Markdown) { writeln!(out) } else { Ok(()) }
    }

    fn look(&self) -> Look {
        if self.global.output.is_some() {
            return Look { color: self.global.color == ColorChoice::Always, width: None, unicode: true };
        }
        let Terminal { stdout, width, unicode, .. } = self.terminal;
        Look { color: stdout.color, width, unicode }
    }

    /// Where the store is and what may be used for it.
    ///
    /// # Errors
    ///
    /// `Invalid` when nobody said where the store is.
    pub(crate) fn store_options(&self, missing: OnMissing) -> Result<StoreOptions> {
        let path = self.global.store.clone().ok_or_else(|| {
            Error::invalid("no store given").hint(
                "use --store DIR, set WAYFARE_STORE, or try `wayfare demo` for a store with sample data",
            )
        })?;
        Ok(self.store_options_at(path, missing))
    }

    /// The same for a store at `path`.
    pub(crate) fn store_options_at(&self, path: PathBuf, missing: OnMissing) -> StoreOptions {
        let Global { threads, memory, .. } = self.global;
        let folding = self.progress_of(Progress::shown_later);
        StoreOptions { path, missing, threads, memory_bytes: memory.map(|bytes| bytes.0), folding }
    }

    /// Makes a progress bar, visible if a person looks at stderr.
    pub(crate) fn progress(&self, what: &'static str) -> Progress {
        self.progress_of(|| Progress::shown(what))
    }

    fn progress_of(&self, shown: impl FnOnce() -> Progress) -> Progress {
        let visible = self.terminal.stderr.terminal && !self.global.quiet;
        let bar = if visible { shown() } else { Progress::hidden() };
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        bar
    }

    /// Takes the progress bar off the screen, so that a message starts on a line of its own.
    pub(crate) fn clear_progress(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.clear();
        }
    }

    /// Tells a person what went wrong, silence or not.
    pub(crate) fn complain(&self, error: &Error) {
        complain(error, self.terminal.stderr.color);
    }

    /// Writes a line for people to stderr, unless they asked for silence.
    pub(crate) fn say(&self, line: impl Display) {
        if !self.global.quiet {
            stderr_line(line);
        }
    }
}

/// Tells a person what went wrong: the error with its places, the causes, the advice.
pub(crate) fn complain(error: &Error, color: bool) {
    let (red, cyan, reset) = if color { ("\u{1b}[1;31m", "\u{1b}[36m", "\u{1b}[0m") } else { ("", "", "") };
    stderr_line(format_args!("{red}error:{reset} {error}"));
    let mut cause = error.source();
    let mut told = String::new();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // many errors repeat their cause's text as their own
        if !told.ends_with(&text) {
            stderr_line(format_args!("  caused by: {text}"));
            told = text;
        }
        cause = inner.source();
    }
    if let Some(advice) = error.advice() {
        stderr_line(format_args!("{cyan}hint:{reset} {advice}"));
    }
}

/// Writes a line to stderr; that nobody reads it is no reason to fail.
pub(crate) fn stderr_line(line: impl Display) {
    writeln!(io::stderr().lock(), "{line}").unwrap_or_default();
}

#[cfg(test)]
impl Session {
    /// A session with every option at its default, and nothing on stderr.
    pub(crate) fn silent() -> Self {
        let argv = ["wayfare", "--quiet", "journeys"].map(Into::into);
        let (cli, settings) = crate::args::parse(&argv).unwrap();
        Self::new(cli.global, settings)
    }
}

//! How far a long job has come, on stderr, for people only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A counter of bytes and events that draws a bar where there is someone to see it.
///
/// Clones count into the same bar and may be used from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    events: Arc<AtomicU64>,
}

impl Progress {
    /// Makes a bar on stderr.
    pub(crate) fn shown(what: &'static str) -> Self {
        let progress = Self::shown_later();
        progress.bar.set_message(what);
        progress.bar.set_style(progress.style("{msg} {bytes} · {events} events · {event_rate}/s"));
        progress
    }

    /// Makes a bar on stderr that is there from the first thing to show.
    pub(crate) fn shown_later() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        Self { bar, events: Arc::default() }
    }

    /// Makes a counter that shows nothing.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), events: Arc::default() }
    }

    /// Says how many bytes there are in all, where that is known: this brings the bar and the remaining time.
    pub(crate) fn expect_bytes(&self, total: u64) {
        self.bar.set_length(total);
        let template =
            "{msg} {bar:24} {bytes} of {total_bytes} · {events} events · {event_rate}/s · {eta} left";
        self.bar.set_style(self.style(template));
    }

    /// Counts bytes of input or output.
    pub(crate) fn bytes(&self, count: u64) {
        self.bar.inc(count);
    }

    /// Bytes counted so far.
    pub(crate) fn bytes_counted(&self) -> u64 {
        self.bar.position()
    }

    /// Shows how much of something is done.
    pub(crate) fn share(&self, doing: &'static str, unit: &str, done: u64, all: u64) {
        let template = format!("{{msg}} {{bar:24}} {{human_pos}} of {{human_len}} {unit} · {{eta}} left");
        // first, since each of the others draws
        self.bar.set_style(self.style(&template));
        self.bar.set_message(doing);
        self.bar.set_length(all);
        self.bar.set_position(done);
    }

    /// Shows how many files of all are done.
    pub(crate) fn files(&self, done: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_style(self.style("{msg} {bar:24} {pos} of {len} files · {eta} left"));
        self.bar.set_position(done);
    }

    /// Counts events.
    pub(crate) fn events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn style(&self, template: &str) -> ProgressStyle {
        let (counted, rated) = (Arc::clone(&self.events), Arc::clone(&self.events));
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▌ ")
            .with_key("events", move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
                // a bar that cannot be drawn is no reason to fail
                write!(text, "{}", HumanCount(counted.load(Ordering::Relaxed))).unwrap_or_default();
            })
            .with_key("event_rate", move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let rate = per_second(rated.load(Ordering::Relaxed), state.elapsed().as_millis());
                write!(text, "{}", HumanCount(rate)).unwrap_or_default();
            })
    }
}

/// Events a second, rounded down.
pub(crate) fn per_second(events: u64, elapsed_ms: u128) -> u64 {
    let rate = u128::from(events) * 1000 / elapsed_ms.max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second() {
        assert_eq!(per_second(500, 250), 2000);
        assert_eq!(per_second(7, 0), 7000);
    }

    #[test]
    fn templates_are_valid() {
        let progress = Progress::hidden();
        progress.expect_bytes(100);
        progress.bytes(40);
        progress.events(3);
        assert_eq!(progress.bar.position(), 40);
        progress.clear();
    }
}

//! `wayfare generate`.

use std::io::Write as _;

use chrono::{DateTime, NaiveDate};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use wayfare_ingest::GenerateSpec;
use wayfare_query::Result;
use wayfare_query::words::counted;

use crate::backend::{self, GenerateOptions};
use crate::exit::Exit;
use crate::out::write_failed;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare generate --events 1000
  wayfare generate --events 5000000 --seed 7 --days 90 --output events.ndjson.gz
  wayfare generate --events 10000 --start 2026-03-01 | wayfare ingest --store shop -";

/// Write sample events as NDJSON: same seed, same bytes
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Generate {
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 20_000, help_heading = "Sample")]
    events: u64,

    /// The seed
    #[arg(long, value_name = "S", default_value_t = 42, help_heading = "Sample")]
    seed: u64,

    /// Over how many days
    #[arg(long, value_name = "D", default_value_t = 30, help_heading = "Sample",
          value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,

    /// The first day, UTC
    #[arg(long, value_name = "DATE", default_value = "2026-03-01", help_heading = "Sample")]
    start: NaiveDate,
}

impl Generate {
    /// The events that `demo` loads.
    pub(crate) fn sample() -> GenerateOptions {
        let GenerateSpec { events, seed, days, start_ms, .. } = GenerateSpec::default();
        let start = DateTime::from_timestamp_millis(start_ms).unwrap_or_default().date_naive();
        GenerateOptions { events, seed, days, start }
    }

    pub(crate) fn run(self, session: &Session) -> Result<Exit> {
        let Self { events, seed, days, start } = self;
        let options = GenerateOptions { events, seed, days, start };
        let progress = session.progress("writing");
        let mut out = session.out()?;
        let gzip =
            session.global.output.as_deref().and_then(|path| path.extension()).is_some_and(|ext| ext == "gz");
        let written = if gzip {
            let mut encoder = GzEncoder::new(&mut out, Compression::default());
            let written = backend::generate(&options, &mut encoder, &progress)?;
            encoder.finish().map_err(write_failed)?;
            written
        } else {
            backend::generate(&options, &mut out, &progress)?
        };
        out.flush().map_err(write_failed)?;
        out.finish()?;
        session.clear_progress();
        session.say(format_args!("wrote {}", counted(written, "event")));
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_starts_with_the_default_of_the_command() {
        assert_eq!(Generate::sample().start.to_string(), "2026-03-01");
    }
}

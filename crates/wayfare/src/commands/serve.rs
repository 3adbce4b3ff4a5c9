//! `wayfare serve`.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use wayfare_query::Result;
use wayfare_query::spec::parse_duration_ms;

use crate::args::Bytes;
use crate::backend::OnMissing;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::serve;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  wayfare serve --store shop
  wayfare serve --store shop --listen 0.0.0.0:8080 --allow-origin https://grafana.example
  wayfare serve --store shop --listen 127.0.0.1:0 --concurrency 4 --memory 4GB --timeout 30s";

/// Serve reports, the dashboard and the taking in of events over HTTP
///
/// On this machine alone no token is needed until there is one (`wayfare token create`). Others are let in with
/// tokens only. Put a proxy with TLS before it: a token in plain HTTP can be read on the way. `--memory` is for all
/// questions together.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Address and port; port 0 is one of the system's choice, told on stdout
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", help_heading = "Network")]
    listen: SocketAddr,

    /// Let pages of this origin ask, such as `https://grafana.example`; repeatable
    #[arg(long, value_name = "ORIGIN", help_heading = "Network")]
    allow_origin: Vec<String>,

    /// Answer for this host name too, where no token is needed; repeatable
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    allow_host: Vec<String>,

    /// Questions that compute at once [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    concurrency: Option<NonZeroUsize>,

    /// Requests of one token under way at once
    #[arg(long, value_name = "N", default_value = "64", help_heading = "Limits")]
    per_token: NonZeroUsize,

    /// Longest time that a question computes
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time, help_heading = "Limits")]
    timeout: Duration,

    /// Longest body of events, as it comes
    #[arg(long, value_name = "SIZE", default_value = "64MiB", help_heading = "Limits")]
    max_body: Bytes,

    /// Longest body of events, unpacked
    #[arg(long, value_name = "SIZE", default_value = "1GiB", help_heading = "Limits")]
    max_unpacked: Bytes,

    /// How long requests may go on after the server was told to end
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time, help_heading = "Limits")]
    drain: Duration,

    /// File (TOML) that says which columns of the events sent are what
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    mapping: Option<PathBuf>,
}

impl Serve {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let mut store = session.store_options(OnMissing::Fail)?;
        store.folding = Progress::hidden();
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let concurrency = self.concurrency.or(store.threads).unwrap_or_else(cores).get();
        store.memory_bytes = Some(share_of_memory(store.memory_bytes, concurrency));
        let options = serve::Options {
            listen: self.listen,
            store,
            mapping: self.mapping,
            allow_origin: self.allow_origin,
            allow_host: self.allow_host,
            concurrency,
            per_token: self.per_token.get(),
            question_time: self.timeout,
            body_bytes_max: self.max_body.0,
            unpacked_bytes_max: self.max_unpacked.0,
            drain: self.drain,
        };
        serve::serve(options, session).await
    }
}

/// The memory of one question, where so many compute at once.
fn share_of_memory(all_bytes: Option<u64>, concurrency: usize) -> u64 {
    let default = u64::try_from(wayfare_query::EngineOptions::MEMORY_BYTES_DEFAULT).unwrap_or(u64::MAX);
    all_bytes.unwrap_or(default) / u64::try_from(concurrency).unwrap_or(1).max(1)
}

fn time(text: &str) -> Result<Duration, String> {
    let millis = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_negative| "expected a time from now on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_share_the_memory() {
        assert_eq!(share_of_memory(Some(1000), 4), 250);
        assert_eq!(share_of_memory(None, 2), 1 << 30);
    }
}

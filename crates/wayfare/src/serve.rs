//! The HTTP server: the reports, taking events in, and the dashboard. A thin shell; nothing is computed here.
//!
//! A request passes, from the outside in: the accept loop ([`listener`], slow clients), [`finish`] (id, host, origin,
//! problems, headers, log), [`routes`] with [`caller`] (who, and what for), [`gate`] (how many at once), and the engine on
//! threads of its own ([`compute`]). What comes back is encoded as on the command line ([`body`]).

mod answer;
mod ask;
mod body;
mod caller;
mod catalogue;
mod compute;
mod dashboard;
mod etag;
mod events;
mod finish;
mod format;
mod gate;
mod health;
mod listener;
mod log;
mod metrics;
mod openapi;
mod origin;
mod problem;
mod routes;
mod stall;
pub(crate) mod tokens;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, RETRY_AFTER,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::{from_fn_with_state, map_response};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use wayfare_ingest::Mapping;
use wayfare_query::{Error, Result};

use self::caller::{Caller, WrongTokens};
use self::compute::Compute;
use self::gate::{Bounds, Gate};
use self::log::Log;
use self::metrics::Metrics;
use self::origin::Origins;
use self::problem::Problem;
use self::tokens::TokenFile;
use crate::backend::{self, Store, StoreOptions};
use crate::exit::Exit;
use crate::session::Session;
use crate::signal::signal;

/// Answers shorter than this are not worth compressing, in bytes.
const COMPRESSED_BYTES_MIN: u16 = 1024;

/// Requests that wait for a turn to compute.
const WAITING_MAX: usize = 512;

/// How the server runs.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The store.
    pub(crate) store: StoreOptions,
    /// How events that are sent are read.
    pub(crate) mapping: Option<PathBuf>,
    /// Pages of these origins may ask.
    pub(crate) allow_origin: Vec<String>,
    /// Further names of the server.
    pub(crate) allow_host: Vec<String>,
    /// Questions that compute at once.
    pub(crate) concurrency: usize,
    /// Requests of one caller at once.
    pub(crate) per_token: usize,
    /// Longest time that a question computes.
    pub(crate) question_time: Duration,
    /// Longest body of events, as it comes.
    pub(crate) body_bytes_max: u64,
    /// Longest body of events, unpacked.
    pub(crate) unpacked_bytes_max: u64,
    /// How long requests under way may take once the server is told to end.
    pub(crate) drain: Duration,
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    store: Arc<Store>,
    root: PathBuf,
    tokens: TokenFile,
    wrong_tokens: WrongTokens,
    origins: Origins,
    gate: Gate,
    compute: Compute,
    metrics: Metrics,
    log: Log,
    mapping: Mapping,
    /// Held by whoever takes events in.
    writer: Arc<Mutex<()>>,
    /// The server was told to end.
    ending: AtomicBool,
    question_time: Duration,
    body_bytes_max: u64,
    unpacked_bytes_max: u64,
    /// Longest time that a body of events takes.
    body_time: Duration,
    /// Longest silence inside a body of events.
    silence: Duration,
}

impl App {
    /// The store, with the settings as they are now.
    fn store(&self) -> Result<Arc<Store>, Problem> {
        self.store.refresh().map_err(|error| self.problem(&error))?;
        Ok(Arc::clone(&self.store))
    }

    /// The store as a caller may see it.
    fn store_for(&self, caller: &Caller) -> Result<Arc<Store>, Problem> {
        let store = self.store()?;
        Ok(match &caller.tenant {
            Some(tenant) => Arc::new(store.of_tenant(tenant)),
            None => store,
        })
    }

    /// Whether requests without a token are answered: only those of this machine, and only while there are no tokens.
    fn anonymous_allowed(&self) -> Result<bool, Problem> {
        let tokens = self.tokens.tokens().map_err(|error| self.problem(&error))?;
        Ok(tokens.is_empty() && self.origins.listens.ip().is_loopback())
    }

    /// An error as a client may read it.
    fn problem(&self, error: &Error) -> Problem {
        Problem::of(error, &self.root)
    }
}

/// Serves until a signal comes, then finishes what is under way.
///
/// # Errors
///
/// `Invalid` for an address that others can reach while there are no tokens, `Unavailable` for one that is taken, and
/// those of opening the store.
pub(crate) async fn serve(options: Options, session: &Session) -> Result<Exit> {
    let Options { listen, drain, .. } = options;
    let origins = allowed_origins(&options.allow_origin)?;
    let store = backend::open_present(&options.store)?;
    let tokens = TokenFile::of(store.root());
    if tokens.tokens()?.is_empty() && !listen.ip().is_loopback() {
        return Err(Error::invalid(format!(
            "there are no tokens, and others can reach {listen}: anyone could read the store"
        ))
        .hint("make one: `wayfare token create --scope read`, or listen on 127.0.0.1"));
    }
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|cause| Error::io("cannot listen there", cause).with("address", listen))?;
    let listens = listener.local_addr().map_err(|cause| Error::io("cannot listen there", cause))?;
    let app = Arc::new(app(options, store, tokens, listens, session)?);
    announce(listens, &app, session)?;
    let ended = listener::serve(listener, router(&app, origins), Arc::clone(&app), async {
        let signal = signal().await;
        app.ending.store(true, Ordering::Relaxed);
        signal
    });
    let under_way = ended.await?;
    app.log.event("ending: no new requests, finishing those under way");
    tokio::select! {
        () = under_way.finish() => {}
        () = tokio::time::sleep(drain) => app.log.event("requests took too long to finish and were cut off"),
        again = signal() => return again,
    }
    app.log.event("ended");
    Ok(Exit::Done)
}

fn app(
    options: Options,
    store: Store,
    tokens: TokenFile,
    listens: SocketAddr,
    session: &Session,
) -> Result<App> {
    let gate = Gate::new(Bounds {
        running: options.concurrency,
        waiting: WAITING_MAX,
        of_one_caller: options.per_token,
        patience: options.question_time,
    });
    let threads = options.store.threads.or_else(|| std::thread::available_parallelism().ok());
    let log = match (session.global.quiet, session.terminal.stderr.terminal) {
        (true, _) => Log::Silent,
        (false, true) => Log::Terminal,
        (false, false) => Log::Json,
    };
    Ok(App {
        root: store.root().to_owned(),
        store: Arc::new(store),
        tokens,
        wrong_tokens: WrongTokens::default(),
        origins: Origins { allowed: options.allow_origin, hosts: options.allow_host, listens },
        gate,
        compute: Compute::start(threads.map_or(1, std::num::NonZeroUsize::get))?,
        metrics: Metrics::default(),
        log,
        mapping: backend::mapping(options.mapping.as_deref(), &session.settings.columns)?,
        writer: Arc::default(),
        ending: AtomicBool::new(false),
        question_time: options.question_time,
        body_bytes_max: options.body_bytes_max,
        unpacked_bytes_max: options.unpacked_bytes_max,
        body_time: listener::BODY_TIME,
        silence: listener::SILENCE,
    })
}

/// The address on stdout, for whoever started the server on a port of the system's choice; the rest for people.
fn announce(listens: SocketAddr, app: &App, session: &Session) -> Result<()> {
    use std::io::Write as _;

    let mut out = session.out()?;
    writeln!(out, "http://{listens}").map_err(crate::out::write_failed)?;
    out.finish()?;
    if app.log == Log::Terminal {
        session.say(format_args!("serving {} (Ctrl-C ends it)", app.root.display()));
        if app.tokens.tokens()?.is_empty() {
            session.say("no token is needed on this machine; `wayfare token create` changes that");
        }
    }
    Ok(())
}

fn router(app: &Arc<App>, origins: Vec<HeaderValue>) -> Router {
    let router = routes::router()
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        .layer(map_response(async |response| etag::of_compressed(response)))
        .layer(from_fn_with_state(Arc::clone(app), finish::finish))
        .with_state(Arc::clone(app));
    if origins.is_empty() { router } else { router.layer(cors(origins)) }
}

/// Long answers, but for those that are packed already.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(COMPRESSED_BYTES_MIN)
        .and(NotForContentType::const_new("application/vnd.apache.parquet"))
        .and(NotForContentType::const_new("font/"))
        .and(NotForContentType::const_new("image/png"))
}

/// Lets pages of other origins ask, and read what they need of the answer.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            AUTHORIZATION,
            ACCEPT,
            CONTENT_TYPE,
            CONTENT_ENCODING,
            IF_NONE_MATCH,
            events::IDEMPOTENCY_KEY,
            finish::REQUEST_ID,
        ])
        .expose_headers([ETAG, LINK, RETRY_AFTER, answer::SNAPSHOT, answer::NEXT, finish::REQUEST_ID])
        .max_age(Duration::from_mins(10))
}

/// Origins as browsers write them: scheme and host, nothing behind it.
fn allowed_origins(origins: &[String]) -> Result<Vec<HeaderValue>> {
    let checked = origins.iter().map(|origin| {
        let plain = origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', ' ', ','])
        });
        let value = HeaderValue::from_str(origin).ok().filter(|_| plain);
        value.ok_or_else(|| {
            Error::invalid(format!("expected an origin such as https://reports.example, saw {origin:?}"))
        })
    });
    checked.collect()
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The tokens of the store in that folder.
///
/// # Errors
///
/// Those of opening the store.
pub(crate) fn tokens_of(folder: &Path) -> Result<TokenFile> {
    Ok(TokenFile::of(wayfare_query::Store::open(folder)?.root()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let allowed = |origin: &str| allowed_origins(&[origin.to_owned()]).is_ok();
        assert!(allowed("https://grafana.example"));
        assert!(allowed("http://localhost:3000"));
        for origin in
            ["*", "grafana.example", "https://a/", "https://*.example", "null", "https://a, https://b"]
        {
            assert!(!allowed(origin), "{origin}");
        }
    }
}

//! The accept loop. `axum::serve` sets no timer, which leaves the limits on slow clients without effect.
//!
//! | a client that | is let go after |
//! | --- | --- |
//! | does not send a whole head, or keeps a connection idle | [`HEAD_TIME`] |
//! | falls silent inside a body of events, takes too long for it | [`SILENCE`], [`BODY_TIME`] |
//! | does not read what it asked for | [`SILENCE`] |

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;
use wayfare_query::Result;

use super::stall::Stall;
use super::{App, Peer};
use crate::exit::Exit;

/// Longest time for a request's head, and for a connection without a request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Longest silence of a client that is to send or to read.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// Longest time for a body of events.
pub(crate) const BODY_TIME: Duration = Duration::from_mins(5);

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Headers of a request.
const HEADERS_MAX: usize = 100;

/// Connections at once, if the process may open so many files.
const CONNECTIONS_MAX: usize = 8192;

/// Open files that are kept for the store.
const FILES_KEPT: usize = 256;

/// How long to wait when the system has no connection to give.
const BREATH: Duration = Duration::from_millis(50);

/// Requests that were under way when the server stopped listening.
pub(crate) struct UnderWay(GracefulShutdown);

impl UnderWay {
    /// Waits for all of them.
    pub(crate) async fn finish(self) {
        self.0.shutdown().await;
    }
}

/// Answers connections until `end`, and gives back what is under way then.
///
/// # Errors
///
/// Those of `end`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    app: Arc<App>,
    end: impl Future<Output = Result<Exit>>,
) -> Result<UnderWay> {
    let places = Arc::new(Semaphore::new(connections_max()));
    let graceful = GracefulShutdown::new();
    tokio::pin!(end);
    loop {
        let accepted = tokio::select! {
            signal = &mut end => return signal.map(|_| UnderWay(graceful)),
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let connection = Connection { router: router.clone(), app: Arc::clone(&app), peer, place };
                drop(tokio::spawn(connection.run(stream, graceful.watcher())));
            }
            // a client that is gone already is nobody's fault; without free files a breath may bring some
            Err(cause) if gone(&cause) => {}
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

fn gone(cause: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    matches!(cause.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection and what it needs.
struct Connection {
    router: Router,
    app: Arc<App>,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher) {
        let Self { router, app, peer, place } = self;
        // answers are written whole; waiting to fill packets only adds time
        stream.set_nodelay(true).unwrap_or_default();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let router = router.clone();
            async move {
                match router.oneshot(request.map(Body::new)).await {
                    Ok(response) => Ok::<_, Infallible>(response),
                    Err(never) => match never {},
                }
            }
        });
        app.metrics.connections.fetch_add(1, Ordering::Relaxed);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Stall::new(stream, SILENCE)), service);
        // how it ended is the client's matter
        watcher.watch(connection).await.unwrap_or_default();
        app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        drop(place);
    }
}

/// Connections that the process has files for.
fn connections_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = files.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    soft.map_or(CONNECTIONS_MAX, |files| files.saturating_sub(FILES_KEPT).clamp(16, CONNECTIONS_MAX))
}

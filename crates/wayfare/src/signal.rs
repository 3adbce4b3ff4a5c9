//! Signals that ask the process to end.

use wayfare_query::{Error, Result};

use crate::exit::Exit;

/// Waits for the first signal that asks the process to end, and says how it then ends.
#[cfg(unix)]
pub(crate) async fn signal() -> Result<Exit> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(|cause| Error::io("cannot listen for signals", cause));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    })
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn signal() -> Result<Exit> {
    tokio::signal::ctrl_c().await.map_err(|cause| Error::io("cannot listen for Ctrl-C", cause))?;
    Ok(Exit::Interrupted)
}

//! A report as the body of an answer, written by the same encoders as on the command line.
//!
//! What fits into one piece is sent with its length. More is sent piece by piece as it is written, as fast as the client
//! reads; should that fail midway the connection is cut before the last chunk, so that the client sees the answer end
//! too early (curl: exit code 18) and never takes half of it for the whole.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wayfare_query::{Error, ErrorKind, Report, ReportStream, Result};

use super::compute::{Compute, too_long};
use crate::out::write_failed;
use crate::render::{self, Format, Look};

/// Bytes of a piece.
const PIECE_BYTES: usize = 1 << 20;

/// Pieces that wait for the client.
const PIECES_AHEAD: usize = 2;

/// Nothing is known of whoever reads.
const LOOK: Look = Look { color: false, width: None, unicode: true };

/// Some bytes of a body, and whether they are the last.
#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    last: bool,
}

/// What there is to write.
pub(crate) enum Rows {
    /// All of it.
    Whole(Report),
    /// Rows that come one batch after the other.
    Coming(ReportStream),
}

/// Writes a report; `keep` is dropped when its last byte was handed to the network. Rows that come may let themselves be
/// waited for as long as `limit`, each batch.
///
/// # Errors
///
/// What goes wrong before the first piece is full: later the body breaks off.
pub(crate) async fn write<K: Send + 'static>(
    compute: &Compute,
    rows: Rows,
    format: Format,
    limit: Duration,
    keep: K,
) -> Result<Body> {
    let write = move |out: &mut Pieces| match rows {
        Rows::Whole(report) => render::render(&report, format, &LOOK, out).map_err(write_failed),
        Rows::Coming(stream) => coming(stream, format, limit, out),
    };
    stream_of(compute, write, keep).await
}

/// Writes rows as they come, for as long as somebody reads them.
fn coming(stream: ReportStream, format: Format, limit: Duration, out: &mut Pieces) -> Result<()> {
    let ReportStream { head, mut batches } = stream;
    let reader = out.sender.clone();
    let runtime = Handle::current();
    let mut encoder = render::encoder(&head, format, out).map_err(write_failed)?;
    loop {
        let next = async {
            tokio::select! {
                batch = tokio::time::timeout(limit, batches.try_next()) => {
                    batch.unwrap_or_else(|_elapsed| Err(too_long(limit)))
                }
                () = reader.closed() => Err(Error::new(ErrorKind::Cancelled, "nobody waits for the answer")),
            }
        };
        match runtime.block_on(next)? {
            Some(batch) => encoder.batch(&batch).map_err(write_failed)?,
            None => return encoder.end().map_err(write_failed),
        }
    }
}

async fn stream_of<K: Send + 'static>(
    compute: &Compute,
    write: impl FnOnce(&mut Pieces) -> Result<()> + Send + 'static,
    keep: K,
) -> Result<Body> {
    let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES_AHEAD);
    let writing = compute.block(move || {
        let mut out = Pieces { sender, buffer: Vec::new() };
        // a writer that fails drops the sender, and the last piece never comes
        write(&mut out).and_then(|()| out.finish().map_err(write_failed))
    })?;
    let Some(first) = pieces.recv().await else {
        return Err(match writing.await {
            Ok(Err(error)) => error,
            _ => Error::internal("the answer could not be written"),
        });
    };
    if first.last {
        return Ok(Body::from(first.bytes));
    }
    let rest = stream::unfold((Some(first), pieces, keep), async |(piece, mut pieces, keep)| {
        let Piece { bytes, last } = piece?;
        // the piece after this one, so that an end that comes too early is known
        let next = if last { None } else { pieces.recv().await };
        if !last && next.is_none() {
            let broken = io::Error::other("the answer broke off");
            return Some((Err(broken), (None, pieces, keep)));
        }
        Some((Ok(bytes), (next, pieces, keep)))
    });
    // whoever packs the body asks again after its end
    Ok(Body::from_stream(rest.fuse()))
}

/// Collects bytes into pieces and sends them.
struct Pieces {
    sender: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
}

impl Pieces {
    fn send(&mut self, last: bool) -> io::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender
            .blocking_send(Piece { bytes, last })
            .map_err(|_nobody_reads| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn finish(mut self) -> io::Result<()> {
        self.send(true)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= PIECE_BYTES {
            self.send(false)?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    async fn pieces_of(
        write: impl FnOnce(&mut Pieces) -> Result<()> + Send + 'static,
    ) -> Vec<std::result::Result<usize, axum::Error>> {
        let compute = Compute::start(1).unwrap();
        let body = stream_of(&compute, write, ()).await.unwrap();
        body.into_data_stream().map(|piece| piece.map(|bytes| bytes.len())).collect().await
    }

    fn megabytes(count: usize, out: &mut Pieces) -> Result<()> {
        let piece = vec![b'x'; PIECE_BYTES];
        (0..count).try_for_each(|_| out.write_all(&piece)).map_err(write_failed)
    }

    #[tokio::test]
    async fn all_bytes_arrive() {
        let small = pieces_of(|out| out.write_all(b"abc").map_err(write_failed)).await;
        assert_eq!(small.into_iter().map(Result::unwrap).sum::<usize>(), 3);
        let large = pieces_of(|out| megabytes(5, out)).await;
        assert_eq!(large.len(), 5);
        assert_eq!(large.into_iter().map(Result::unwrap).sum::<usize>(), 5 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_ends_with_an_error() {
        let pieces = pieces_of(|out| {
            megabytes(4, out)?;
            Err(Error::limit("on purpose"))
        })
        .await;
        assert!(pieces.last().unwrap().is_err(), "{pieces:?}");
        assert!(pieces.first().unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_fails_at_once_is_an_error_and_no_body() {
        let compute = Compute::start(1).unwrap();
        let error = stream_of(&compute, |_| Err(Error::limit("on purpose")), ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}

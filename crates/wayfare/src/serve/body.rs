//! A report as the body of an answer, written by the same encoders as on the command line.
//!
//! What fits into one piece is sent with its length. More is sent piece by piece as it is written, as fast as the client
//! reads; should that fail midway the connection is cut before the last chunk, so that the client sees the answer end
//! too early (curl: exit code 18) and never takes half of it for the whole.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use futures::stream;
use tokio::sync::mpsc;
use wayfare_query::{Error, Report, Result};

use super::compute::Compute;
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

/// Writes a report; `keep` is dropped when its last byte was handed to the network.
///
/// # Errors
///
/// `Internal` when writing fails before anything was sent.
pub(crate) async fn write<K: Send + 'static>(
    compute: &Compute,
    report: Report,
    format: Format,
    keep: K,
) -> Result<Body> {
    stream_of(compute, move |out| render::render(&report, format, &LOOK, out), keep).await
}

async fn stream_of<K: Send + 'static>(
    compute: &Compute,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()> + Send + 'static,
    keep: K,
) -> Result<Body> {
    let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES_AHEAD);
    // its end is seen by the pieces that come, or do not
    drop(compute.block(move || {
        let mut out = Pieces { sender, buffer: Vec::new() };
        // a writer that fails drops the sender, and the last piece never comes
        write(&mut out).and_then(|()| out.finish()).unwrap_or_default();
    })?);
    let Some(first) = pieces.recv().await else {
        return Err(Error::internal("the answer could not be written"));
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
    Ok(Body::from_stream(rest))
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
        write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()> + Send + 'static,
    ) -> Vec<std::result::Result<usize, axum::Error>> {
        let compute = Compute::start(1).unwrap();
        let body = stream_of(&compute, write, ()).await.unwrap();
        body.into_data_stream().map(|piece| piece.map(|bytes| bytes.len())).collect().await
    }

    fn megabytes(count: usize, out: &mut dyn Write) -> io::Result<()> {
        let piece = vec![b'x'; PIECE_BYTES];
        (0..count).try_for_each(|_| out.write_all(&piece))
    }

    #[tokio::test]
    async fn all_bytes_arrive() {
        let small = pieces_of(|out| out.write_all(b"abc")).await;
        assert_eq!(small.into_iter().map(Result::unwrap).sum::<usize>(), 3);
        let large = pieces_of(|out| megabytes(5, out)).await;
        assert_eq!(large.len(), 5);
        assert_eq!(large.into_iter().map(Result::unwrap).sum::<usize>(), 5 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_ends_with_an_error() {
        let pieces = pieces_of(|out| {
            megabytes(4, out)?;
            Err(io::Error::other("on purpose"))
        })
        .await;
        assert!(pieces.last().unwrap().is_err(), "{pieces:?}");
        assert!(pieces.first().unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_fails_at_once_is_an_error_and_no_body() {
        let compute = Compute::start(1).unwrap();
        stream_of(&compute, |_| Err(io::Error::other("on purpose")), ()).await.unwrap_err();
    }
}

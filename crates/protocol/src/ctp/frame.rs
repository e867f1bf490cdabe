//! Frames: a big-endian length, then so many bytes; length zero is a keepalive.
//! Source: `spec/ctp.md` §1.1, §1.5.
//!
//! Invariants: an announced length allocates nothing, only arriving bytes do;
//! the idle timeout counts from the last byte that moved.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is read at once of a large frame.
const CHUNK: usize = 64 * 1024;

/// Reads one frame; None is a keepalive. `idle` None waits forever.
pub(super) async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    idle: Option<Duration>,
) -> io::Result<Option<Vec<u8>>> {
    let header = read_exactly(reader, 8, idle, "unexpected end of file").await?;
    let length = u64::from_be_bytes(header.try_into().expect("read 8 bytes"));
    if length == 0 {
        return Ok(None);
    }
    read_exactly(reader, length, idle, "early eof")
        .await
        .map(Some)
}

pub(super) async fn read_exactly<R: AsyncRead + Unpin>(
    reader: &mut R,
    length: u64,
    idle: Option<Duration>,
    on_end: &'static str,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let missing = length - bytes.len() as u64;
        bytes.reserve(missing.min(CHUNK as u64) as usize);
        let mut limited = reader.take(missing);
        let n = timed(idle, limited.read_buf(&mut bytes)).await?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, on_end));
        }
    }
    Ok(bytes)
}

/// Writes one frame; an empty payload is a keepalive.
pub(super) async fn write_frame<W: AsyncWrite + Unpin>(
    writer: &mut W,
    payload: &[u8],
    idle: Option<Duration>,
) -> io::Result<()> {
    let length = (payload.len() as u64).to_be_bytes();
    write_all(writer, &length, idle).await?;
    write_all(writer, payload, idle).await?;
    timed(idle, writer.flush()).await
}

pub(super) async fn write_all<W: AsyncWrite + Unpin>(
    writer: &mut W,
    mut bytes: &[u8],
    idle: Option<Duration>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = timed(idle, writer.write(bytes)).await?;
        if n == 0 {
            return Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "the peer takes no more bytes",
            ));
        }
        bytes = &bytes[n..];
    }
    Ok(())
}

async fn timed<T>(
    idle: Option<Duration>,
    operation: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match idle {
        None => operation.await,
        Some(idle) => tokio::time::timeout(idle, operation)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "timed out"))),
    }
}

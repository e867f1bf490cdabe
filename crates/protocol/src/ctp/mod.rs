//! The cluster transport protocol: framing, handshake, keepalives, a client, a
//! server. Source: `spec/ctp.md` §1.
//!
//! Invariants: a connection carries whole messages in order or is over, with a
//! reason; a server serves one connection at a time, and a silent peer does
//! not keep others out (the real one's acceptor waits for it; ours does not).

mod codec;
mod connection;
mod frame;
mod handshake;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

pub use codec::{Codec, Decode, Encode};
pub use connection::{Connection, Incoming, KEEPALIVE, Sending};
pub use handshake::{HandshakeError, Hello, handshake, host_of};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

/// No idle timeout is shorter.
const MIN_IDLE: Duration = Duration::from_secs(2);

/// How long our server waits for a greeting.
pub const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// Whatever carries bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// The runtime on which all connections of this process live.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ctp")
            .enable_all()
            .build()
            .expect("the operating system gives a thread")
    })
}

/// Dials `address` (`host:port`, or a Unix socket's path) and shakes hands.
///
/// Errors: connecting, or the handshake, with the texts of `spec/ctp.md` §1.2.
pub fn connect<Out, In>(
    address: &str,
    version: &semver::Version,
    idle: Option<Duration>,
    codec: Codec<Out, In>,
) -> Result<Connection<Out, In>, HandshakeError>
where
    In: Send + 'static,
{
    let idle = idle.map(|idle| idle.max(MIN_IDLE));
    let mine = Hello {
        version: version.clone(),
        server_fqdn: host_of(address),
    };
    runtime().block_on(async {
        let mut stream = dial(address).await?;
        let greeted = tokio::time::timeout(GREETING_PATIENCE, handshake(&mut stream, &mine, idle));
        greeted
            .await
            .unwrap_or(Err(HandshakeError::Silent(GREETING_PATIENCE)))?;
        Ok(Connection::start(stream, idle, codec))
    })
}

async fn dial(address: &str) -> io::Result<Box<dyn Stream>> {
    if address.starts_with('/') {
        return Ok(Box::new(UnixStream::connect(address).await?));
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Every frame in `bytes`; None is a keepalive.
///
/// Errors: the last frame is not whole.
pub fn read_all(mut bytes: &[u8]) -> io::Result<Vec<Option<Vec<u8>>>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        // Reading memory never waits, so no runtime is needed.
        frames.push(futures::executor::block_on(frame::read_frame(
            &mut bytes, None,
        ))?);
    }
    Ok(frames)
}

/// A listener on `ip:port` or on a Unix socket's path.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds; a socket file that is there already is replaced.
    pub fn bind(address: &str) -> io::Result<Listener> {
        runtime().block_on(async {
            if address.starts_with('/') {
                if let Err(e) = std::fs::remove_file(address)
                    && e.kind() != io::ErrorKind::NotFound
                {
                    return Err(e);
                }
                return Ok(Listener::Unix(UnixListener::bind(address)?));
            }
            let address: std::net::SocketAddr = address.parse().map_err(|e| {
                let text = format!("`{address}` is no ip:port to listen on: {e}");
                io::Error::new(io::ErrorKind::InvalidInput, text)
            })?;
            Ok(Listener::Tcp(TcpListener::bind(address).await?))
        })
    }

    /// The port that was bound; None for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().ok().map(|a| a.port()),
            Listener::Unix(_) => None,
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Listener::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

/// Serves for as long as the handle lives: every connection that greets well
/// goes to `serve`, and every accepted one ends the one before it.
pub fn serve<Out, In>(
    listener: Listener,
    mine: Hello,
    codec: Codec<Out, In>,
    mut serve: impl FnMut(Connection<Out, In>) + Send + 'static,
) -> Server
where
    Out: 'static,
    In: Send + 'static,
{
    let task = runtime().spawn(async move {
        let (greeted, mut ready) = tokio::sync::mpsc::unbounded_channel();
        let mut greeting: Option<AbortHandle> = None;
        let mut served: Option<[AbortHandle; 2]> = None;
        let mut generation = 0u64;
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let mut stream = match accepted {
                        Ok(stream) => stream,
                        Err(e) => {
                            tracing::warn!("accepting a connection failed: {e}");
                            continue;
                        }
                    };
                    // A new connection ends the one before, greeted or not.
                    if let Some(pending) = greeting.take() {
                        pending.abort();
                    }
                    if let Some(tasks) = served.take() {
                        tasks.iter().for_each(AbortHandle::abort);
                    }
                    generation += 1;
                    let (mine, greeted, number) = (mine.clone(), greeted.clone(), generation);
                    let task = tokio::spawn(async move {
                        let shaken = tokio::time::timeout(
                            GREETING_PATIENCE,
                            handshake(&mut stream, &mine, None),
                        );
                        match shaken.await {
                            Ok(Ok(_peer)) => {
                                // The acceptor is gone only when the server is.
                                let _ = greeted.send((number, stream));
                            }
                            Ok(Err(e)) => tracing::warn!("handshake failed: {e}"),
                            Err(_) => tracing::warn!(
                                "handshake failed: {}",
                                HandshakeError::Silent(GREETING_PATIENCE)
                            ),
                        }
                    });
                    greeting = Some(task.abort_handle());
                }
                Some((number, stream)) = ready.recv() => {
                    if number == generation {
                        let connection = Connection::start(stream, None, codec.clone());
                        served = Some(connection.abort_handles());
                        serve(connection);
                    }
                }
            }
        }
    });
    Server {
        task: task.abort_handle(),
    }
}

/// A running server; dropping it closes the listener, not the connections.
#[derive(Debug)]
pub struct Server {
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! A connection after its handshake: two tasks, two unbounded queues. Source:
//! `spec/ctp.md` §1.5, §1.6.
//!
//! Invariants: order is kept in each direction; a keepalive goes out whenever
//! nothing was sent for a second; messages that arrived whole before the end
//! are handed out before the end is told; dropping the handle ends both tasks.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::codec::{Codec, Encode};
use super::frame::{read_frame, write_frame};

const CLOSED: &str = "connection closed";

/// Silence after which a keepalive is sent.
pub const KEEPALIVE: Duration = Duration::from_secs(1);

/// One end of a connection. `send` and `recv` block on nothing but their queue
/// and need no asynchronous caller.
#[derive(Debug)]
pub struct Connection<Out, In> {
    sending: Sending<Out>,
    incoming: Receiver<Result<In, String>>,
    closed: Option<String>,
    tasks: [AbortHandle; 2],
}

/// What came in.
#[derive(Debug)]
pub enum Incoming<In> {
    Message(In),
    /// Nothing in time.
    Nothing,
    /// The connection is over, for this reason.
    Closed(String),
}

impl<Out, In: Send + 'static> Connection<Out, In> {
    /// Starts the two tasks over a stream that has shaken hands; what cannot be
    /// decoded ends the connection. Must be called within a runtime.
    pub(super) fn start<S>(stream: S, idle: Option<Duration>, codec: Codec<Out, In>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let Codec { encode, decode } = codec;
        let (mut reader, mut writer) = split(stream);
        let (outgoing, mut queue): (_, UnboundedReceiver<Vec<u8>>) = unbounded_channel();
        let (arrived, incoming): (Sender<Result<In, String>>, _) = channel();
        let send_failed = arrived.clone();
        let send = tokio::spawn(async move {
            loop {
                let written = match tokio::time::timeout(KEEPALIVE, queue.recv()).await {
                    Ok(Some(payload)) => write_frame(&mut writer, &payload, idle).await,
                    Ok(None) => {
                        // The peer may be gone; then it needs no end of stream.
                        let _ = writer.shutdown().await;
                        break;
                    }
                    Err(_) => write_frame(&mut writer, &[], idle).await,
                };
                if let Err(e) = written {
                    // If the receiver is gone, the message is not needed.
                    let _ = send_failed.send(Err(e.to_string()));
                    break;
                }
            }
        });
        let receive = tokio::spawn(async move {
            loop {
                let message = match read_frame(&mut reader, idle).await {
                    Ok(None) => continue,
                    Ok(Some(payload)) => decode(&payload),
                    Err(e) => Err(e.to_string()),
                };
                let over = message.is_err();
                if arrived.send(message).is_err() || over {
                    break;
                }
            }
        });
        Connection {
            sending: Sending { outgoing, encode },
            incoming,
            closed: None,
            tasks: [send.abort_handle(), receive.abort_handle()],
        }
    }

    /// Enqueues a message.
    ///
    /// Errors: the reason for which the connection is over, or why the message has
    /// no bytes.
    pub fn send(&mut self, message: &Out) -> Result<(), String> {
        match &self.closed {
            Some(reason) => Err(reason.clone()),
            None => self.sending.send(message),
        }
    }

    /// The next message; waits for at most `patience`.
    pub fn recv(&mut self, patience: Duration) -> Incoming<In> {
        if let Some(reason) = &self.closed {
            return Incoming::Closed(reason.clone());
        }
        let reason = match self.incoming.recv_timeout(patience) {
            Ok(Ok(message)) => return Incoming::Message(message),
            Err(RecvTimeoutError::Timeout) => return Incoming::Nothing,
            Ok(Err(reason)) => reason,
            Err(RecvTimeoutError::Disconnected) => "connection canceled".to_string(),
        };
        self.closed = Some(reason.clone());
        Incoming::Closed(reason)
    }

    /// A handle to send with from elsewhere.
    pub fn sending(&self) -> Sending<Out> {
        self.sending.clone()
    }

    /// Ends the connection in order: everything that was enqueued is written,
    /// and the peer is waited for until it has read all of it and closed its
    /// end, for at most `patience`. What it still says is lost.
    pub fn finish(mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        // Dropping the only sender ends the queue, and with it the stream.
        drop(std::mem::replace(&mut self.sending, Sending::closed()));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.recv(left) {
                Incoming::Message(_) => {}
                Incoming::Nothing | Incoming::Closed(_) => return,
            }
        }
    }

    /// Ends both tasks; what they have not written is lost.
    pub(super) fn abort_handles(&self) -> [AbortHandle; 2] {
        self.tasks.clone()
    }
}

impl<Out, In> Drop for Connection<Out, In> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Enqueues messages of a connection from other threads.
pub struct Sending<Out> {
    outgoing: UnboundedSender<Vec<u8>>,
    encode: Encode<Out>,
}

impl<Out> Sending<Out> {
    /// The handle of a connection that is over.
    pub fn closed() -> Self {
        Sending {
            outgoing: unbounded_channel().0,
            encode: Arc::new(|_| Err(CLOSED.to_string())),
        }
    }

    /// Enqueues a message; errors as of [`Connection::send`].
    pub fn send(&self, message: &Out) -> Result<(), String> {
        let payload = (self.encode)(message)?;
        self.outgoing.send(payload).map_err(|_| CLOSED.to_string())
    }
}

impl<Out> fmt::Debug for Sending<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

impl<Out> Clone for Sending<Out> {
    fn clone(&self) -> Self {
        Sending {
            outgoing: self.outgoing.clone(),
            encode: Arc::clone(&self.encode),
        }
    }
}

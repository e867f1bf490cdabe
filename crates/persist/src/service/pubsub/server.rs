//! The server's life: listening, and hanging up.
//!
//! Invariant: when the server is dropped, its port is free and every client
//! knows that it is gone.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use super::service::PubSubService;
use super::switchboard::Switchboard;
use crate::service::error::PubSubError;
use crate::service::runtime;
use repr::ShardId;

/// How long clients may take to notice that the server is closing.
const CLOSING: Duration = Duration::from_secs(1);

/// A running PubSub server; dropping it ends it.
#[derive(Debug)]
pub struct PubSubServer {
    addr: SocketAddr,
    switchboard: Arc<Switchboard>,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<()>,
}

impl PubSubServer {
    /// Listens on `addr`; port 0 takes a free one.
    pub fn start(addr: SocketAddr) -> Result<PubSubServer, PubSubError> {
        let runtime = runtime::handle().map_err(|e| PubSubError::System(e.to_string()))?;
        let bound = runtime::wait(&runtime, async move {
            let listener = TcpListener::bind(addr).await?;
            let addr = listener.local_addr()?;
            std::io::Result::Ok((listener, addr))
        });
        let (listener, addr) = match bound {
            Some(Ok(bound)) => bound,
            Some(Err(e)) => {
                let why = e.to_string();
                return Err(PubSubError::Listen { addr, why });
            }
            None => return Err(PubSubError::System("binding panicked".into())),
        };
        let switchboard = Arc::new(Switchboard::default());
        let service = PubSubService(Arc::clone(&switchboard));
        let (stop, stopping) = oneshot::channel::<()>();
        let (ended, stopped) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            let (closing, closed) = oneshot::channel::<()>();
            let serving = Server::builder()
                .tcp_nodelay(true)
                .add_service(service)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                    // Also when the server was dropped without a word.
                    let _ = stopping.await;
                    let _ = closing.send(());
                });
            let overdue = async {
                let _ = closed.await;
                tokio::time::sleep(CLOSING).await;
            };
            tokio::select! {
                served = serving => {
                    if let Err(error) = served {
                        tracing::warn!(%error, "the PubSub server ended");
                    }
                }
                () = overdue => {}
            }
            let _ = ended.send(());
        });
        Ok(PubSubServer {
            addr,
            switchboard,
            stop: Some(stop),
            stopped,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL, as `--persist-pubsub-url` takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// How many connections want the diffs of `shard`.
    pub fn subscribers(&self, shard: ShardId) -> usize {
        self.switchboard.subscribers(shard)
    }

    /// Waits until at least `count` connections want the diffs of `shard`;
    /// whether they do, at `timeout` at the latest.
    pub fn wait_for_subscribers(&self, shard: ShardId, count: usize, timeout: Duration) -> bool {
        self.switchboard.wait_for_subscribers(shard, count, timeout)
    }

    pub(super) fn switchboard(&self) -> &Arc<Switchboard> {
        &self.switchboard
    }
}

impl Drop for PubSubServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Ends every stream of responses, which the clients notice.
        self.switchboard.close();
        let _ = self.stopped.recv_timeout(2 * CLOSING);
    }
}

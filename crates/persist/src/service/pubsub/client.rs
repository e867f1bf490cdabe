//! The client: one connection for as long as there is a server, and a new one
//! whenever it is lost (`spec/persist.md` §7.3).
//!
//! Invariant: a client that is not connected polls; a client that has just
//! connected looks at consensus once, because it may have missed something.

use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use super::link::{LocalLink, Outbox};
use super::proto::{Body, CALLER_ID, PATH, ProtoPubSubMessage};
use super::server::PubSubServer;
use super::switchboard::{CHANNEL, Link};
use crate::format::seqno::SeqNo;
use crate::service::error::{PubSubError, one_line};
use crate::service::runtime;
use crate::service::shard::{PubSubStatus, Publish};
use crate::service::shards::Shards;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server may take to accept the stream.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

const FIRST_BACKOFF: Duration = Duration::from_millis(25);

/// Upstream waits up to a minute; a fuzzer restarts its servers more often.
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// A client's connection; dropping it hangs up.
#[derive(Debug)]
pub(crate) struct Subscription {
    publish: Arc<dyn Publish>,
    task: Option<AbortHandle>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Subscription {
    /// Connects to the server of a URL, now and whenever it is back.
    /// `live` says whether it is connected.
    pub fn start(
        shards: &Arc<Shards>,
        live: &Arc<PubSubStatus>,
        url: &str,
        caller: &str,
    ) -> Result<Self, PubSubError> {
        let bad = |why: String| PubSubError::Url {
            url: url.to_string(),
            why,
        };
        let endpoint = Endpoint::from_shared(url.to_string()).map_err(|e| bad(one_line(&e)))?;
        if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().host().is_none() {
            return Err(bad("expected http://HOST:PORT".into()));
        }
        let runtime = runtime::handle().map_err(|e| PubSubError::System(e.to_string()))?;
        let outbox = Arc::new(Outbox::default());
        let connector = Connector {
            // A server whose machine is gone never hangs up.
            endpoint: endpoint
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(10))
                .keep_alive_timeout(Duration::from_secs(5))
                .keep_alive_while_idle(true),
            caller: caller.to_string(),
            outbox: Arc::clone(&outbox),
            shards: Arc::downgrade(shards),
            live: Arc::clone(live),
        };
        Ok(Subscription {
            publish: outbox,
            task: Some(runtime.spawn(connector.run()).abort_handle()),
        })
    }

    /// Connects to a server of this process. `live` says whether anything else
    /// is connected to it.
    pub fn attach(shards: &Arc<Shards>, live: &Arc<PubSubStatus>, server: &PubSubServer) -> Self {
        let switchboard = server.switchboard();
        let link = Link::Local {
            shards: Arc::downgrade(shards),
            live: Arc::clone(live),
        };
        let publish: Arc<dyn Publish> = match switchboard.connect(link) {
            Some(id) => Arc::new(LocalLink {
                switchboard: Arc::clone(switchboard),
                id,
            }),
            // The server is closing: as if it were not there.
            None => Arc::new(Outbox::default()),
        };
        Subscription {
            publish,
            task: None,
        }
    }

    pub fn publish(&self) -> Arc<dyn Publish> {
        Arc::clone(&self.publish)
    }
}

/// Keeps a connection by gRPC.
struct Connector {
    endpoint: Endpoint,
    caller: String,
    outbox: Arc<Outbox>,
    shards: Weak<Shards>,
    live: Arc<PubSubStatus>,
}

impl Connector {
    async fn run(self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let outcome = self.session().await;
            let was_live = self.live.get();
            self.live.set(false);
            if was_live {
                backoff = FIRST_BACKOFF;
                // Waiting threads may have settled for a long pause.
                if let Some(shards) = self.shards.upgrade() {
                    shards.distrust();
                }
            }
            match outcome {
                Ok(()) => tracing::debug!("the PubSub server hung up"),
                Err(error) => tracing::debug!(error, "no PubSub"),
            }
            if self.shards.strong_count() == 0 {
                return;
            }
            let jitter = rand::random_range(0.9..1.1);
            tokio::time::sleep(backoff.mul_f64(jitter)).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
    }

    /// One connection, until it ends.
    async fn session(&self) -> Result<(), String> {
        let text = |e: &dyn std::error::Error| one_line(e);
        let channel = self.endpoint.connect().await.map_err(|e| text(&e))?;
        let mut grpc = Grpc::new(channel).max_decoding_message_size(usize::MAX);
        grpc.ready().await.map_err(|e| text(&e))?;
        let (sender, receiver) = mpsc::channel::<ProtoPubSubMessage>(CHANNEL);
        let mut request = Request::new(ReceiverStream::new(receiver));
        let caller = MetadataValue::from_str(&self.caller)
            .unwrap_or_else(|_| MetadataValue::from_static("unknown"));
        request.metadata_mut().insert(CALLER_ID, caller);
        let codec = ProstCodec::<ProtoPubSubMessage, ProtoPubSubMessage>::default();
        let path = PathAndQuery::from_static(PATH);
        let response = tokio::time::timeout(REQUEST_TIMEOUT, grpc.streaming(request, path, codec))
            .await
            .map_err(|_| "the server does not accept the stream".to_string())?
            .map_err(|e| text(&e))?;
        let mut messages = response.into_inner();
        match self.shards.upgrade() {
            Some(shards) => self.outbox.restart(shards.ids()),
            None => return Ok(()),
        }
        self.live.set(true);
        if let Some(shards) = self.shards.upgrade() {
            shards.distrust();
        }
        loop {
            tokio::select! {
                message = messages.message() => match message {
                    Ok(Some(message)) => self.receive(message),
                    Ok(None) => return Ok(()),
                    Err(status) => return Err(text(&status)),
                },
                () = self.outbox.filled.notified() => {
                    for message in self.outbox.take() {
                        if sender.send(message).await.is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    fn receive(&self, message: ProtoPubSubMessage) {
        match message.body {
            Some(Body::PushDiff(push)) => match push.shard_id.parse() {
                Ok(shard) => {
                    if let Some(shards) = self.shards.upgrade() {
                        shards.receive(shard, SeqNo(push.seqno), &push.diff);
                    }
                }
                Err(_) => tracing::warn!(shard = push.shard_id, "a diff of no shard"),
            },
            Some(Body::Subscribe(_) | Body::Unsubscribe(_)) | None => {
                tracing::warn!("the PubSub server sent what only clients send");
            }
        }
    }
}

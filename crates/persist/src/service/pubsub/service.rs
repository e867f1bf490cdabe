//! The gRPC service by hand: one bidirectional stream of messages
//! (`spec/persist.md` §7.1).
//!
//! Invariant: whatever a peer sends, it harms at most its own connection.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body as HttpBody;
use tonic::codegen::{
    Body as AnyBody, BoxFuture, BoxStream, Context, Poll, Service, StdError, http,
};
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::proto::{Body, CALLER_ID, PATH, ProtoPubSubMessage, SERVICE};
use super::switchboard::{CHANNEL, Link, LinkId, Switchboard};
use crate::format::seqno::SeqNo;
use repr::ShardId;

/// The service over a switchboard.
#[derive(Debug, Clone)]
pub struct PubSubService(pub Arc<Switchboard>);

impl NamedService for PubSubService {
    const NAME: &'static str = SERVICE;
}

impl<B> Service<http::Request<B>> for PubSubService
where
    B: AnyBody + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<HttpBody>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        if request.uri().path() != PATH {
            let status = Status::unimplemented("the one method is PubSub");
            return Box::pin(async move { Ok(status.into_http()) });
        }
        let method = Method(Arc::clone(&self.0));
        Box::pin(async move {
            let codec = ProstCodec::<ProtoPubSubMessage, ProtoPubSubMessage>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(usize::MAX);
            Ok(grpc.streaming(method, request).await)
        })
    }
}

/// The method `PubSub`.
struct Method(Arc<Switchboard>);

impl StreamingService<ProtoPubSubMessage> for Method {
    type Response = ProtoPubSubMessage;
    type ResponseStream = BoxStream<ProtoPubSubMessage>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<ProtoPubSubMessage>>) -> Self::Future {
        let switchboard = Arc::clone(&self.0);
        Box::pin(async move {
            let caller = request.metadata().get(CALLER_ID);
            let caller = caller.and_then(|c| c.to_str().ok()).unwrap_or("unknown");
            let caller = caller.to_string();
            let (sender, receiver) = mpsc::channel(CHANNEL);
            let id = switchboard
                .connect(Link::Remote(sender))
                .ok_or_else(|| Status::unavailable("the server is closing"))?;
            tracing::debug!(?id, caller, "a PubSub client has connected");
            tokio::spawn(listen(switchboard, id, caller, request.into_inner()));
            let responses = ReceiverStream::new(receiver).map(Ok);
            Ok(Response::new(Box::pin(responses) as Self::ResponseStream))
        })
    }
}

/// Hears a client until it hangs up.
async fn listen(
    switchboard: Arc<Switchboard>,
    id: LinkId,
    caller: String,
    mut requests: Streaming<ProtoPubSubMessage>,
) {
    loop {
        let message = match requests.message().await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(?id, caller, %error, "a PubSub client is gone");
                break;
            }
        };
        let Some(body) = message.body else {
            tracing::warn!(?id, caller, "an empty PubSub message");
            continue;
        };
        let shard = match &body {
            Body::PushDiff(push) => &push.shard_id,
            Body::Subscribe(s) | Body::Unsubscribe(s) => &s.shard_id,
        };
        let Ok(shard) = shard.parse::<ShardId>() else {
            tracing::warn!(?id, caller, shard, "a PubSub message about no shard");
            continue;
        };
        match body {
            Body::PushDiff(push) => switchboard.push(id, shard, SeqNo(push.seqno), &push.diff),
            Body::Subscribe(_) => switchboard.subscribe(id, shard),
            Body::Unsubscribe(_) => switchboard.unsubscribe(id, shard),
        }
    }
    switchboard.disconnect(id);
}

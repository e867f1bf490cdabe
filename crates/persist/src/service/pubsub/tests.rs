//! PubSub, with polling as good as turned off: what is seen was pushed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio_stream::StreamExt;

use super::proto::{Body, PATH, ProtoPubSubMessage, ProtoSubscribe};
use super::*;
use crate::format::seqno::{SeqNo, VersionedData};
use crate::service::consensus::{CaSResult, CommitListener};
use crate::{
    ChangeListener, Consensus, Listen, PersistClient, PersistConfig, SourceDatum, StoreError,
    WriteHandle, open_blob, open_consensus,
};
use repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

/// Long enough for anything that happens at all.
const LONG: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3600);

fn desc() -> RelationDesc {
    RelationDesc::from_columns([("id", SqlScalarType::Int64, false)])
}

fn row(id: i64) -> SourceDatum {
    Ok(Row::pack([Datum::Int64(id)]))
}

fn shard() -> ShardId {
    ShardId(uuid::Uuid::from_u128(17))
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A store that counts how often it is read.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn Consensus>,
    reads: AtomicU64,
}

impl Consensus for Counting {
    fn head(&self, key: &str) -> Result<Option<VersionedData>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.head(key)
    }
    fn compare_and_set(&self, key: &str, new: VersionedData) -> Result<CaSResult, StoreError> {
        self.inner.compare_and_set(key, new)
    }
    fn scan(&self, key: &str, from: SeqNo, limit: u64) -> Result<Vec<VersionedData>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.scan(key, from, limit)
    }
    fn truncate(&self, key: &str, seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        self.inner.truncate(key, seqno)
    }
    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        self.inner.list_keys()
    }
    fn tell(&self, _: Weak<dyn CommitListener>) -> bool {
        false
    }
}

#[derive(Debug)]
struct Changes(Mutex<mpsc::Sender<ShardId>>);

impl ChangeListener for Changes {
    fn changed(&self, shard: ShardId) {
        let _ = self.0.lock().send(shard);
    }
}

/// A client, how often it has read consensus, and the changes that it sees.
struct Party {
    client: Arc<PersistClient>,
    consensus: Arc<Counting>,
    changes: mpsc::Receiver<ShardId>,
}

impl Party {
    fn new(dir: &TempDir, poll: Duration) -> Self {
        let blob = format!("file://{}?sync=off", dir.path().join("blob").display());
        let url = format!("sqlite:{}?sync=off", dir.path().join("c.db").display());
        let consensus = Arc::new(Counting {
            inner: open_consensus(&url).unwrap(),
            reads: AtomicU64::new(0),
        });
        let config = PersistConfig {
            poll_first: poll,
            poll_max: poll,
            poll_max_pubsub: poll,
            ..PersistConfig::default()
        };
        let store: Arc<dyn Consensus> = Arc::<Counting>::clone(&consensus);
        let client = PersistClient::new(open_blob(&blob).unwrap(), store, config);
        let (sender, changes) = mpsc::channel();
        client.on_change(Box::new(Changes(Mutex::new(sender))));
        Party {
            client,
            consensus,
            changes,
        }
    }

    fn writer(&self) -> WriteHandle {
        self.client.open_writer(shard(), &desc(), "test").unwrap()
    }

    fn listen(&self) -> Listen {
        let reader = self.client.open_leased_reader(shard(), &desc(), "test");
        reader.unwrap().listen(0).unwrap()
    }
}

fn append(writer: &mut WriteHandle, t: u64) {
    let (from, to) = (Antichain::from_elem(t), Antichain::from_elem(t + 1));
    let update = [(row(t as i64), t, 1)];
    writer
        .compare_and_append(&update, from, to)
        .unwrap()
        .unwrap();
}

/// Waits for changes until the listen has passed `t`.
fn follow(party: &Party, listen: &mut Listen, t: u64) {
    while listen.frontier().less_equal(t) {
        if listen.poll_next().unwrap().is_none() {
            party.changes.recv_timeout(LONG).unwrap();
        }
    }
}

#[test]
fn a_listener_sees_what_was_pushed_and_never_asks_consensus() {
    let dir = tempfile::tempdir().unwrap();
    let server = PubSubServer::start(anywhere()).unwrap();
    let (a, b) = (Party::new(&dir, NEVER), Party::new(&dir, NEVER));
    a.client.attach_pubsub(&server);
    b.client.connect_pubsub(&server.url(), "b").unwrap();
    assert!(b.client.wait_for_pubsub(true, LONG));
    let mut writer = a.writer();
    append(&mut writer, 0);
    let mut listen = b.listen();
    follow(&b, &mut listen, 0);
    assert!(server.wait_for_subscribers(shard(), 2, LONG));
    // Nothing is under way any more: from here on only pushes tell.
    b.client.state(shard()).unwrap();
    let before = b.consensus.reads.load(Ordering::SeqCst);
    for t in 1..20 {
        append(&mut writer, t);
        follow(&b, &mut listen, t);
    }
    assert_eq!(b.consensus.reads.load(Ordering::SeqCst), before);
    // The other way round: from gRPC to the process of the server.
    let mut listen = a.listen();
    let mut writer = b.writer();
    for t in 20..30 {
        append(&mut writer, t);
        follow(&a, &mut listen, t);
    }
}

#[test]
fn without_a_server_consensus_is_polled_and_a_server_that_is_back_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let server = PubSubServer::start(anywhere()).unwrap();
    let addr = server.addr();
    let (a, b) = (
        Party::new(&dir, Duration::from_millis(1)),
        Party::new(&dir, Duration::from_millis(1)),
    );
    for party in [&a, &b] {
        party.client.connect_pubsub(&server.url(), "x").unwrap();
        assert!(party.client.wait_for_pubsub(true, LONG));
    }
    let mut writer = a.writer();
    let seen = |t| {
        let upper = b.client.wait_for_upper_past(shard(), t, LONG).unwrap();
        assert_eq!(upper, Some(Antichain::from_elem(t + 1)));
    };
    append(&mut writer, 0);
    seen(0);
    drop(server);
    for party in [&a, &b] {
        assert!(party.client.wait_for_pubsub(false, LONG));
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| seen(1));
        append(&mut writer, 1);
        waiting.join().unwrap();
    });
    let server = PubSubServer::start(addr).unwrap();
    for party in [&a, &b] {
        assert!(party.client.wait_for_pubsub(true, LONG));
    }
    assert!(server.wait_for_subscribers(shard(), 2, LONG));
    append(&mut writer, 2);
    seen(2);
    // A client that gives up is no subscriber any more, and still works.
    b.client.disconnect_pubsub();
    assert!(!b.client.pubsub_connected());
    append(&mut writer, 3);
    seen(3);
}

#[test]
fn a_diff_that_comes_too_early_makes_the_reader_ask_consensus() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (Party::new(&dir, NEVER), Party::new(&dir, NEVER));
    let mut writer = a.writer();
    let mut listen = b.listen();
    append(&mut writer, 0);
    append(&mut writer, 1);
    let head = a.consensus.head(&shard().to_string()).unwrap().unwrap();
    b.client.shards.receive(shard(), head.seqno, &head.data);
    follow(&b, &mut listen, 1);
    // One that was seen, and one that is none, change nothing.
    b.client.shards.receive(shard(), head.seqno, &head.data);
    b.client
        .shards
        .receive(shard(), SeqNo(u64::MAX), &b"no diff"[..].into());
    assert!(listen.poll_next().unwrap().is_none());
}

#[test]
fn shards_that_nobody_uses_are_let_go_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = PubSubServer::start(anywhere()).unwrap();
    let party = Party::new(&dir, NEVER);
    party.client.attach_pubsub(&server);
    let mut writer = party.writer();
    let other = ShardId(uuid::Uuid::from_u128(18));
    party.client.upper(other).unwrap();
    for n in 1000..1100 {
        party
            .client
            .upper(ShardId(uuid::Uuid::from_u128(n)))
            .unwrap();
    }
    assert!(party.client.shards.ids().len() < 70);
    // The one with a handle is still held, the other one is opened again.
    assert_eq!(server.subscribers(shard()), 1);
    assert_eq!(server.subscribers(other), 0);
    append(&mut writer, 0);
    let upper = party.client.upper(other).unwrap();
    assert_eq!(upper, Antichain::from_elem(0));
    assert_eq!(server.subscribers(other), 1);
}

#[test]
fn a_peer_that_talks_nonsense_is_heard_out() {
    let server = PubSubServer::start(anywhere()).unwrap();
    let url = server.url();
    let says = |body| ProtoPubSubMessage {
        timestamp: None,
        body,
    };
    let wish = |shard_id: &str| {
        Some(Body::Subscribe(ProtoSubscribe {
            shard_id: shard_id.into(),
        }))
    };
    let words = vec![
        says(None),
        says(wish("not a shard")),
        says(wish(&shard().to_string())),
    ];
    let runtime = crate::service::runtime::handle().unwrap();
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let peer = runtime.spawn(async move {
        let channel = tonic::transport::Endpoint::from_shared(url).unwrap();
        let channel = channel.connect().await.unwrap();
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.unwrap();
        let words = tokio_stream::iter(words).chain(tokio_stream::pending());
        let codec = tonic_prost::ProstCodec::<ProtoPubSubMessage, ProtoPubSubMessage>::default();
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(PATH);
        let stream = grpc
            .streaming(tonic::Request::new(words), path, codec)
            .await
            .unwrap();
        let _ = left.await;
        drop(stream);
    });
    assert!(server.wait_for_subscribers(shard(), 1, LONG));
    assert_eq!(server.subscribers(shard()), 1);
    leave.send(()).unwrap();
    drop(server);
    drop(peer);
}

#[test]
fn what_is_no_address_says_so_in_one_line() {
    let client = PersistClient::open("mem:", "mem:").unwrap();
    let message = |url| client.connect_pubsub(url, "").unwrap_err().to_string();
    assert_eq!(
        message("https://localhost:1"),
        "PubSub URL `https://localhost:1`: expected http://HOST:PORT"
    );
    assert!(!message("not a url").contains('\n'));
    let server = PubSubServer::start(anywhere()).unwrap();
    let taken = PubSubServer::start(server.addr()).unwrap_err().to_string();
    assert!(taken.starts_with(&format!("PubSub server on {}: ", server.addr())));
}

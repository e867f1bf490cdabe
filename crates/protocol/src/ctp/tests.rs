//! The transport against the experiments of `spec/ctp.md` §6.1.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::*;

const LONG: Duration = Duration::from_secs(20);

fn version(text: &str) -> semver::Version {
    text.parse().unwrap()
}

fn hello() -> Hello {
    Hello {
        version: version("26.30.0-dev.0"),
        server_fqdn: None,
    }
}

type End = Connection<u64, u64>;

/// A server that hands its connections to the test, and its address.
fn server() -> (Server, String, Receiver<End>) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", listener.port().unwrap());
    let (accepted, connections) = channel();
    let server = serve(listener, hello(), Codec::plain(), move |connection| {
        let _ = accepted.send(connection);
    });
    (server, address, connections)
}

fn dial_in(address: &str) -> End {
    connect(address, &version("26.30.0-dev.0"), None, Codec::plain()).unwrap()
}

#[test]
fn a_server_greets_with_the_bytes_of_the_real_one() {
    let (_server, address, _connections) = server();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut bytes = [0; 31];
    stream.read_exact(&mut bytes).unwrap();
    let expected = "477574656e546167000000000000000f0d32362e33302e302d6465762e3000";
    assert_eq!(hex::encode(bytes), expected);
}

#[test]
fn a_connection_that_is_finished_has_delivered_everything() {
    let (_server, address, connections) = server();
    let mut client = dial_in(&address);
    let mut served = connections.recv_timeout(LONG).unwrap();
    for n in 0..1_000 {
        client.send(&n).unwrap();
    }
    // The peer closes its end once it has read to the end.
    let reader = std::thread::spawn(move || {
        let mut read = Vec::new();
        while let Incoming::Message(n) = served.recv(LONG) {
            read.push(n);
        }
        read
    });
    client.finish(LONG);
    assert_eq!(reader.join().unwrap(), (0..1_000).collect::<Vec<u64>>());
}

#[test]
fn messages_keep_their_order_in_both_directions() {
    let (_server, address, connections) = server();
    let mut client = dial_in(&address);
    let mut served = connections.recv_timeout(LONG).unwrap();
    for n in 0..100 {
        client.send(&n).unwrap();
        served.send(&(n + 1000)).unwrap();
    }
    for n in 0..100 {
        assert!(matches!(served.recv(LONG), Incoming::Message(m) if m == n));
        assert!(matches!(client.recv(LONG), Incoming::Message(m) if m == n + 1000));
    }
}

#[test]
fn a_new_connection_displaces_the_one_before() {
    let (_server, address, connections) = server();
    let mut first = dial_in(&address);
    let _first_served = connections.recv_timeout(LONG).unwrap();
    let mut second = dial_in(&address);
    let mut served = connections.recv_timeout(LONG).unwrap();
    assert!(matches!(first.recv(LONG), Incoming::Closed(_)));
    second.send(&7).unwrap();
    assert!(matches!(served.recv(LONG), Incoming::Message(7)));
}

#[test]
fn a_silent_peer_keeps_nobody_out() {
    let (_server, address, connections) = server();
    let _silent = TcpStream::connect(&address).unwrap();
    let mut client = dial_in(&address);
    let mut served = connections.recv_timeout(LONG).unwrap();
    client.send(&1).unwrap();
    assert!(matches!(served.recv(LONG), Incoming::Message(1)));
}

#[test]
fn another_version_is_refused_with_both_versions() {
    let (_server, address, _connections) = server();
    let other = version("26.30.0-dev.1");
    let refused = connect::<u64, u64>(&address, &other, None, Codec::plain()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "version mismatch: 26.30.0-dev.0 != 26.30.0-dev.1"
    );
}

#[test]
fn bytes_that_are_no_message_end_the_connection_with_a_reason() {
    let (_server, address, connections) = server();
    let mut stream = TcpStream::connect(&address).unwrap();
    let mut greeting = vec![];
    greeting.extend(
        hex::decode("477574656e546167000000000000000f0d32362e33302e302d6465762e3000").unwrap(),
    );
    // A whole message, a keepalive, then a message with a byte too many.
    greeting.extend([0, 0, 0, 0, 0, 0, 0, 1, 42]);
    greeting.extend([0; 8]);
    greeting.extend([0, 0, 0, 0, 0, 0, 0, 2, 1, 1]);
    stream.write_all(&greeting).unwrap();
    let mut served = connections.recv_timeout(LONG).unwrap();
    assert!(matches!(served.recv(LONG), Incoming::Message(42)));
    let Incoming::Closed(reason) = served.recv(LONG) else {
        panic!("the connection goes on");
    };
    assert!(reason.contains("bytes remaining"), "{reason}");
}

#[test]
fn an_announced_length_allocates_nothing() {
    let (_server, address, connections) = server();
    let mut stream = TcpStream::connect(&address).unwrap();
    let mut bytes =
        hex::decode("477574656e546167000000000000000f0d32362e33302e302d6465762e3000").unwrap();
    bytes.extend([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    stream.write_all(&bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut served = connections.recv_timeout(LONG).unwrap();
    assert!(matches!(served.recv(LONG), Incoming::Closed(reason) if reason == "early eof"));
}

#[tokio::test(start_paused = true)]
async fn a_second_of_silence_is_a_keepalive() {
    let (ours, mut peer) = tokio::io::duplex(1024);
    let connection: End = Connection::start(ours, None, Codec::plain());
    let start = tokio::time::Instant::now();
    for seconds in 1..=3 {
        assert_eq!(frame::read_frame(&mut peer, None).await.unwrap(), None);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
    drop(connection);
}

#[tokio::test(start_paused = true)]
async fn an_idle_peer_times_out() {
    let (ours, _peer) = tokio::io::duplex(1024);
    let mut stream = ours;
    let err = frame::read_frame(&mut stream, Some(MIN_IDLE))
        .await
        .unwrap_err();
    assert_eq!(
        (err.kind(), err.to_string().as_str()),
        (io::ErrorKind::TimedOut, "timed out")
    );
}

#[test]
fn the_host_of_an_address_is_what_a_client_announces() {
    assert_eq!(host_of("127.0.0.1:2101").as_deref(), Some("127.0.0.1"));
    assert_eq!(host_of("tcp:clusterd:2101").as_deref(), Some("clusterd"));
    assert_eq!(host_of("/run/x"), None);
    assert_eq!(host_of("[::1]:2101"), None);
    assert_eq!(host_of("clusterd:x"), None);
}

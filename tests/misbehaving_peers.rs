//! Peers that break the rules of the transport, against the miniclusterd
//! process: whatever they say, or do not say, the next one is served. What this
//! file alone can catch: one connection that keeps the others out, or ends the
//! process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use clusterd_fuzz::driver::play::{Source, play_text};
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::driver::{
    CtpTarget, Driver, Origin, PersistHost, ProcessConfig, Processes, Program,
};
use clusterd_fuzz::persist::PersistClient;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::ctp::Hello;
use clusterd_fuzz::protocol::neutral::ComputeCommand;
use clusterd_fuzz::protocol::v26_30::{PersistLocation, VERSION};
use clusterd_fuzz::protocol::wire;
use uuid::Uuid;

const MAGIC: &[u8; 8] = b"GutenTag";

/// A process, and a driver's side of its stores.
struct Fixture {
    processes: Processes,
    location: PersistLocation,
    directory: tempfile::TempDir,
}

fn config(directory: &Path, extra_args: Vec<String>) -> ProcessConfig {
    ProcessConfig {
        program: Program {
            path: env!("CARGO_BIN_EXE_miniclusterd").into(),
            leading_args: Vec::new(),
            extra_args,
        },
        processes: 1,
        workers: 1,
        directory: directory.to_path_buf(),
        pubsub_url: "http://127.0.0.1:1".to_string(),
        alarms: Vec::new(),
    }
}

impl Fixture {
    fn start(extra_args: impl FnOnce(&Path) -> Vec<String>) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let location = PersistLocation {
            blob_uri: format!("file://{}?sync=off", path.join("blob").display()),
            consensus_uri: format!("sqlite:{}?sync=off", path.join("c.db").display()),
        };
        let processes = Processes::start(config(path, extra_args(path))).unwrap();
        Fixture {
            processes,
            location,
            directory,
        }
    }

    fn dial(&self) -> TcpStream {
        TcpStream::connect(&self.processes.addresses()[0]).unwrap()
    }

    /// Whether a driver gets everything that it asks for.
    #[track_caller]
    fn serves(&self, after: &str) {
        let client = PersistClient::open(&self.location.blob_uri, &self.location.consensus_uri);
        let host = PersistHost::new(client.unwrap(), self.location.clone());
        let attached = Origin::Attached(self.processes.addresses());
        let target = CtpTarget::new(attached, VERSION.parse().unwrap(), None);
        let driver = Driver::new(host, Box::new(target));
        let mut runner = Runner::new(driver, RunnerConfig::default(), |_| {});
        runner.connect().unwrap();
        let Ok(Source::Text(mut script)) = Source::parse(SCRIPT) else {
            panic!("a text script");
        };
        let mut out = Vec::new();
        let played = play_text(&mut script, &mut runner, false, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(played.failed, 0, "after {after}:\n{out}");
    }
}

const SCRIPT: &str = "create-instance
----
ok

initialization-complete
----
ok

write-rows shard=s ts=0
  1 a
----
wrote 1

define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1
----
ok

schedule id=2
----
ok

peek id=2 ts=0
----
1 \"a\"
";

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u64).to_be_bytes()[..], payload].concat()
}

fn hello(version: &str) -> Vec<u8> {
    frame(&wire::encode(&Hello {
        version: version.parse().unwrap(),
        server_fqdn: None,
    }))
}

fn command(command: &ComputeCommand) -> Vec<u8> {
    let release = Release::default();
    frame(&release.encode_command(command.clone()).unwrap())
}

/// What follows a good greeting.
fn greeted(rest: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &hello(VERSION), rest].concat()
}

#[test]
fn whatever_a_peer_says_the_next_one_is_served() {
    let fixture = Fixture::start(|_| Vec::new());
    let nonce = |n: u128| ComputeCommand::Hello {
        nonce: Uuid::from_u128(n),
    };
    let huge = (1u64 << 63).to_be_bytes();
    let mischief: Vec<(&str, Vec<u8>)> = vec![
        ("silence", vec![]),
        ("half the magic", MAGIC[..4].to_vec()),
        ("another magic", b"HTTP/1.1".to_vec()),
        ("the magic alone", MAGIC.to_vec()),
        ("a greeting of 2^63 bytes", [&MAGIC[..], &huge].concat()),
        (
            "a greeting that is none",
            [&MAGIC[..], &frame(&[7; 30])].concat(),
        ),
        ("another version", [&MAGIC[..], &hello("26.31.0")].concat()),
        ("a greeting and silence", greeted(&[])),
        ("a greeting twice", greeted(&hello(VERSION))),
        ("half a length", greeted(&[0, 0, 0])),
        ("half a frame", greeted(&frame(&[1; 100])[..40])),
        ("a frame of 2^63 bytes", greeted(&huge)),
        ("a frame of 2^64-1 bytes", greeted(&[0xff; 40])),
        ("a frame that is no command", greeted(&frame(&[0xff; 40]))),
        ("a thousand keepalives", greeted(&[0; 8000])),
        ("a Hello and silence", greeted(&command(&nonce(1)))),
        (
            "two Hellos",
            greeted(&[command(&nonce(2)), command(&nonce(3))].concat()),
        ),
        (
            "a Hello and half a command",
            greeted(&[command(&nonce(4)), vec![0, 0, 0, 0, 0, 0, 0, 9, 1]].concat()),
        ),
    ];
    // All of them stay connected until the end, as far as they can.
    let mut peers = Vec::new();
    for (what, bytes) in &mischief {
        let mut peer = fixture.dial();
        // It may be hung up on before it has said everything.
        let _ = peer.write_all(bytes);
        peers.push(peer);
        fixture.serves(what);
    }
}

#[test]
fn a_thousand_connections_in_a_row_leave_it_serving() {
    let fixture = Fixture::start(|_| Vec::new());
    for n in 0..1000 {
        let mut peer = fixture.dial();
        match n % 3 {
            0 => drop(peer),
            1 => drop(peer.write_all(MAGIC)),
            _ => drop(peer.write_all(&greeted(&[]))),
        }
    }
    fixture.serves("a thousand connections");
}

#[test]
fn a_command_before_hello_ends_it_as_it_ends_the_real_one() {
    let fixture = Fixture::start(|_| Vec::new());
    let mut peer = fixture.dial();
    let first = command(&ComputeCommand::InitializationComplete);
    peer.write_all(&greeted(&first)).unwrap();
    let mut rest = Vec::new();
    // Reset or end of file: it is gone.
    let _ = peer.read_to_end(&mut rest);
    let ended = fixture.processes.ended(Duration::from_secs(60)).unwrap();
    assert!(ended.starts_with("panicked, signal 6: "), "{ended}");
    assert!(
        ended.contains("began with InitializationComplete: expected Hello"),
        "{ended}"
    );
}

#[test]
fn of_several_processes_the_one_is_named_that_the_others_followed() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path(), Vec::new());
    config.processes = 2;
    let processes = Processes::start(config).unwrap();
    // Only the first process is sent anything but a greeting.
    let mut peer = TcpStream::connect(&processes.addresses()[1]).unwrap();
    let first = command(&ComputeCommand::InitializationComplete);
    peer.write_all(&greeted(&first)).unwrap();
    let ended = processes.ended(Duration::from_secs(60)).unwrap();
    let (cause, follower) = ended.split_once("; ").unwrap();
    assert!(
        cause.starts_with(
            "process 1 panicked, signal 6: aborting process: a connection began with "
        ),
        "{ended}"
    );
    assert!(
        follower.starts_with("process 0 halted, exit code 166: "),
        "{ended}"
    );
}

#[test]
fn a_port_that_is_taken_ends_it_with_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in [
        "--storage-controller-listen-addr",
        "--compute-controller-listen-addr",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let started = Processes::start(config(
            directory.path(),
            vec![flag.to_string(), address.clone()],
        ));
        let problem = started.unwrap_err().to_string();
        let expected = format!("(exit code 3: miniclusterd: fatal: cannot listen on {address}: ");
        assert!(problem.contains(&expected), "{problem}");
    }
}

#[test]
fn the_storage_port_greets_and_hears_whatever_it_is_told() {
    let socket = |path: &Path| path.join("storage").display().to_string();
    let flag = "--storage-controller-listen-addr".to_string();
    let fixture = Fixture::start(|path| vec![flag, socket(path)]);
    let mut peer = UnixStream::connect(socket(fixture.directory.path())).unwrap();
    let said = greeted(&[frame(&[0xff; 40]), frame(&[1]), frame(&[0; 70_000])].concat());
    peer.write_all(&said).unwrap();
    let mut greeting = vec![0; MAGIC.len() + hello(VERSION).len()];
    peer.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting, greeted(&[]));
    // It would have hung up instead.
    let mut keepalive = [1; 8];
    peer.read_exact(&mut keepalive).unwrap();
    assert_eq!(keepalive, [0; 8]);
    fixture.serves("storage commands");
}

#[test]
fn the_http_port_says_that_it_lives() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let flag = "--internal-http-listen-addr".to_string();
    let _fixture = Fixture::start(|_| vec![flag, address.to_string()]);
    let mut peer = TcpStream::connect(address).unwrap();
    peer.write_all(b"GET /api/livez HTTP/1.1\r\nhost: h\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    peer.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

//! How long after `compare_and_append` begins another client of the same
//! stores sees the new upper, with and without PubSub. Run with
//! `cargo bench --bench pubsub`. Prints percentiles and the number of cores;
//! asserts nothing about time.

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clusterd_fuzz::persist::{PersistClient, PubSubServer, SourceDatum};
use clusterd_fuzz::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

const APPENDS: u64 = 400;
const LONG: Duration = Duration::from_secs(60);

/// A writer that pauses, as one that waits for answers does: without pauses
/// polling never backs off.
const PAUSE: Duration = Duration::from_millis(5);

fn desc() -> RelationDesc {
    RelationDesc::from_columns([("id", SqlScalarType::Int64, false)])
}

fn row(id: i64) -> SourceDatum {
    Ok(Row::pack([Datum::Int64(id)]))
}

/// The two sides of one PubSub server.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Polling,
    PubSub,
}

fn measure(name: &str, blob: &str, consensus: &str, how: How, pause: Duration) {
    let writes = PersistClient::open(blob, consensus).unwrap();
    let reads = PersistClient::open(blob, consensus).unwrap();
    let shard = ShardId(uuid::Uuid::new_v4());
    let server = PubSubServer::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    if how == How::PubSub {
        // As in a driver with a replica: the driver hosts the server.
        writes.attach_pubsub(&server);
        reads.connect_pubsub(&server.url(), "bench").unwrap();
        assert!(reads.wait_for_pubsub(true, LONG));
    }
    let mut writer = writes.open_writer(shard, &desc(), "bench").unwrap();
    writer.advance_upper(&Antichain::from_elem(1)).unwrap();
    reads.upper(shard).unwrap();
    if how == How::PubSub {
        assert!(server.wait_for_subscribers(shard, 2, LONG));
    }
    let (seen, sees) = mpsc::channel();
    let (begin, begins) = mpsc::channel::<u64>();
    let reader = Arc::clone(&reads);
    let waiting = std::thread::spawn(move || {
        while let Ok(t) = begins.recv() {
            reader.wait_for_upper_past(shard, t, LONG).unwrap().unwrap();
            seen.send(Instant::now()).unwrap();
        }
    });
    let mut latencies = Vec::new();
    for t in 1..=APPENDS {
        begin.send(t).unwrap();
        std::thread::sleep(pause);
        let (from, to) = (Antichain::from_elem(t), Antichain::from_elem(t + 1));
        let start = Instant::now();
        writer
            .compare_and_append(&[(row(t as i64), t, 1)], from, to)
            .unwrap()
            .unwrap();
        latencies.push(sees.recv().unwrap() - start);
    }
    drop(begin);
    waiting.join().unwrap();
    latencies.sort();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "{name:<26} {:<8} after {:>3} ms of quiet: median {:>7.3} ms  90% {:>7.3} ms  99% {:>7.3} ms",
        if how == How::PubSub {
            "PubSub"
        } else {
            "polling"
        },
        pause.as_millis(),
        at(50),
        at(90),
        at(99)
    );
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("compare_and_append to another client's upper, {APPENDS} times, on {cores} cores");
    let server = postgres::server("postgres");
    for pause in [PAUSE, 10 * PAUSE] {
        for how in [How::Polling, How::PubSub] {
            let dir = tempfile::tempdir().unwrap();
            let blob = format!("file://{}?sync=off", dir.path().join("blob").display());
            let consensus = format!("sqlite:{}", dir.path().join("c.db").display());
            measure("sqlite, file", &blob, &consensus, how, pause);
            if let Some(server) = &server {
                measure("postgres, file", &blob, &server.url(), how, pause);
            }
        }
    }
}

//! How long after the driver's `compare_and_append` begins the replica reports
//! to the driver that an index on the shard has come so far, with and without
//! PubSub: a miniclusterd process, over SQLite and over PostgreSQL. Run with
//! `cargo bench --bench pubsub`. Prints, with the number of cores; asserts
//! nothing about time.
//!
//! A replica looks at its frontiers every 10 ms unless it is told otherwise, so
//! each is measured with that interval and with none.

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::path::Path;
use std::time::{Duration, Instant};

use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::driver::{
    CtpTarget, Driver, Origin, PersistHost, Polled, ProcessConfig, Processes, Program,
};
use clusterd_fuzz::persist::{PersistClient, PubSubServer};
use clusterd_fuzz::protocol::v26_30::{self, PersistLocation};
use clusterd_fuzz::repr::{Antichain, GlobalId, Timestamp};
use clusterd_fuzz::script::Replica;
use clusterd_fuzz::script::append::Append;

const APPENDS: u64 = 200;
const INDEX: GlobalId = GlobalId::User(2);

/// A writer that pauses: without pauses polling never backs off.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a report may take before the bench gives up.
const LONG: Duration = Duration::from_secs(60);

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// A replica that follows a shard up to 1.
const PREPARE: &str = "create-instance
----

initialization-complete
----

update-configuration
  compute_server_maintenance_interval duration INTERVAL
----

write-single-ts shard=s ts=0 count=1
----

define-index source=1 index=2 shard=s key=[0] as-of=0 upper=1
----

schedule id=2
----

await-frontier id=2 ts=1
----
";

/// How the replica learns of an append.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Polling,
    PubSub,
}

/// Waits until the replica has reported that the index is complete below `ts`.
fn await_write_frontier(driver: &mut Driver, ts: Timestamp) {
    let target = Antichain::from_elem(ts);
    let deadline = Instant::now() + LONG;
    loop {
        let reported = driver.session(Replica::First).frontiers(INDEX).write;
        if reported.is_some_and(|write| target <= write) {
            return;
        }
        match driver
            .poll(deadline.saturating_duration_since(Instant::now()))
            .1
        {
            Polled::Response(_) | Polled::Unread(..) => {}
            Polled::Idle => panic!("{INDEX} was not reported at {ts} within {LONG:?}"),
            Polled::Closed { reason, ended } => panic!("{reason}: {ended:?}"),
        }
    }
}

fn measure(name: &str, scratch: &Path, consensus: &str, how: How, interval: &str) {
    let blob = format!("file://{}?sync=off", scratch.join("blob").display());
    let client = PersistClient::open(&blob, consensus).unwrap();
    let server = PubSubServer::start(([127, 0, 0, 1], 0).into()).unwrap();
    let pubsub_url = match how {
        How::Polling => NOBODY.to_string(),
        How::PubSub => {
            client.attach_pubsub(&server);
            server.url()
        }
    };
    let processes = Processes::start(ProcessConfig {
        program: Program {
            path: env!("CARGO_BIN_EXE_miniclusterd").into(),
            leading_args: Vec::new(),
            extra_args: Vec::new(),
        },
        processes: 1,
        workers: 1,
        directory: scratch.to_path_buf(),
        pubsub_url,
        alarms: Vec::new(),
    })
    .unwrap();
    let version = v26_30::VERSION.parse().unwrap();
    let target = CtpTarget::new(Origin::Spawned(processes), version, None);
    let location = PersistLocation {
        blob_uri: blob,
        consensus_uri: consensus.to_string(),
    };
    let driver = Driver::new(PersistHost::new(client, location), Box::new(target));
    let mut runner = Runner::new(driver, RunnerConfig::default(), |_| {});
    runner.connect().unwrap();
    let script = PREPARE.replace("INTERVAL", interval);
    for (step, command) in Source::parse(&script)
        .unwrap()
        .commands()
        .iter()
        .enumerate()
    {
        runner.execute(step, command).unwrap();
    }
    let shard = runner.shards()["s"];
    let mut driver = runner.into_driver();
    let desc = driver.host().client().schema(shard).unwrap().unwrap();
    let mut latencies = Vec::new();
    for t in 1..=APPENDS {
        std::thread::sleep(PAUSE);
        let append = Append {
            updates: Vec::new(),
            lower: t,
            upper: t + 1,
            part_bytes: None,
        };
        let start = Instant::now();
        let appended = driver.host_mut().append(shard, &desc, &append);
        appended.unwrap();
        await_write_frontier(&mut driver, t + 1);
        latencies.push(start.elapsed());
    }
    latencies.sort();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    let how = match how {
        How::PubSub => "PubSub",
        How::Polling => "polling",
    };
    println!(
        "{name:<15} {how:<8} reports every {interval:>4}: min {:>7.2} ms  median {:>7.2} ms  90% {:>7.2} ms  max {:>7.2} ms",
        at(0),
        at(50),
        at(90),
        at(100)
    );
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "compare_and_append to the replica's write frontier, {APPENDS} times after {} ms of quiet, on {cores} cores",
        PAUSE.as_millis()
    );
    let server = postgres::server("postgres");
    for interval in ["10ms", "0ms"] {
        for how in [How::Polling, How::PubSub] {
            let scratch = tempfile::tempdir().unwrap();
            let consensus = format!("sqlite:{}", scratch.path().join("c.db").display());
            measure("sqlite, file", scratch.path(), &consensus, how, interval);
            if let Some(server) = &server {
                let scratch = tempfile::tempdir().unwrap();
                let name = "postgres, file";
                measure(name, scratch.path(), &server.url(), how, interval);
            }
        }
    }
}

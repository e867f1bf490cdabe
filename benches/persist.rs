//! How fast shards are created, written and read, per pair of stores. Run with
//! `cargo bench --bench persist`. Prints one line per measurement, with the
//! number of cores; asserts nothing about time.

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterd_fuzz::persist::{PersistClient, SourceDatum, Update};
use clusterd_fuzz::repr::{Antichain, Datum, RelationDesc, Row, ShardId, SqlScalarType};

/// How long one measurement runs.
const BUDGET: Duration = Duration::from_millis(1500);

fn desc() -> RelationDesc {
    RelationDesc::from_columns([
        ("id", SqlScalarType::Int64, false),
        ("payload", SqlScalarType::String, false),
    ])
}

fn row(id: i64) -> SourceDatum {
    Ok(Row::pack([
        Datum::Int64(id),
        Datum::String("a payload of thirty-two characters"),
    ]))
}

fn at(t: u64) -> Antichain {
    Antichain::from_elem(t)
}

/// Repeats `op` for the budget; how often, and how long it took.
fn repeat(mut op: impl FnMut(u64)) -> (u64, Duration) {
    let start = Instant::now();
    let mut n = 0;
    while start.elapsed() < BUDGET {
        op(n);
        n += 1;
    }
    (n, start.elapsed())
}

fn rate(n: u64, took: Duration) -> f64 {
    n as f64 / took.as_secs_f64()
}

fn measure(name: &str, client: &Arc<PersistClient>) {
    let new = || ShardId(uuid::Uuid::new_v4());
    let (n, took) = repeat(|_| {
        client.upper(new()).unwrap();
    });
    println!(
        "{name:<34} create a shard            {:>10.0} /s",
        rate(n, took)
    );

    for rows in [1_i64, 1000] {
        let shard = new();
        let mut writer = client.open_writer(shard, &desc(), "bench").unwrap();
        let (n, took) = repeat(|t| {
            let updates: Vec<Update> = (0..rows).map(|i| (row(i), t, 1)).collect();
            writer
                .compare_and_append(&updates, at(t), at(t + 1))
                .unwrap()
                .unwrap();
        });
        println!(
            "{name:<34} append {rows:>4} rows          {:>10.0} /s",
            rate(n, took)
        );
        let settled = Instant::now();
        client.settle(Duration::from_secs(600));
        println!(
            "{name:<34}   then chores for         {:>10.1} ms",
            settled.elapsed().as_secs_f64() * 1000.0
        );
        let reader = client.open_leased_reader(shard, &desc(), "bench").unwrap();
        let (mut read, start) = (0, Instant::now());
        for part in reader.snapshot_parts(n - 1).unwrap() {
            read += part.fetch().unwrap().len() as u64;
        }
        println!(
            "{name:<34}   read all              {:>10.0} rows/s",
            rate(read, start.elapsed())
        );
        let (n, took) = repeat(|_| {
            client.upper(shard).unwrap();
        });
        println!(
            "{name:<34}   look at consensus     {:>10.1} us",
            1e6 / rate(n, took)
        );
    }

    // A small case: create, write three times, read, as a fuzzing case does.
    let (n, took) = repeat(|_| {
        let shard = new();
        let mut writer = client.open_writer(shard, &desc(), "bench").unwrap();
        for t in 0..3 {
            let updates: Vec<Update> = (0..5).map(|i| (row(i), t, 1)).collect();
            writer
                .compare_and_append(&updates, at(t), at(t + 1))
                .unwrap()
                .unwrap();
        }
        let reader = client.open_leased_reader(shard, &desc(), "bench").unwrap();
        assert_eq!(reader.snapshot(2).unwrap().len(), 5);
    });
    println!(
        "{name:<34} a small case              {:>10.0} /s",
        rate(n, took)
    );
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("persist on {cores} cores");
    measure("mem, mem", &PersistClient::open("mem:", "mem:").unwrap());
    for (name, sync) in [
        ("sqlite, file", ""),
        ("sqlite, file, sync=off", "?sync=off"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let blob = format!("file://{}{sync}", dir.path().join("blob").display());
        let consensus = format!("sqlite:{}{sync}", dir.path().join("c.db").display());
        measure(name, &PersistClient::open(&blob, &consensus).unwrap());
    }
    if let Some(server) = postgres::server("postgres") {
        let dir = tempfile::tempdir().unwrap();
        let blob = format!("file://{}?sync=off", dir.path().join("blob").display());
        let client = PersistClient::open(&blob, &server.url()).unwrap();
        measure("postgres (fsync off), file sync=off", &client);
    }
}

//! Rows a second that an index takes in when it hydrates: 1,000,000 rows in a
//! shard, arranged by their first column, by miniclusterd in process over
//! `mem:`, by miniclusterd as its own process over SQLite and files, and by
//! plain differential-dataflow, which finds the same rows in memory. Run with
//! `cargo bench --bench hydrate`. Prints; asserts nothing about time.

use std::time::{Duration, Instant};

use clusterd_fuzz::campaign::{Lab, LabConfig, ProcessLab, Shape};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::Source;
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::protocol::v26_30;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::repr::{Diff, GlobalId, Row, Timestamp};
use clusterd_fuzz::script::Command;
use differential_dataflow::input::Input;
use timely::dataflow::operators::Probe;

const ROWS: u64 = 1_000_000;
/// Appends of the shard, one a time.
const WRITES: u64 = 10;
/// How often each is measured; the best one counts.
const REPEATS: usize = 3;
const INDEX: u64 = 2;

/// Executes commands; all of them succeed.
fn execute(runner: &mut Runner<'_>, commands: &[String]) {
    for command in commands {
        let source = Source::parse(&format!("{command}\n----\n")).expect("a script of ours");
        for command in &source.commands() {
            if let Err(why) = runner.execute(0, command) {
                panic!("{command}: {why}");
            }
        }
    }
}

/// Hydrates an index in one seat of the lab; how long it took from Schedule to
/// the frontier, and what was in the shard.
fn hydrate(lab: &dyn Lab, shape: Shape) -> (Duration, Vec<Row>) {
    let mut seat = lab.seat(shape, 0).expect("a target");
    let mut runner = Runner::new(seat.driver, RunnerConfig::default(), |_| {});
    runner.connect().expect("it listens");
    let mut prepare = vec![
        "create-instance".to_string(),
        "initialization-complete".to_string(),
    ];
    prepare.extend((0..WRITES).map(|t| {
        let count = ROWS / WRITES;
        let start = t * count;
        format!("write-single-ts shard=s ts={t} count={count} start={start}")
    }));
    let as_of = WRITES - 1;
    prepare.push(format!(
        "define-index source=1 index={INDEX} shard=s key=[0] as-of={as_of} upper={WRITES}"
    ));
    execute(&mut runner, &prepare);
    let start = Instant::now();
    execute(
        &mut runner,
        &[
            format!("schedule id={INDEX}"),
            format!("await-frontier id={INDEX} ts={WRITES}"),
        ],
    );
    let took = start.elapsed();
    let count = Command::PeekCount {
        id: GlobalId::User(INDEX),
        schema: None,
        ts: as_of,
    };
    let counted = runner.execute(0, &count).expect("the index is readable");
    assert_eq!(counted.text(), ROWS.to_string());
    let shard = runner.shards()["s"];
    seat.driver = runner.into_driver();
    let client = seat.driver.host().client();
    let desc = client.schema(shard).unwrap().expect("it was written");
    let reader = client.open_leased_reader(shard, &desc, "bench").unwrap();
    let rows = reader.snapshot(as_of).unwrap().into_iter();
    let rows = rows.map(|(row, _, _)| row.expect("no errors")).collect();
    drop(reader);
    lab.leave(seat, true);
    (took, rows)
}

/// Arranges rows by their first column, the others as values, on one worker.
fn plain(rows: Vec<Row>) -> Duration {
    timely::execute_directly(move |worker| {
        let (mut input, probe) = worker.dataflow::<Timestamp, _, _>(|scope| {
            let (input, rows) = scope.new_collection::<Row, Diff>();
            let keyed = rows.map(|row| {
                let datums = row.unpack();
                (
                    Row::pack(datums[..1].iter().copied()),
                    Row::pack(datums[1..].iter().copied()),
                )
            });
            (input, keyed.arrange_by_key().stream.probe().0)
        });
        let start = Instant::now();
        for (at, row) in rows.into_iter().enumerate() {
            input.update(row, 1);
            if at % 65_536 == 65_535 {
                worker.step();
            }
        }
        input.advance_to(1);
        input.flush();
        worker.step_while(|| probe.less_than(&1));
        start.elapsed()
    })
}

fn report(name: &str, took: &[Duration]) {
    let best = took.iter().min().expect("it was measured").as_secs_f64();
    let rate = ROWS as f64 / best;
    let times = took.len();
    println!("{name:<48} {rate:>9.0} rows/s (best of {times}: {best:.2} s)");
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("hydrating an index over {ROWS} rows, on {cores} cores");
    let lab = InProcessLab::new(Mutants::none(), false);
    let (in_process, rows): (Vec<_>, Vec<_>) =
        (0..REPEATS).map(|_| hydrate(&lab, Shape::ONE)).unzip();
    let plain: Vec<_> = rows.into_iter().map(plain).collect();
    report("plain differential-dataflow, rows in memory", &plain);
    report("miniclusterd in process, mem", &in_process);
    for workers in [1, cores] {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let lab = ProcessLab::open(LabConfig::embedded(
            env!("CARGO_BIN_EXE_miniclusterd").into(),
            v26_30::VERSION.parse().expect("our own version"),
            scratch.path(),
            Duration::from_secs(600),
        ))
        .expect("a lab");
        let took: Vec<_> = (0..REPEATS)
            .map(|_| hydrate(&lab, Shape::workers(workers)).0)
            .collect();
        let name = format!("miniclusterd process, sqlite + files, {workers} workers");
        report(&name, &took);
    }
}

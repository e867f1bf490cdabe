//! Cases and commands a second of a fixed seeded campaign: in process, and
//! against the miniclusterd process. Prints; asserts nothing about time.

use std::time::{Duration, Instant};

use clusterd_fuzz::campaign::{
    CampaignConfig, CampaignEvent, Lab, LabConfig, ProcessLab, Reporter, Shape, run_campaign,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::protocol::v26_30;
use clusterd_fuzz::replica::mutants::Mutants;

struct Silent;

impl Reporter for Silent {
    fn on_event(&mut self, _event: &CampaignEvent) {}
}

fn measure(name: &str, lab: &dyn Lab, cases: u64, jobs: usize) {
    let config = CampaignConfig {
        seed: 1,
        cases: Some(cases),
        jobs,
        shape: Some(Shape::ONE),
        ..CampaignConfig::default()
    };
    let start = Instant::now();
    let summary = run_campaign(&config, lab, &mut Silent);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name}, {jobs} jobs: {:.1} cases/s, {:.0} commands/s ({} cases of {:.1} commands, {} broken)",
        summary.cases as f64 / seconds,
        summary.commands as f64 / seconds,
        summary.cases,
        summary.commands as f64 / summary.cases.max(1) as f64,
        summary.broken,
    );
}

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("{cores} cores");
    let in_process = InProcessLab::new(Mutants::none(), false);
    measure("in process", &in_process, 2_000, 1);
    measure("in process", &in_process, 2_000, cores);
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let lab = ProcessLab::open(LabConfig::embedded(
        env!("CARGO_BIN_EXE_miniclusterd").into(),
        v26_30::VERSION.parse().expect("our own version"),
        scratch.path(),
        Duration::from_secs(10),
    ))
    .expect("a lab");
    measure("process", &lab, 200, 1);
    measure("process", &lab, 200, cores);
}

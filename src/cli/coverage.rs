//! `coverage`: which surface cells a campaign's dataflows reach.
//!
//! Invariant: a cell counts when a dataflow with it was sent to a replica, not
//! when it was drawn.

use std::collections::BTreeMap;

use super::args::Coverage;
use super::{CliError, Done, InProcessLab, out, signals};
use crate::campaign::{CampaignConfig, CampaignEvent, Reporter, Shape, run_campaign};
use crate::generate::Profile;
use crate::plan::cells::{self, Needs, PlanCell};
use crate::replica::mutants::Mutants;
use crate::shrink::Budget;

/// Hears of nothing.
struct Quiet;

impl Reporter for Quiet {
    fn on_event(&mut self, _: &CampaignEvent) {}
}

/// Runs the cases of a campaign in process and prints the cells that they
/// reach, and those that they never reach, with what it would take.
pub fn coverage(args: &Coverage) -> Done {
    let config = CampaignConfig {
        seed: args.seed,
        cases: Some(args.cases),
        jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        profile: Profile::default().with_operators(args.operators),
        shape: Some(Shape::ONE),
        // Findings are for `fuzz`.
        budget: Budget {
            max_runs: 0,
            max_time: std::time::Duration::ZERO,
            stop: signals::stop(),
            ..Budget::default()
        },
        ..CampaignConfig::default()
    };
    signals::watch(signals::First::Stops)?;
    let lab = InProcessLab::new(Mutants::none(), false);
    let summary = run_campaign(&config, &lab, &mut Quiet);
    if summary.cases == 0 {
        return Err(CliError::Target("no case could be run".to_string()));
    }
    out::print(report(&summary.cells, summary.cases, args.seed))?;
    Ok(true)
}

fn report(reached: &cells::Counts, cases: u64, seed: u64) -> String {
    let catalogue = cells::catalogue();
    let mut lines = vec!["reached:".to_string()];
    for (cell, count) in reached {
        lines.push(format!("{count:>9}  {cell}"));
    }
    let mut never: BTreeMap<Needs, Vec<&PlanCell>> = BTreeMap::new();
    for (cell, needs) in &catalogue {
        if !reached.contains_key(cell) {
            never.entry(*needs).or_default().push(cell);
        }
    }
    for (needs, cells) in &never {
        lines.push(String::new());
        lines.push(format!("never reached, {}:", why(*needs)));
        lines.extend(cells.iter().map(|cell| format!("{:>9}  {cell}", "-")));
    }
    let of_plans = catalogue.iter().filter(|(_, needs)| **needs == Needs::Plan);
    let (mut all, mut plain) = (0, 0);
    for (cell, _) in of_plans {
        all += 1;
        plain += usize::from(reached.contains_key(cell));
    }
    let known = reached.keys().filter(|cell| catalogue.contains_key(cell));
    lines.push(String::new());
    lines.push(format!(
        "{} of {} cells reached, {plain} of the {all} that a plan alone can reach, in {cases} cases; repeat with --seed {seed}",
        known.count(),
        catalogue.len(),
    ));
    lines.join("\n") + "\n"
}

fn why(needs: Needs) -> &'static str {
    match needs {
        Needs::Plan => "because no drawn plan has that shape",
        Needs::OneTime => {
            "because it takes a dataflow for one time: an `until` just past the as_of"
        }
        Needs::Feature => "because it takes a feature of lowering that scripts cannot turn on",
    }
}

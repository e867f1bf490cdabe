//! Every bug of a campaign comes out, each with a script of its own, although all
//! of them break the same invariant in the same way. What this file alone can
//! catch: a finding that hides another one.

use clusterd_fuzz::campaign::{
    CampaignConfig, CampaignEvent, Finding, Reporter, Shape, run_campaign, run_in,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};

/// Bugs of the operators and of peeks, all of which give wrong rows.
const BUGS: [Mutant; 4] = [
    Mutant::LimitBeforeSort,
    Mutant::LiteralStopsAtMiss,
    Mutant::CountsIgnoreRetractions,
    Mutant::FilterSkipsLast,
];

const KIND: &str = "I-01/wrong-rows";

#[derive(Default)]
struct Found(Vec<Finding>);

impl Reporter for Found {
    fn on_event(&mut self, event: &CampaignEvent) {
        if let CampaignEvent::Found(found) = event {
            self.0.push(found.finding.clone());
        }
    }
}

/// Whether a script shows its finding on a replica with these bugs.
fn shows(finding: &Finding, mutants: Mutants) -> bool {
    let lab = InProcessLab::new(mutants, false);
    let ran = run_in(&lab, &finding.commands, finding.shape, 7).unwrap();
    ran.has(&finding.signature)
}

#[test]
fn four_bugs_of_one_kind_are_four_findings_with_a_script_each() {
    let lab = InProcessLab::new(BUGS.into_iter().collect(), false);
    let config = CampaignConfig {
        seed: 11,
        cases: Some(CASES),
        jobs: 1,
        shape: Some(Shape::ONE),
        ..CampaignConfig::default()
    };
    let mut found = Found::default();
    let summary = run_campaign(&config, &lab, &mut found);
    assert_eq!(summary.findings, found.0.len() as u64);
    let of_kind = || found.0.iter().filter(|finding| finding.signature == KIND);
    for bug in BUGS {
        let alone = of_kind().find(|finding| {
            let others = BUGS.into_iter().filter(|other| *other != bug).collect();
            shows(finding, bug.into()) && !shows(finding, others)
        });
        let scripts = of_kind().map(|finding| finding.skeleton.to_string());
        let scripts: Vec<String> = scripts.collect();
        let alone = alone.unwrap_or_else(|| panic!("{bug} hides behind\n{}", scripts.join("\n")));
        assert!(alone.commands.len() <= 10, "{}", alone.script(&[]));
    }
    // A bug may have more than one minimal form, but not many.
    assert!(of_kind().count() <= 2 * BUGS.len(), "{}", of_kind().count());
}

/// Enough to meet each of the bugs.
const CASES: u64 = 800;

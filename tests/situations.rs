//! A campaign gets into every situation of the list: what never occurs is what no
//! campaign tests. What this file alone can catch: a change of the generator, or of
//! its weights, after which something cannot come together any more.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use clusterd_fuzz::campaign::{CampaignConfig, CampaignEvent, Reporter, run_campaign};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::invariants::situations::Situation;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::shrink::Stop;

/// Stops a campaign when all situations occurred.
struct UntilAll {
    never: BTreeSet<Situation>,
    stop: Stop,
}

impl Reporter for UntilAll {
    fn on_event(&mut self, event: &CampaignEvent) {
        if let CampaignEvent::CaseDone(report) = event {
            assert_eq!(report.violations, [""; 0], "case {}", report.case);
            self.never.retain(|s| !report.situations.contains(s));
            if self.never.is_empty() {
                self.stop.raise();
            }
        }
    }
}

#[test]
fn every_situation_occurs_within_5000_cases() {
    static ALL_SEEN: AtomicBool = AtomicBool::new(false);
    let mut until = UntilAll {
        never: Situation::ALL.iter().copied().collect(),
        stop: Stop::of(&ALL_SEEN),
    };
    let mut config = CampaignConfig {
        seed: 5,
        cases: Some(5_000),
        jobs: 2,
        profile: Profile::default().with_operators(50),
        ..CampaignConfig::default()
    };
    config.budget.stop = Stop::of(&ALL_SEEN);
    let lab = InProcessLab::new(Mutants::none(), false);
    let summary = run_campaign(&config, &lab, &mut until);
    let never: Vec<&str> = until.never.iter().map(|s| s.text()).collect();
    assert_eq!(never, [""; 0], "in {} cases", summary.cases);
}

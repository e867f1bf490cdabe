//! `known-bugs.toml`: each bug's script passes on the healthy replica, and fails on
//! the mutant that has the bug; a campaign on a replica that has them goes round
//! them. What this file alone can catch: an entry that shows nothing any more, or
//! that no longer keeps a campaign from its bug.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use clusterd_fuzz::campaign::{
    CampaignConfig, CampaignEvent, Fate, Recheck, Replayed, Reporter, Shape, replay, run_campaign,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::known::{KnownBug, KnownBugs};
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};
use clusterd_fuzz::shrink::Stop;

fn known() -> KnownBugs {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("known-bugs.toml");
    KnownBugs::read(&path).unwrap()
}

fn run(bug: &KnownBug, mutants: Mutants) -> Replayed {
    let text = known().script_of(bug).unwrap();
    let lab = InProcessLab::new(mutants, false);
    replay(&lab, Shape::ONE, Path::new(&bug.script), &text).unwrap()
}

#[test]
fn every_known_bug_is_shown_by_its_script_on_its_mutant_alone() {
    for bug in known().iter() {
        let KnownBug {
            id,
            title,
            versions,
            mutant,
            is_modelled,
            ..
        } = bug;
        assert!(
            !title.is_empty() && !versions.is_empty(),
            "{id} says too little"
        );
        let healthy = run(bug, Mutants::none());
        assert!(healthy.violations.is_empty(), "{id}: {healthy:?}");
        let Some(mutant) = mutant else {
            let is_refused = healthy.invalid.is_some();
            assert!(is_refused || *is_modelled, "{id} is a valid sequence");
            continue;
        };
        assert!(healthy.passed(), "{id}: {healthy:?}");
        let mutant: Mutant = mutant.parse().unwrap();
        let sick = run(bug, mutant.into());
        assert!(
            !sick.violations.is_empty() || !sick.mismatches.is_empty(),
            "{id}: {sick:?}"
        );
    }
}

#[test]
fn rechecking_tells_a_bug_that_is_there_from_one_that_is_gone() {
    let known = known();
    let bug = |id: &str| known.iter().find(|bug| bug.id == id).unwrap().clone();
    let fate = |id: &str, mutants| {
        let lab = InProcessLab::new(mutants, false);
        Recheck::of(&bug(id), &known, &lab).fate
    };
    let sick = || Mutant::PanicOnHugeLimit.into();
    assert_eq!(fate("huge-limit", sick()), Fate::StillThere);
    assert_eq!(fate("top-k-limit-overflows", sick()), Fate::Gone);
    let refused = fate("lowering-over-arrange-by", sick());
    assert!(matches!(refused, Fate::Unknown(_)), "{refused:?}");
}

/// Stops a campaign when an end of the target and something else were met.
struct UntilBoth {
    died: bool,
    differed: bool,
    stop: Stop,
}

impl Reporter for UntilBoth {
    fn on_event(&mut self, event: &CampaignEvent) {
        if let CampaignEvent::CaseDone(report) = event {
            for signature in &report.violations {
                let died = signature.starts_with("I-13");
                self.died |= died;
                self.differed |= !died;
            }
            if self.died && self.differed {
                self.stop.raise();
            }
        }
    }
}

#[test]
fn a_campaign_goes_round_the_bugs_that_its_target_has() {
    let sick: Mutants = [Mutant::PanicOnHugeLimit, Mutant::TopKLimitOverflows]
        .into_iter()
        .collect();
    static BOTH_MET: AtomicBool = AtomicBool::new(false);
    static NEVER: AtomicBool = AtomicBool::new(false);
    let broken = |known: KnownBugs, cases: u64, met: &'static AtomicBool| {
        let lab = InProcessLab::new(sick, false);
        let mut config = CampaignConfig {
            seed: 4,
            cases: Some(cases),
            jobs: 2,
            profile: Profile::default().with_operators(50).round(known),
            ..CampaignConfig::default()
        };
        config.budget.max_runs = 0;
        config.budget.stop = Stop::of(met);
        let mut until = UntilBoth {
            died: false,
            differed: false,
            stop: Stop::of(met),
        };
        run_campaign(&config, &lab, &mut until)
    };
    let all = broken(KnownBugs::default(), 5_000, &BOTH_MET);
    let others = broken(known().of_release(Release::V26_30), all.cases, &NEVER);
    let kinds: Vec<&str> = all.signatures.iter().map(|(s, _)| s.as_str()).collect();
    assert!(kinds.iter().any(|s| s.starts_with("I-13")), "{kinds:?}");
    assert!(kinds.iter().any(|s| !s.starts_with("I-13")), "{kinds:?}");
    assert_eq!(others.signatures, []);
    let gone_round = &others.tally.gone_round;
    assert!(gone_round["huge-limit"] > 0 && gone_round["top-k-limit-overflows"] > 0);
}

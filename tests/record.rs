//! Records of cases: what a campaign keeps of a target, held against other targets.
//! What this file alone can catch: a record that another target of the same kind does
//! not agree with, or one that a target with a bug does.

use std::fs;

use clusterd_fuzz::campaign::{
    CampaignConfig, CampaignEvent, Compared, Reporter, Shape, compare, records, run_campaign,
};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::Profile;
use clusterd_fuzz::known::KnownBugs;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::{Mutant, Mutants};

const SEED: u64 = 3;
const CASES: u64 = 60;

struct Failures(Vec<String>);

impl Reporter for Failures {
    fn on_event(&mut self, event: &CampaignEvent) {
        if let CampaignEvent::TargetFailed { reason, .. } = event {
            self.0.push(reason.clone());
        }
    }
}

fn record(directory: &std::path::Path) -> Vec<String> {
    let lab = InProcessLab::new(Mutants::none(), false);
    let config = CampaignConfig {
        seed: SEED,
        cases: Some(CASES),
        schedules: 2,
        shape: Some(Shape::ONE),
        profile: Profile::default().with_operators(50),
        record: Some(directory.to_path_buf()),
        facts: vec![("mutant", "none".to_string())],
        ..CampaignConfig::default()
    };
    let mut failures = Failures(Vec::new());
    run_campaign(&config, &lab, &mut failures);
    failures.0
}

fn compare_all(directory: &std::path::Path, lab: &InProcessLab) -> Vec<Compared> {
    let folders = records(directory).unwrap();
    assert_eq!(folders.len() as u64, CASES);
    let known = KnownBugs::default();
    let compared = folders
        .iter()
        .map(|folder| compare(lab, &known, None, folder));
    compared.map(Result::unwrap).collect()
}

#[test]
fn a_record_agrees_with_targets_that_are_right_and_with_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("records");
    assert_eq!(record(&directory), Vec::<String>::new());

    let healthy = InProcessLab::new(Mutants::none(), false).with_release(Release::V26_39);
    let same = compare_all(&directory, &healthy);
    for compared in &same {
        assert_eq!(
            (&compared.unexplained, &compared.undecided),
            (&Vec::new(), &None)
        );
    }
    let all: usize = same.iter().map(|compared| compared.compared).sum();
    let free: usize = same.iter().map(|compared| compared.left_free).sum();
    assert!(all > 500 && free < all / 50, "{free} of {all}");

    for (mutant, place) in [
        (Mutant::PeekClampsMultiplicity, "command "),
        (Mutant::ViewClampsMultiplicity, "shard `v"),
    ] {
        let lab = InProcessLab::new(mutant.into(), false);
        let differing = compare_all(&directory, &lab).into_iter();
        let mut differing = differing.flat_map(|compared| compared.unexplained);
        let seen = differing.any(|difference| difference.place.starts_with(place));
        assert!(seen, "{mutant}");
    }

    // A record is not written over.
    let again = record(&directory);
    assert!(
        !again.is_empty() && again[0].contains("seed-3-case-000000"),
        "{again:?}"
    );
}

#[test]
fn the_frames_of_a_record_are_what_the_replica_heard_and_said() {
    let scratch = tempfile::tempdir().unwrap();
    record(scratch.path());
    for folder in records(scratch.path()).unwrap() {
        let text = fs::read_to_string(folder.join("frames.jsonl")).unwrap();
        let mut heard = 0;
        for line in text.lines() {
            let frame: serde_json::Value = serde_json::from_str(line).unwrap();
            let payload = hex::decode(frame["hex"].as_str().unwrap()).unwrap();
            match frame["dir"].as_str().unwrap() {
                "c2r" => {
                    Release::V26_30.decode_command(&payload).unwrap();
                    heard += 1;
                }
                "r2c" => drop(Release::V26_30.decode_response(&payload).unwrap()),
                other => panic!("{other}"),
            }
        }
        // Hello, the instance, its configuration, and something to do.
        assert!(heard > 4, "{text}");
    }
}

#[test]
fn what_is_no_record_is_refused_with_its_path() {
    let scratch = tempfile::tempdir().unwrap();
    let empty = records(scratch.path()).unwrap_err();
    assert!(empty.contains("holds no record"), "{empty}");
    let folder = scratch.path().join("case");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("script.spec"), "create-instance\n----\nok\n").unwrap();
    fs::write(folder.join("shards.jsonl"), "{}\n").unwrap();
    let lab = InProcessLab::new(Mutants::none(), false);
    let bad = compare(&lab, &KnownBugs::default(), None, &folder).unwrap_err();
    assert!(bad.to_string().contains("shards.jsonl: line 1: "), "{bad}");

    let of_two = "# replicas: 2\n\ncreate-instance\n----\nok\n";
    fs::write(folder.join("script.spec"), of_two).unwrap();
    let alone = compare(&lab, &KnownBugs::default(), None, &folder).unwrap_err();
    let expected = "script.spec: is of two replicas: expected --second-target";
    assert!(alone.to_string().ends_with(expected), "{alone}");
}

//! Runs the scripts whose golden blocks a real clusterd filled against the
//! in-process replica, with one worker and with several, and holds the last
//! frontiers of each session to the recorded ones. What this file alone can
//! catch: a replica that answers right but reports, keeps or drops otherwise
//! than the real one.

mod recording;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clusterd_fuzz::campaign::{Lab, Shape};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::{Source, play_text};
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::driver::{Driver, Frontiers, Polled, Session};
use clusterd_fuzz::protocol::v26_30::ComputeResponse;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::repr::{Antichain, GlobalId};
use clusterd_fuzz::script::Replica;

/// Scripts that need what the replica lacks.
const NOT_YET: &[&str] = &[];

/// Plays one script; what did not go as the golden blocks say.
fn play(name: &str, workers: usize, seed: u64) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let script = std::fs::read_to_string(root.join(format!("scripts/{name}.spec"))).unwrap();
    let seat = InProcessLab::new(Mutants::none(), false)
        .seat(Shape::workers(workers), seed)
        .unwrap();
    let mut runner = Runner::new(seat.driver, RunnerConfig::default(), |_| {});
    runner.connect().unwrap();
    let Ok(Source::Text(mut script)) = Source::parse(&script) else {
        panic!("{name} is a text script");
    };
    let mut out = Vec::new();
    let played = play_text(&mut script, &mut runner, false, &mut out).unwrap();
    let mut driver = runner.into_driver();
    let ended = rest(&mut driver);
    if played.failed == 0 {
        return behind(name, driver.session(Replica::First));
    }
    let out = String::from_utf8(out).unwrap();
    let lines = out.lines().filter(|line| !line.starts_with("ok: "));
    ended.into_iter().chain(lines.map(str::to_string)).collect()
}

/// Hears everything that can still come; how the replica ended, if it did.
fn rest(driver: &mut Driver) -> Option<String> {
    loop {
        match driver.poll(Duration::from_secs(1)).1 {
            Polled::Response(_) | Polled::Unread(..) => {}
            Polled::Idle => return None,
            Polled::Closed { ended, .. } => return ended,
        }
    }
}

/// What the last session of the recording reported and ours did not reach.
/// (The recordings were stopped by killing the replica, so ours may be further.)
fn behind(name: &str, ours: &Session) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings");
    let frames = root.join(name).join("frames.jsonl");
    let mut recorded = Session::default();
    let mut ids: BTreeSet<GlobalId> = BTreeSet::new();
    for said in recording::sessions(&frames).pop().unwrap_or_default() {
        if let recording::Said::Response(response) = said {
            if let ComputeResponse::Frontiers(id, _) = &response {
                ids.insert(*id);
            }
            recorded.absorb(&response);
        }
    }
    let reached = |theirs: &Option<Antichain>, ours: &Option<Antichain>| match (theirs, ours) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(theirs), Some(ours)) => theirs <= ours,
    };
    let last = |id: GlobalId| (recorded.frontiers(id), ours.frontiers(id));
    ids.into_iter()
        .map(|id| (id, last(id)))
        .filter(|(_, (theirs, ours)): &(_, (Frontiers, Frontiers))| {
            !(reached(&theirs.write, &ours.write)
                && reached(&theirs.input, &ours.input)
                && reached(&theirs.output, &ours.output))
        })
        .map(|(id, (theirs, ours))| format!("{id}: recorded {theirs:?}, ours {ours:?}"))
        .collect()
}

#[test]
fn scripts_answer_as_a_real_clusterd_did() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut names: Vec<String> = std::fs::read_dir(scripts)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".spec").map(str::to_string)
        })
        .collect();
    names.sort();
    let mut failed = Vec::new();
    for name in &names {
        if NOT_YET.contains(&name.as_str()) {
            continue;
        }
        for (workers, seed) in [(1, 0), (2, 1), (4, 2)] {
            let problems = play(name, workers, seed);
            if !problems.is_empty() {
                failed.push(format!(
                    "{name} ({workers} workers):\n  {}",
                    problems.join("\n  ")
                ));
            }
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

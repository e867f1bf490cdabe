//! Runs the scripts whose golden blocks a real clusterd filled against the
//! in-process replica, with one worker and with several, and holds the last
//! frontiers of each session to the recorded ones. What this file alone can
//! catch: a replica that answers right but reports, keeps or drops otherwise
//! than the real one.

mod recording;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterd_fuzz::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use clusterd_fuzz::persist::PersistClient;
use clusterd_fuzz::protocol::v26_30::{
    ComputeCommand, ComputeResponse, FrontiersResponse, PersistLocation,
};
use clusterd_fuzz::replica::in_process::{Config, InProcess};
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::repr::{Antichain, GlobalId};
use clusterd_fuzz::script::play::{Source, play_text};
use clusterd_fuzz::script::runner::{Runner, RunnerConfig};
use uuid::Uuid;

/// Scripts that need what the replica lacks.
const NOT_YET: &[&str] = &[];

/// What a session last heard of each collection.
type Heard = BTreeMap<GlobalId, FrontiersResponse>;

struct Own {
    config: Config,
    replica: Arc<Mutex<InProcess>>,
    heard: Arc<Mutex<Heard>>,
}

struct OwnLink {
    replica: Arc<Mutex<InProcess>>,
    heard: Arc<Mutex<Heard>>,
}

/// Takes note of a response.
fn hear(heard: &mut Heard, response: &ComputeResponse) {
    if let ComputeResponse::Frontiers(id, new) = response {
        let last = heard.entry(*id).or_default();
        let newer = |new: &Option<Antichain>, old: &mut Option<Antichain>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        newer(&new.write_frontier, &mut last.write_frontier);
        newer(&new.input_frontier, &mut last.input_frontier);
        newer(&new.output_frontier, &mut last.output_frontier);
    }
}

impl Target for Own {
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        self.replica.lock().unwrap().connect(nonce);
        self.heard.lock().unwrap().clear();
        Ok(Box::new(OwnLink {
            replica: Arc::clone(&self.replica),
            heard: Arc::clone(&self.heard),
        }))
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        *self.replica.lock().unwrap() = InProcess::new(self.config.clone());
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        let replica = self.replica.lock().unwrap();
        replica.ended().map(|end| format!("{}: {end}", end.code()))
    }
}

impl Link for OwnLink {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        self.replica.lock().unwrap().send(command.clone());
        Ok(())
    }

    fn recv(&mut self, _: Duration) -> Received {
        let mut replica = self.replica.lock().unwrap();
        loop {
            if let Some(response) = replica.recv() {
                hear(&mut self.heard.lock().unwrap(), &response);
                return Received::Response(response);
            }
            if let Some(end) = replica.ended() {
                return Received::Closed(LinkClosed(end.to_string()));
            }
            if !replica.step() {
                return Received::Idle;
            }
        }
    }
}

/// Plays one script; what did not go as the golden blocks say.
fn play(name: &str, workers: usize, seed: u64) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let script = std::fs::read_to_string(root.join(format!("scripts/{name}.spec"))).unwrap();
    let client = PersistClient::open("mem:", "mem:").unwrap();
    let config = Config {
        workers,
        mutants: Mutants::none(),
        persist: Arc::clone(&client),
        seed,
    };
    let replica = Arc::new(Mutex::new(InProcess::new(config.clone())));
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let target = Own {
        replica: Arc::clone(&replica),
        heard: Arc::clone(&heard),
        config,
    };
    let location = PersistLocation {
        blob_uri: "mem:".into(),
        consensus_uri: "mem:".into(),
    };
    let driver = Driver::new(PersistHost::new(client, location), Box::new(target));
    let mut runner = Runner::new(driver, RunnerConfig::default(), |_| {});
    runner.connect().unwrap();
    let Ok(Source::Text(mut script)) = Source::parse(&script) else {
        panic!("{name} is a text script");
    };
    let mut out = Vec::new();
    let played = play_text(&mut script, &mut runner, false, &mut out).unwrap();
    if played.failed == 0 {
        let mut replica = replica.lock().unwrap();
        while replica.step() {}
        let mut heard = heard.lock().unwrap();
        while let Some(response) = replica.recv() {
            hear(&mut heard, &response);
        }
        return behind(name, &heard);
    }
    let out = String::from_utf8(out).unwrap();
    let ended = replica.lock().unwrap().ended().map(|end| format!("{end}"));
    let lines = out.lines().filter(|line| !line.starts_with("ok: "));
    ended.into_iter().chain(lines.map(str::to_string)).collect()
}

/// What the last session of the recording reported and ours did not reach.
/// (The recordings were stopped by killing the replica, so ours may be further.)
fn behind(name: &str, ours: &Heard) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings");
    let frames = root.join(name).join("frames.jsonl");
    let mut recorded = Heard::new();
    for said in recording::sessions(&frames).pop().unwrap_or_default() {
        if let recording::Said::Response(response) = said {
            hear(&mut recorded, &response);
        }
    }
    let reached = |theirs: &Option<Antichain>, ours: &Option<Antichain>| match (theirs, ours) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(theirs), Some(ours)) => theirs <= ours,
    };
    recorded
        .iter()
        .filter(|(id, theirs)| {
            let ours = ours.get(id).cloned().unwrap_or_default();
            !(reached(&theirs.write_frontier, &ours.write_frontier)
                && reached(&theirs.input_frontier, &ours.input_frontier)
                && reached(&theirs.output_frontier, &ours.output_frontier))
        })
        .map(|(id, theirs)| format!("{id}: recorded {theirs:?}, ours {:?}", ours.get(id)))
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

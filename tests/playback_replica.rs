//! Runs the scripts whose golden blocks a real clusterd filled against the
//! in-process replica, with one worker and with several, and holds the last
//! frontiers of each session to the recorded ones. What this file alone can
//! catch: a replica that answers right but reports, keeps or drops otherwise
//! than the real one.

mod recording;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterd_fuzz::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use clusterd_fuzz::persist::PersistClient;
use clusterd_fuzz::protocol::v26_30::{ComputeCommand, ComputeResponse, PersistLocation};
use clusterd_fuzz::replica::in_process::{Config, InProcess};
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::script::play::{Source, play_text};
use clusterd_fuzz::script::runner::{Runner, RunnerConfig};
use uuid::Uuid;

/// Scripts that need what the replica lacks.
const NOT_YET: &[&str] = &[];

struct Own {
    config: Config,
    replica: Arc<Mutex<InProcess>>,
}

struct OwnLink {
    replica: Arc<Mutex<InProcess>>,
}

impl Target for Own {
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        self.replica.lock().unwrap().connect(nonce);
        let replica = Arc::clone(&self.replica);
        Ok(Box::new(OwnLink { replica }))
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
    let target = Own {
        replica: Arc::clone(&replica),
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
        return Vec::new();
    }
    let out = String::from_utf8(out).unwrap();
    let ended = replica.lock().unwrap().ended().map(|end| format!("{end}"));
    let lines = out.lines().filter(|line| !line.starts_with("ok: "));
    ended.into_iter().chain(lines.map(str::to_string)).collect()
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
        for (workers, seed) in [(1, 0), (2, 1), (4, 2), (4, 3)] {
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

#[test]
fn a_response_is_a_response() {
    // Keeps the helper module honest: recordings decode.
    let frames =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings/index/frames.jsonl");
    let sessions = recording::sessions(&frames);
    let responses = sessions.iter().flatten().filter(|said| {
        matches!(
            said,
            recording::Said::Response(ComputeResponse::Frontiers(..))
        )
    });
    assert!(responses.count() > 0);
}

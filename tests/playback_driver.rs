//! Plays the recordings of a real clusterd back to our own driver: every script
//! must send what was recorded, and show what its golden blocks say. What this
//! file alone can catch: a command that our driver builds otherwise than the
//! real one did, and an answer that our runner misreads.

mod recording;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterd_fuzz::driver::play::{Source, play_text};
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig};
use clusterd_fuzz::driver::{Driver, Link, LinkClosed, PersistHost, Received, Target, TargetError};
use clusterd_fuzz::persist::PersistClient;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::ComputeCommand;
use clusterd_fuzz::protocol::v26_30::{ComputeResponse, PersistLocation};
use recording::{Canonical, Said, sessions};
use uuid::Uuid;

/// What the playback found out, shared with the test.
#[derive(Default)]
struct Noted {
    differences: Vec<String>,
    /// Commands that were recorded and that our driver sent.
    sent: usize,
}

/// How many commands an answer may have been recorded too late.
const LOOKAHEAD: usize = 3;

struct Playback {
    sessions: VecDeque<Vec<Said>>,
    noted: Arc<Mutex<Noted>>,
    canonical: Arc<Mutex<(Canonical, Canonical)>>,
}

struct PlaybackLink {
    said: VecDeque<Said>,
    /// Our uuid for each recorded one, by the order of the peeks.
    uuids: Vec<(Uuid, Uuid)>,
    noted: Arc<Mutex<Noted>>,
    canonical: Arc<Mutex<(Canonical, Canonical)>>,
    /// Responses that were recorded before the next command.
    ready: VecDeque<ComputeResponse>,
}

impl Target for Playback {
    fn connect(&mut self, nonce: Uuid) -> Result<Box<dyn Link>, TargetError> {
        let said = self.sessions.pop_front().unwrap_or_default();
        let mut link = PlaybackLink {
            said: said.into(),
            uuids: Vec::new(),
            noted: Arc::clone(&self.noted),
            canonical: Arc::clone(&self.canonical),
            ready: VecDeque::new(),
        };
        link.send(&ComputeCommand::Hello { nonce }).unwrap();
        Ok(Box::new(link))
    }

    fn release(&self) -> Release {
        Release::default()
    }

    fn restart(&mut self) -> Result<(), TargetError> {
        Err(TargetError::Unsupported("a recording"))
    }

    fn ended(&mut self, _patience: Duration) -> Option<String> {
        None
    }
}

impl Link for PlaybackLink {
    fn send(&mut self, command: &ComputeCommand) -> Result<(), LinkClosed> {
        // What was recorded before this command has arrived by now.
        while let Some(Said::Response(_)) = self.said.front() {
            if let Some(Said::Response(response)) = self.said.pop_front() {
                self.ready.push_back(response);
            }
        }
        let mut noted = self.noted.lock().unwrap();
        match self.said.pop_front() {
            Some(Said::Command(recorded)) => {
                if let (ComputeCommand::Peek(theirs), ComputeCommand::Peek(ours)) =
                    (&recorded, command)
                {
                    self.uuids.push((theirs.uuid, ours.uuid));
                }
                let mut canonical = self.canonical.lock().unwrap();
                let theirs = canonical.0.text(&recorded);
                let ours = canonical.1.text(command);
                if theirs != ours {
                    let difference = recording::first_difference(&theirs, &ours);
                    noted.differences.push(difference);
                }
                noted.sent += 1;
            }
            // The recorded driver ended with commands still in its queue.
            Some(Said::Response(_)) | None => {}
        }
        Ok(())
    }

    fn finish(self: Box<Self>) {}

    fn recv(&mut self, patience: Duration) -> Received {
        // More is told only to a driver that waits: what was recorded next may be due to a
        // write that the script has not done yet. And the proxy saw the two
        // directions independently, so an answer may stand behind the commands
        // that followed it.
        if self.ready.is_empty() && patience > Duration::ZERO {
            let sent = |uuid: &Uuid| self.uuids.iter().any(|(theirs, _)| theirs == uuid);
            let mut only_peeks = true;
            let next = self
                .said
                .iter()
                .take(LOOKAHEAD)
                .position(|said| match said {
                    Said::Response(ComputeResponse::PeekResponse(uuid, ..)) => sent(uuid),
                    // A peek moves no frontier: a report behind one is not due to it.
                    Said::Response(_) => only_peeks,
                    Said::Command(command) => {
                        only_peeks &= matches!(command, ComputeCommand::Peek(_));
                        false
                    }
                });
            if let Some(at) = next
                && let Some(Said::Response(response)) = self.said.remove(at)
            {
                self.ready.push_back(response);
            }
        }
        match self.ready.pop_front() {
            Some(ComputeResponse::PeekResponse(uuid, answer, context)) => {
                let ours = self.uuids.iter().find(|(theirs, _)| *theirs == uuid);
                let uuid = ours.map_or(uuid, |(_, ours)| *ours);
                Received::Response(ComputeResponse::PeekResponse(uuid, answer, context))
            }
            Some(response) => Received::Response(response),
            None => Received::Idle,
        }
    }
}

/// Plays one recording; what did not go as recorded.
fn play(name: &str, frames: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let script = std::fs::read_to_string(root.join(format!("scripts/{name}.spec"))).unwrap();
    let sessions = sessions(&root.join(format!("golden/recordings/{name}/{frames}")));
    let location = sessions.iter().flatten().find_map(|said| match said {
        Said::Command(ComputeCommand::CreateInstance(config)) => {
            Some(config.common.peek_stash_persist_location.clone())
        }
        _ => None,
    });
    let location = location.unwrap_or(PersistLocation {
        blob_uri: String::new(),
        consensus_uri: String::new(),
    });
    let noted = Arc::new(Mutex::new(Noted::default()));
    let target = Playback {
        sessions: sessions.into(),
        noted: Arc::clone(&noted),
        canonical: Arc::default(),
    };
    let client = PersistClient::open("mem:", "mem:").unwrap();
    let driver = Driver::new(PersistHost::new(client, location), Box::new(target));
    let mut runner = Runner::new(driver, RunnerConfig::default(), |_| {});
    runner.connect().unwrap();
    let Ok(Source::Text(mut script)) = Source::parse(&script) else {
        panic!("{name} is a text script");
    };
    let mut out = Vec::new();
    let played = play_text(&mut script, &mut runner, false, &mut out).unwrap();
    let mut problems = std::mem::take(&mut noted.lock().unwrap().differences);
    if played.failed > 0 {
        let out = String::from_utf8(out).unwrap();
        let lines = out.lines().filter(|line| !line.starts_with("ok: "));
        problems.extend(lines.map(str::to_string));
    }
    assert!(
        played.commands > 3 && noted.lock().unwrap().sent > 3,
        "{name}"
    );
    problems
}

#[test]
fn recorded_sessions_are_what_our_driver_says_and_hears() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings");
    let mut names: Vec<String> = std::fs::read_dir(recordings)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 25);
    let mut failed = Vec::new();
    for name in &names {
        for frames in ["frames.jsonl", "frames-4-workers.jsonl"] {
            let problems = play(name, frames);
            if !problems.is_empty() {
                failed.push(format!("{name} ({frames}):\n  {}", problems.join("\n  ")));
            }
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

//! The wire of 26.39 against recorded frames of a real driver and a real clusterd,
//! and against what the driver of 26.30 sent for the same scripts. What this file
//! alone can catch: a field, a number or a translation that reading and writing
//! get wrong alike.
//!
//! `tests/golden` holds the recordings with one worker; those with four are read
//! where the shared golden data lies beside the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use protocol::neutral::Obstacle;
use protocol::v26_30::{self, ConfigUpdates, ConfigVal};
use protocol::{v26_39, wire};
use serde_json::Value;
use uuid::Uuid;

/// A payload after the transport's greetings.
struct Frame {
    at: String,
    from_client: bool,
    payload: Vec<u8>,
}

/// The folders with golden data: the project's, and the shared one if there is one.
fn golden() -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = [
        project.join("tests/golden"),
        project.join("../shared/golden"),
    ];
    let mut found = folders.into_iter().filter(|folder| folder.is_dir());
    let own = found.next().expect("tests/golden is part of the project");
    [own].into_iter().chain(found).collect()
}

/// Every recorded session of 26.39: golden folder, script, file of frames.
fn sessions() -> Vec<(PathBuf, String, &'static str)> {
    let mut sessions = Vec::new();
    for folder in golden() {
        let mut scripts: Vec<String> = std::fs::read_dir(folder.join("recordings-26.39"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        scripts.sort();
        for script in scripts {
            for file in ["frames.jsonl", "frames-4-workers.jsonl"] {
                let path = folder.join("recordings-26.39").join(&script).join(file);
                if path.exists() {
                    sessions.push((folder.clone(), script.clone(), file));
                }
            }
        }
    }
    assert!(sessions.len() >= 25, "only {} sessions", sessions.len());
    sessions
}

/// The frames of a session, whose greetings must announce `version`.
fn frames(path: &Path, version: &str) -> Vec<Frame> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut greeted = BTreeSet::new();
    let mut frames = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["kind"] != "frame" {
            continue;
        }
        let direction = line["dir"].as_str().unwrap();
        let at = format!(
            "{} {} {direction} {}",
            path.display(),
            line["conn"],
            line["i"]
        );
        let payload = hex::decode(line["hex"].as_str().unwrap()).unwrap();
        if greeted.insert((line["conn"].to_string(), direction.to_string())) {
            let (said, _): (String, Option<String>) = wire::decode(&payload).unwrap();
            assert_eq!(said, version, "{at}");
            continue;
        }
        frames.push(Frame {
            at,
            from_client: direction == "c2r",
            payload,
        });
    }
    frames
}

/// What the driver of 26.39 sent in a session.
fn commands((folder, script, file): &(PathBuf, String, &str)) -> Vec<v26_39::ComputeCommand> {
    let path = folder.join("recordings-26.39").join(script).join(file);
    frames(&path, v26_39::VERSION)
        .iter()
        .filter(|frame| frame.from_client)
        .map(|frame| v26_39::decode_command(&frame.payload).unwrap())
        .collect()
}

/// Checks that a payload is one value exactly; gives the value's bytes.
fn encoded_again(frame: &Frame, payload: &[u8]) -> Result<Vec<u8>, wire::DecodeError> {
    if frame.from_client {
        let command = v26_39::decode_command(payload)?;
        Ok(v26_39::encode_command(&command).unwrap())
    } else {
        let response = v26_39::decode_response(payload)?;
        Ok(v26_39::encode_response(&response))
    }
}

#[test]
fn every_recorded_frame_decodes_and_encodes_to_its_bytes() {
    let mut checked = 0;
    for (folder, script, file) in sessions() {
        let path = folder.join("recordings-26.39").join(script).join(file);
        for frame in frames(&path, v26_39::VERSION) {
            let (at, payload) = (&frame.at, &frame.payload);
            let again = encoded_again(&frame, payload).unwrap_or_else(|e| panic!("{at}: {e}"));
            assert_eq!(hex::encode(again), hex::encode(payload), "{at}");
            let shorter = encoded_again(&frame, &payload[..payload.len() - 1]);
            assert!(shorter.is_err(), "{at}: a byte too few is accepted");
            let longer = encoded_again(&frame, &[&payload[..], &[0]].concat());
            assert!(longer.is_err(), "{at}: a byte too many is accepted");
            checked += 1;
        }
    }
    assert!(checked > 600, "only {checked} frames");
}

/// A command as text in which every uuid is replaced by the order of its first
/// appearance in the session, and the schema and folder of the recording by one
/// name: that is all by which two runs of one script differ.
fn anonymous(command: &v26_39::ComputeCommand, seen: &mut BTreeMap<Uuid, usize>) -> String {
    let text = format!("{command:#?}").replace("golden39", "golden");
    let is_uuids = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut anonymous = String::new();
    for piece in text.split_inclusive(|c| !is_uuids(c)) {
        let digits = piece.trim_end_matches(|c| !is_uuids(c));
        match digits.parse::<Uuid>() {
            Ok(uuid) if digits.len() == 36 => {
                let next = seen.len();
                let number = seen.entry(uuid).or_insert(next);
                anonymous.push_str(&format!("uuid {number}{}", &piece[digits.len()..]));
            }
            _ => anonymous.push_str(piece),
        }
    }
    anonymous
}

/// Sessions of which one driver ended a command earlier than the other, since the
/// drivers end at once when the script does, whether all was sent or not.
const CUT_SHORT: [(&str, &str); 2] = [
    ("side_effects", "frames-4-workers.jsonl"),
    ("error_behavior", "frames-4-workers.jsonl"),
];

/// The initial configuration with which the driver of 26.39 creates instances
/// (`spec/v26_39.md` §8.4).
fn initial_config() -> ConfigUpdates {
    let stash = "enable_compute_peek_response_stash".to_string();
    ConfigUpdates {
        updates: BTreeMap::from([(stash, ConfigVal::Bool(false))]),
    }
}

#[test]
fn what_26_30_sent_translates_to_what_26_39_sent_but_for_the_initial_configuration() {
    let mut compared = 0;
    for session in sessions() {
        let (folder, script, file) = &session;
        let sent = commands(&session);
        let old = frames(
            &folder.join("recordings").join(script).join(file),
            v26_30::VERSION,
        );
        let old: Vec<_> = old.iter().filter(|frame| frame.from_client).collect();
        let cut_short = CUT_SHORT.contains(&(script, file));
        assert_eq!(old.len() == sent.len(), !cut_short, "{script} {file}");
        let (mut old_uuids, mut new_uuids) = (BTreeMap::new(), BTreeMap::new());
        for (frame, sent) in old.iter().zip(sent) {
            let neutral = v26_30::to_neutral(wire::decode(&frame.payload).unwrap());
            let mut translated = v26_39::from_neutral(neutral).unwrap();
            if let v26_39::ComputeCommand::CreateInstance(config) = &mut translated {
                assert_eq!(config.initial_config, ConfigUpdates::default());
                config.initial_config = initial_config();
            }
            assert_eq!(
                anonymous(&translated, &mut old_uuids),
                anonymous(&sent, &mut new_uuids),
                "{}",
                frame.at
            );
            compared += 1;
        }
    }
    assert!(compared > 350, "only {compared} commands");
}

#[test]
fn what_26_39_sent_translates_to_neutral_and_back() {
    for session in sessions() {
        for command in commands(&session) {
            let neutral = v26_39::to_neutral(command.clone());
            if let v26_39::ComputeCommand::CreateInstance(_) = &command {
                let refused = v26_30::from_neutral(neutral.clone());
                assert_eq!(refused.unwrap_err().obstacle, Obstacle::InitialConfig);
            }
            assert_eq!(v26_39::from_neutral(neutral).unwrap(), command);
        }
    }
}

#[test]
fn mutated_frames_give_errors_or_values_that_encode_and_never_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let folder = &golden()[0];
    let mut pool = Vec::new();
    for script in ["reduce", "join", "topk", "map_filter_flatmap", "recursion"] {
        let path = folder.join("recordings-26.39").join(script);
        pool.extend(frames(&path.join("frames.jsonl"), v26_39::VERSION));
    }
    let (mut refused, mut accepted) = (0, 0);
    for _ in 0..10_000 {
        let frame = &pool[next() as usize % pool.len()];
        let mut payload = frame.payload.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() as usize % payload.len();
            payload[at] = next() as u8;
        }
        match encoded_again(frame, &payload) {
            Ok(again) => {
                // Compared as bytes: a NaN is not equal to itself.
                assert_eq!(encoded_again(frame, &again).unwrap(), again);
                accepted += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        refused > 1_000 && accepted > 1_000,
        "{refused} refused, {accepted} accepted"
    );
}

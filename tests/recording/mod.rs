//! Recorded sessions of a real driver with a real clusterd, as messages; and
//! texts of messages in which what is random per run is numbered.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;

use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::ComputeCommand;
use clusterd_fuzz::protocol::v26_30::ComputeResponse;
use clusterd_fuzz::protocol::wire;

/// One message of a session.
#[derive(Debug, Clone)]
pub enum Said {
    Command(ComputeCommand),
    Response(ComputeResponse),
}

/// The sessions of a recording, in the order of their connections.
pub fn sessions(frames: &Path) -> Vec<Vec<Said>> {
    let text = std::fs::read_to_string(frames)
        .unwrap_or_else(|e| panic!("reading {}: {e}", frames.display()));
    let mut sessions: BTreeMap<u64, Vec<Said>> = BTreeMap::new();
    for line in text.lines() {
        let frame: serde_json::Value = serde_json::from_str(line).unwrap();
        // Position 0 is the magic, 1 the greeting of the transport.
        if frame["kind"] != "frame" || frame["i"].as_u64() < Some(2) {
            continue;
        }
        let payload = hex::decode(frame["hex"].as_str().unwrap()).unwrap();
        let said = match frame["dir"].as_str() {
            Some("c2r") => Said::Command(Release::V26_30.decode_command(&payload).unwrap()),
            _ => Said::Response(wire::decode(&payload).unwrap()),
        };
        let session = frame["conn"].as_u64().unwrap();
        sessions.entry(session).or_default().push(said);
    }
    sessions.into_values().collect()
}

/// Numbers uuids in the order in which they occur.
#[derive(Debug, Default)]
pub struct Canonical {
    known: BTreeMap<String, usize>,
}

impl Canonical {
    /// The message as text, with numbers for uuids.
    pub fn text(&mut self, message: &impl std::fmt::Debug) -> String {
        const LENGTH: usize = 36;
        let text = format!("{message:?}");
        let mut shown = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let candidate = rest.get(..LENGTH);
            match candidate.filter(|c| c.is_ascii() && uuid::Uuid::try_parse(c).is_ok()) {
                Some(uuid) => {
                    let next = self.known.len();
                    let number = *self.known.entry(uuid.to_string()).or_insert(next);
                    shown.push_str(&format!("<{number}>"));
                    rest = &rest[LENGTH..];
                }
                None => {
                    let mut chars = rest.chars();
                    shown.extend(chars.next());
                    rest = chars.as_str();
                }
            }
        }
        shown
    }
}

/// Where two texts begin to differ, with some of what surrounds it.
pub fn first_difference(recorded: &str, ours: &str) -> String {
    let same = recorded
        .char_indices()
        .zip(ours.chars())
        .find(|((_, a), b)| a != b)
        .map_or(recorded.len().min(ours.len()), |((at, _), _)| at);
    let around = |text: &str| {
        let start = (0..=same.saturating_sub(80))
            .rev()
            .find(|i| text.is_char_boundary(*i));
        let tail: String = text[start.unwrap_or(0)..].chars().take(240).collect();
        tail
    };
    format!(
        "recorded …{}\n       ours …{}",
        around(recorded),
        around(ours)
    )
}

//! Frontiers of one collection: the meet over the parts. Source:
//! `spec/replica.md` §2.4.
//!
//! Invariant: a kind comes out only if the meet has strictly advanced, so the
//! initial `[0]` never does.

use crate::v26_30::FrontiersResponse;
use repr::Antichain;

#[derive(Debug)]
pub(super) struct Frontiers {
    write: MergedFrontier,
    input: MergedFrontier,
    output: MergedFrontier,
}

/// What the parts said of one kind, and their meet.
#[derive(Debug)]
struct MergedFrontier {
    parts: Vec<Antichain>,
    merged: Antichain,
}

impl MergedFrontier {
    fn new(parts: usize) -> Self {
        MergedFrontier {
            parts: vec![Antichain::minimum(); parts],
            merged: Antichain::minimum(),
        }
    }

    fn absorb(&mut self, part: usize, frontier: Option<&Antichain>) -> Option<Antichain> {
        let mine = &mut self.parts[part];
        *mine = mine.join(frontier?);
        let merged = self.parts.iter().min()?.clone();
        if merged <= self.merged {
            return None;
        }
        self.merged.clone_from(&merged);
        Some(merged)
    }
}

impl Frontiers {
    pub(super) fn new(parts: usize) -> Self {
        Frontiers {
            write: MergedFrontier::new(parts),
            input: MergedFrontier::new(parts),
            output: MergedFrontier::new(parts),
        }
    }

    pub(super) fn absorb(
        &mut self,
        part: usize,
        frontiers: &FrontiersResponse,
    ) -> Option<FrontiersResponse> {
        let merged = FrontiersResponse {
            write_frontier: self.write.absorb(part, frontiers.write_frontier.as_ref()),
            input_frontier: self.input.absorb(part, frontiers.input_frontier.as_ref()),
            output_frontier: self.output.absorb(part, frontiers.output_frontier.as_ref()),
        };
        (merged != FrontiersResponse::default()).then_some(merged)
    }

    /// Whether nothing can come any more.
    pub(super) fn is_done(&self) -> bool {
        [&self.write, &self.input, &self.output]
            .iter()
            .all(|kind| kind.merged.is_empty())
    }
}

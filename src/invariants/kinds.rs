//! The three kinds of frontiers, and what has been reported of them. Source:
//! `spec/replica.md` §4.1.
//!
//! Invariant: a kind that was never reported is `None`, not `[0]`.

use crate::protocol::v26_30::{ComputeResponse, FrontiersResponse};
use crate::repr::{Antichain, GlobalId};
use crate::script::event::Event;
pub use crate::script::event::FrontierKind;

/// The frontiers that an event reports, and of which collection.
pub fn report(event: &Event) -> Option<(GlobalId, &FrontiersResponse)> {
    let Event::Response(response) = event else {
        return None;
    };
    match response.as_ref() {
        ComputeResponse::Frontiers(id, report) => Some((*id, report)),
        ComputeResponse::PeekResponse(..)
        | ComputeResponse::SubscribeResponse(..)
        | ComputeResponse::CopyToResponse(..)
        | ComputeResponse::Status(..) => None,
    }
}

/// The frontier of this kind in a report.
pub fn of(report: &FrontiersResponse, kind: FrontierKind) -> Option<&Antichain> {
    let FrontiersResponse {
        write_frontier,
        input_frontier,
        output_frontier,
    } = report;
    match kind {
        FrontierKind::Write => write_frontier.as_ref(),
        FrontierKind::Input => input_frontier.as_ref(),
        FrontierKind::Output => output_frontier.as_ref(),
    }
}

/// The kinds that a report carries.
pub fn reported(report: &FrontiersResponse) -> impl Iterator<Item = (FrontierKind, &Antichain)> {
    FrontierKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, of(report, kind)?)))
}

/// The last report of each kind.
#[derive(Debug, Clone, Default)]
pub struct Last {
    write: Option<Antichain>,
    input: Option<Antichain>,
    output: Option<Antichain>,
}

impl Last {
    pub fn get(&self, kind: FrontierKind) -> Option<&Antichain> {
        match kind {
            FrontierKind::Write => self.write.as_ref(),
            FrontierKind::Input => self.input.as_ref(),
            FrontierKind::Output => self.output.as_ref(),
        }
    }

    pub fn set(&mut self, kind: FrontierKind, frontier: &Antichain) {
        let slot = match kind {
            FrontierKind::Write => &mut self.write,
            FrontierKind::Input => &mut self.input,
            FrontierKind::Output => &mut self.output,
        };
        *slot = Some(frontier.clone());
    }

    /// Takes over what a report says.
    pub fn absorb(&mut self, report: &FrontiersResponse) {
        for (kind, frontier) in reported(report) {
            self.set(kind, frontier);
        }
    }

    /// Whether every kind was reported as `[]`.
    pub fn is_done(&self) -> bool {
        FrontierKind::ALL
            .iter()
            .all(|kind| self.get(*kind).is_some_and(Antichain::is_empty))
    }
}

//! Scheduling, holds, and the stream of a connection.

use std::borrow::Cow;

use super::{Mutant, Mutants};
use crate::compute::StartToken;
use crate::halt::End;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::{ComputeResponse, FrontiersResponse, SubscribeResponse};
use repr::{Antichain, GlobalId};

#[derive(Debug, Clone, Copy)]
pub struct LifecycleSeams(pub(super) Mutants);

impl LifecycleSeams {
    /// Whether the last export of a dataflow takes it with it, with what it waited for
    /// if it was not scheduled: it does.
    pub fn lets_go(self, start: Option<StartToken>) -> bool {
        if start.is_some() && self.0.is(Mutant::UnscheduledKeepsShard) {
            std::mem::forget(start);
            return false;
        }
        true
    }

    /// What a new export holds until it is scheduled: the token of its dataflow.
    pub fn held_until_schedule(self, token: &StartToken) -> Option<StartToken> {
        (!self.0.is(Mutant::StartsUnscheduled)).then(|| token.clone())
    }

    /// A collection was scheduled again: that changes nothing.
    ///
    /// Errors: how the replica ends.
    pub fn scheduled_again(self, id: GlobalId) -> Result<(), End> {
        if self.0.is(Mutant::PanicOnSecondSchedule) {
            return Err(End::abort(format!("{id} is scheduled already")));
        }
        Ok(())
    }

    /// Whether an exported index holds the imports that it reads: if it was made
    /// here, and is not another name of an imported one.
    pub fn holds_imports(self, made_here: bool) -> bool {
        made_here || self.0.is(Mutant::AliasHoldsImport)
    }
}

/// The seams of what a worker is configured to.
#[derive(Debug)]
pub struct ConfigurationSeams {
    mutants: Mutants,
    waiting: Vec<ComputeCommand>,
}

impl ConfigurationSeams {
    pub(super) fn new(mutants: Mutants) -> Self {
        ConfigurationSeams {
            mutants,
            waiting: Vec::new(),
        }
    }

    /// What counts of the commands of an initialization: all of them.
    pub fn initialized(&mut self, commands: Vec<ComputeCommand>) -> Vec<ComputeCommand> {
        if !self.mutants.is(Mutant::HandshakeWaits) {
            return commands;
        }
        let configures =
            |command: &ComputeCommand| matches!(command, ComputeCommand::UpdateConfiguration(_));
        let (waiting, counts) = commands.into_iter().partition(configures);
        self.waiting = waiting;
        counts
    }

    /// What a later command brings about: itself.
    pub fn later(&mut self, command: ComputeCommand) -> Vec<ComputeCommand> {
        let mut commands = Vec::new();
        if configures(&command) {
            commands.append(&mut self.waiting);
        }
        commands.push(command);
        commands
    }
}

fn configures(command: &ComputeCommand) -> bool {
    matches!(command, ComputeCommand::UpdateConfiguration(_))
}

/// The seams of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSeams {
    mutants: Mutants,
    reconnected: bool,
}

impl ConnectionSeams {
    pub(super) fn new(mutants: Mutants, reconnected: bool) -> Self {
        ConnectionSeams {
            mutants,
            reconnected,
        }
    }

    /// What the merging of responses sees of a command: all of it.
    pub fn observed(self, command: &ComputeCommand) -> Cow<'_, ComputeCommand> {
        let mut seen = Cow::Borrowed(command);
        if self.mutants.is(Mutant::ResultSizeIgnored)
            && let ComputeCommand::UpdateConfiguration(parameters) = command
        {
            let mut parameters = parameters.clone();
            parameters.max_result_size = None;
            seen = Cow::Owned(ComputeCommand::UpdateConfiguration(parameters));
        }
        seen
    }

    /// The responses that go out, in order: each once.
    pub fn responses(self, mut responses: Vec<ComputeResponse>) -> Vec<ComputeResponse> {
        if self.mutants.is(Mutant::PeekAnsweredTwice) && self.reconnected {
            let peeks: Vec<_> = responses.iter().filter(|r| is_peek(r)).cloned().collect();
            responses.extend(peeks);
        }
        if self.mutants.is(Mutant::FrontiersRepeated) {
            let reports: Vec<_> = responses.iter().filter_map(unfinished).collect();
            let again = reports
                .into_iter()
                .map(|(id, report)| ComputeResponse::Frontiers(id, report));
            responses.extend(again);
        } else if self.mutants.is(Mutant::FrontiersEmpty) {
            let reports: Vec<_> = responses.iter().filter_map(unfinished).collect();
            let none = |id| ComputeResponse::Frontiers(id, FrontiersResponse::default());
            responses.extend(reports.into_iter().map(|(id, _)| none(id)));
        }
        if self.mutants.is(Mutant::SubscribeLowerStays) {
            for response in &mut responses {
                if let ComputeResponse::SubscribeResponse(_, SubscribeResponse::Batch(batch)) =
                    response
                {
                    batch.lower = Antichain::minimum();
                }
            }
        }
        responses
    }
}

/// A report of frontiers, none of which is empty.
fn unfinished(response: &ComputeResponse) -> Option<(GlobalId, FrontiersResponse)> {
    let ComputeResponse::Frontiers(id, report) = response else {
        return None;
    };
    let FrontiersResponse {
        write_frontier,
        input_frontier,
        output_frontier,
    } = report;
    let told = [write_frontier, input_frontier, output_frontier];
    let is_over = told.into_iter().flatten().any(Antichain::is_empty);
    (!is_over).then(|| (*id, report.clone()))
}

fn is_peek(response: &ComputeResponse) -> bool {
    match response {
        ComputeResponse::PeekResponse(..) => true,
        ComputeResponse::Frontiers(..)
        | ComputeResponse::SubscribeResponse(..)
        | ComputeResponse::CopyToResponse(..)
        | ComputeResponse::Status(_) => false,
    }
}

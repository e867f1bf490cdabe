//! Scheduling, holds, and the stream of a connection.

use super::{Mutant, Mutants};
use crate::compute::StartToken;
use crate::halt::End;
use protocol::v26_30::ComputeResponse;
use repr::GlobalId;

#[derive(Debug, Clone, Copy)]
pub struct LifecycleSeams(pub(super) Mutants);

impl LifecycleSeams {
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

/// The seams of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionSeams {
    repeats_peeks: bool,
}

impl ConnectionSeams {
    pub(super) fn new(mutants: Mutants, reconnected: bool) -> Self {
        ConnectionSeams {
            repeats_peeks: reconnected && mutants.is(Mutant::PeekAnsweredTwice),
        }
    }

    /// The responses that go out, in order: each once.
    pub fn responses(self, mut responses: Vec<ComputeResponse>) -> Vec<ComputeResponse> {
        if self.repeats_peeks {
            let peeks: Vec<_> = responses.iter().filter(|r| is_peek(r)).cloned().collect();
            responses.extend(peeks);
        }
        responses
    }
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

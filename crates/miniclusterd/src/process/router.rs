//! Between the workers of a process and its current connection. Source:
//! `spec/replica.md` §2.1, §2.3, §2.4.
//!
//! Invariants: a response goes out only on the connection with its nonce; a
//! worker may hear of a nonce before its process does, then its responses
//! wait; commands of a displaced connection do not come after those of the one
//! that displaced it, and a connection never displaces one that was made later,
//! however late its thread comes to say so.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::Sender;

use parking_lot::{Mutex, MutexGuard};
use timely::scheduling::SyncActivator;
use uuid::Uuid;

use crate::compute::{Outgoing, command_name};
use crate::halt::End;
use crate::mutants::Seams;
use crate::outlet::Outlet;
use protocol::ctp::Sending;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;

/// Puts commands into the command channel of the replica.
pub struct Inlet {
    pub commands: Sender<(Uuid, ComputeCommand)>,
    pub activator: SyncActivator,
}

struct Current {
    nonce: Uuid,
    /// The number of the connection, in the order in which they were made.
    connection: u64,
    outlet: Outlet,
    sending: Sending<ComputeResponse>,
}

struct State {
    current: Option<Current>,
    /// Responses under nonces that this process has not heard of.
    stash: HashMap<Uuid, Vec<(usize, Outgoing)>>,
    /// Nonces of connections that others displaced.
    displaced: HashSet<Uuid>,
    /// In the process that sequences commands.
    inlet: Option<Inlet>,
}

/// The meeting place of workers and connections.
pub struct Router {
    workers: usize,
    process: usize,
    seams: Seams,
    state: Mutex<State>,
}

impl Router {
    pub fn new(workers: usize, process: usize, seams: Seams) -> Self {
        Router {
            workers,
            process,
            seams,
            state: Mutex::new(State {
                current: None,
                stash: HashMap::new(),
                displaced: HashSet::new(),
                inlet: None,
            }),
        }
    }

    /// How many workers this process has.
    pub fn workers(&self) -> usize {
        self.workers
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Takes the way into the command channel.
    pub fn set_inlet(&self, inlet: Inlet) {
        self.lock().inlet = Some(inlet);
    }

    /// A connection said `Hello`; connections are numbered as they were made.
    pub fn hello(&self, connection: u64, nonce: Uuid, sending: Sending<ComputeResponse>) {
        let mut state = self.lock();
        let mut reconnected = false;
        if state
            .current
            .as_ref()
            .is_some_and(|current| current.connection > connection)
        {
            state.displace(nonce);
            return;
        }
        if let Some(before) = state.current.take() {
            state.displace(before.nonce);
            reconnected = true;
        }
        let seams = self.seams.connection(reconnected);
        let outlet = Outlet::new(self.workers, seams);
        state.current = Some(Current {
            nonce,
            connection,
            outlet,
            sending,
        });
        for (worker, response) in state.stash.remove(&nonce).unwrap_or_default() {
            give(&mut state, worker, response);
        }
    }

    /// A connection with this nonce sent a command.
    ///
    /// Errors: how the process ends.
    pub fn command(&self, nonce: Uuid, command: ComputeCommand) -> Result<(), End> {
        let mut state = self.lock();
        let Some(current) = &mut state.current else {
            return Ok(());
        };
        if current.nonce != nonce {
            // Displaced: the commands in its queue are lost.
            return Ok(());
        }
        current.outlet.observe(&command);
        match &state.inlet {
            Some(inlet) => {
                // The workers are gone only when the process is ending.
                let _ = inlet.commands.send((nonce, command));
                let _ = inlet.activator.activate();
                Ok(())
            }
            None => match command {
                // Process 0 got it as well.
                ComputeCommand::UpdateConfiguration(_) => Ok(()),
                other => Err(End::abort(format!(
                    "{} was sent to process {}: expected it at process 0 alone",
                    command_name(&other),
                    self.process
                ))),
            },
        }
    }

    /// A worker of this process has responses.
    pub fn responses(&self, worker: usize, responses: Vec<(Uuid, Outgoing)>) {
        let mut state = self.lock();
        for (nonce, response) in responses {
            match &state.current {
                Some(current) if current.nonce == nonce => give(&mut state, worker, response),
                Some(_) | None if state.displaced.contains(&nonce) => {}
                Some(_) | None => {
                    let stash = state.stash.entry(nonce).or_default();
                    stash.push((worker, response));
                }
            }
        }
    }
}

impl State {
    /// What is said under this nonce from now on, or waits, is lost.
    fn displace(&mut self, nonce: Uuid) {
        self.stash.remove(&nonce);
        self.displaced.insert(nonce);
    }
}

fn give(state: &mut State, worker: usize, response: Outgoing) {
    if let Some(current) = &mut state.current {
        for response in current.outlet.absorb(worker, response) {
            // What a connection that is over was to hear is lost.
            let _ = current.sending.send(&response);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v26_30::PeekResponse;

    #[test]
    fn a_connection_whose_hello_comes_late_displaces_no_later_one() {
        // A process that takes no commands complains about those that it hears.
        let router = Router::new(1, 1, Seams::healthy());
        let [old, new] = [1, 2].map(Uuid::from_u128);
        router.hello(2, new, Sending::closed());
        router.hello(1, old, Sending::closed());
        let command = || ComputeCommand::InitializationComplete;
        assert!(router.command(old, command()).is_ok(), "it is displaced");
        assert!(router.command(new, command()).is_err(), "it is heard");
        router.hello(3, old, Sending::closed());
        assert!(router.command(old, command()).is_err());
    }

    #[test]
    fn what_a_fast_worker_says_under_a_nonce_to_come_waits_for_it_beside_slow_workers() {
        let router = Router::new(2, 1, Seams::healthy());
        let [old, new] = [1, 2].map(Uuid::from_u128);
        let says = |worker, nonce| {
            let response = ComputeResponse::PeekResponse(
                Uuid::nil(),
                PeekResponse::Canceled,
                Default::default(),
            );
            router.responses(worker, vec![(nonce, Outgoing::Direct(response))]);
        };
        router.hello(1, old, Sending::closed());
        says(0, new);
        says(1, old);
        assert!(router.lock().stash.contains_key(&new), "it waits");
        router.hello(2, new, Sending::closed());
        says(1, old);
        assert!(router.lock().stash.is_empty(), "what is displaced is lost");
    }
}

//! The command channel: a dataflow that gives every worker of the replica the
//! same commands in the same order. Source: `spec/replica.md` §2.1.
//!
//! Invariant: worker 0 is the only one that puts commands in, and a channel
//! between two workers keeps its order.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::operators::vec::Broadcast;
use timely::scheduling::SyncActivator;
use timely::worker::Worker;
use uuid::Uuid;

use super::router::Inlet;
use protocol::neutral::ComputeCommand;

/// The commands that arrived at one worker.
pub type Arrived = Rc<RefCell<VecDeque<(Uuid, ComputeCommand)>>>;

/// Renders the channel on one worker. Gives its end, and on worker 0 the way
/// in.
pub fn render(worker: &mut Worker) -> (Arrived, Option<Inlet>) {
    let arrived = Arrived::default();
    let queue = Rc::clone(&arrived);
    let mut inlet = None;
    let first = worker.index() == 0;
    let slot = &mut inlet;
    worker.dataflow_named::<u64, _, _>("command channel", move |scope| {
        let (commands, incoming): (Sender<(Uuid, ComputeCommand)>, Receiver<_>) = channel();
        source::<_, CapacityContainerBuilder<Vec<(Uuid, ComputeCommand)>>, _, _>(
            scope,
            "commands",
            move |capability, info| {
                let mut capability = first.then_some(capability);
                if first {
                    let activator: SyncActivator =
                        scope.worker().sync_activator_for(info.address.to_vec());
                    *slot = Some(Inlet {
                        commands,
                        activator,
                    });
                }
                let mut time = 0;
                move |output| {
                    let Some(held) = &mut capability else { return };
                    while let Ok(command) = incoming.try_recv() {
                        output.session(&*held).give(command);
                        time += 1;
                        held.downgrade(&time);
                    }
                }
            },
        )
        .broadcast()
        .sink(Pipeline, "arrived", move |(input, _)| {
            input.for_each(|_, data| queue.borrow_mut().extend(data.drain(..)));
        });
    });
    (arrived, inlet)
}

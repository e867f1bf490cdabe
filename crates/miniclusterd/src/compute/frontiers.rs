//! Reporting frontiers. Source: `spec/replica.md` §4.
//!
//! Invariant: write is read before input, so that one worker never says that it
//! wrote more than it read.

use super::collection::CollectionKind;
use super::instance::{Instance, Outgoing};
use super::traces::{frontier, upper};
use protocol::v26_30::ComputeResponse;

impl Instance {
    /// Reports the frontiers that advanced, in ascending order of ids.
    pub fn report_frontiers(&mut self) {
        let seams = self.env.seams.frontier(self.worker);
        for (id, collection) in &mut self.collections {
            let (write, output) = match &collection.kind {
                CollectionKind::Subscribe(_) => continue,
                CollectionKind::View(view) => {
                    let write = view.write_frontier();
                    let probe = view.probe.with_frontier(|f| frontier(&f));
                    let output = if view.writable() {
                        write.meet(&probe)
                    } else {
                        probe
                    };
                    (seams.of_view(write, collection.as_of), output)
                }
                CollectionKind::Index => {
                    let Some(trace) = self.traces.get_mut(id) else {
                        continue;
                    };
                    seams.of_index(upper(&mut trace.oks), collection.as_of)
                }
            };
            let input = collection.input_frontier();
            let before = seams.before_report(*id, collection, &write);
            self.out.extend(before);
            let Some(response) = collection.reported.advance(&write, &input, &output) else {
                continue;
            };
            self.out
                .push(Outgoing::Merged(ComputeResponse::Frontiers(*id, response)));
        }
    }

    /// A new client connected, whose initialization is not complete yet.
    pub fn begin_initialization(&mut self) {
        let seams = self.env.seams.frontier(self.worker);
        self.out
            .extend(seams.before_initialization(&self.collections));
    }
}

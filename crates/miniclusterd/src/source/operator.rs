//! A shard as a stream of a dataflow. Source: `spec/replica.md` §3.2.
//!
//! Invariant: the frontier stays at `[0]` until the source is strictly beyond
//! its as-of, so that no frontier rests there.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use differential_dataflow::Hashable;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, Stream};
use timely::scheduling::Activator;

use super::{Event, Feed, Inline};
use crate::errors::DataflowError;
use crate::halt::{End, Fate};
use repr::{Diff, GlobalId, Row, Timestamp};

/// Rows and errors of a shard.
pub type SourceStream<'s> = Stream<'s, Timestamp, Vec<SourceUpdate>>;
type SourceUpdate = (Result<Row, DataflowError>, Timestamp, Diff);

/// Renders a source on one worker. `feed` is called on the worker that reads
/// the shard; with several workers the rows are spread over all. The source ends
/// when nothing holds it any more.
///
/// Gives the feed as well, if it is polled.
pub fn persist_source<'s>(
    scope: Scope<'s, Timestamp>,
    id: GlobalId,
    as_of: Timestamp,
    fate: Fate,
    held: Weak<()>,
    feed: Option<impl FnOnce(Activator, std::rc::Rc<[usize]>) -> Feed>,
) -> (SourceStream<'s>, Option<Rc<RefCell<Inline>>>) {
    let mut inline = None;
    let slot = &mut inline;
    let stream = source(scope, &format!("source {id}"), move |capability, info| {
        let activator = scope.activator_for(Rc::clone(&info.address));
        let mut feed = feed.map(|feed| feed(activator, Rc::clone(&info.address)));
        if let Some(Feed::Inline(polled)) = &feed {
            *slot = Some(Rc::clone(polled));
        }
        let mut capability = feed.is_some().then_some(capability);
        move |output| {
            let (Some(may_send), Some(events)) = (&mut capability, &mut feed) else {
                return;
            };
            let mut over = held.strong_count() == 0;
            while let Some(event) = events.next() {
                match event {
                    Ok(Event::Updates(updates)) => {
                        let mut updates: Vec<SourceUpdate> = updates
                            .into_iter()
                            .map(|(datum, time, diff)| {
                                let datum =
                                    datum.map_err(|bytes| DataflowError::from_bytes(bytes.0));
                                (datum, time, diff)
                            })
                            .collect();
                        output.session(&*may_send).give_container(&mut updates);
                    }
                    Ok(Event::Violation(why)) => fate.post(End::abort(why)),
                    Ok(Event::Frontier(frontier)) => match frontier.as_option() {
                        Some(time) if time > as_of => may_send.downgrade(&time),
                        Some(_) => {}
                        None => over = true,
                    },
                    Err(why) => fate.post(failed(id, &why)),
                }
            }
            if over {
                capability = None;
                feed = None;
            }
        }
    });
    let stream = if scope.peers() > 1 {
        let spread = Exchange::new(|(row, _, _): &SourceUpdate| row.hashed());
        stream.unary::<CapacityContainerBuilder<Vec<SourceUpdate>>, _, _, _>(
            spread,
            "spread",
            |_, _| {
                |input, output| {
                    input.for_each(|capability, data| {
                        output.session(&capability).give_container(data);
                    });
                }
            },
        )
    } else {
        stream
    };
    (stream, inline)
}

/// The end of a replica whose source cannot go on.
fn failed(id: GlobalId, why: &str) -> End {
    End::halt(format!("unhandled error in compute_import: {id}: {why}"))
}

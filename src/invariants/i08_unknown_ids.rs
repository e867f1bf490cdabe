//! I-08: no response names an id or a peek that this session did not introduce,
//! and every collection speaks in its own kind of response. Source:
//! `spec/replica.md` §10 I-11, I-36.

use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::{Collection, Model};
use crate::protocol::v26_30::ComputeResponse;
use crate::script::event::Event;

pub struct UnknownIds;

impl Invariant for UnknownIds {
    described!("I-08", "no response is about something unknown");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::Response(response) = event else {
            return;
        };
        let unknown = |kind: &'static str, place: Place, observed: &str| Breach {
            kind,
            place,
            expected: "only what was created in this session speaks".to_string(),
            observed: observed.to_string(),
        };
        match response.as_ref() {
            ComputeResponse::Frontiers(id, _) => {
                let known = model.collection(*id).is_some_and(|c| !c.is_subscribe());
                verdicts.check(known, || {
                    unknown("unknown-collection", Place::at(*id), "frontiers")
                });
            }
            ComputeResponse::PeekResponse(uuid, ..) => {
                let known = model.session().peeks.contains_key(uuid);
                verdicts.check(known, || {
                    let place = Place {
                        uuid: Some(*uuid),
                        ..Place::nowhere()
                    };
                    unknown("unknown-peek", place, "an answer")
                });
            }
            ComputeResponse::SubscribeResponse(id, _) => {
                let known = model.collection(*id).is_some_and(Collection::is_subscribe);
                verdicts.check(known, || {
                    unknown("unknown-subscribe", Place::at(*id), "a subscribe response")
                });
            }
            ComputeResponse::CopyToResponse(id, _) => {
                verdicts.violated(unknown(
                    "unknown-copy",
                    Place::at(*id),
                    "a copy-to response",
                ));
            }
            ComputeResponse::Status(_) => {}
        }
    }
}

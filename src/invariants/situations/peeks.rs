//! Situations of peeks.

use uuid::Uuid;

use super::{Situation, Situations};
use crate::model::{Collection, Expected, Model, size};
use crate::protocol::v26_30::PeekResponse;
use crate::script::event::PeekSpec;

impl Situations {
    pub(super) fn peek_sent(&mut self, spec: &PeekSpec, model: &Model) {
        let PeekSpec { id, ts, finish, .. } = spec;
        let open = model.session().peeks.values().filter(|peek| !peek.answered);
        self.see_if(open.count() >= 2, Situation::PeeksTogether);
        let again = !self.past.peeked.insert((*id, *ts));
        self.see_if(again, Situation::PeekTwice);
        let several = finish.literals.as_ref().is_some_and(|l| l.len() > 1);
        self.see_if(several, Situation::PeekOfLiterals);
        let computes = finish.computed.is_some() && finish.literals.is_some();
        self.see_if(computes, Situation::PeekComputes);
        let sorted = !finish.order_by.is_empty() && finish.limit.is_some() && finish.offset > 0;
        self.see_if(sorted, Situation::PeekSorted);
        if let Some(shard) = model.peeked_shard(*id) {
            self.see_if(
                *ts < model.shard_since(shard),
                Situation::PeekViewBelowSince,
            );
            return self.see(Situation::PeekOfView);
        }
        let Some(collection) = model.session().live(*id) else {
            return;
        };
        let is_ahead = !model.is_sealed(collection, *ts);
        self.see_if(is_ahead, Situation::PeekAhead);
        let computes_ahead = is_ahead && finish.computed.is_some();
        self.see_if(computes_ahead, Situation::PeekComputesAhead);
        self.see_if(self.is_hydrating(collection), Situation::PeekWhileHydrating);
        let read = model.session().importers(*id).any(Collection::is_subscribe);
        self.see_if(read, Situation::SubscribeUnderPeek);
        if let Some(compacted) = collection.compacted.as_ref().and_then(|c| c.as_option()) {
            self.see_if(compacted == *ts, Situation::PeekAtCompacted);
            self.see_if(*ts < compacted, Situation::PeekBelowSince);
        }
    }

    pub(super) fn peek_canceled(&mut self, uuid: Uuid, model: &Model) {
        let Some(peek) = model.session().peeks.get(&uuid) else {
            return;
        };
        if peek.answered {
            return self.see(Situation::CancelAnswered);
        }
        let Some(collection) = model.session().live(peek.spec.id) else {
            return;
        };
        self.see(match model.is_sealed(collection, peek.spec.ts) {
            true => Situation::CancelReady,
            false => Situation::CancelAhead,
        });
    }

    pub(super) fn peek_answered(&mut self, uuid: Uuid, answer: &PeekResponse, model: &Model) {
        let Some(peek) = model.session().peeks.get(&uuid) else {
            return;
        };
        let id = peek.spec.id;
        if let PeekResponse::Stashed(stashed) = answer {
            self.see(Situation::PeekStashed);
            let sent = stashed.inline_rows.split_last().map(|(_, sent)| sent);
            let mut sent = sent.into_iter().flatten();
            self.see_if(
                sent.any(|rows| rows != &Default::default()),
                Situation::PeekPartlyStashed,
            );
        }
        match answer {
            PeekResponse::Rows(_) | PeekResponse::Stashed(_) => {
                self.see_if(self.past.failed.contains(&id), Situation::PeekHeals);
                if self.is_new(Situation::PeekEmpty) {
                    let expected = model.answer_of(peek);
                    let is_empty = matches!(expected, Expected::Rows(rows) if rows.is_empty());
                    self.see_if(is_empty, Situation::PeekEmpty);
                }
            }
            PeekResponse::Error(text) if size::is_refusal(text) => {
                self.see(Situation::PeekTooLarge);
            }
            PeekResponse::Error(_) => match model.contents(id, peek.spec.ts) {
                Expected::Errors(errors) if errors.is_negative_row() => {
                    self.see(Situation::PeekFailsOfNegative);
                }
                Expected::Errors(_) => {
                    self.past.failed.insert(id);
                    self.see(Situation::PeekFails);
                }
                // An answer below the since, or one that may be either.
                Expected::Rows(_) | Expected::Either(..) | Expected::Undefined(_) => {}
            },
            PeekResponse::Canceled => {}
        }
    }
}

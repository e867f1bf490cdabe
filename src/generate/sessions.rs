//! Sessions: the handshake, and reconnects that create again what was there:
//! the same, something else, or less. Source: `spec/replica.md` §2.2, §2.5.
//!
//! Invariant: what imports an index is created again only if that index is;
//! ids keep their meaning unless the dataflow is changed on purpose.

use super::flows::{Flow, FlowExport, FlowSource, Form};
use super::plans;
use super::tally::Worth;
use super::world::World;
use crate::repr::{GlobalId, Timestamp};
use crate::script::{Command, Replica, Setting};

/// What a new session does with a dataflow of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Change,
    Omit,
}

impl World<'_> {
    /// `create-instance` and what may stand before `initialization-complete`.
    pub fn handshake(&mut self) {
        self.create_instance();
        if self.choices.chance("configure in the handshake", 1, 6) {
            self.configure();
        }
        self.views_in_blob = self.profile.small_parts && self.choices.chance("views in blob", 1, 6);
        if self.views_in_blob {
            let inline = "persist_inline_writes_single_max_bytes";
            self.set(inline, "usize", "0", Worth::Frame);
        }
        self.emit(Command::InitializationComplete, Worth::Frame);
    }

    /// One setting.
    pub fn set(&mut self, name: &str, ty: &str, value: &str, worth: Worth) -> bool {
        let setting = Setting {
            name: name.to_string(),
            ty: ty.to_string(),
            value: value.to_string(),
        };
        let settings = vec![setting];
        self.emit(Command::UpdateConfiguration { settings }, worth)
    }

    fn create_instance(&mut self) {
        let configured = self.profile.configures_instances
            && self.choices.chance("configured from the beginning", 1, 4);
        let settings = match configured {
            true => self.settings(),
            false => Vec::new(),
        };
        // Fixed by the first one of a process; later ones do not matter.
        let command = Command::CreateInstance {
            expiration_offset: None,
            arrangement_dictionary_compression: self.choices.chance("compression", 1, 8),
            settings,
        };
        self.emit(command, Worth::Frame);
    }

    pub fn reconnect(&mut self) -> bool {
        self.next_session(Command::Reconnect)
    }

    pub fn restart(&mut self) -> bool {
        self.next_session(Command::Restart)
    }

    /// Kills one of two replicas; often both are soon there again.
    pub fn kill(&mut self) -> bool {
        let index = self.choices.index("killed replica", Replica::ALL.len());
        let replica = Replica::ALL[index];
        let replaced = self.choices.chance("replaced", 1, 3);
        let killed = self.emit(Command::Kill { replica, replaced }, Worth::Shows);
        if killed && self.choices.chance("reconnect at once", 1, 3) {
            self.reconnect();
        }
        killed
    }

    fn fate(&mut self, flow: &Flow) -> Fate {
        let drawn = match self.choices.weighted("fate of a dataflow", &[6, 1, 2]) {
            Some(1) => Fate::Change,
            Some(2) => Fate::Omit,
            _ => Fate::Keep,
        };
        // Dropped exports do not come back, nor what they belong to.
        let model = self.model();
        match flow.exports.iter().any(|e| model.is_dropped(e.id)) {
            true => Fate::Omit,
            false => drawn,
        }
    }

    fn next_session(&mut self, command: Command) -> bool {
        let old = std::mem::take(&mut self.flows);
        let plan: Vec<(Flow, Fate, Timestamp)> = old
            .into_iter()
            .map(|flow| {
                let fate = self.fate(&flow);
                let since = flow.exports.iter().map(|e| self.since(e.id)).max();
                (flow, fate, since.unwrap_or(0))
            })
            .collect();
        let scheduled: Vec<GlobalId> = (self.model().session().live_collections())
            .filter(|c| c.scheduled.may())
            .map(|c| c.id)
            .collect();
        let writing: Vec<GlobalId> = (self.model().session().live_collections())
            .filter(|c| c.writes.may())
            .map(|c| c.id)
            .collect();
        let again = plan.iter().any(|(_, fate, _)| *fate != Fate::Omit);
        self.open_peeks.clear();
        if !self.emit(command, Worth::if_so(again, "nothing is created again")) {
            return false;
        }
        self.create_instance();
        let mut late: Vec<GlobalId> = Vec::new();
        for (flow, fate, since) in plan {
            if fate == Fate::Omit {
                continue;
            }
            let ids: Vec<GlobalId> = flow.exports.iter().map(|e| e.id).collect();
            let Some(flow) = self.again(flow, fate, since) else {
                continue;
            };
            if !self.create(flow) {
                continue;
            }
            for id in ids {
                // Whether an unfinished view goes on without is not specified.
                if writing.contains(&id) {
                    self.emit(Command::AllowWrites { id }, Worth::Shows);
                }
                match scheduled.contains(&id) {
                    true if !self.choices.chance("schedule after", 1, 6) => {
                        self.schedule_id(id);
                    }
                    true => late.push(id),
                    false => {}
                }
            }
        }
        self.emit(Command::InitializationComplete, Worth::Frame);
        for id in late {
            // What was kept keeps its schedule too.
            if !self.choices.chance("leave it to its old schedule", 1, 3) {
                self.schedule_id(id);
            }
        }
        true
    }

    /// A dataflow as the new session creates it; `None` if what it reads is
    /// not there.
    fn again(&mut self, mut flow: Flow, fate: Fate, since: Timestamp) -> Option<Flow> {
        let mut least = 0;
        for source in &flow.imports {
            least = least.max(match source {
                FlowSource::Shard(index) => self.model().shard_since(&self.shards[*index].alias),
                FlowSource::Index { index, .. } => match self.is_live(*index) {
                    true => self.since(*index),
                    false => return None,
                },
            });
        }
        let sinks = flow.exports.iter().any(|e| e.key().is_none());
        let views = flow.exports.iter().any(FlowExport::is_view);
        // At its since it can be kept; earlier, where the shard allows it, it
        // is built anew. A view that took over later would leave a hole.
        let as_of = flow.as_of;
        flow.as_of = match self.choices.weighted("as_of again", &[6, 2, 1]) {
            Some(1) => since + self.choices.draw("later as_of", 2),
            Some(2) => least,
            _ => since,
        };
        flow.as_of = flow.as_of.max(least);
        if views {
            if least > as_of {
                return None;
            }
            flow.as_of = as_of;
        }
        if flow.until.is_some_and(|until| flow.as_of >= until) {
            return None;
        }
        if fate == Fate::Change && !sinks {
            let last = flow.builds.last_mut();
            let last = last.filter(|_| self.choices.chance("other filter", 1, 2));
            let changed = last.and_then(|(_, plan)| {
                let other = plans::with_other_filter(self.choices, plan)?;
                *plan = other;
                Some(())
            });
            if changed.is_none() {
                for export in &mut flow.exports {
                    export.form = Form::Index {
                        key: plans::key(self.choices, export.typ.arity()),
                    };
                }
                let exports = &flow.exports;
                let twice = |n: usize| exports[..n].iter().any(|e| e.same_as(&exports[n]));
                if (1..exports.len()).any(twice) {
                    return None;
                }
            }
        }
        Some(flow)
    }
}

//! Dataflows with their imports resolved: what an object in a dataflow reads,
//! directly and through the arrangements of other dataflows. Source:
//! `spec/replica.md` §3.2, §3.3.
//!
//! Invariant: a resolved dataflow never changes; it keeps the dataflows that it
//! imports alive, as the replica keeps their arrangements for its importers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::eval::Length;
use plan::{Relation, print};
use protocol::v26_30::Id;
use repr::{GlobalId, Timestamp};
use script::event::{DataflowSpec, ExportSpec, ImportSpec};

/// A dataflow as it was created in some session.
#[derive(Debug)]
pub struct Dataflow {
    /// Distinguishes it from every other dataflow of the run.
    pub uid: u64,
    pub spec: Arc<DataflowSpec>,
    /// What it imports, by the id under which the import is readable.
    pub inputs: BTreeMap<GlobalId, Input>,
    /// The imports that each object reads, through other objects too.
    reads: BTreeMap<GlobalId, BTreeSet<GlobalId>>,
    /// How many rows its table functions make.
    pub length: Length,
}

/// Where an import's contents come from.
#[derive(Debug, Clone)]
pub enum Input {
    /// A shard, by alias.
    Source { shard: String },
    /// The collection `on` of the dataflow `of`, through `index`.
    Index {
        index: GlobalId,
        of: Arc<Dataflow>,
        on: GlobalId,
    },
}

impl Dataflow {
    /// Resolves a dataflow. `index` gives the dataflow behind an index.
    ///
    /// Errors: the id of an imported index that `index` does not know.
    pub fn resolve(
        uid: u64,
        spec: Arc<DataflowSpec>,
        index: impl Fn(GlobalId) -> Option<(Arc<Dataflow>, GlobalId)>,
    ) -> Result<Dataflow, GlobalId> {
        let mut inputs = BTreeMap::new();
        for import in &spec.imports {
            match import {
                ImportSpec::Source { id, shard, .. } => {
                    let shard = shard.clone();
                    inputs.insert(*id, Input::Source { shard });
                }
                ImportSpec::Index { index: id, on } => {
                    let (of, exported) = index(*id).ok_or(*id)?;
                    inputs.insert(
                        *on,
                        Input::Index {
                            index: *id,
                            of,
                            on: exported,
                        },
                    );
                }
            }
        }
        let mut reads: BTreeMap<GlobalId, BTreeSet<GlobalId>> =
            inputs.keys().map(|id| (*id, [*id].into())).collect();
        for (id, plan) in &spec.builds {
            let mut read = BTreeSet::new();
            for got in gets(plan) {
                read.extend(reads.get(&got).into_iter().flatten().copied());
            }
            reads.insert(*id, read);
        }
        let lengths = spec.builds.iter().map(|(_, plan)| Length::of(plan));
        let length = lengths.max().unwrap_or(Length::Short);
        Ok(Dataflow {
            length,
            uid,
            spec,
            inputs,
            reads,
        })
    }

    /// The imports that the object `id` reads, as (readable id, input).
    pub fn inputs_of(&self, id: GlobalId) -> impl Iterator<Item = (GlobalId, &Input)> {
        self.reads
            .get(&id)
            .into_iter()
            .flatten()
            .filter_map(|input| Some((*input, self.inputs.get(input)?)))
    }

    /// The imports that an export keeps alive as long as it lives: all that it
    /// reads; none for another name of an imported index (`spec/replica.md` §4.3).
    pub fn held_by(&self, export: &ExportSpec) -> impl Iterator<Item = (GlobalId, &Input)> {
        let alias = self.spec.aliases.contains(&export.id());
        let held = (!alias).then(|| self.inputs_of(export.on()));
        held.into_iter().flatten()
    }

    /// Whether the object `id` reads a shard without an arrangement between.
    pub fn reads_source_directly(&self, id: GlobalId) -> bool {
        self.inputs_of(id)
            .any(|(_, input)| matches!(input, Input::Source { .. }))
    }

    /// Whether the object `id` is a shard, or what filters, maps and projections
    /// make of one row by row.
    pub fn is_linear_over_source(&self, id: GlobalId) -> bool {
        fn linear(plan: &Relation) -> Option<GlobalId> {
            match plan {
                Relation::Get {
                    id: Id::Global(id), ..
                } => Some(*id),
                Relation::Project { input, .. }
                | Relation::Map { input, .. }
                | Relation::Filter { input, .. } => linear(input),
                Relation::Constant { .. }
                | Relation::Get {
                    id: Id::Local(_), ..
                }
                | Relation::Let { .. }
                | Relation::LetRec { .. }
                | Relation::FlatMap { .. }
                | Relation::Join { .. }
                | Relation::Reduce { .. }
                | Relation::TopK { .. }
                | Relation::Negate { .. }
                | Relation::Threshold { .. }
                | Relation::Union { .. }
                | Relation::ArrangeBy { .. } => None,
            }
        }
        match (self.plan(id), self.inputs.get(&id)) {
            (Some(plan), _) => linear(plan).is_some_and(|read| self.is_linear_over_source(read)),
            (None, Some(Input::Source { .. })) => true,
            (None, Some(Input::Index { .. }) | None) => false,
        }
    }

    /// The shards that it imports, by alias.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.inputs.values().filter_map(|input| match input {
            Input::Source { shard } => Some(shard.as_str()),
            Input::Index { .. } => None,
        })
    }

    /// Every shard below the object `id`, through arrangements too.
    pub fn shards_of(&self, id: GlobalId) -> BTreeSet<String> {
        let mut shards = BTreeSet::new();
        for (_, input) in self.inputs_of(id) {
            match input {
                Input::Source { shard } => {
                    shards.insert(shard.clone());
                }
                Input::Index { of, on, .. } => shards.extend(of.shards_of(*on)),
            }
        }
        shards
    }

    /// The indexes that it imports.
    pub fn imported_indexes(&self) -> impl Iterator<Item = GlobalId> + '_ {
        self.spec.imports.iter().filter_map(|import| match import {
            ImportSpec::Source { .. } => None,
            ImportSpec::Index { index, .. } => Some(*index),
        })
    }

    /// The plan of a built object.
    pub fn plan(&self, id: GlobalId) -> Option<&Relation> {
        self.spec
            .builds
            .iter()
            .find_map(|(built, plan)| (*built == id).then_some(plan))
    }

    /// Whether a recursion without a limit stands in it.
    pub fn may_be_endless(&self) -> bool {
        let mut endless = false;
        for (_, plan) in &self.spec.builds {
            plan.visit(&mut |operator| {
                if let Relation::LetRec { bindings, .. } = operator {
                    endless |= bindings.iter().any(|binding| binding.limit.is_none());
                }
            });
        }
        endless
    }

    /// The ids of its exports.
    pub fn export_ids(&self) -> BTreeSet<GlobalId> {
        self.spec.exports.iter().map(ExportSpec::id).collect()
    }

    /// Whether the two are rendered the same way, whatever their as_of: what
    /// reconciliation compares (`spec/replica.md` §2.5.1).
    pub fn is_compatible_with(&self, other: &Dataflow) -> bool {
        // Different plans may be lowered to the same.
        self.reads_and_writes_like(other) && self.spec.rendering == other.spec.rendering
    }

    fn says_the_same(&self, other: &Dataflow) -> bool {
        self.reads_and_writes_like(other) && self.spec.builds == other.spec.builds
    }

    fn reads_and_writes_like(&self, other: &Dataflow) -> bool {
        let (a, b) = (&self.spec, &other.spec);
        same_list(&a.imports, &b.imports, same_import)
            && same_list(&a.exports, &b.exports, same_export)
    }

    /// Whether the two maintain the same contents: they say the same
    /// themselves, over arrangements of which that is true.
    pub fn means_the_same(&self, other: &Dataflow) -> bool {
        self.says_the_same(other)
            && self.inputs.iter().all(|(id, input)| match input {
                Input::Source { .. } => true,
                Input::Index { of, .. } => match other.inputs.get(id) {
                    Some(Input::Index { of: other, .. }) => of.means_the_same(other),
                    Some(Input::Source { .. }) | None => false,
                },
            })
    }

    /// What the object `id` contains, in words that do not depend on ids: its
    /// plan over what it reads, down to the shards. `None` where that does not
    /// say it, because of an `until`.
    pub fn meaning(&self, id: GlobalId) -> Option<String> {
        if self.until().is_some() {
            return None;
        }
        let Some(plan) = self.plan(id) else {
            return match self.inputs.get(&id)? {
                Input::Source { shard } => Some(format!("shard {shard}\n")),
                Input::Index { of, on, .. } => of.meaning(*on),
            };
        };
        let mut plan = plan.clone();
        let mut read: Vec<GlobalId> = Vec::new();
        plan.visit_globals_mut(&mut |id| {
            let number = read.iter().position(|known| known == id);
            let number = number.unwrap_or_else(|| {
                read.push(*id);
                read.len() - 1
            });
            *id = GlobalId::Transient(number as u64);
        });
        let mut meaning = print(&plan);
        for (number, id) in read.into_iter().enumerate() {
            meaning.push_str(&format!("where t{number} is\n{}", self.meaning(id)?));
        }
        Some(meaning)
    }

    /// From when on the contents of the object `id` are not specified: the first
    /// time whose updates it drops, or something that it reads does.
    pub fn known_until(&self, id: GlobalId) -> Option<Timestamp> {
        let below = self.inputs_of(id).filter_map(|(_, input)| match input {
            Input::Source { .. } => None,
            Input::Index { of, on, .. } => of.known_until(*on),
        });
        below.chain(self.until()).min()
    }

    /// The first time whose updates it drops.
    pub fn until(&self) -> Option<Timestamp> {
        self.spec.until
    }
}

fn same_list<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

fn same_import(a: &ImportSpec, b: &ImportSpec) -> bool {
    match (a, b) {
        (
            ImportSpec::Source { id, shard, desc },
            ImportSpec::Source {
                id: other_id,
                shard: other_shard,
                desc: other_desc,
            },
        ) => id == other_id && shard == other_shard && desc == other_desc,
        (
            ImportSpec::Index { index, on },
            ImportSpec::Index {
                index: other_index,
                on: other_on,
            },
        ) => index == other_index && on == other_on,
        (ImportSpec::Source { .. }, ImportSpec::Index { .. })
        | (ImportSpec::Index { .. }, ImportSpec::Source { .. }) => false,
    }
}

fn same_export(a: &ExportSpec, b: &ExportSpec) -> bool {
    match (a, b) {
        (
            ExportSpec::Index { id, on, key },
            ExportSpec::Index {
                id: other_id,
                on: other_on,
                key: other_key,
            },
        ) => id == other_id && on == other_on && key == other_key,
        (
            ExportSpec::MaterializedView {
                id,
                on,
                shard,
                desc,
                not_null,
                refresh,
            },
            ExportSpec::MaterializedView {
                id: other_id,
                on: other_on,
                shard: other_shard,
                desc: other_desc,
                not_null: other_not_null,
                refresh: other_refresh,
            },
        ) => {
            let same_target = shard == other_shard && desc == other_desc;
            let same_contents = not_null == other_not_null && refresh == other_refresh;
            id == other_id && on == other_on && same_target && same_contents
        }
        (
            ExportSpec::Subscribe {
                id,
                on,
                up_to,
                snapshot,
            },
            ExportSpec::Subscribe {
                id: other_id,
                on: other_on,
                up_to: other_up_to,
                snapshot: other_snapshot,
            },
        ) => id == other_id && on == other_on && up_to == other_up_to && snapshot == other_snapshot,
        (ExportSpec::Index { .. }, _)
        | (ExportSpec::MaterializedView { .. }, _)
        | (ExportSpec::Subscribe { .. }, _) => false,
    }
}

/// The global ids that a plan reads.
fn gets(plan: &Relation) -> BTreeSet<GlobalId> {
    crate::eval::global_gets(plan)
}

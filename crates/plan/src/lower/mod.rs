//! Lowering: from logical plans to LIR, for a whole dataflow at once. Source:
//! `spec/lowering.md`; without `optimize` the result equals upstream's byte for
//! byte.
//!
//! # How to build a `CreateDataflow`
//!
//! 1. Register what can be read: one [`SourceImport`] per shard, one
//!    [`IndexImport`] per arrangement of an earlier dataflow (it is read under
//!    the id of the collection that it arranges). The type of an index import is
//!    the one that was registered when the index was exported, keys included.
//! 2. For each object in dependency order: [`parse`](super::parse) its text over
//!    the types registered so far (or [`type_of`](super::type_of) a plan made
//!    otherwise), push `(id, relation)`, register the inferred type under its id.
//! 3. Index exports, after all objects: [`DataflowPlan::export_index`] appends
//!    the object that arranges (its id is the index's) and the entry that goes
//!    into `index_exports`, with the type of the collection.
//! 4. Sinks (materialized view, subscribe) add no object: push the id that they
//!    read to `sink_from`. That only keeps filters from moving into a source
//!    that a sink reads whole. The replica reads the raw rows of the collection
//!    or, if there are none, the arrangement with the smallest key, and restores
//!    the order of columns.
//! 5. `as_of`, `until` (empty: no limit; `as_of + 1` makes the dataflow a
//!    one-shot read, whose operators are chosen accordingly).
//! 6. [`lower_dataflow`]: `objects` become `objects_to_build` in that order,
//!    `operators[id]` the `arguments.operators` of each source import. All other
//!    fields of the description are copies of the input (`spec/lowering.md` §6).
//!
//! ```
//! use plan::{Globals, RelationType, lower::*, parse, scalar};
//! use repr::{Antichain, GlobalId, ReprColumnType, ReprScalarType};
//!
//! let (source, built, index) = (1000, 2000, 2001);
//! let [source, built, index] = [source, built, index].map(GlobalId::User);
//! let column = ReprColumnType { scalar_type: ReprScalarType::Int64, nullable: false };
//! let typ = RelationType { column_types: vec![column; 2], keys: vec![] };
//! let mut globals = Globals::from([(source, typ.clone())]);
//! let mut dataflow = DataflowPlan {
//!     sources: vec![SourceImport { id: source, typ, monotonic: false, operators: None }],
//!     as_of: Antichain::from_elem(3),
//!     until: Antichain::empty(),
//!     ..DataflowPlan::default()
//! };
//! let text = "Reduce group_by=[#0] aggregates=[count(*)]\n  Get u1000\n";
//! let (relation, typ) = parse(text, &globals)?;
//! dataflow.objects.push((built, relation));
//! globals.insert(built, typ.clone());
//! dataflow.export_index(index, built, vec![scalar::column(0)], typ);
//! let lowered = lower_dataflow(&dataflow, &LowerOptions::default())?;
//! assert_eq!(lowered.objects.len(), 2);
//! assert_eq!(lowered.operators[&source], None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Joins without an implementation, reduces that mix classes of aggregates and
//! bindings below other operators are errors unless [`LowerOptions::optimize`] or
//! [`LowerOptions::join`] asks to plan them. Neither changes what a plan means.
//!
//! Invariants: the result depends on the input alone; a plan that passed the
//! type checker lowers or gives a [`LowerError`], it never panics; where
//! upstream's lowering is wrong, a field of [`Quirks`] says whether ours is too.

mod aliases;
mod bindings;
mod context;
mod error;
mod inputs;
mod join;
mod join_closure;
mod lir;
mod permutation;
mod reads;
mod reduce;
mod render_plan;
mod rules;
mod single_time;
mod source;
mod window;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use super::dataflow::{DataflowPlan, IndexExport, IndexImport, SourceImport};
pub use super::equivalences::canonical_equivalences;
pub use super::options::{JoinKind, LowerOptions, Quirks};
pub use super::reduction::{ReductionClass, reduction_class};
pub use aliases::aliases;
pub use error::LowerError;
pub use join::{DeltaPaths, MissingForms, plan_join};
pub use permutation::arrangement_by;
pub use single_time::is_single_time;

use crate::{Mfp, Relation};
use context::Context;
use protocol::neutral::RenderPlan;
use protocol::v26_30::{Id, MapFilterProject};
use repr::GlobalId;

/// The logical plans that are lowered: as written, or planned if the options
/// ask for it.
pub fn planned<'a>(dataflow: &'a DataflowPlan, options: &LowerOptions) -> Cow<'a, DataflowPlan> {
    if options.is_planning() {
        let planned = super::optimize::dataflow(dataflow, options.join, options.optimize);
        Cow::Owned(planned)
    } else {
        Cow::Borrowed(dataflow)
    }
}

/// The Map, Filter and Project operators of a plan as one MFP over the collection
/// that is read; None for a plan with other operators.
pub fn mfp_over(plan: &Relation) -> Option<(GlobalId, Mfp)> {
    let (mut mfp, core) = context::peel(plan);
    let Relation::Get {
        id: Id::Global(id), ..
    } = core
    else {
        return None;
    };
    mfp.optimize();
    Some((*id, mfp))
}

/// What goes into a `DataflowDescription`.
#[derive(Debug, Clone)]
pub struct LoweredDataflow {
    /// In build order.
    pub objects: Vec<(GlobalId, RenderPlan)>,
    /// What each source import applies while reading; `None` is nothing.
    pub operators: BTreeMap<GlobalId, Option<MapFilterProject>>,
}

/// How deep a plan may be to be lowered on the caller's stack.
const SHALLOW: usize = 24;

/// What a level of a plan takes of the stack, generously, without optimization.
const STACK_PER_LEVEL: usize = 64 << 10;

/// Lowers every object of the dataflow in one context (`spec/lowering.md` §1.1).
/// Deep plans are lowered on a thread with a stack of its own.
pub fn lower_dataflow(
    dataflow: &DataflowPlan,
    options: &LowerOptions,
) -> Result<LoweredDataflow, LowerError> {
    let depths = dataflow
        .objects
        .iter()
        .map(|(_, relation)| relation.depth());
    let depth = depths.max().unwrap_or(0);
    if depth <= SHALLOW {
        return lower_here(dataflow, options);
    }
    std::thread::scope(|scope| {
        let stack = depth.saturating_mul(STACK_PER_LEVEL).min(1 << 30);
        let thread = std::thread::Builder::new().stack_size(stack);
        match thread.spawn_scoped(scope, || lower_here(dataflow, options)) {
            Ok(lowering) => lowering
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => lower_here(dataflow, options),
        }
    })
}

fn lower_here(
    dataflow: &DataflowPlan,
    options: &LowerOptions,
) -> Result<LoweredDataflow, LowerError> {
    let mut options = *options;
    let dataflow = &*planned(dataflow, &options);
    if options.is_planning() {
        // Upstream's optimizer leaves nothing behind that meets a quirk.
        options.quirks = Quirks::NONE;
    }
    let mut context = Context::new(dataflow, options);
    let mut objects = Vec::new();
    for (id, relation) in &dataflow.objects {
        objects.push((*id, context.lower_object(*id, relation)?));
    }
    let operators = source::refine(dataflow, &mut objects);
    if single_time::is_single_time(&dataflow.as_of, &dataflow.until) {
        single_time::relax(dataflow, &mut objects);
    }
    let objects = objects
        .into_iter()
        .map(|(id, plan)| {
            let plan = render_plan::convert(plan).ok_or(LowerError::RenderPlan(id))?;
            Ok((id, plan))
        })
        .collect::<Result<Vec<_>, LowerError>>()?;
    Ok(LoweredDataflow { objects, operators })
}

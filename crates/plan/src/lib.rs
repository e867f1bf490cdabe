//! The logical plan: relations and scalar expressions, their text form, type
//! checking, and lowering to what a replica renders (LIR). The scalar tree is
//! the wire's own; everything that evaluates it lives elsewhere, once in the
//! model and once in the replica.
//!
//! Invariants: nothing here evaluates or does I/O; a plan that comes out of
//! `parse` or passes `type_of` is well-typed; lowering is a function of the plan
//! alone. Sources: `spec/script.md` §3–4, `spec/lowering.md`.

mod builder;
pub mod cells;
mod check;
mod dataflow;
mod equivalences;
pub mod functions;
pub mod lower;
pub mod mfp;
mod optimize;
mod options;
mod reduction;
mod relation;
mod resolve;
pub mod scalar;
pub mod text;
mod types;

pub use builder::{BuildError, BuiltDataflow, DataflowBuilder, IndexInfo};
pub use check::{may_be_null, type_of};
pub use mfp::Mfp;
pub use reduction::window_order;
pub use relation::{JoinImplementation, Lookup, RecBinding, Relation};
pub use resolve::{resolve_types, typed};
pub use text::{ParseError, PlanError, parse, print, read, sql_type};
pub use types::{Globals, RelationType, TypeError, datum_fits, same_type};

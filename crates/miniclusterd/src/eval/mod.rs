//! The replica's evaluator: scalar expressions, map-filter-projects, table
//! functions and aggregates, over borrowed datums. Source: `spec/plan.md` §3,
//! §5.
//!
//! Invariants: knows nothing of dataflows; shares nothing with the model's
//! evaluator, since the two are each other's witness; a function that it lacks
//! is refused beforehand ([`supported`]) and never answered.

mod accum;
mod arena;
mod basic;
mod binary;
mod calendar;
mod check;
mod convert;
mod debug;
mod decimal;
mod extract;
mod lacking;
mod mfp;
mod moment;
mod number;
mod pack;
mod ranges;
mod scalar;
mod table;
mod text;
mod time_text;
mod unary;
mod variadic;
mod wide;
mod window;

pub use accum::Accum;
pub use arena::Arena;
pub use basic::{
    compare_columns, eval_basic, extreme, extreme_of, is_accumulable, supported_aggregate,
};
pub use check::supported_plan;
pub use convert::Evaluated;
pub use debug::redacted_row;
pub use mfp::{MfpPlan, eval_safe, supported_mfp};
pub use pack::pack;
pub use ranges::{PartRows, Possible, Values, may_give};
pub use scalar::{eval, supported};
pub use table::{Table, TableRows, empty_on_null, eval_table, supported_table};

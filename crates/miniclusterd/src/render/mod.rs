//! Rendering: LIR plans become differential dataflow operators. Source:
//! `spec/plan.md` §2, `spec/replica.md` §3.
//!
//! # How an operator plugs in
//!
//! Each LIR node has one function in a file of its own,
//! `render_xxx(ctx: &Context<'s, T>, …the node's fields…, input: Bundle<'s, T>)
//! -> Result<Bundle<'s, T>, RenderError>`, and one arm in
//! [`Context::render_expr`] (file `node.rs`) that calls it. The function
//! * is generic over [`RenderTimestamp`], since recursive dataflows run in a
//!   scope whose times are products;
//! * gets rows from its input with [`Bundle::flat_map`] (raw rows, or
//!   `[key, value]` of an arrangement), [`Bundle::raw`] or
//!   [`Bundle::arrangement`], which fail if the plan asks for a form that the
//!   input does not offer;
//! * keeps oks and errs apart (an error never suppresses other rows) and
//!   returns [`Bundle::from_raw`] or [`Bundle::from_arrangement`];
//! * arranges with [`arrange_oks`] and [`arrange_errs`], so that exchange by
//!   key is the same everywhere;
//! * refuses what it lacks with [`RenderError::Unsupported`] *while rendering*:
//!   the replica then ends with that line. It never answers something else.
//!
//! Invariants: what is rendered depends on the description and on nothing that
//! differs between workers; times never go back; errors keep the sign of the
//! row that raised them.

pub mod arrange_by;
mod bundle;
mod constant;
mod context;
mod fallible;
mod flat_map;
mod half_join;
mod join_closure;
mod join_delta;
mod join_linear;
mod letrec;
pub mod linear;
mod node;
mod reduce;
mod split;
mod threshold;
mod timestamp;
mod top_k;
mod types;

pub use bundle::{Arrangement, Bundle};
pub use context::{Context, Settings};
pub use fallible::{Split, Updates, fallible, fallible_batches};
pub use timestamp::{RecursiveTime, RenderTimestamp};
pub use types::*;

use thiserror::Error;

/// Why a description cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// This replica lacks it; the real one may have it.
    #[error("this replica cannot render {0}")]
    Unsupported(String),
    /// No replica can: the plan contradicts itself.
    #[error("{0}")]
    Invalid(String),
}

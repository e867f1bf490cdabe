//! Function enums of the wire. Source: `spec/plan.md` §4.2 to §4.8.
//!
//! Invariant: these are data; evaluation lives in the rooms that evaluate.

mod aggregate;
mod binary;
mod helpers;
mod unary;
mod variadic;

pub use aggregate::*;
pub use binary::*;
pub use helpers::*;
pub use unary::*;
pub use variadic::*;

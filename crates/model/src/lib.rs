//! The reference: what a replica must answer, by the book. `eval` says what a plan
//! contains at one time; `account` keeps the book of a run and asks it; the
//! rehearsal plays a script against the account in place of a target.
//!
//! Architecture Invariant: the model shares no evaluation code with the
//! replica, and knows neither timely nor differential: it evaluates the logical
//! plan, one time at a time, by the book. `eval` never names `account`.

mod account;
mod answer;
mod decimal;
mod digits;
pub mod eval;
mod multiset;
mod rehearsal;

pub use account::{
    Collection, Invalid, Life, Model, Peek, Permission, REFUSAL, Session, Shard, SizeLimits,
    StashUse, Unwise, shard_refusal,
};
pub use account::{dataflow, size};
pub use answer::{ErrorTexts, Expected, Undefined, row_text};
pub use eval::{Length, endless_calls};
pub use multiset::Multiset;
pub use rehearsal::{Failure, Objection, Rehearsal, Rehearsed};

//! Errors as shards and collections hold them: the bytes of a
//! `ProtoDataflowError`, and the text that a peek answers for them. Source:
//! `spec/plan.md` §4.9, §4.10.
//!
//! Invariants: one error has one encoding, the one of the field; bytes that are no
//! error give no text, and never a panic.

mod decode;
mod encode;
mod members;
mod proto;

pub use decode::text as dataflow_error_text;
pub use encode::eval_error as encode_eval_error;

#[cfg(test)]
mod tests;

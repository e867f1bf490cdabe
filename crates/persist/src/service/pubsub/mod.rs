//! PubSub: committed diffs are passed on to the clients that hold the shard, so
//! that they need not poll (`spec/persist.md` §7). One server, hosted by the
//! driver; one connection per client, by gRPC or within the process.
//!
//! Invariant: this only makes things faster. Messages that are lost, late,
//! doubled or out of order never change what a reader sees in the end, and
//! only a diff that was committed is ever sent.

mod client;
mod link;
mod proto;
mod server;
mod service;
mod switchboard;
#[cfg(test)]
mod tests;

pub(crate) use client::Subscription;
pub use server::PubSubServer;

//! The headless frontend: it hosts persist, connects to a target, sends any
//! compute command, and keeps what the replica says. It has no SQL layer and
//! no opinions.
//!
//! Architecture Invariant: the driver decides nothing on its own. No Schedule,
//! no AllowCompaction, no read hold is sent or moved unless the caller says so.

mod process;
mod session;
mod target;

pub use process::{ProcessConfig, Processes};
pub use session::{Frontiers, Session, Subscribe};
pub use target::{Link, LinkClosed, Received, Target, TargetError};

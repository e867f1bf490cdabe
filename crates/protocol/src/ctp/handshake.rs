//! The handshake: magic and greeting out, magic and greeting in. Source:
//! `spec/ctp.md` §1.2, §1.3.
//!
//! Invariants: writes come before reads, so that neither end waits for the
//! other; the version is compared before the host.

use std::io;
use std::time::Duration;

use semver::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::frame::{read_exactly, read_frame, write_all, write_frame};
use crate::wire;

/// `GutenTag`.
const MAGIC: u64 = 0x4775_7465_6e54_6167;

/// What each end says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub version: Version,
    /// The host name of the server: its own, or the one that was dialled.
    pub server_fqdn: Option<String>,
}

/// Why two ends do not talk.
#[derive(Debug, Error)]
pub enum HandshakeError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("invalid protocol magic: {0:#x}")]
    Magic(u64),
    #[error("{0}")]
    Decode(#[from] wire::DecodeError),
    #[error("version mismatch: {peer} != {mine}")]
    Version { peer: Version, mine: Version },
    #[error("server FQDN mismatch: {peer} != {mine}")]
    Fqdn { peer: String, mine: String },
    #[error("the peer did not greet within {} s", .0.as_secs())]
    Silent(Duration),
}

/// Greets the peer and checks its greeting.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    mine: &Hello,
    idle: Option<Duration>,
) -> Result<Hello, HandshakeError> {
    write_all(stream, &MAGIC.to_be_bytes(), idle).await?;
    write_frame(stream, &wire::encode(mine), idle).await?;
    let magic = read_exactly(stream, 8, idle, "unexpected end of file").await?;
    let magic = u64::from_be_bytes(magic.try_into().expect("read 8 bytes"));
    if magic != MAGIC {
        return Err(HandshakeError::Magic(magic));
    }
    let payload = loop {
        if let Some(payload) = read_frame(stream, idle).await? {
            break payload;
        }
    };
    let peer: Hello = wire::decode(&payload)?;
    if peer.version != mine.version {
        return Err(HandshakeError::Version {
            peer: peer.version,
            mine: mine.version.clone(),
        });
    }
    match (&peer.server_fqdn, &mine.server_fqdn) {
        (Some(peer), Some(mine)) if peer != mine => Err(HandshakeError::Fqdn {
            peer: peer.clone(),
            mine: mine.clone(),
        }),
        (_, _) => Ok(peer),
    }
}

/// The host part of a dialled address, as a client announces it
/// (`spec/ctp.md` §1.3).
pub fn host_of(address: &str) -> Option<String> {
    let (host, port) = match address.split(':').collect::<Vec<_>>()[..] {
        [host, port] | [_, host, port] => (host, port),
        _ => return None,
    };
    port.parse::<u16>().ok().map(|_| host.to_string())
}

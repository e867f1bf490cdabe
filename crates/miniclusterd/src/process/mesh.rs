//! The connections between the processes of a replica. Source:
//! `spec/replica.md` §1.3 (which process dials which). What they say to each
//! other is not prescribed: all processes of a replica are of one build.
//!
//! Invariants: process i dials all before it and hears all behind it; a
//! connection that does not name such a process at once is hung up on, and
//! is waited for no longer than [`PATIENCE`].

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use timely::communication::Hooks;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::generic::AllocatorBuilder;
use timely::communication::allocator::zero_copy::initialize::{
    CommsGuard, initialize_networking_from_sockets,
};

use crate::timely_config::TimelyConfig;

/// The bytes that a process sends before its index.
const MAGIC: [u8; 8] = *b"minimesh";

/// How long a peer may take to name itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a peer that does not listen yet is dialled again.
const AGAIN: Duration = Duration::from_millis(5);

/// Connects all processes, for as long as that takes: the others may not have
/// been started yet.
///
/// Errors: why this process cannot take part.
pub fn connect(
    shape: &TimelyConfig,
    process: usize,
) -> Result<(Vec<AllocatorBuilder>, CommsGuard), String> {
    let addresses = &shape.addresses;
    let sockets = sockets(addresses, process)?;
    let hooks = Hooks::default();
    let (refill, spill) = (hooks.refill.clone(), hooks.spill.clone());
    let local = match shape.enable_zero_copy {
        true => ProcessBuilder::new_bytes_vector(shape.workers, refill, spill),
        false => ProcessBuilder::new_typed_vector(shape.workers, refill, spill),
    };
    let (builders, guard) =
        initialize_networking_from_sockets(local, sockets, process, shape.workers, hooks)
            .map_err(|e| format!("the mesh of {} processes: {e}", addresses.len()))?;
    let builders = builders.into_iter().map(AllocatorBuilder::Tcp);
    Ok((builders.collect(), guard))
}

/// A connection with each other process, by index.
///
/// Errors: which address cannot be used, and why.
fn sockets(addresses: &[String], process: usize) -> Result<Vec<Option<TcpStream>>, String> {
    let own = &addresses[process];
    let here = |e: io::Error| format!("the mesh: process {process} cannot listen on {own}: {e}");
    let listener = TcpListener::bind(own).map_err(here)?;
    let mut sockets: Vec<Option<TcpStream>> = addresses.iter().map(|_| None).collect();
    for (peer, address) in addresses.iter().enumerate().take(process) {
        tracing::info!("connecting to process {peer} at {address}");
        let dialled = dial(address, process);
        let there = |e| format!("the mesh: process {peer} cannot be at {address}: {e}");
        sockets[peer] = Some(dialled.map_err(there)?);
    }
    while sockets.iter().skip(process + 1).any(Option::is_none) {
        let (mut stream, from) = listener.accept().map_err(here)?;
        match greeting(&mut stream) {
            Ok(peer) if (process + 1..sockets.len()).contains(&peer) => {
                sockets[peer] = Some(stream);
            }
            Ok(peer) => {
                let (first, last) = (process + 1, sockets.len() - 1);
                tracing::warn!("{from} says that it is process {peer}: expected {first} to {last}");
            }
            Err(error) => tracing::warn!("{from} is no process of this replica: {error}"),
        }
    }
    Ok(sockets)
}

/// Dials until a process listens there.
///
/// Errors: the address is none.
fn dial(address: &str, process: usize) -> io::Result<TcpStream> {
    address.to_socket_addrs()?;
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) => std::thread::sleep(AGAIN),
        }
    };
    stream.set_nodelay(true)?;
    stream.write_all(&MAGIC)?;
    stream.write_all(&(process as u64).to_be_bytes())?;
    Ok(stream)
}

/// Which process has connected.
fn greeting(stream: &mut TcpStream) -> io::Result<usize> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut magic, mut index) = ([0; 8], [0; 8]);
    stream.read_exact(&mut magic)?;
    stream.read_exact(&mut index)?;
    stream.set_read_timeout(None)?;
    match magic {
        MAGIC => Ok(usize::try_from(u64::from_be_bytes(index)).unwrap_or(usize::MAX)),
        other => Err(io::Error::other(format!(
            "it began with {other:?}: expected {MAGIC:?}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_named_and_not_dialled_for_ever() {
        let addresses = ["nowhere".to_string(), "127.0.0.1:0".to_string()];
        let problem = sockets(&addresses, 1).unwrap_err();
        let expected = "the mesh: process 0 cannot be at nowhere: ";
        assert!(problem.starts_with(expected), "{problem}");
        let problem = sockets(&addresses, 0).unwrap_err();
        let expected = "the mesh: process 0 cannot listen on nowhere: ";
        assert!(problem.starts_with(expected), "{problem}");
    }

    #[test]
    fn strangers_are_hung_up_on_and_everybody_meets() {
        let taken: Vec<TcpListener> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let addresses: Vec<String> = taken
            .iter()
            .map(|listener| listener.local_addr().unwrap().to_string())
            .collect();
        drop(taken);
        std::thread::scope(|scope| {
            let addresses = &addresses;
            let first = scope.spawn(move || sockets(addresses, 0).unwrap());
            // Connections of no process of the three: no magic, and no index below 3.
            for words in [[0; 16], *b"minimesh\0\0\0\0\0\0\0\x07"] {
                let mut stranger = loop {
                    match TcpStream::connect(&addresses[0]) {
                        Ok(stream) => break stream,
                        Err(_) => std::thread::yield_now(),
                    }
                };
                stranger.write_all(&words).unwrap();
                let mut rest = Vec::new();
                assert!(!stranger.read_to_end(&mut rest).is_ok_and(|n| n > 0));
            }
            let others: Vec<_> = (1..3)
                .map(|process| scope.spawn(move || sockets(addresses, process).unwrap()))
                .collect();
            let mut all = vec![first.join().unwrap()];
            all.extend(others.into_iter().map(|other| other.join().unwrap()));
            for (process, sockets) in all.iter().enumerate() {
                for (peer, socket) in sockets.iter().enumerate() {
                    assert_eq!(socket.is_some(), peer != process);
                }
            }
        });
    }
}

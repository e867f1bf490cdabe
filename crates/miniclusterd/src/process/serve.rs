//! The two listening ports. Source: `spec/replica.md` §1.6, `spec/ctp.md` §1.
//!
//! Invariant: a connection is served by a thread of its own, which ends with
//! the connection; the first thing it must say is `Hello`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::router::Router;
use crate::args::Args;
use crate::compute::command_name;
use crate::halt::End;
use protocol::ctp::{Codec, Connection, Hello, Incoming, Listener, Server, serve};
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;

fn greeting(args: &Args) -> Hello {
    Hello {
        version: args.protocol.version.clone(),
        server_fqdn: args.server_fqdn(),
    }
}

/// The compute port.
pub fn compute(args: &Args, router: &Arc<Router>) -> io::Result<Server> {
    let listener = Listener::bind(&args.compute_controller_listen_addr)?;
    let router = Arc::clone(router);
    let connections = AtomicU64::new(0);
    Ok(serve(
        listener,
        greeting(args),
        args.protocol.release.replica(),
        move |connection| {
            let router = Arc::clone(&router);
            let number = connections.fetch_add(1, Ordering::Relaxed);
            let body = move || session(connection, number, &router);
            std::thread::Builder::new()
                .name("connection".into())
                .spawn(body)
                .expect("the operating system gives a thread");
        },
    ))
}

/// The storage port: it greets, hears everything, and has nothing to say.
pub fn storage(args: &Args) -> io::Result<Server> {
    let listener = Listener::bind(&args.storage_controller_listen_addr)?;
    Ok(serve(
        listener,
        greeting(args),
        // Commands of another protocol, whose shapes this replica does not know.
        Codec {
            encode: Arc::new(|()| Ok(Vec::new())),
            decode: Arc::new(|_| Ok(())),
        },
        |mut connection: Connection<(), ()>| {
            let body = move || {
                loop {
                    match connection.recv(Duration::from_secs(60)) {
                        Incoming::Message(_) | Incoming::Nothing => {}
                        Incoming::Closed(_) => return,
                    }
                }
            };
            std::thread::Builder::new()
                .name("storage".into())
                .spawn(body)
                .expect("the operating system gives a thread");
        },
    ))
}

fn session(
    mut connection: Connection<ComputeResponse, ComputeCommand>,
    number: u64,
    router: &Router,
) {
    let mut nonce: Option<Uuid> = None;
    loop {
        let command = match connection.recv(Duration::from_secs(60)) {
            Incoming::Message(command) => command,
            Incoming::Nothing => continue,
            Incoming::Closed(reason) => {
                tracing::info!("connection closed: {reason}");
                return;
            }
        };
        if let ComputeCommand::Hello { nonce: new } = command {
            nonce = Some(new);
            router.hello(number, new, connection.sending());
            continue;
        }
        let Some(nonce) = nonce else {
            let said = command_name(&command);
            End::abort(format!("a connection began with {said}: expected Hello")).exit();
        };
        if let Err(end) = router.command(nonce, command) {
            end.exit();
        }
    }
}

//! A throwaway PostgreSQL server for tests: its own folder, its own port, an
//! unprivileged user, gone with the last test that uses it. Include it by
//! `mod`.
//!
//! Invariant: it never touches another server, and nothing of it is left, also
//! when the test process is killed (its folder apart).

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    keeper: Option<std::thread::JoinHandle<()>>,
    stop: Option<Sender<()>>,
    _folder: TempDir,
}

/// The server of this test process, which lives as long as anybody holds it.
/// `None`, with the reason printed, where no server can be had.
pub fn server(test: &str) -> Option<Arc<Postgres>> {
    static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
    let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = shared.upgrade() {
        return Some(server);
    }
    match Postgres::start() {
        Ok(server) => {
            let server = Arc::new(server);
            *shared = Arc::downgrade(&server);
            Some(server)
        }
        Err(why) => {
            eprintln!("{test}: skipped, {why}");
            None
        }
    }
}

/// Where the server's programs are.
fn programs() -> Option<PathBuf> {
    let has = |folder: &Path| {
        ["initdb", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().find(|folder| has(folder))
}

/// The user to run as when we are root, whom PostgreSQL refuses.
fn unprivileged() -> Option<(u32, u32)> {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |wanted: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            match fields[..] {
                [name, _, uid, gid, ..] if name == wanted => {
                    Some((uid.parse().ok()?, gid.parse().ok()?))
                }
                _ => None,
            }
        })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .or(Some((65534, 65534)))
}

fn command(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("HOME", folder)
        .stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

impl Postgres {
    /// Starts a server of its own.
    pub fn start() -> Result<Postgres, String> {
        let programs = programs().ok_or(
            "there is no PostgreSQL server (initdb and postgres on PATH or in \
             /usr/lib/postgresql/*/bin)",
        )?;
        let folder = tempfile::Builder::new()
            .prefix("persist-postgres-")
            .tempdir()
            .map_err(|e| format!("no temporary folder: {e}"))?;
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).map_err(|e| format!("chown: {e}"))?;
        }
        let init = command(&programs.join("initdb"), folder.path(), user)
            .args(["--pgdata=data", "--username=postgres", "--auth=trust"])
            .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
            .output()
            .map_err(|e| format!("initdb: {e}"))?;
        if !init.status.success() {
            let why = String::from_utf8_lossy(&init.stderr);
            return Err(format!("initdb failed: {}", why.replace('\n', " ")));
        }
        // Somebody may take the port between our look and its start.
        let mut last = String::new();
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|l| l.local_addr())
                .map_err(|e| format!("no free port: {e}"))?
                .port();
            match run(&programs, folder.path(), user, port) {
                Ok((keeper, stop)) => {
                    return Ok(Postgres {
                        port,
                        keeper: Some(keeper),
                        stop: Some(stop),
                        _folder: folder,
                    });
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    /// The URL of a database with the search path of the field.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/postgres?options=--search_path=consensus",
            self.port
        )
    }

    /// The URL without a search path.
    #[allow(dead_code)]
    pub fn plain_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Starts the server and waits until it is ready. A thread of its own holds
/// it: the kernel ends the server together with that thread, that is, also
/// when this process is killed.
fn run(
    programs: &Path,
    folder: &Path,
    user: Option<(u32, u32)>,
    port: u16,
) -> Result<(std::thread::JoinHandle<()>, Sender<()>), String> {
    let mut command = command(&programs.join("postgres"), folder, user);
    let port = port.to_string();
    command
        .args(["-D", "data", "-p", &port, "-k", ""])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "fsync=off", "-c", "synchronous_commit=off"])
        .args(["-c", "full_page_writes=off", "-c", "shared_buffers=32MB"])
        .args(["-c", "max_connections=100", "-c", "logging_collector=off"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    // SAFETY: prctl with these arguments is async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
            Ok(())
        });
    }
    let (ready, is_ready) = channel::<Result<(), String>>();
    let (stop, stopped) = channel::<()>();
    let keeper = std::thread::spawn(move || {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(e) => {
                let _ = ready.send(Err(format!("postgres: {e}")));
                return;
            }
        };
        let Some(log) = child.stderr.take() else {
            return end(&mut child);
        };
        // Reads on until the end, so that the server never waits for a reader.
        let reader = std::thread::spawn(move || {
            let mut last = String::new();
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("database system is ready to accept connections") {
                    let _ = ready.send(Ok(()));
                }
                if line.contains("FATAL") || last.is_empty() {
                    last = line;
                }
            }
            let _ = ready.send(Err(format!("the server ended: {last}")));
        });
        // Ends when the sender is dropped.
        let _ = stopped.recv();
        end(&mut child);
        let _ = reader.join();
    });
    match is_ready.recv() {
        Ok(Ok(())) => Ok((keeper, stop)),
        Ok(Err(why)) => Err(why),
        Err(_) => Err("the server did not start".into()),
    }
}

/// Ends the server at once, by its own pid.
fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // SAFETY: it is our child, and not waited for yet.
        unsafe {
            libc::kill(pid, libc::SIGQUIT);
        }
    }
    let _ = child.wait();
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

//! Targets that are processes: started with clusterd's flags, watched, killed,
//! restarted. Source of the flags: `spec/replica.md` §1.1, §1.2.
//!
//! Invariants: only processes that were started here are ever killed, by their
//! own ids; every process is gone when its target is dropped; ports are taken
//! on loopback only, and stay reserved for as long as their process lives.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::target::TargetError;

/// How often a start is tried whose processes end before they listen.
const STARTS: usize = 3;

/// How long a started process may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How a replica's processes are started.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    pub program: PathBuf,
    /// Arguments before the ones that every clusterd takes.
    pub leading_args: Vec<String>,
    /// Arguments behind the ones that every clusterd takes.
    pub extra_args: Vec<String>,
    pub processes: usize,
    /// Worker threads a process.
    pub workers: usize,
    /// Where logs and scratch files go.
    pub directory: PathBuf,
    /// The driver's PubSub server.
    pub pubsub_url: String,
}

/// The running processes of one replica.
#[derive(Debug)]
pub struct Processes {
    config: ProcessConfig,
    running: Vec<Running>,
    /// Those of the processes that run.
    ports: Vec<ReservedPort>,
    starts: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    compute_address: String,
    log: PathBuf,
}

impl Processes {
    /// Starts all processes and waits until each listens for compute commands.
    pub fn start(config: ProcessConfig) -> Result<Self, TargetError> {
        let mut processes = Processes {
            config,
            running: Vec::new(),
            ports: Vec::new(),
            starts: 0,
        };
        processes.start_all()?;
        Ok(processes)
    }

    /// The compute addresses, in the order of the processes.
    pub fn addresses(&self) -> Vec<String> {
        self.running
            .iter()
            .map(|r| r.compute_address.clone())
            .collect()
    }

    /// The ids of what runs.
    pub fn ids(&self) -> Vec<u32> {
        self.running.iter().map(|r| r.child.id()).collect()
    }

    /// Kills what runs and starts anew, on fresh ports.
    pub fn restart(&mut self) -> Result<(), TargetError> {
        self.kill_all();
        self.start_all()
    }

    /// How the first process that ended ended.
    pub fn ended(&mut self) -> Option<String> {
        self.running.iter_mut().find_map(|running| {
            let status = running.child.try_wait().ok()??;
            Some(format!("{}{}", describe(status), said_last(&running.log)))
        })
    }

    /// What every process has written to its log, the newest part of long ones.
    pub fn logs(&self) -> String {
        let log = |(process, running): (usize, &Running)| {
            let text = tail(&running.log, LOG_KEPT);
            format!("# process {process}\n{text}")
        };
        self.running.iter().enumerate().map(log).collect()
    }

    /// Starts every process. Somebody who takes ports without asking for a free
    /// one may take one of ours before the process does, which then ends: that
    /// is tried again.
    fn start_all(&mut self) -> Result<(), TargetError> {
        let mut tries = 1;
        loop {
            match self.start_once() {
                Err(TargetError::EndedEarly { .. }) if tries < STARTS => tries += 1,
                started => return started,
            }
            self.kill_all();
        }
    }

    fn start_once(&mut self) -> Result<(), TargetError> {
        let program = self.config.program.display().to_string();
        let start_error = |reason: String| TargetError::Start {
            program: program.clone(),
            reason,
        };
        self.starts += 1;
        let n = self.config.processes;
        // Per process: storage, compute and HTTP listeners, and both meshes.
        self.ports = (0..5 * n)
            .map(|_| ReservedPort::take())
            .collect::<std::io::Result<_>>()
            .map_err(|e| start_error(format!("no free port: {e}")))?;
        let numbers: Vec<u16> = self.ports.iter().map(|p| p.number).collect();
        let address =
            |kind: usize, process: usize| format!("127.0.0.1:{}", numbers[kind * n + process]);
        let mesh = |kind: usize| (0..n).map(|p| address(kind, p)).collect::<Vec<_>>();
        for process in 0..n {
            let scratch = self.config.directory.join(format!("scratch-{process}"));
            std::fs::create_dir_all(&scratch)
                .map_err(|e| start_error(format!("creating {}: {e}", scratch.display())))?;
            let log = self
                .config
                .directory
                .join(format!("clusterd-{process}-start-{}.log", self.starts));
            let log_file = File::create(&log)
                .map_err(|e| start_error(format!("creating {}: {e}", log.display())))?;
            let stdout = log_file
                .try_clone()
                .map_err(|e| start_error(format!("opening {}: {e}", log.display())))?;
            let compute_address = address(1, process);
            let child = Command::new(&self.config.program)
                .args(&self.config.leading_args)
                .args(["--storage-controller-listen-addr", &address(0, process)])
                .args(["--compute-controller-listen-addr", &compute_address])
                .args(["--internal-http-listen-addr", &address(2, process)])
                .args([
                    "--storage-timely-config",
                    &timely_config(self.config.workers, 1337, &mesh(3)),
                ])
                .args([
                    "--compute-timely-config",
                    &timely_config(self.config.workers, 16, &mesh(4)),
                ])
                .args(["--process", &process.to_string()])
                .args(["--persist-pubsub-url", &self.config.pubsub_url])
                .args(["--environment-id", "clusterd-fuzz"])
                .args(["--secrets-reader", "local-file"])
                .arg("--secrets-reader-local-file-dir")
                .arg(&scratch)
                .arg("--scratch-directory")
                .arg(&scratch)
                .args(&self.config.extra_args)
                .env("MZ_SOFT_ASSERTIONS", "1")
                .stdin(Stdio::null())
                .stdout(stdout)
                .stderr(log_file)
                .spawn()
                .map_err(|e| start_error(e.to_string()))?;
            self.running.push(Running {
                child,
                compute_address,
                log,
            });
        }
        let deadline = Instant::now() + START_PATIENCE;
        for running in &mut self.running {
            running.wait_until_listening(&program, deadline)?;
        }
        Ok(())
    }

    fn kill_all(&mut self) {
        for mut running in self.running.drain(..) {
            // Both fail only for a process that is gone already.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        self.ports.clear();
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill_all();
    }
}

impl Running {
    /// Polls the port: a listener cannot be waited for in any other way. The
    /// probe connection says nothing, and is closed at once.
    fn wait_until_listening(
        &mut self,
        program: &str,
        deadline: Instant,
    ) -> Result<(), TargetError> {
        loop {
            if TcpStream::connect(&self.compute_address).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(TargetError::EndedEarly {
                    program: program.to_string(),
                    status: format!("{}{}", describe(status), said_last(&self.log)),
                });
            }
            if Instant::now() > deadline {
                return Err(TargetError::NotListening {
                    program: program.to_string(),
                    address: self.compute_address.clone(),
                    waited: START_PATIENCE,
                    said: said_last(&self.log),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The JSON of one timely cluster (`spec/replica.md` §1.2).
fn timely_config(workers: usize, proportionality: u32, addresses: &[String]) -> String {
    serde_json::json!({
        "workers": workers,
        "process": 0,
        "addresses": addresses,
        "arrangement_exert_proportionality": proportionality,
        "enable_zero_copy": false,
        "enable_zero_copy_lgalloc": false,
        "zero_copy_limit": null,
    })
    .to_string()
}

/// A port on loopback that the system gives to nobody else who asks for a free
/// one, neither to listen on nor to connect from: it is bound here, but nobody
/// listens, so that a process which is told the number still can. (It has to
/// allow the reuse of addresses, as the listeners of the standard library and
/// of tokio do.)
#[derive(Debug)]
struct ReservedPort {
    number: u16,
    /// Holds the port while it lives.
    _bound: Socket,
}

impl ReservedPort {
    fn take() -> std::io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket();
        Ok(ReservedPort {
            number: address.expect("an IPv4 address was bound").port(),
            _bound: socket,
        })
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(166), _) => "halted, exit code 166".to_string(),
        (Some(167), _) => "out of its heap limit, exit code 167".to_string(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(6)) => "panicked, signal 6".to_string(),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown status".to_string(),
    }
}

/// What is kept of the end of a log, in bytes.
const LOG_KEPT: u64 = 1 << 20;

/// The end of a file, from a whole line on; nothing if it cannot be read.
fn tail(path: &Path, bytes: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.take(bytes).read_to_end(&mut end)?;
        if length > bytes {
            let line = end.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
            end.drain(..line);
        }
        Ok(end)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The line of a log with which a process gives its reason, as an addition to
/// its status: the last one that names an error, else the last one.
fn said_last(log: &Path) -> String {
    let text = tail(log, 64 * 1024);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling = |line: &&str| {
        let starts = [
            "error:",
            "halting process:",
            "miniclusterd:",
            "clusterd:",
            "panic",
        ];
        starts.iter().any(|start| line.starts_with(start))
    };
    match lines().rfind(telling).or_else(|| lines().next_back()) {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn config(program: &str) -> (tempfile::TempDir, ProcessConfig) {
        let directory = tempfile::tempdir().unwrap();
        let config = ProcessConfig {
            program: program.into(),
            leading_args: vec![],
            extra_args: vec![],
            processes: 1,
            workers: 1,
            directory: directory.path().to_path_buf(),
            pubsub_url: "http://127.0.0.1:1".to_string(),
        };
        (directory, config)
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let (_directory, config) = config("/no/such/clusterd");
        let err = Processes::start(config).unwrap_err();
        assert!(
            err.to_string()
                .starts_with("cannot start /no/such/clusterd: "),
            "{err}"
        );
    }

    #[test]
    fn a_process_that_ends_at_once_is_reported_with_its_status_and_log() {
        let (_directory, config) = config("/bin/false");
        let err = Processes::start(config).unwrap_err().to_string();
        assert!(
            err.contains("ended before it listened (exit code 1)"),
            "{err}"
        );
    }

    #[test]
    fn the_reason_of_an_end_is_the_line_that_tells_it() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        assert_eq!(said_last(&log), "");
        std::fs::write(&log, "one\nhalting process: too late\n\n").unwrap();
        assert_eq!(said_last(&log), ": halting process: too late");
        std::fs::write(&log, "one\nerror: no such flag\n\nUsage: x\n").unwrap();
        assert_eq!(said_last(&log), ": error: no such flag");
        std::fs::write(&log, "one\ntwo\n").unwrap();
        assert_eq!(said_last(&log), ": two");
        assert_eq!(tail(&log, 5), "two\n");
    }

    #[test]
    fn a_reserved_port_is_nobody_elses_and_can_be_listened_on() {
        let reserved: Vec<_> = (0..200).map(|_| ReservedPort::take().unwrap()).collect();
        let ours: std::collections::BTreeSet<u16> = reserved.iter().map(|p| p.number).collect();
        assert_eq!(ours.len(), reserved.len());
        for _ in 0..1000 {
            let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            assert!(!ours.contains(&other.local_addr().unwrap().port()));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, reserved[0].number)).unwrap();
        assert!(TcpStream::connect(listener.local_addr().unwrap()).is_ok());
    }
}

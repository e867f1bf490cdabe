//! Targets that are processes: started with clusterd's flags, watched, killed,
//! restarted. Source of the flags: `spec/replica.md` §1.1, §1.2.
//!
//! Invariants: only processes that were started here are ever killed, by their
//! own ids; every process is gone when its target is dropped; ports are taken
//! on loopback only, and stay reserved for as long as their process lives.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::child::Child;
use super::log::{self, Log};
use super::target::{DEATH, OnItsOwn, TargetError};

/// How often a start is tried whose processes end before they listen.
const STARTS: usize = 3;

/// How long a started process may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How eagerly arrangements merge, in the storage and in the compute cluster
/// (`spec/replica.md` §1.2).
const STORAGE_PROPORTIONALITY: u32 = 1337;
const COMPUTE_PROPORTIONALITY: u32 = 16;

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub path: PathBuf,
    /// Arguments before the ones that every clusterd takes.
    pub leading_args: Vec<String>,
    /// Arguments behind the ones that every clusterd takes.
    pub extra_args: Vec<String>,
}

/// How a replica's processes are started.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    pub program: Program,
    pub processes: usize,
    /// Worker threads a process.
    pub workers: usize,
    /// Where logs and scratch files go.
    pub directory: PathBuf,
    /// The driver's PubSub server.
    pub pubsub_url: String,
    /// Texts that say that something is wrong, in a line of a log; such as
    /// [`ALARMS`](super::ALARMS).
    pub alarms: Vec<String>,
}

impl ProcessConfig {
    fn start_error(&self, reason: String) -> TargetError {
        TargetError::Start {
            program: self.program.path.display().to_string(),
            reason,
        }
    }

    /// Starts one of the processes, with a log of its own for each time.
    fn start_one(
        &self,
        process: usize,
        start: u32,
        addresses: &Addresses,
    ) -> Result<Running, TargetError> {
        let scratch = self.directory.join(format!("scratch-{process}"));
        std::fs::create_dir_all(&scratch)
            .map_err(|e| self.start_error(format!("creating {}: {e}", scratch.display())))?;
        let log = format!("clusterd-{process}-start-{start}.log");
        let log = self.directory.join(log);
        let shown = log.display().to_string();
        let (log, log_file) =
            Log::create(log).map_err(|e| self.start_error(format!("creating {shown}: {e}")))?;
        let stdout = log_file
            .try_clone()
            .map_err(|e| self.start_error(format!("opening {shown}: {e}")))?;
        let mut command = Command::new(&self.program.path);
        command
            .args(&self.program.leading_args)
            .args(self.clusterd_args(process, addresses))
            .arg("--secrets-reader-local-file-dir")
            .arg(&scratch)
            .arg("--scratch-directory")
            .arg(&scratch)
            .args(&self.program.extra_args)
            .env("MZ_SOFT_ASSERTIONS", "1")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log_file);
        let child = Child::start(command).map_err(|e| self.start_error(e.to_string()))?;
        Ok(Running {
            child,
            compute_address: addresses.compute[process].clone(),
            log,
        })
    }

    /// What every clusterd is told, but for its folders.
    fn clusterd_args(&self, process: usize, addresses: &Addresses) -> Vec<String> {
        let args = [
            (
                "--storage-controller-listen-addr",
                addresses.storage[process].clone(),
            ),
            (
                "--compute-controller-listen-addr",
                addresses.compute[process].clone(),
            ),
            (
                "--internal-http-listen-addr",
                addresses.http[process].clone(),
            ),
            (
                "--storage-timely-config",
                timely_config(
                    self.workers,
                    STORAGE_PROPORTIONALITY,
                    &addresses.storage_mesh,
                ),
            ),
            (
                "--compute-timely-config",
                timely_config(
                    self.workers,
                    COMPUTE_PROPORTIONALITY,
                    &addresses.compute_mesh,
                ),
            ),
            ("--process", process.to_string()),
            ("--persist-pubsub-url", self.pubsub_url.clone()),
            ("--environment-id", "clusterd-fuzz".to_string()),
            ("--secrets-reader", "local-file".to_string()),
        ];
        let args = args.into_iter();
        args.flat_map(|(flag, value)| [flag.to_string(), value])
            .collect()
    }
}

/// How many addresses each process has.
const ADDRESSES: usize = 5;

/// Where the processes of a replica listen, each list in their order.
struct Addresses {
    storage: Vec<String>,
    compute: Vec<String>,
    http: Vec<String>,
    storage_mesh: Vec<String>,
    compute_mesh: Vec<String>,
}

impl Addresses {
    /// On loopback, from [`ADDRESSES`] ports a process.
    fn new(ports: &[u16]) -> Addresses {
        let processes = ports.len() / ADDRESSES;
        let listeners = |at: usize| -> Vec<String> {
            let ports = ports[at * processes..].iter().take(processes);
            ports.map(|port| format!("127.0.0.1:{port}")).collect()
        };
        Addresses {
            storage: listeners(0),
            compute: listeners(1),
            http: listeners(2),
            storage_mesh: listeners(3),
            compute_mesh: listeners(4),
        }
    }
}

/// The running processes of one replica.
#[derive(Debug)]
pub struct Processes {
    config: Box<ProcessConfig>,
    running: Vec<Running>,
    /// Those of the processes that run.
    ports: Vec<ReservedPort>,
    starts: u32,
    /// Alarms in the logs of processes that do not run any more.
    unheard: Vec<String>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    compute_address: String,
    log: Log,
}

impl Processes {
    /// Starts all processes and waits until each listens for compute commands.
    pub fn start(config: ProcessConfig) -> Result<Self, TargetError> {
        let mut processes = Processes {
            config: Box::new(config),
            running: Vec::new(),
            ports: Vec::new(),
            starts: 0,
            unheard: Vec::new(),
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

    /// Kills what runs and starts anew, on fresh ports.
    pub fn restart(&mut self) -> Result<(), TargetError> {
        self.unheard = self.alarms();
        self.kill_all();
        self.start_all()
    }

    /// The same, with another program.
    pub fn replace(&mut self, program: Program) -> Result<(), TargetError> {
        self.unheard = self.alarms();
        self.kill_all();
        self.config.program = program;
        self.start_all()
    }

    /// How the replica ended, if a process of it does so within `patience`:
    /// every process is asked, and the one that the others followed is named
    /// first, with what it said.
    pub fn ended(&self, patience: Duration) -> Option<String> {
        let deadline = Instant::now() + patience;
        let mut ends: Vec<(usize, ExitStatus, String)> = Vec::new();
        for (process, running) in self.running.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(status) = running.child.ended(left) {
                ends.push((process, status, running.log.reason().unwrap_or_default()));
            }
        }
        // The sort is stable.
        ends.sort_by_key(|(_, status, said)| follows(*status, said));
        let several = self.running.len() > 1;
        let told = ends.iter().map(|(process, status, said)| {
            let by = several.then(|| format!("process {process} "));
            let said = Some(said).filter(|said| !said.is_empty());
            let said = said.map(|said| format!(": {said}"));
            let (by, said) = (by.unwrap_or_default(), said.unwrap_or_default());
            format!("{by}{}{said}", describe(*status))
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// What the replica did on its own since the last time: it ended, within
    /// `patience`, or its logs raise alarm.
    pub fn on_its_own(&mut self, patience: Duration) -> Option<OnItsOwn> {
        if let Some(ended) = self.ended(patience) {
            return Some(OnItsOwn::Ended(ended));
        }
        let alarms = self.alarms();
        // Between its last words and its end a process takes a moment.
        let ends = alarms.iter().any(|line| log::tells_an_end(line));
        match ends.then(|| self.ended(DEATH)).flatten() {
            Some(ended) => Some(OnItsOwn::Ended(ended)),
            None => (!alarms.is_empty()).then_some(OnItsOwn::Logged(alarms)),
        }
    }

    /// The lines that raise alarm in the logs, since the last time.
    fn alarms(&mut self) -> Vec<String> {
        let mut alarms = std::mem::take(&mut self.unheard);
        let several = self.running.len() > 1;
        for (process, running) in self.running.iter_mut().enumerate() {
            let lines = running.log.alarms(&self.config.alarms);
            alarms.extend(lines.into_iter().map(|line| match several {
                true => format!("process {process}: {line}"),
                false => line,
            }));
        }
        alarms
    }

    /// The numbers that the system gave the processes.
    pub fn ids(&self) -> Vec<u32> {
        self.running.iter().map(|r| r.child.id()).collect()
    }

    /// What every process has written to its log, the newest part of long ones.
    pub fn logs(&self) -> String {
        let log = |(process, running): (usize, &Running)| {
            let text = running.log.text();
            format!("# process {process}\n{text}")
        };
        self.running.iter().enumerate().map(log).collect()
    }

    /// Starts every process. A program that takes ports by number may take one of
    /// ours before the process does, which then ends: that is tried again.
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
        self.starts += 1;
        let n = self.config.processes;
        self.ports = (0..ADDRESSES * n)
            .map(|_| ReservedPort::take())
            .collect::<std::io::Result<_>>()
            .map_err(|e| self.config.start_error(format!("no free port: {e}")))?;
        let numbers: Vec<u16> = self.ports.iter().map(|port| port.number).collect();
        let addresses = Addresses::new(&numbers);
        for process in 0..n {
            let running = self.config.start_one(process, self.starts, &addresses)?;
            self.running.push(running);
        }
        let program = self.config.program.path.display().to_string();
        let deadline = Instant::now() + START_PATIENCE;
        for running in &mut self.running {
            running.wait_until_listening(&program, deadline)?;
            // What is said on the way up belongs to no case.
            running.log.skip();
        }
        Ok(())
    }

    fn kill_all(&mut self) {
        self.running.clear();
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
            if let Some(status) = self.child.ended(Duration::ZERO) {
                return Err(TargetError::EndedEarly {
                    program: program.to_string(),
                    status: format!("{}{}", describe(status), self.said_last()),
                });
            }
            if Instant::now() > deadline {
                return Err(TargetError::NotListening {
                    program: program.to_string(),
                    address: self.compute_address.clone(),
                    waited: START_PATIENCE,
                    said: self.said_last(),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it gives as its reason, as an addition to its status.
    fn said_last(&self) -> String {
        let reason = self.log.reason();
        reason.map_or_else(String::new, |reason| format!(": {reason}"))
    }
}

/// How likely it is that a process ended because another one did: the least
/// likely is the cause.
fn follows(status: ExitStatus, said: &str) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        // What a process says whose peer is gone (`spec/replica.md` §1.3).
        _ if said.contains("timely communication error") => 3,
        (Some(libc::SIGABRT), _) => 0,
        (Some(_), _) => 1,
        (None, _) => 2,
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

/// A port on loopback that the system gives to no other program that asks for a free
/// one, neither to listen on nor to connect from: it is bound here without a
/// listener, so that a process which is told the number still can listen. (It has to
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn config(program: &str) -> (tempfile::TempDir, ProcessConfig) {
        let directory = tempfile::tempdir().unwrap();
        let config = ProcessConfig {
            program: Program {
                path: program.into(),
                leading_args: vec![],
                extra_args: vec![],
            },
            processes: 1,
            workers: 1,
            directory: directory.path().to_path_buf(),
            pubsub_url: "http://127.0.0.1:1".to_string(),
            alarms: Vec::new(),
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
    fn a_reserved_port_is_given_to_no_other_and_can_be_listened_on() {
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

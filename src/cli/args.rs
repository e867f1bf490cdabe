//! The command line of clusterd-fuzz.
//!
//! Invariant: every flag says here what it means; README.md explains the ones
//! that a newcomer needs.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::campaign::Shape;
use crate::driver::ALARMS;
use crate::protocol::{Announced, Release};
use crate::replica;
use crate::schedule::Search;

/// How many of a hundred dataflows have plans of operators.
const DEFAULT_OPERATORS: u64 = 50;

/// Schedules of a case, unless it is said.
pub const DEFAULT_SCHEDULES: u64 = 2;

/// Seconds after which something counts as stuck.
pub const DEFAULT_PATIENCE: u64 = 10;

/// Where PubSub is served.
pub const DEFAULT_PUBSUB: &str = "127.0.0.1:0";

/// A property-based fuzzer and model checker for clusterd.
#[derive(Debug, Parser)]
#[command(name = "clusterd-fuzz", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Filter of the log on stderr, such as `info` or `clusterd_fuzz=debug`.
    #[arg(long, global = true, default_value = "off")]
    pub log: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a campaign of random cases.
    Fuzz(Fuzz),
    /// Execute one script (`-` is stdin) and compare it with its golden blocks.
    Run(Run),
    /// Replay scripts of findings with every invariant watching.
    Replay(Replay),
    /// Print the script of one case of a campaign.
    Show(Show),
    /// Print a script for upstream's own driver, with the answers that the model
    /// expects.
    Export(Export),
    /// Run the cases of a campaign in process and print which operators, in
    /// which variants, their dataflows made a replica render.
    Coverage(Coverage),
    /// Hunt the mutants in process, from several seeds, and print how fast each is
    /// found.
    Mutants(Mutants),
    /// Look into persist shards.
    Shard(ShardTool),
    /// Print the mutants that `--mutant` takes: name, tab, one line.
    ListMutants,
    /// Be a miniclusterd; takes clusterd's flags.
    #[command(hide = true)]
    Miniclusterd(Box<replica::args::Args>),
}

/// What is tested, and over which stores.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// `mini`, `in-process`, `spawn:PATH`, `connect:HOST:PORT[,HOST:PORT…]` or
    /// `headless-driver:PATH` (upstream's own driver, with its environment).
    #[arg(long, default_value = "mini", value_name = "TARGET")]
    pub target: TargetKind,
    /// A further argument for the program of `spawn:`, `mini` or `headless-driver:`
    /// (may repeat).
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub target_arg: Vec<String>,
    /// A bug for miniclusterd to have (may repeat); see list-mutants.
    #[arg(long, value_name = "NAME")]
    pub mutant: Vec<replica::mutants::Mutant>,
    /// Worker threads of each process (default: 1; `fuzz` draws how many, and
    /// how many processes, for each case).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
    /// Processes of the replica (default: 1).
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub processes: Option<u16>,
    /// How schedules of the workers are looked for in process: uniform, walk, pct, pos.
    #[arg(long, value_name = "NAME", default_value_t)]
    pub scheduler: Search,
    /// Cases that one started target serves before it is thrown away
    /// (default: 1 for mini, 50 for spawn:).
    #[arg(long, value_name = "N")]
    pub cases_per_start: Option<usize>,
    /// Consensus of persist: postgres://…, sqlite:PATH (default: scratch SQLite).
    #[arg(long, value_name = "URL", requires = "blob")]
    pub consensus: Option<String>,
    /// Blobs of persist: file:///… (default: scratch files).
    #[arg(long, value_name = "URL", requires = "consensus")]
    pub blob: Option<String>,
    /// Where we serve persist's PubSub; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = DEFAULT_PUBSUB)]
    pub pubsub: SocketAddr,
    /// The version of the target, which is announced and whose wire is spoken: of
    /// 26.30, 26.39, or as the newest of them that is not newer.
    #[arg(long, value_name = "VERSION", default_value_t = Release::default().into())]
    pub protocol: Announced,
    #[command(flatten)]
    pub second: SecondArgs,
    /// What must happen counts as stuck after this many seconds without a sign
    /// of work.
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_PATIENCE)]
    pub patience: u64,
    /// A line of a target's log with this text in it is a finding, though the
    /// target lives (may repeat, and then stands for the defaults).
    #[arg(long, value_name = "TEXT", default_values_t = ALARMS.map(String::from))]
    pub alarm: Vec<String>,
    /// Keep logs of targets here instead of in a scratch folder.
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
}

/// A second replica that serves the same cluster, over the same shards; each of these
/// flags asks for one.
#[derive(Debug, Clone, Default, Args)]
pub struct SecondArgs {
    /// A second replica: as `--target`, and in process only if that is.
    #[arg(long, value_name = "TARGET")]
    pub second_target: Option<TargetKind>,
    /// A further argument for the program of the second replica (may repeat).
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub second_target_arg: Vec<String>,
    /// A bug for the second replica to have (may repeat).
    #[arg(long, value_name = "NAME")]
    pub second_mutant: Vec<replica::mutants::Mutant>,
    /// The version of the second replica (default: that of the first).
    #[arg(long, value_name = "VERSION")]
    pub second_protocol: Option<Announced>,
}

impl SecondArgs {
    /// Whether there is a second replica.
    pub fn is_asked_for(&self) -> bool {
        let SecondArgs {
            second_target,
            second_target_arg,
            second_mutant,
            second_protocol,
        } = self;
        second_target.is_some()
            || !second_target_arg.is_empty()
            || !second_mutant.is_empty()
            || second_protocol.is_some()
    }
}

/// One replica, as the flags ask for it.
#[derive(Debug, Clone)]
pub struct ReplicaArgs {
    pub target: TargetKind,
    pub target_arg: Vec<String>,
    pub mutant: Vec<replica::mutants::Mutant>,
    pub protocol: Announced,
}

impl TargetArgs {
    /// The first replica.
    pub fn first(&self) -> ReplicaArgs {
        ReplicaArgs {
            target: self.target.clone(),
            target_arg: self.target_arg.clone(),
            mutant: self.mutant.clone(),
            protocol: self.protocol.clone(),
        }
    }

    /// Whether a replica has a bug on purpose.
    pub fn has_mutants(&self) -> bool {
        !self.mutant.is_empty() || !self.second.second_mutant.is_empty()
    }

    /// The second one, if there is one.
    pub fn second(&self) -> Option<ReplicaArgs> {
        let SecondArgs {
            second_target,
            second_target_arg,
            second_mutant,
            second_protocol,
        } = &self.second;
        self.second.is_asked_for().then(|| ReplicaArgs {
            target: second_target.clone().unwrap_or(self.target.clone()),
            target_arg: second_target_arg.clone(),
            mutant: second_mutant.clone(),
            protocol: second_protocol.clone().unwrap_or(self.protocol.clone()),
        })
    }

    /// The shape that the flags ask for, if they do.
    pub fn shape(&self) -> Option<Shape> {
        let said = self.workers.is_some() || self.processes.is_some();
        said.then_some(Shape {
            workers: self.workers.map_or(1, usize::from),
            processes: self.processes.map_or(1, usize::from),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    Mini,
    InProcess,
    Spawn(PathBuf),
    Connect(Vec<String>),
    /// Whatever upstream's own driver finds in its environment.
    HeadlessDriver(PathBuf),
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetKind::Mini => f.write_str("mini"),
            TargetKind::InProcess => f.write_str("in-process"),
            TargetKind::Spawn(path) => write!(f, "spawn:{}", path.display()),
            TargetKind::Connect(addresses) => write!(f, "connect:{}", addresses.join(",")),
            TargetKind::HeadlessDriver(path) => write!(f, "headless-driver:{}", path.display()),
        }
    }
}

impl std::str::FromStr for TargetKind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let expected = "expected mini, in-process, spawn:PATH, connect:HOST:PORT[,HOST:PORT…] \
                        or headless-driver:PATH";
        match s.split_once(':') {
            None if s == "mini" => Ok(TargetKind::Mini),
            None if s == "in-process" => Ok(TargetKind::InProcess),
            Some(("spawn", path)) if !path.is_empty() => Ok(TargetKind::Spawn(path.into())),
            Some(("headless-driver", path)) if !path.is_empty() => {
                Ok(TargetKind::HeadlessDriver(path.into()))
            }
            Some(("connect", list)) => {
                let addresses: Vec<String> = list.split(',').map(str::to_string).collect();
                let bad = addresses.iter().find(|address| {
                    let port = address.rsplit_once(':').and_then(|(host, port)| {
                        (!host.is_empty()).then(|| port.parse::<u16>().ok())?
                    });
                    port.is_none() && !address.starts_with('/')
                });
                match bad {
                    Some(bad) => Err(format!("`{bad}` is no HOST:PORT; {expected}")),
                    None => Ok(TargetKind::Connect(addresses)),
                }
            }
            Some(_) | None => Err(expected.to_string()),
        }
    }
}

/// Which bugs of clusterd are known.
#[derive(Debug, Clone, Args)]
pub struct KnownArgs {
    /// A file of known bugs, which cases for spawn: and connect: go round
    /// (default: the known-bugs.toml that the program was built with).
    #[arg(long, value_name = "FILE")]
    pub known_bugs: Option<PathBuf>,
    /// First run the script of each known bug, say which are gone, and go round
    /// the others only.
    #[arg(long)]
    pub recheck_known: bool,
}

#[derive(Debug, Args)]
pub struct Fuzz {
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub known: KnownArgs,
    /// Cases to run (default: 200; with --mutant as many as it takes, for 110
    /// seconds).
    #[arg(long)]
    pub cases: Option<u64>,
    /// Begin no case after so many seconds.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// The seed of everything random (default: another one each time).
    #[arg(long)]
    pub seed: Option<u64>,
    /// Run only this case of the campaign.
    #[arg(long, value_name = "N", conflicts_with = "cases")]
    pub case: Option<u64>,
    /// Cases that run at the same time (default: one a core; three for mini).
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Schedules of the workers under which each case runs in process.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SCHEDULES,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub schedules: u64,
    /// Stop after so many different findings (default: 1 with --mutant, else
    /// never).
    #[arg(long, value_name = "N")]
    pub stop_after: Option<usize>,
    /// Where findings are written.
    #[arg(long, value_name = "DIR", default_value = "findings")]
    pub findings: PathBuf,
    /// Keep what the target does in each case here (script with its answers, frames,
    /// shards), for `replay --against`.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Most scripts to run to shrink one finding.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub shrink_runs: usize,
    /// Seconds to spend on shrinking one finding.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub shrink_seconds: u64,
    /// How many of a hundred dataflows have plans of every operator (joins,
    /// reduces, …); the others filter and project.
    #[arg(long, value_name = "PERCENT", default_value_t = DEFAULT_OPERATORS)]
    pub operators: u64,
    /// `text`, or `json` for one event a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub target: TargetArgs,
    /// The script; REWRITE=1 in the environment rewrites its blocks.
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Replay {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Scripts, or folders of them.
    #[arg(required_unless_present = "against", conflicts_with = "against")]
    pub paths: Vec<PathBuf>,
    /// Hold the target against what `fuzz --record` kept here, instead of replaying
    /// scripts.
    #[arg(long, value_name = "DIR")]
    pub against: Option<PathBuf>,
    /// Which bugs are known, where the target differs from the record (default: the
    /// known-bugs.toml that the program was built with).
    #[arg(long, value_name = "FILE")]
    pub known_bugs: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Show {
    /// As it was given to `fuzz`: cases for a clusterd that is not ours go round
    /// known bugs.
    #[arg(long, default_value = "mini", value_name = "TARGET")]
    pub target: TargetKind,
    /// As it was given to `fuzz`.
    #[arg(long, value_name = "FILE")]
    pub known_bugs: Option<PathBuf>,
    /// As it was given to `fuzz`.
    #[arg(long, value_name = "VERSION", default_value_t = Release::default().into())]
    pub protocol: Announced,
    /// As they were given to `fuzz`.
    #[command(flatten)]
    pub second: SecondArgs,
    /// The seed of the campaign.
    #[arg(long)]
    pub seed: u64,
    /// The number of the case.
    #[arg(long, value_name = "N")]
    pub case: u64,
    /// As it was given to `fuzz`.
    #[arg(long, value_name = "PERCENT", default_value_t = DEFAULT_OPERATORS)]
    pub operators: u64,
}

#[derive(Debug, Args)]
pub struct Export {
    /// In the language of upstream's driver; there is no other one so far.
    #[arg(long, required = true)]
    pub upstream: bool,
    /// The version of that driver.
    #[arg(long, value_name = "VERSION", default_value_t = Release::default().into())]
    pub protocol: Announced,
    /// The script (`-` is stdin).
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Coverage {
    /// Cases to run.
    #[arg(long, default_value_t = 2_000)]
    pub cases: u64,
    /// The seed of the campaign.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// As it is given to `fuzz`.
    #[arg(long, value_name = "PERCENT", default_value_t = DEFAULT_OPERATORS)]
    pub operators: u64,
}

#[derive(Debug, Args)]
pub struct Mutants {
    /// Only this one (may repeat; default: all of them).
    #[arg(long, value_name = "NAME")]
    pub mutant: Vec<replica::mutants::Mutant>,
    /// Hunts of each, from as many seeds.
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// As it is given to `fuzz` (may repeat: a row for each).
    #[arg(long, value_name = "NAME", default_value = "uniform")]
    pub scheduler: Vec<Search>,
    /// Seconds after which a hunt is given up.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Hunts at the same time, each on one core (default: one a core).
    #[arg(long)]
    pub jobs: Option<usize>,
    /// As it is given to `fuzz`.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SCHEDULES,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub schedules: u64,
    /// As it is given to `fuzz`.
    #[arg(long, value_name = "PERCENT", default_value_t = DEFAULT_OPERATORS)]
    pub operators: u64,
    /// As it is given to `fuzz`.
    #[arg(long, value_name = "VERSION", default_value_t = Release::default().into())]
    pub protocol: Announced,
    /// `text`, or `json` for one mutant a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ShardTool {
    #[command(subcommand)]
    pub command: ShardCommand,
}

#[derive(Debug, Subcommand)]
pub enum ShardCommand {
    /// Print since, upper, batches, rollups and readers of shards.
    Inspect(ShardArgs),
    /// Print every rule of the format that a shard breaks.
    Check(ShardArgs),
}

#[derive(Debug, Args)]
pub struct ShardArgs {
    /// Consensus of persist: postgres://… or sqlite:PATH.
    #[arg(long, value_name = "URL")]
    pub consensus: String,
    /// Blobs of persist: file:///….
    #[arg(long, value_name = "URL")]
    pub blob: String,
    /// One shard (default: all).
    pub shard: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_others_refused_with_what_was_expected() {
        let parse = |s: &str| s.parse::<TargetKind>();
        assert_eq!(parse("mini"), Ok(TargetKind::Mini));
        assert_eq!(
            parse("spawn:/bin/clusterd"),
            Ok(TargetKind::Spawn("/bin/clusterd".into()))
        );
        let two = vec!["h:1".to_string(), "h:2".to_string()];
        assert_eq!(parse("connect:h:1,h:2"), Ok(TargetKind::Connect(two)));
        for bad in [
            "",
            "minis",
            "spawn:",
            "connect:",
            "connect:h",
            "connect:h:x",
            "connect::1",
        ] {
            let error = parse(bad).unwrap_err();
            assert!(
                error.contains("expected mini, in-process, spawn:PATH"),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}

//! The command line of clusterd, as far as miniclusterd obeys it, plus
//! `--mutant`, `--list-mutants` and `--protocol`. Flags that only matter to the
//! real program are accepted and ignored, so that the same command starts either.
//!
//! Invariant: a flag wins over its environment variable `CLUSTERD_<NAME>`, and
//! a repeated flag over the earlier one. Source: `spec/replica.md` §1.1.

use std::ffi::OsString;

use clap::Parser;

use super::mutants::Mutant;
use super::timely_config::TimelyConfig;
use protocol::{Announced, Release};

/// A small compute replica that speaks clusterd's wire protocol.
#[derive(Debug, Clone, Parser)]
#[command(name = "miniclusterd", version, args_override_self = true)]
pub struct Args {
    /// Where to listen for the storage protocol; accepted and served with nothing.
    #[arg(
        long,
        env = "CLUSTERD_STORAGE_CONTROLLER_LISTEN_ADDR",
        default_value = "127.0.0.1:2100"
    )]
    pub storage_controller_listen_addr: String,

    /// Where to listen for the compute protocol: `ip:port` or an absolute socket path.
    #[arg(
        long,
        env = "CLUSTERD_COMPUTE_CONTROLLER_LISTEN_ADDR",
        default_value = "127.0.0.1:2101"
    )]
    pub compute_controller_listen_addr: String,

    /// Where to serve HTTP: `GET /api/livez` says that the process lives.
    #[arg(
        long,
        env = "CLUSTERD_INTERNAL_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:6878"
    )]
    pub internal_http_listen_addr: String,

    /// The name to send and check in the transport Hello; empty means none.
    #[arg(long, env = "CLUSTERD_GRPC_HOST")]
    pub grpc_host: Option<String>,

    /// Timely configuration of the storage side, as JSON; only checked.
    #[arg(long, env = "CLUSTERD_STORAGE_TIMELY_CONFIG")]
    pub storage_timely_config: TimelyConfig,

    /// Timely configuration of the compute side, as JSON.
    #[arg(long, env = "CLUSTERD_COMPUTE_TIMELY_CONFIG")]
    pub compute_timely_config: TimelyConfig,

    /// The index of this process among the processes of the replica.
    #[arg(long, env = "CLUSTERD_PROCESS")]
    pub process: usize,

    /// The gRPC server that pushes changes of shards; unreachable is not fatal.
    #[arg(
        long,
        env = "CLUSTERD_PERSIST_PUBSUB_URL",
        default_value = "http://localhost:6879"
    )]
    pub persist_pubsub_url: String,

    /// An opaque name of the environment.
    #[arg(long, env = "CLUSTERD_ENVIRONMENT_ID")]
    pub environment_id: String,

    /// How secrets are read: `local-file`, `kubernetes` or `aws-secrets-manager`; unused.
    #[arg(long, env = "CLUSTERD_SECRETS_READER", value_parser = ["local-file", "kubernetes", "aws-secrets-manager"])]
    pub secrets_reader: String,

    /// The folder of the `local-file` secrets reader; unused.
    #[arg(long, env = "CLUSTERD_SECRETS_READER_LOCAL_FILE_DIR")]
    pub secrets_reader_local_file_dir: Option<String>,

    /// The context of the `kubernetes` secrets reader; unused.
    #[arg(long, env = "CLUSTERD_SECRETS_READER_KUBERNETES_CONTEXT")]
    pub secrets_reader_kubernetes_context: Option<String>,

    /// The prefix of the `aws-secrets-manager` secrets reader; unused.
    #[arg(long, env = "CLUSTERD_SECRETS_READER_AWS_PREFIX")]
    pub secrets_reader_aws_prefix: Option<String>,

    /// A prefix of secret names; unused.
    #[arg(long, env = "CLUSTERD_SECRETS_READER_NAME_PREFIX")]
    pub secrets_reader_name_prefix: Option<String>,

    /// A folder for scratch files; unused.
    #[arg(long, env = "CLUSTERD_SCRATCH_DIRECTORY")]
    pub scratch_directory: Option<String>,

    /// Bytes of memory announced to the process; unused.
    #[arg(long)]
    pub announce_memory_limit: Option<u64>,

    /// Bytes of heap that clusterd enforces; unused.
    #[arg(long)]
    pub heap_limit: Option<u64>,

    /// Selects other defaults in clusterd; unused.
    #[arg(long)]
    pub is_cc: bool,

    /// Pins timely threads in clusterd; unused.
    #[arg(long)]
    pub worker_core_affinity: bool,

    /// Storage introspection in clusterd; unused.
    #[arg(long)]
    pub enable_storage_introspection_logs: bool,

    /// Unused.
    #[arg(long, env = "CLUSTERD_AWS_EXTERNAL_ID")]
    pub aws_external_id_prefix: Option<String>,

    /// Unused.
    #[arg(long, env = "CLUSTERD_AWS_CONNECTION_ROLE_ARN")]
    pub aws_connection_role_arn: Option<String>,

    /// The filter of the log on stderr.
    #[arg(long, env = "CLUSTERD_STARTUP_LOG_FILTER", default_value = "info")]
    pub startup_log_filter: String,

    /// Unused.
    #[arg(long, env = "CLUSTERD_LOG_FORMAT", default_value = "text")]
    pub log_format: String,

    /// Unused.
    #[arg(long, env = "CLUSTERD_LOG_PREFIX")]
    pub log_prefix: Option<String>,

    /// The version to announce, of a release whose wire is known.
    #[arg(long, value_name = "VERSION", default_value_t = Release::default().into())]
    pub protocol: Announced,

    /// A bug to have (may be repeated); see --list-mutants.
    #[arg(long = "mutant", value_name = "NAME", action = clap::ArgAction::Append)]
    pub mutants: Vec<Mutant>,
}

/// Beginnings of clusterd's flags about tracing, error reports and consoles.
const TELEMETRY: [&str; 3] = ["--opentelemetry-", "--sentry-", "--tokio-console-"];

/// A command line without the flags about telemetry and their values: they are
/// accepted and ignored, whatever they are called in a build of clusterd.
pub fn without_telemetry(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut value_follows = false;
    for arg in args {
        let text = arg.to_string_lossy();
        if TELEMETRY.iter().any(|flag| text.starts_with(flag)) {
            value_follows = !text.contains('=');
        } else if text.starts_with('-') || !std::mem::take(&mut value_follows) {
            value_follows = false;
            kept.push(arg);
        }
    }
    kept
}

impl Args {
    /// The name for the transport Hello; an empty one counts as none.
    pub fn server_fqdn(&self) -> Option<String> {
        self.grpc_host.clone().filter(|host| !host.is_empty())
    }

    /// What clap cannot check: how the two timely configurations fit together.
    pub fn check(&self) -> Result<(), String> {
        let compute = &self.compute_timely_config;
        if self.storage_timely_config.workers != compute.workers {
            return Err(format!(
                "--storage-timely-config has {} workers, --compute-timely-config {}: expected equal numbers",
                self.storage_timely_config.workers, compute.workers
            ));
        }
        if compute.workers == 0 {
            return Err("--compute-timely-config has 0 workers: expected 1 or more".to_string());
        }
        if self.process >= compute.addresses.len() {
            return Err(format!(
                "--process is {}, but --compute-timely-config has {} addresses: expected one per process",
                self.process,
                compute.addresses.len()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMELY: &str = r#"{"workers":2,"process":7,"addresses":["127.0.0.1:2102"],"arrangement_exert_proportionality":16,"enable_zero_copy":false,"enable_zero_copy_lgalloc":false}"#;

    fn parse(extra: &[&str]) -> Result<Args, clap::Error> {
        let base = [
            "miniclusterd",
            "--storage-timely-config",
            TIMELY,
            "--compute-timely-config",
            TIMELY,
            "--environment-id",
            "e",
            "--secrets-reader",
            "local-file",
            "--process",
            "0",
        ];
        Args::try_parse_from(base.iter().chain(extra))
    }

    #[test]
    fn the_usual_command_line_parses_and_later_flags_win() {
        let args = parse(&[
            "--compute-controller-listen-addr",
            "/tmp/a",
            "--compute-controller-listen-addr",
            "/tmp/b",
            "--grpc-host",
            "",
        ])
        .unwrap();
        assert_eq!(args.compute_controller_listen_addr, "/tmp/b");
        assert_eq!(args.server_fqdn(), None);
        assert_eq!(args.compute_timely_config.workers, 2);
        assert_eq!(args.check(), Ok(()));
    }

    #[test]
    fn flags_about_telemetry_are_ignored_with_their_values() {
        let line = "m --sentry-dsn http://x --process 0 --opentelemetry-enabled --is-cc --tokio-console-retention=1h a";
        let kept = without_telemetry(line.split(' ').map(OsString::from));
        assert_eq!(kept, ["m", "--process", "0", "--is-cc", "a"]);
    }

    #[test]
    fn mutants_are_checked_by_name() {
        let args = parse(&["--mutant", "peek-early", "--mutant", "drop-silent"]).unwrap();
        let names: Vec<&str> = args.mutants.iter().map(|mutant| mutant.name()).collect();
        assert_eq!(names, ["peek-early", "drop-silent"]);
        assert!(parse(&["--mutant", "nonsense"]).is_err());
    }

    #[test]
    fn a_process_without_an_address_is_refused() {
        let err = parse(&["--process", "1"]).unwrap().check().unwrap_err();
        assert!(err.contains("--process is 1"), "{err}");
    }
}

//! The JSON of `--compute-timely-config`: how many workers and processes make
//! up the replica, and where they meet.
//!
//! Invariant: unknown keys are ignored, `process` is overwritten by
//! `--process`, and the other values affect scheduling, never results.
//! Source: `spec/replica.md` §1.2.

use std::str::FromStr;

use serde::Deserialize;

/// Timely's shape of the replica.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TimelyConfig {
    /// Worker threads of each process.
    pub workers: usize,
    /// The index of this process; `--process` wins.
    pub process: usize,
    /// One address per process, in the order of their indices.
    pub addresses: Vec<String>,
    /// How eagerly arrangements merge; 0 leaves timely's default.
    pub arrangement_exert_proportionality: u32,
    /// Whether workers of one process exchange bytes instead of values.
    pub enable_zero_copy: bool,
    /// Ignored: an allocator of the real program.
    pub enable_zero_copy_lgalloc: bool,
    /// Ignored: a limit of that allocator.
    #[serde(default)]
    pub zero_copy_limit: Option<usize>,
}

impl FromStr for TimelyConfig {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        serde_json::from_str(s).map_err(|err| {
            format!("not a timely configuration ({err}): expected a JSON object with workers, process, addresses, …")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_ignored_and_missing_ones_are_not() {
        let ok = r#"{"workers":1,"process":0,"addresses":["a:1"],"arrangement_exert_proportionality":16,"enable_zero_copy":false,"enable_zero_copy_lgalloc":false,"zero_copy_limit":null,"more":1}"#;
        assert_eq!(ok.parse::<TimelyConfig>().unwrap().addresses, vec!["a:1"]);
        let err = r#"{"workers":1}"#.parse::<TimelyConfig>().unwrap_err();
        assert!(err.contains("missing field"), "{err}");
    }
}

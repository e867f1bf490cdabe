//! The releases of clusterd that this program knows: which wire each speaks, and in
//! what else they differ. Source: `spec/v26_39.md`.
//!
//! A release is one set of answers to the questions below; nothing else compares
//! versions. What changed between two releases and cannot be met with the commands
//! and functions of scripts (§8.3) has no question here.
//!
//! Invariant: the oldest release stands first.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use semver::Version;
use thiserror::Error;

use crate::ctp::Codec;
use crate::neutral::{ComputeCommand, DataflowDescription, Top1Form, Untranslatable};
use crate::v26_30::ComputeResponse;
use crate::wire::{DecodeError, EncodeError};
use crate::{v26_30, v26_39, wire};

/// A release whose wire is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Release {
    #[default]
    V26_30,
    V26_39,
}

impl Release {
    /// All of them, the oldest first.
    pub const ALL: [Release; 2] = [Release::V26_30, Release::V26_39];

    /// The newest release that is not newer than `version`, patch levels aside: a
    /// version between two of them is spoken to as the older one. None for versions
    /// older than all.
    pub fn speaking(version: &Version) -> Option<Release> {
        let mut newest_first = Release::ALL.into_iter().rev();
        newest_first.find(|release| {
            let known = release.version();
            (known.major, known.minor) <= (version.major, version.minor)
        })
    }

    /// The version that it was read off, which it announces.
    pub fn version(self) -> Version {
        let text = match self {
            Release::V26_30 => v26_30::VERSION,
            Release::V26_39 => v26_39::VERSION,
        };
        text.parse().expect("the constant is a version")
    }

    /// The payload of a command.
    ///
    /// Errors: the first part that this release has no form for.
    pub fn encode_command(self, command: ComputeCommand) -> Result<Vec<u8>, Unspeakable> {
        Ok(match self {
            Release::V26_30 => v26_30::encode_command(&v26_30::from_neutral(command)?)?,
            Release::V26_39 => v26_39::encode_command(&v26_39::from_neutral(command)?)?,
        })
    }

    /// The command of a payload.
    ///
    /// Errors: bytes that are no command of this release, bytes left over, values
    /// that nest too deep.
    pub fn decode_command(self, payload: &[u8]) -> Result<ComputeCommand, DecodeError> {
        match self {
            Release::V26_30 => v26_30::decode_command(payload).map(v26_30::to_neutral),
            Release::V26_39 => v26_39::decode_command(payload).map(v26_39::to_neutral),
        }
    }

    /// The response of a payload.
    ///
    /// Errors: as of `decode_command`.
    pub fn decode_response(self, payload: &[u8]) -> Result<ComputeResponse, DecodeError> {
        match self {
            Release::V26_30 => wire::decode(payload),
            Release::V26_39 => v26_39::decode_response(payload),
        }
    }

    /// What a client of this release says and hears.
    pub fn client(self) -> Codec<ComputeCommand, ComputeResponse> {
        Codec {
            encode: Arc::new(move |command| {
                let payload = self.encode_command(command.clone());
                payload.map_err(|error| error.to_string())
            }),
            decode: Arc::new(move |payload| {
                let response = self.decode_response(payload);
                response.map_err(|error| error.to_string())
            }),
        }
    }

    /// What a replica of this release says and hears.
    pub fn replica(self) -> Codec<ComputeResponse, ComputeCommand> {
        Codec {
            // Responses are the same in every release.
            encode: Arc::new(|response| Ok(wire::encode(response))),
            decode: Arc::new(move |payload| {
                let command = self.decode_command(payload);
                command.map_err(|error| error.to_string())
            }),
        }
    }

    /// Checks that a dataflow can be said; errors as of `encode_command`.
    pub fn check_dataflow(self, description: &DataflowDescription) -> Result<(), Unspeakable> {
        let command = ComputeCommand::CreateDataflow(Box::new(description.clone()));
        self.encode_command(command).map(drop)
    }

    /// In which form a `MonotonicTop1` over rows of so many columns offers them
    /// (§3.7).
    pub fn top_1_form(self, arity: usize) -> Top1Form {
        match self {
            Release::V26_30 => Top1Form::Raw,
            Release::V26_39 => Top1Form::Arranged { arity },
        }
    }

    /// Whether upstream's text language of plans names every function, types its
    /// literals and tells keys (`spec/script.md` §6).
    pub fn plans_name_functions(self) -> bool {
        match self {
            Release::V26_30 => false,
            Release::V26_39 => true,
        }
    }

    /// Whether a delta join of a dataflow for a single time follows one path only
    /// (§3.7).
    pub fn cuts_single_time_delta_joins(self) -> bool {
        match self {
            Release::V26_30 => false,
            Release::V26_39 => true,
        }
    }

    /// Whether an instance is created with an initial configuration (§2.1).
    pub fn configures_instances(self) -> bool {
        match self {
            Release::V26_30 => false,
            Release::V26_39 => true,
        }
    }

    /// Whether an error of a binding counts once for what reads the binding, however
    /// often it was raised (§8.1, B29).
    pub fn makes_errors_distinct(self) -> bool {
        match self {
            Release::V26_30 => false,
            Release::V26_39 => true,
        }
    }

    /// Whether an error stands in the shard of a materialized view once, however
    /// often the view has it (§8.1, B29).
    pub fn writes_errors_once(self) -> bool {
        match self {
            Release::V26_30 => false,
            Release::V26_39 => true,
        }
    }
}

/// The version that both ends of a connection announce, and the release whose wire
/// goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub version: Version,
    pub release: Release,
}

impl Announced {
    /// Whether it is what is announced unless another version is asked for.
    pub fn is_default(&self) -> bool {
        *self == Announced::from(Release::default())
    }
}

impl From<Release> for Announced {
    fn from(release: Release) -> Self {
        Announced {
            version: release.version(),
            release,
        }
    }
}

impl FromStr for Announced {
    type Err = AnnouncedError;

    fn from_str(text: &str) -> Result<Self, AnnouncedError> {
        let version: Version = text.parse()?;
        let release = Release::speaking(&version).ok_or(AnnouncedError::TooOld)?;
        Ok(Announced { version, release })
    }
}

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)
    }
}

/// A text that is no version, or none whose wire is known.
#[derive(Debug, Error)]
pub enum AnnouncedError {
    #[error(transparent)]
    Version(#[from] semver::Error),
    #[error("no wire is known for it: expected {} or later", Release::ALL[0])]
    TooOld,
}

/// A command that a release cannot say.
#[derive(Debug, Error)]
pub enum Unspeakable {
    #[error(transparent)]
    Form(#[from] Untranslatable),
    #[error(transparent)]
    Variant(#[from] EncodeError),
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version { major, minor, .. } = self.version();
        write!(f, "{major}.{minor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_spoken_to_as_the_newest_release_that_is_not_newer() {
        let speaking = |text: &str| Release::speaking(&text.parse().unwrap());
        assert_eq!(speaking("26.29.9"), None);
        for release in Release::ALL {
            assert_eq!(Release::speaking(&release.version()), Some(release));
        }
        assert_eq!(speaking("26.30.0"), Some(Release::V26_30));
        assert_eq!(speaking("26.38.2"), Some(Release::V26_30));
        assert_eq!(speaking("26.39.4"), Some(Release::V26_39));
        assert_eq!(speaking("27.0.0-rc.1"), Some(Release::V26_39));
        assert!(Release::ALL.is_sorted());
    }
}

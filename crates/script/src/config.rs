//! Typed values of `update-configuration` and `create-instance`. Source:
//! `spec/script.md` §2.2.
//!
//! Invariant: error texts are upstream's, since golden blocks show them.

use std::collections::BTreeMap;
use std::num::ParseIntError;
use std::time::Duration;

use super::command::Setting;
use super::error::SettingError;
use protocol::v26_30::ConfigVal;

/// The limit of results: no value by name, but a parameter of its own.
pub const MAX_RESULT_SIZE: &str = "max_result_size";

/// What an `update-configuration` sends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// The most bytes that a result may take, where it changes.
    pub max_result_size: Option<u64>,
    /// Values by name.
    pub updates: BTreeMap<String, ConfigVal>,
}

impl Configuration {
    /// What these settings send. `max_result_size u64 N` is an extension of the
    /// script language.
    ///
    /// Errors: a value that is none of its type, or an unknown type.
    pub fn of(settings: &[Setting]) -> Result<Configuration, SettingError> {
        let mut configuration = Configuration::default();
        for setting in settings {
            let Setting { name, ty, value } = setting;
            if name == MAX_RESULT_SIZE && ty == "u64" {
                let bytes = value
                    .parse()
                    .map_err(|e: ParseIntError| SettingError::Value {
                        value: value.clone(),
                        ty: ty.clone(),
                        cause: e.to_string(),
                    })?;
                configuration.max_result_size = Some(bytes);
            } else {
                let value = self::value(setting)?;
                configuration.updates.insert(name.clone(), value);
            }
        }
        Ok(configuration)
    }
}

/// Whether workers may put the rows of answers into the stash.
pub const PEEK_STASH: &str = "enable_compute_peek_response_stash";

/// Beyond how many bytes they do.
pub const PEEK_STASH_THRESHOLD: &str = "compute_peek_response_stash_threshold_bytes";

/// The threshold of a replica that was not told another one (`spec/replica.md`
/// §5.6).
pub const STASH_THRESHOLD_BYTES: usize = 10 * 1024;

/// What an update says of the stash; what it does not name stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StashUpdate {
    pub enabled: Option<bool>,
    pub threshold_bytes: Option<u64>,
}

impl StashUpdate {
    /// What these values say. Of another type, they end the replica.
    pub fn of(updates: &BTreeMap<String, ConfigVal>) -> Self {
        let enabled = match updates.get(PEEK_STASH) {
            Some(ConfigVal::Bool(enabled)) => Some(*enabled),
            Some(_) | None => None,
        };
        let threshold_bytes = match updates.get(PEEK_STASH_THRESHOLD) {
            Some(ConfigVal::Usize(bytes)) => Some(*bytes as u64),
            Some(_) | None => None,
        };
        StashUpdate {
            enabled,
            threshold_bytes,
        }
    }
}

/// The values of settings, by name.
///
/// Errors: as of [`value`].
pub fn values(settings: &[Setting]) -> Result<BTreeMap<String, ConfigVal>, SettingError> {
    let valued = |setting: &Setting| Ok((setting.name.clone(), value(setting)?));
    settings.iter().map(valued).collect()
}

/// The value that a setting sends.
pub fn value(setting: &Setting) -> Result<ConfigVal, SettingError> {
    let Setting { ty, value, .. } = setting;
    let invalid = |cause: String| SettingError::Value {
        value: value.clone(),
        ty: ty.clone(),
        cause,
    };
    Ok(match ty.as_str() {
        "bool" => match value.as_str() {
            "on" | "true" => ConfigVal::Bool(true),
            "off" | "false" => ConfigVal::Bool(false),
            _ => return Err(invalid("provided string was not `true` or `false`".into())),
        },
        "u32" => ConfigVal::U32(
            value
                .parse()
                .map_err(|e: ParseIntError| invalid(e.to_string()))?,
        ),
        "usize" => ConfigVal::Usize(
            value
                .parse()
                .map_err(|e: ParseIntError| invalid(e.to_string()))?,
        ),
        "f64" => ConfigVal::F64(
            value
                .parse()
                .map_err(|e: std::num::ParseFloatError| invalid(e.to_string()))?,
        ),
        "duration" => ConfigVal::Duration(
            humantime::parse_duration(value).map_err(|e| invalid(e.to_string()))?,
        ),
        "string" => ConfigVal::String(value.clone()),
        _ => {
            return Err(SettingError::Type(ty.clone()));
        }
    })
}

/// The offset of `create-instance expiration-offset=`.
pub fn expiration_offset(text: &str) -> Result<Duration, SettingError> {
    humantime::parse_duration(text).map_err(|cause| SettingError::ExpirationOffset {
        text: text.to_string(),
        cause: cause.to_string(),
    })
}

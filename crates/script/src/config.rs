//! Typed values of `update-configuration` and `create-instance`. Source:
//! `spec/script.md` §2.2.
//!
//! Invariant: error texts are upstream's, since golden blocks show them.

use std::time::Duration;

use super::command::Setting;
use super::error::SettingError;
use protocol::v26_30::ConfigVal;

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
                .map_err(|e: std::num::ParseIntError| invalid(e.to_string()))?,
        ),
        "usize" => ConfigVal::Usize(
            value
                .parse()
                .map_err(|e: std::num::ParseIntError| invalid(e.to_string()))?,
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

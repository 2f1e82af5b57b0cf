//! What is wrong with a config, and what was probably meant.

use super::keys::{ConfigKey, ConfigType, KEYS};
use crate::format::text::clip;
use crate::format::text::edit_distance;
use std::fmt;

/// Why a topic cannot have a config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Kafka has no such config.
    #[error("topics have no config {name:?}{}", nearest.map_or(String::new(), |n| format!(" (did you mean {n}?)")))]
    Unknown {
        /// The name.
        name: String,
        /// One that is much like it.
        nearest: Option<&'static str>,
    },
    /// The value is of another type or out of range.
    #[error("{name}: expected {expected}, found {found:?}{}", Hint(hint))]
    Invalid {
        /// The config.
        name: &'static str,
        /// Which values it takes.
        expected: String,
        /// The value.
        found: String,
        /// The value as Kafka would have it, where that can be told.
        hint: Option<String>,
    },
    /// The values of several configs do not go together.
    #[error("{names}: expected {expected}, found {found}")]
    Conflict {
        /// The configs.
        names: &'static str,
        /// What has to hold.
        expected: String,
        /// Their values.
        found: String,
    },
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(plain) => write!(f, " (write {plain})"),
        }
    }
}

impl ConfigError {
    pub(super) fn unknown(name: &str) -> Self {
        Self::Unknown {
            name: clip(name),
            nearest: nearest(name),
        }
    }

    pub(super) fn invalid(key: &'static ConfigKey, value: &str) -> Self {
        let hint = plain_number(key, value)
            .or_else(|| same_but_case(key, value))
            .filter(|hint| key.rule.allows(key.kind, hint));
        Self::Invalid {
            name: key.name,
            expected: key.values(),
            found: clip(value),
            hint,
        }
    }
}

/// The config that was probably meant: the same in another spelling, the topic's
/// twin of a broker's (`log.retention.ms`), or one with few letters changed.
fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > 100 {
        return None;
    }
    let plain = name.to_ascii_lowercase().replace(['_', '-', ' '], ".");
    let plain = plain.strip_prefix("log.").unwrap_or(&plain);
    let distances = KEYS.iter().filter(|key| !key.internal).map(|key| {
        (
            edit_distance(plain.as_bytes(), key.name.as_bytes()),
            key.name,
        )
    });
    let (distance, nearest) = distances.min()?;
    (distance <= nearest.len() / 3).then_some(nearest)
}

/// `7d` or `10MiB` as a plain number of milliseconds or bytes.
fn plain_number(key: &ConfigKey, value: &str) -> Option<String> {
    if !matches!(key.kind, ConfigType::Int | ConfigType::Long) {
        return None;
    }
    let value = value.trim();
    let unit_at = value.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = value.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor: u64 = if key.name.ends_with(".ms") {
        match unit.as_str() {
            "ms" => 1,
            "s" | "sec" | "seconds" => 1_000,
            "m" | "min" | "minutes" => 60_000,
            "h" | "hours" => 3_600_000,
            "d" | "days" => 86_400_000,
            "w" | "weeks" => 604_800_000,
            _ => return None,
        }
    } else {
        match unit.as_str() {
            "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return None,
        }
    };
    number.checked_mul(factor).map(|plain| plain.to_string())
}

/// A name in the right case.
fn same_but_case(key: &ConfigKey, value: &str) -> Option<String> {
    let lower = value.trim().to_ascii_lowercase();
    let meant = match (lower.as_str(), key.name) {
        ("none", "compression.type") => "uncompressed",
        ("createtime", "message.timestamp.type") => "CreateTime",
        ("logappendtime", "message.timestamp.type") => "LogAppendTime",
        (other, _) => other,
    };
    (meant != value).then(|| meant.to_owned())
}

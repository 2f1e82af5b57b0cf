//! Which values a config takes.
//!
//! Source: `org.apache.kafka.common.config.ConfigDef` (`parseType` and the
//! validators), `org.apache.kafka.server.config.…ThrottledReplicaListValidator`.

use super::keys::ConfigType;

/// The rule for one config's values, beyond their type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// Whatever the type has.
    Any,
    /// This or more.
    AtLeast(i64),
    /// From the first to the second, or the third.
    Between(i64, i64, Option<i64>),
    /// From 0 to 1.
    Fraction,
    /// One of these, spelled like this.
    OneOf(&'static [&'static str]),
    /// Some of these.
    ListOf(&'static [&'static str]),
    /// `PARTITION:BROKER` each, or `*`.
    Replicas,
}

impl Rule {
    /// Whether a value follows type and rule.
    pub(super) fn allows(self, kind: ConfigType, value: &str) -> bool {
        let value = trim(value);
        match kind {
            ConfigType::Boolean => boolean(value).is_some(),
            ConfigType::Int => value
                .parse::<i32>()
                .is_ok_and(|n| self.allows_number(n.into())),
            ConfigType::Long => value.parse::<i64>().is_ok_and(|n| self.allows_number(n)),
            ConfigType::Double => double(value).is_some_and(|n| (0.0..=1.0).contains(&n)),
            ConfigType::String => match self {
                Self::OneOf(names) => names.contains(&value),
                _ => true,
            },
            ConfigType::List => self.allows_list(&list(value)),
        }
    }

    fn allows_number(self, number: i64) -> bool {
        match self {
            Self::AtLeast(least) => number >= least,
            Self::Between(least, most, also) => {
                (least..=most).contains(&number) || also == Some(number)
            }
            _ => true,
        }
    }

    fn allows_list(self, items: &[&str]) -> bool {
        match self {
            Self::ListOf(names) => items.iter().all(|item| names.contains(item)),
            Self::Replicas => items.concat() == "*" || items.iter().all(|item| is_replica(item)),
            _ => true,
        }
    }

    /// Which values follow type and rule.
    pub(super) fn describe(self, kind: ConfigType) -> String {
        let most = match kind {
            ConfigType::Int => i64::from(i32::MAX),
            _ => i64::MAX,
        };
        match (self, kind) {
            (Self::AtLeast(least), _) => format!("a whole number from {least} to {most}"),
            (Self::Between(least, most, None), _) => {
                format!("a whole number from {least} to {most}")
            }
            (Self::Between(least, most, Some(also)), _) => {
                format!("a whole number from {least} to {most}, or {also}")
            }
            (Self::Fraction, _) => "a number from 0 to 1".to_owned(),
            (Self::OneOf(names), _) => format!("one of {}", names.join(", ")),
            (Self::ListOf(names), _) => {
                format!("some of {}, with commas between", names.join(", "))
            }
            (Self::Replicas, _) => "`*`, or PARTITION:BROKER with commas between".to_owned(),
            (Self::Any, ConfigType::Boolean) => "true or false".to_owned(),
            (Self::Any, ConfigType::Int) => format!("a whole number from {} to {most}", i32::MIN),
            (Self::Any, ConfigType::Long) => format!("a whole number from {} to {most}", i64::MIN),
            (Self::Any, kind) => format!("a {kind}"),
        }
    }
}

/// As Java's `String.trim`: control characters go too.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches(|c| c <= ' ')
}

/// `true` or `false` in any case.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match trim(value) {
        yes if yes.eq_ignore_ascii_case("true") => Some(true),
        no if no.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A number that is one.
pub(super) fn double(value: &str) -> Option<f64> {
    trim(value).parse().ok().filter(|n: &f64| n.is_finite())
}

/// The items between commas; none for nothing.
pub(super) fn list(value: &str) -> Vec<&str> {
    match trim(value) {
        "" => Vec::new(),
        value => value.split(',').map(str::trim_ascii).collect(),
    }
}

fn is_replica(item: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    item.is_empty()
        || item
            .split_once(':')
            .is_some_and(|(partition, broker)| digits(partition) && digits(broker))
}

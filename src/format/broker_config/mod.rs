//! Configs of brokers: their names, types and defaults as in Apache Kafka 4.3.1, and
//! which of them may change while a broker runs. What each does is said of those that
//! mean something here; the others are kept for Kafka.
//!
//! ```text
//! table.tsv   name  type  default  changes  values  doc
//! default     !none where it has to be set, !null where nothing is
//! changes     cluster: for all brokers or one; broker: for one; -: never; hidden, internal:
//!             the first and the last, and not shown unless set
//! values      LEAST..MOST, or with |OTHER one more; =A,B these; -: all of the type
//! ```
//!
//! Source: `kafka.server.KafkaConfig`, `org.apache.kafka.server.config.DynamicBrokerConfig`;
//! KIP-226.

use std::sync::LazyLock;

const TABLE: &str = include_str!("table.tsv");

/// What a config's values are, by Kafka's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Kind {
    /// `true` or `false`.
    Boolean = 1,
    /// A text.
    String = 2,
    /// A whole number of 32 bits.
    Int = 3,
    /// A whole number of 16 bits.
    Short = 4,
    /// A whole number of 64 bits.
    Long = 5,
    /// A number.
    Double = 6,
    /// Texts with commas between.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// A secret, which is never shown.
    Password = 9,
}

/// How a config may change while the broker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// For all brokers or for one.
    Cluster,
    /// For one broker.
    Broker,
    /// Not at all.
    Never,
}

/// A config of brokers.
#[derive(Debug, Clone, Copy)]
pub struct BrokerKey {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Its value where none is set.
    pub default: Option<&'static str>,
    /// Whether it may change.
    pub changes: Changes,
    /// Not shown unless it is set.
    pub internal: bool,
    /// What it does.
    pub doc: &'static str,
    values: &'static str,
}

/// What is said of a config that does nothing here.
const UNUSED: &str = "Kept for Apache Kafka; changes nothing here.";

static KEYS: LazyLock<Vec<BrokerKey>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.map(parse).collect()
});

/// All of them, sorted by name.
pub fn keys() -> &'static [BrokerKey] {
    &KEYS
}

/// The config of this name.
pub fn key(name: &str) -> Option<&'static BrokerKey> {
    let at = KEYS.binary_search_by_key(&name, |key| key.name).ok()?;
    Some(&KEYS[at])
}

fn parse(line: &'static str) -> BrokerKey {
    let mut columns = line.split('\t');
    let mut next = || columns.next().expect("a column of the table");
    BrokerKey {
        name: next(),
        kind: kind(next()),
        default: Some(next()).filter(|value| !value.starts_with('!')),
        changes: Changes::Never,
        internal: false,
        values: "",
        doc: "",
    }
    .with(next(), next(), next())
}

fn kind(name: &str) -> Kind {
    match name {
        "boolean" => Kind::Boolean,
        "string" => Kind::String,
        "int" => Kind::Int,
        "short" => Kind::Short,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "list" => Kind::List,
        "class" => Kind::Class,
        "password" => Kind::Password,
        other => unreachable!("the table has no type {other:?}"),
    }
}

impl BrokerKey {
    fn with(mut self, changes: &str, values: &'static str, doc: &'static str) -> Self {
        self.changes = match changes {
            "cluster" | "hidden" => Changes::Cluster,
            "broker" => Changes::Broker,
            _ => Changes::Never,
        };
        self.internal = matches!(changes, "internal" | "hidden");
        self.values = values;
        self.doc = if doc == "-" { UNUSED } else { doc };
        self
    }

    /// Whether a value may be set.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let value = value.trim();
        let expected =
            |what: String| Err(format!("{}: expected {what}, found {value:?}", self.name));
        let bounds = match self.kind {
            Kind::Boolean => {
                return match value.to_ascii_lowercase().as_str() {
                    "true" | "false" => Ok(()),
                    _ => expected("true or false".to_owned()),
                };
            }
            Kind::Int => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Kind::Short => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Kind::Long => (i64::MIN as f64, i64::MAX as f64),
            Kind::Double => (f64::MIN, f64::MAX),
            Kind::String | Kind::List | Kind::Class | Kind::Password => {
                return match self.values.strip_prefix('=') {
                    Some(known) if !value.split(',').all(|v| is_one_of(known, v.trim())) => {
                        expected(format!("one of {known}"))
                    }
                    _ => Ok(()),
                };
            }
        };
        let number = match self.kind {
            Kind::Double => value.parse().ok(),
            _ => value.parse::<i64>().ok().map(|number| number as f64),
        };
        let (range, other) = match self.values.split_once('|') {
            Some((range, other)) => (range, Some(other)),
            None => (self.values, None),
        };
        if other == Some(value) {
            return Ok(());
        }
        let (least, most) = range.split_once("..").unwrap_or_default();
        let least: f64 = least.parse().unwrap_or(bounds.0).max(bounds.0);
        let most: f64 = most.parse().unwrap_or(bounds.1).min(bounds.1);
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(()),
            _ => expected(format!("a number from {least} to {most}")),
        }
    }
}

fn is_one_of(known: &str, value: &str) -> bool {
    value.is_empty() || known.split(',').any(|known| known == value)
}

/// The names under which a config may be set, the first that is counts.
pub fn synonyms(name: &str) -> Vec<&str> {
    const RETENTION: [&str; 3] = [
        "log.retention.ms",
        "log.retention.minutes",
        "log.retention.hours",
    ];
    const ROLL: [&str; 2] = ["log.roll.ms", "log.roll.hours"];
    const JITTER: [&str; 2] = ["log.roll.jitter.ms", "log.roll.jitter.hours"];
    const FLUSH: [&str; 2] = ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];
    for group in [&RETENTION[..], &ROLL, &JITTER] {
        if group.contains(&name) {
            return group.to_vec();
        }
    }
    if name == FLUSH[0] {
        return FLUSH.to_vec();
    }
    vec![name]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::topic_config;

    #[test]
    fn the_table_is_sorted_and_its_defaults_may_be_set() {
        assert!(keys().is_sorted_by_key(|key| key.name));
        assert!(keys().len() > 300);
        for key in keys() {
            if let Some(default) = key.default {
                key.check(default).unwrap();
            }
        }
    }

    #[test]
    fn brokers_have_every_name_that_topics_configs_have_there() {
        for topic in &topic_config::KEYS {
            for synonym in topic_config::broker_synonyms(topic.name) {
                let key = key(synonym.name).unwrap();
                if synonym.times == 1 && synonym.name != "log.flush.scheduler.interval.ms" {
                    assert!(key.default.is_none() || key.default == topic.default);
                    assert_eq!(key.changes, Changes::Cluster, "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn values_are_held_against_their_ranges() {
        let check = |name: &str, value: &str| key(name).unwrap().check(value).is_ok();
        assert!(check("compression.gzip.level", "-1") && check("compression.gzip.level", "9"));
        assert!(!check("compression.gzip.level", "0"));
        assert!(!check("num.io.threads", "0") && !check("num.io.threads", "many"));
        assert!(!check("num.io.threads", "2147483648"));
        assert!(check("log.cleaner.min.cleanable.ratio", "0.25"));
        assert!(!check("log.cleaner.min.cleanable.ratio", "1.25"));
        assert!(check("log.cleanup.policy", "compact,delete"));
        assert!(!check("log.cleanup.policy", "shred"));
        assert!(!check("log.preallocate", "yes"));
    }
}

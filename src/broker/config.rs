//! What a server is told: under Kafka's names, from `server.properties` and `-X`.

use super::groups::GroupSettings;
use crate::format::NodeId;
use crate::format::broker_config;
use crate::format::properties::Properties;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Where a server listens, or says that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub listener: String,
    /// A name or an address; empty for every address.
    pub host: String,
    /// 0 for any port that is free.
    pub port: u16,
}

/// The configuration of a server. Sizes are in bytes, times in milliseconds.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// `listeners`.
    pub listeners: Vec<Endpoint>,
    /// `advertised.listeners`; empty for those that it listens on.
    pub advertised: Vec<Endpoint>,
    /// `ottla.metrics.listener`: where metrics are served over HTTP.
    pub metrics: Option<Endpoint>,
    /// `socket.request.max.bytes`, from 1.
    pub request_max_bytes: usize,
    /// `connections.max.idle.ms`.
    pub idle_ms: u64,
    /// `max.connections`.
    pub max_connections: usize,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `num.partitions`, from 1.
    pub num_partitions: i32,
    /// `default.replication.factor`, from 1.
    pub default_replication_factor: i16,
    /// `ottla.socket`: whether tools on this machine find a Unix socket in the data
    /// directory.
    pub socket: bool,
    /// `ottla.flush.before.acknowledge`: whether a record is on disk before its producer
    /// is answered.
    pub flush_before_acknowledge: bool,
    /// `fetch.max.bytes`, from 1024.
    pub fetch_max_bytes: usize,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions: usize,
    /// `offsets.topic.num.partitions`, from 1.
    pub offsets_partitions: i32,
    /// `offsets.topic.segment.bytes`.
    pub offsets_segment_bytes: i32,
    /// `group.*`, `offset.metadata.max.bytes` and `offsets.retention.*`.
    pub(crate) groups: GroupSettings,
    /// Everything that was set, under Kafka's names.
    pub set: BTreeMap<String, String>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            listeners: vec![Endpoint {
                listener: "PLAINTEXT".to_owned(),
                host: "127.0.0.1".to_owned(),
                port: 9092,
            }],
            advertised: Vec::new(),
            metrics: None,
            socket: true,
            request_max_bytes: 100 << 20,
            idle_ms: 600_000,
            max_connections: usize::MAX,
            auto_create_topics: true,
            num_partitions: 1,
            default_replication_factor: 1,
            flush_before_acknowledge: false,
            fetch_max_bytes: 55 << 20,
            fetch_sessions: 1000,
            offsets_partitions: 50,
            offsets_segment_bytes: 100 << 20,
            groups: GroupSettings::default(),
            set: BTreeMap::new(),
        }
    }
}

impl BrokerConfig {
    /// Takes what a `server.properties` sets.
    ///
    /// # Errors
    /// What is wrong with a value.
    pub fn read(&mut self, properties: &Properties) -> Result<(), String> {
        properties
            .iter()
            .try_for_each(|(name, value)| self.set(name, value))
    }

    /// Sets a value under Kafka's name. Names that mean nothing here are kept.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        match name {
            "listeners" => self.listeners = endpoints(name, value)?,
            "advertised.listeners" => self.advertised = endpoints(name, value)?,
            "ottla.metrics.listener" => {
                self.metrics = match value {
                    "" => None,
                    value => endpoints(name, &format!("HTTP://{value}"))?.pop(),
                };
            }
            "socket.request.max.bytes" => {
                self.request_max_bytes = number(name, value, 1, i64::from(i32::MAX))? as usize;
            }
            "connections.max.idle.ms" => {
                // Kafka takes a negative value for none.
                let limit = number(name, value, i64::MIN, i64::MAX)?;
                self.idle_ms = u64::try_from(limit).unwrap_or(u64::MAX);
            }
            "max.connections" => {
                self.max_connections = number(name, value, 0, i64::from(i32::MAX))? as usize;
            }
            "auto.create.topics.enable" => self.auto_create_topics = boolean(name, value)?,
            "num.partitions" => {
                self.num_partitions = number(name, value, 1, i64::from(i32::MAX))? as i32;
            }
            "default.replication.factor" => {
                self.default_replication_factor =
                    number(name, value, 1, i64::from(i16::MAX))? as i16;
            }
            "ottla.socket" => self.socket = boolean(name, value)?,
            "ottla.flush.before.acknowledge" => {
                self.flush_before_acknowledge = boolean(name, value)?;
            }
            "fetch.max.bytes" => {
                self.fetch_max_bytes = number(name, value, 1024, i64::from(i32::MAX))? as usize;
            }
            "max.incremental.fetch.session.cache.slots" => {
                self.fetch_sessions = number(name, value, 0, i64::from(i32::MAX))? as usize;
            }
            "offsets.topic.num.partitions" => {
                self.offsets_partitions = number(name, value, 1, i64::from(i32::MAX))? as i32;
            }
            "offsets.topic.segment.bytes" => {
                self.offsets_segment_bytes = number(name, value, 1, i64::from(i32::MAX))? as i32;
            }
            // What topics go by, and what is only kept, has to fit all the same.
            _ => {
                if let Some(key) = broker_config::key(name) {
                    key.check(value)?;
                }
                self.groups.set(name, value)?;
            }
        }
        self.set.insert(name.to_owned(), value.to_owned());
        Ok(())
    }
}

impl BrokerConfig {
    /// A time in milliseconds, as it is set or by default.
    pub(super) fn period(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    /// A number, as it is set or by default; 0 where there is none.
    pub(super) fn number(&self, name: &str) -> u64 {
        let default = || broker_config::key(name).and_then(|key| key.default);
        let value = self.set.get(name).map(String::as_str).or_else(default);
        let value = value.and_then(|value| value.parse().ok());
        value.unwrap_or_default()
    }

    /// Sets what is so whatever a properties file says: who this is, where it listens
    /// and where its data is.
    pub(super) fn tell_what_is_fixed(&mut self, node: NodeId, directory: &Path) {
        let listeners = self.listeners.iter().map(|endpoint| {
            let (name, host, port) = (&endpoint.listener, &endpoint.host, endpoint.port);
            match host.contains(':') {
                true => format!("{name}://[{host}]:{port}"),
                false => format!("{name}://{host}:{port}"),
            }
        });
        let listeners: Vec<_> = listeners.collect();
        let fixed = [
            ("node.id", node.to_string()),
            ("broker.id", node.to_string()),
            ("process.roles", "broker,controller".to_owned()),
            ("listeners", listeners.join(",")),
            ("log.dirs", directory.display().to_string()),
        ];
        let fixed = fixed.map(|(name, value)| (name.to_owned(), value));
        self.set.extend(fixed);
    }
}

fn number(name: &str, value: &str, least: i64, most: i64) -> Result<i64, String> {
    value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{name}: expected a number from {least} to {most}, found {value:?}"))
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name}: expected true or false, found {value:?}")),
    }
}

/// `NAME://HOST:PORT,…`
fn endpoints(name: &str, value: &str) -> Result<Vec<Endpoint>, String> {
    let wrong = |text: &str| {
        format!("{name}: expected LISTENER://HOST:PORT and commas between, found {text:?}")
    };
    value
        .split(',')
        .map(str::trim)
        .map(|text| {
            let (listener, address) = text.split_once("://").ok_or_else(|| wrong(text))?;
            let (host, port) = address.rsplit_once(':').ok_or_else(|| wrong(text))?;
            let host = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host);
            Ok(Endpoint {
                listener: listener.to_ascii_uppercase(),
                host: host.to_owned(),
                port: port.parse().map_err(|_| wrong(text))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_as_kafka_writes_them() {
        let mut config = BrokerConfig::default();
        config
            .set("listeners", "PLAINTEXT://:9092, INSIDE://[::1]:0")
            .unwrap();
        assert_eq!(
            config.listeners,
            [
                Endpoint {
                    listener: "PLAINTEXT".to_owned(),
                    host: String::new(),
                    port: 9092
                },
                Endpoint {
                    listener: "INSIDE".to_owned(),
                    host: "::1".to_owned(),
                    port: 0
                },
            ]
        );
        assert!(config.set("listeners", "localhost:9092").is_err());
        assert!(config.set("num.partitions", "0").is_err());
        assert!(config.set("auto.create.topics.enable", "yes").is_err());
    }
}

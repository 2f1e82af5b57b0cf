//! `kafka://HOST:PORT[,HOST:PORT][/TOPIC]`: a running server, Apache Kafka or
//! `ottla serve`, with the properties that a client takes. A directory that
//! `ottla serve` holds is such a server too: its socket is in the directory.

use super::error::{Result, ToolError};
use super::location::Directory;
use super::settings::Settings;
use crate::client::{Cluster, Config, assignor, fetch, group, producer};
use crate::format::{PartitionId, topic_name};
use crate::host::Host;
use crate::host::net::{Address, Socket};
use crate::log::layout::SOCKET;
use crate::log::presence::Presence;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to say that it is there.
const NEAR: Duration = Duration::from_secs(5);

/// Where records are: a directory or a server.
#[derive(Debug, Clone)]
pub enum Location {
    /// In a directory.
    Directory(Directory),
    /// Behind a server.
    Server(Box<Server>),
}

impl Location {
    /// Finds out what a location means. Changes nothing: looks at names, and whether
    /// a server that holds the directory is there to be talked to.
    pub fn find(text: &str, host: &dyn Host) -> Result<Self> {
        match text.strip_prefix("kafka://") {
            Some(rest) => Ok(Self::Server(Box::new(Server::parse(text, rest)?))),
            None => {
                let directory = Directory::find(text, host)?;
                Ok(match Server::holding(&directory, host) {
                    Some(server) => Self::Server(Box::new(server)),
                    None => Self::Directory(directory),
                })
            }
        }
    }

    /// The directory that was given, also where a server holds it.
    pub const fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Server(server) => server.held(),
        }
    }

    /// The data directory, where one was given.
    pub fn data(&self) -> Option<&Path> {
        self.directory().map(|directory| directory.data.as_path())
    }

    /// The partition, where one partition's directory was given.
    pub const fn partition(&self) -> Option<PartitionId> {
        match self.directory() {
            Some(directory) => directory.partition(),
            None => None,
        }
    }

    /// The topic that is meant, for tools that need one.
    pub fn topic(&self) -> Result<&str> {
        match self {
            Self::Directory(directory) => directory.topic(),
            Self::Server(server) => server.topic(),
        }
    }

    /// Gives a server the properties that concern it, once they have been checked.
    pub fn configure(&mut self, settings: &Settings) -> Result<()> {
        if let Self::Server(server) = self {
            server.settings = settings.clone();
            server.check()?;
        }
        Ok(())
    }
}

/// A server.
#[derive(Debug, Clone)]
pub struct Server {
    addresses: Vec<Address>,
    topic: Option<String>,
    settings: Settings,
    /// The directory that it holds, where that was given.
    held: Option<Directory>,
}

impl Server {
    fn parse(text: &str, rest: &str) -> Result<Self> {
        let (hosts, topic) = rest.split_once('/').unwrap_or((rest, ""));
        let addresses = hosts
            .split(',')
            .map(|host| {
                host.parse::<Address>().map_err(|_| {
                    ToolError::usage(format!(
                        "{text}: expected kafka://HOST:PORT[,HOST:PORT]/TOPIC, found the server `{host}`"
                    ))
                })
            })
            .collect::<Result<_>>()?;
        let topic = topic.strip_suffix('/').unwrap_or(topic);
        if !topic.is_empty()
            && let Err(error) = topic_name::check(topic)
        {
            return Err(ToolError::usage(format!("{text}: {error}")));
        }
        Ok(Self {
            addresses,
            topic: (!topic.is_empty()).then(|| topic.to_owned()),
            settings: Settings::default(),
            held: None,
        })
    }

    /// The server that holds a directory, where it is `ottla serve` and may be talked
    /// to. A socket that a killed one left answers nobody.
    fn holding(directory: &Directory, host: &dyn Host) -> Option<Self> {
        let path = directory.data.join(SOCKET);
        if host.stat(&path).is_err() || !Presence::is_served(host, &directory.data) {
            return None;
        }
        let address = Address::Unix(path);
        Socket::connect(&address, NEAR).ok()?;
        Some(Self {
            addresses: vec![address],
            topic: directory.named_topic().map(str::to_owned),
            settings: Settings::default(),
            held: Some(directory.clone()),
        })
    }

    /// The directory that it holds, where that was given instead of an address.
    pub const fn held(&self) -> Option<&Directory> {
        self.held.as_ref()
    }

    /// The topic, for tools that need one.
    pub fn topic(&self) -> Result<&str> {
        if let Some(directory) = &self.held {
            return directory.topic();
        }
        self.topic.as_deref().ok_or_else(|| {
            ToolError::usage(format!(
                "the location names no topic: expected kafka://HOST:PORT/TOPIC, found {self}"
            ))
            .hint(format!("`ottla topics {self}` lists the topics"))
        })
    }

    /// The topic, where one is named.
    pub fn named_topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// The same servers without a topic.
    pub fn without_topic(&self) -> String {
        if let Some(directory) = &self.held {
            return directory.data.display().to_string();
        }
        let hosts: Vec<String> = self.addresses.iter().map(Address::to_string).collect();
        format!("kafka://{}", hosts.join(","))
    }

    /// Connects to the first server that answers.
    pub fn connect(&self, host: &Arc<dyn Host>) -> Result<Cluster> {
        Ok(Cluster::connect(host, &self.addresses, self.config()?)?)
    }

    /// Every property, so that a wrong one is told before anything is done.
    fn check(&self) -> Result<()> {
        if self.held.is_none()
            && let Some(protocol) = self.settings.get("security.protocol")
            && !protocol.eq_ignore_ascii_case("plaintext")
        {
            return Err(ToolError::failed(format!(
                "security.protocol: expected PLAINTEXT, found `{protocol}`: this version speaks no TLS and no SASL"
            )));
        }
        self.config()?;
        self.producer()?;
        self.fetching(false)?;
        self.membership().map(|_| ())
    }

    fn config(&self) -> Result<Config> {
        let default = Config::default();
        Ok(Config {
            client_id: self
                .settings
                .get("client.id")
                .map_or(default.client_id, str::to_owned),
            request_timeout: self.millis("request.timeout.ms", default.request_timeout)?,
            connect_timeout: self.millis(
                "socket.connection.setup.timeout.ms",
                default.connect_timeout,
            )?,
            api_timeout: self.millis("default.api.timeout.ms", default.api_timeout)?,
            backoff: self.millis("retry.backoff.ms", default.backoff)?,
            most_backoff: self.millis("retry.backoff.max.ms", default.most_backoff)?,
            most_response: self.number(
                "receive.message.max.bytes",
                1000..=1 << 30,
                default.most_response,
            )?,
        })
    }

    /// How records are written.
    pub fn producer(&self) -> Result<producer::Settings> {
        let default = producer::Settings::default();
        let acks = match self.settings.get("acks") {
            None | Some("all" | "-1") => producer::Acks::All,
            Some("1") => producer::Acks::Leader,
            Some("0") => producer::Acks::None,
            Some(other) => {
                return Err(ToolError::usage(format!(
                    "acks: expected 0, 1 or all, found `{other}`"
                )));
            }
        };
        let idempotent = self.flag("enable.idempotence")?;
        if idempotent == Some(true) && acks != producer::Acks::All {
            return Err(ToolError::usage("enable.idempotence=true needs acks=all"));
        }
        Ok(producer::Settings {
            acks,
            idempotent: idempotent.unwrap_or(default.idempotent),
            in_flight: self.number(
                "max.in.flight.requests.per.connection",
                1..=5,
                default.in_flight,
            )?,
            memory: self.number("buffer.memory", 1..=1 << 40, default.memory)?,
            delivery_timeout: self.millis("delivery.timeout.ms", default.delivery_timeout)?,
            transaction_timeout: self
                .millis("transaction.timeout.ms", default.transaction_timeout)?,
        })
    }

    /// How records are fetched.
    pub fn fetching(&self, read_committed: bool) -> Result<fetch::Settings> {
        let default = fetch::Settings::default();
        let most = i64::from(i32::MAX);
        Ok(fetch::Settings {
            read_committed,
            max_wait_ms: self.number("fetch.max.wait.ms", 0..=300_000, default.max_wait_ms)?,
            min_bytes: self.number("fetch.min.bytes", 0..=most, default.min_bytes)?,
            max_bytes: self.number("fetch.max.bytes", 1..=most, default.max_bytes)?,
            partition_bytes: self.number(
                "max.partition.fetch.bytes",
                1..=most,
                default.partition_bytes,
            )?,
        })
    }

    /// How a member of a group behaves.
    pub fn membership(&self) -> Result<group::Settings> {
        let default = group::Settings::default();
        Ok(group::Settings {
            session_timeout: self.millis("session.timeout.ms", default.session_timeout)?,
            heartbeat: self.millis("heartbeat.interval.ms", default.heartbeat)?,
            rebalance_timeout: self.millis("max.poll.interval.ms", default.rebalance_timeout)?,
            instance: self.settings.get("group.instance.id").map(str::to_owned),
            commit_interval: self.millis("auto.commit.interval.ms", default.commit_interval)?,
            strategies: self.strategies()?.unwrap_or(default.strategies),
        })
    }

    fn strategies(&self) -> Result<Option<Vec<&'static str>>> {
        let Some(listed) = self.settings.get("partition.assignment.strategy") else {
            return Ok(None);
        };
        let known: Option<Vec<_>> = listed.split(',').map(assignor::by_name).collect();
        known.map(Some).ok_or_else(|| {
            ToolError::usage(format!(
                "partition.assignment.strategy: expected some of {}, found `{listed}`",
                assignor::NAMES.join(", ")
            ))
        })
    }

    fn millis(&self, name: &str, default: Duration) -> Result<Duration> {
        let set = self.settings.number(name, 1..=i64::from(i32::MAX))?;
        Ok(set.map_or(default, Duration::from_millis))
    }

    fn number<T: TryFrom<i64>>(
        &self,
        name: &str,
        range: RangeInclusive<i64>,
        default: T,
    ) -> Result<T> {
        Ok(self.settings.number(name, range)?.unwrap_or(default))
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.settings.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ToolError::usage(format!(
                "{name}: expected true or false, found `{other}`"
            ))),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.without_topic())?;
        match &self.topic {
            Some(topic) => write!(out, "/{topic}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::real::RealHost;

    fn server(text: &str) -> Result<Server> {
        match Location::find(text, &RealHost)? {
            Location::Server(server) => Ok(*server),
            Location::Directory(directory) => panic!("{directory} is no server"),
        }
    }

    #[test]
    fn servers_and_topics() {
        let one = server("kafka://localhost:9092/t").unwrap();
        assert_eq!(one.to_string(), "kafka://localhost:9092/t");
        assert_eq!(one.topic().unwrap(), "t");
        let two = server("kafka://a:1,[::1]:2").unwrap();
        assert_eq!(two.to_string(), "kafka://a:1,[::1]:2");
        assert_eq!(two.topic().unwrap_err().exit().code(), 2);
        for bad in [
            "kafka://",
            "kafka://a/t",
            "kafka://a:0/t",
            "kafka://a:1/b c",
            "kafka://a:1/t/u",
        ] {
            assert_eq!(server(bad).unwrap_err().exit().code(), 2, "{bad}");
        }
    }
}

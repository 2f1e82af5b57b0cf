//! A cluster as a client sees it: its servers, its topics, who leads what.
//!
//! What is known is only ever replaced by what a server said later; an answer such
//! as NOT_LEADER_OR_FOLLOWER makes [`Cluster::retry`] ask again.

use super::config::Config;
use super::connection::Connection;
use super::error::{ClientError, Result};
use crate::format::Uuid;
use crate::host::Host;
use crate::host::net::Address;
use crate::protocol::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse,
};
use crate::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::protocol::{ApiKey, ErrorCode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The servers and what they lead.
pub struct Cluster {
    host: Arc<dyn Host>,
    config: Config,
    bootstrap: Vec<Address>,
    nodes: BTreeMap<i32, Address>,
    open: BTreeMap<Address, Connection>,
    coordinators: BTreeMap<(Coordinated, String), Address>,
    topics: BTreeMap<String, Topic>,
}

/// What has a coordinator, by Kafka's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
enum Coordinated {
    Group = 0,
    Transaction = 1,
}

/// A topic of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its id; zero where the server knows none.
    pub id: Uuid,
    /// Whether it is Kafka's own.
    pub internal: bool,
    /// Its partitions by their numbers.
    pub partitions: BTreeMap<i32, Partition>,
}

/// A partition of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The node that leads it.
    pub leader: Option<i32>,
    /// Its leader epoch; -1 where the server knows none.
    pub epoch: i32,
    /// The nodes that are to have it.
    pub replicas: Vec<i32>,
    /// The nodes that are in sync.
    pub isr: Vec<i32>,
}

impl Cluster {
    /// Connects to the first server that answers.
    pub fn connect(host: &Arc<dyn Host>, bootstrap: &[Address], config: Config) -> Result<Self> {
        let mut cluster = Self::idle(host, bootstrap, config);
        cluster.any()?;
        Ok(cluster)
    }

    fn idle(host: &Arc<dyn Host>, bootstrap: &[Address], config: Config) -> Self {
        Self {
            host: Arc::clone(host),
            config,
            bootstrap: bootstrap.to_vec(),
            nodes: BTreeMap::new(),
            open: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            topics: BTreeMap::new(),
        }
    }

    /// A second view of the same cluster, with connections of its own.
    pub fn another(&self) -> Self {
        let mut other = Self::idle(&self.host, &self.bootstrap, self.config.clone());
        other.nodes.clone_from(&self.nodes);
        other.coordinators.clone_from(&self.coordinators);
        other
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Clock and randomness.
    pub const fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// The servers that were named, as they were.
    pub fn servers(&self) -> String {
        let names: Vec<String> = self.bootstrap.iter().map(Address::to_string).collect();
        names.join(",")
    }

    /// The nodes that are known.
    pub fn nodes(&self) -> impl Iterator<Item = i32> {
        self.nodes.keys().copied()
    }

    /// A connection to any server: an open one, else the first that answers.
    pub fn any(&mut self) -> Result<&mut Connection> {
        if let Some(address) = self.open.keys().next().cloned() {
            return self.at(&address);
        }
        let mut reasons = Vec::new();
        let known: Vec<Address> = self
            .bootstrap
            .iter()
            .chain(self.nodes.values())
            .cloned()
            .collect();
        for address in known {
            match Connection::open(&address, &self.config) {
                Ok(connection) => {
                    return Ok(self.open.entry(address).or_insert(connection));
                }
                Err(error) => reasons.push(error),
            }
        }
        match reasons.len() {
            1 => Err(reasons.remove(0)),
            _ => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                Err(ClientError::NoServer(reasons.join("; ")))
            }
        }
    }

    fn at(&mut self, address: &Address) -> Result<&mut Connection> {
        if !self.open.contains_key(address) {
            let connection = Connection::open(address, &self.config)?;
            self.open.insert(address.clone(), connection);
        }
        Ok(self.open.get_mut(address).expect("it is open"))
    }

    /// A connection to a node.
    pub fn node(&mut self, node: i32) -> Result<&mut Connection> {
        let address = self.address(node)?;
        self.at(&address)
    }

    /// A connection to a node that nobody else uses.
    pub fn own_connection(&mut self, node: i32) -> Result<Connection> {
        let address = self.address(node)?;
        Connection::open(&address, &self.config)
    }

    fn address(&self, node: i32) -> Result<Address> {
        self.nodes
            .get(&node)
            .cloned()
            .ok_or_else(|| ClientError::NoServer(format!("{} know no node {node}", self.servers())))
    }

    /// Where a node listens. Behind a Unix socket there is one server, and it is
    /// there, whatever it tells others.
    fn place(&self, host: String, port: i32) -> Option<Address> {
        match self.bootstrap.first() {
            Some(unix @ Address::Unix(_)) => Some(unix.clone()),
            _ => Some(Address::Tcp(host, u16::try_from(port).ok()?)),
        }
    }

    /// Asks about topics, all of them for `None`. What a topic is refused for stands
    /// in its answer.
    pub fn describe(
        &mut self,
        topics: Option<&[&str]>,
        create: bool,
    ) -> Result<Vec<MetadataResponseTopic>> {
        let response = self.retry(|cluster| cluster.metadata(topics, create))?;
        Ok(response.topics)
    }

    fn metadata(&mut self, topics: Option<&[&str]>, create: bool) -> Result<MetadataResponse> {
        let connection = self.any()?;
        let version = connection.version(ApiKey::Metadata)?;
        let named = |name: &&str| MetadataRequestTopic {
            name: Some((*name).to_owned()),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: match topics {
                // In version 0 an empty list asks for all.
                None if version == 0 => Some(Vec::new()),
                topics => topics.map(|topics| topics.iter().map(named).collect()),
            },
            // Below version 4 the server decides.
            allow_auto_topic_creation: create || version < 4,
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        connection.check(ApiKey::Metadata, response.error_code, "", None)?;
        let nodes: Vec<_> = response
            .brokers
            .iter()
            .filter_map(|broker| {
                let place = self.place(broker.host.clone(), broker.port)?;
                Some((broker.node_id, place))
            })
            .collect();
        if !nodes.is_empty() {
            self.nodes = nodes.into_iter().collect();
        }
        Ok(response)
    }

    /// A topic; `None` where the cluster does not have it.
    pub fn topic(&mut self, name: &str) -> Result<Option<Topic>> {
        self.retry(|cluster| {
            let response = cluster.metadata(Some(&[name]), false)?;
            let Some(topic) = response.topics.into_iter().next() else {
                return Ok(None);
            };
            if ErrorCode::from_code(topic.error_code) == ErrorCode::UnknownTopicOrPartition {
                return Ok(None);
            }
            let connection = cluster.any()?;
            connection.check(ApiKey::Metadata, topic.error_code, &quoted(name), None)?;
            Ok(Some(Topic::from(topic)))
        })
    }

    /// A topic that must be there.
    pub fn must_have(&mut self, name: &str) -> Result<Topic> {
        match self.topic(name)? {
            Some(topic) => Ok(topic),
            None => Err(self.unknown_topic(name)),
        }
    }

    /// A topic as it was when it was last asked for.
    pub fn known(&mut self, name: &str) -> Result<Topic> {
        if let Some(topic) = self.topics.get(name) {
            return Ok(topic.clone());
        }
        let topic = self.must_have(name)?;
        self.topics.insert(name.to_owned(), topic.clone());
        Ok(topic)
    }

    /// What is known of a topic is old, as an error tells; and so is more.
    pub fn forget(&mut self, name: &str, error: &ClientError) {
        self.topics.remove(name);
        self.note(error);
    }

    /// The error for a topic that is not there.
    pub fn unknown_topic(&mut self, name: &str) -> ClientError {
        let listed = self.describe(None, false).unwrap_or_default();
        let names = listed.iter().filter_map(|topic| topic.name.as_deref());
        let near = |other: &&str| {
            let (long, short) = (name.len().max(other.len()), name.len().min(other.len()));
            let same = name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b);
            let same = same.count();
            short > 0 && same * 3 >= long * 2
        };
        ClientError::UnknownTopic {
            topic: name.to_owned(),
            servers: self.servers(),
            nearest: names
                .filter(near)
                .min_by_key(|other| other.len())
                .map(str::to_owned),
        }
    }

    /// A connection to the coordinator of a group.
    pub fn coordinator(&mut self, group: &str) -> Result<&mut Connection> {
        self.coordinator_of(Coordinated::Group, group)
    }

    /// A connection to the coordinator of a transactional id.
    pub fn transaction_coordinator(&mut self, id: &str) -> Result<&mut Connection> {
        self.coordinator_of(Coordinated::Transaction, id)
    }

    fn coordinator_of(&mut self, kind: Coordinated, name: &str) -> Result<&mut Connection> {
        let key = (kind, name.to_owned());
        if let Some(address) = self.coordinators.get(&key).cloned() {
            return self.at(&address);
        }
        let connection = self.any()?;
        let least = if kind == Coordinated::Group { 0 } else { 1 };
        let version = connection.version_within(ApiKey::FindCoordinator, least, i16::MAX)?;
        let mut request = FindCoordinatorRequest {
            key_type: kind as i8,
            ..Default::default()
        };
        if version >= 4 {
            request.coordinator_keys.push(name.to_owned());
        } else {
            request.key = name.to_owned();
        }
        let response = connection.call(&request, version)?;
        let (code, words, host, port) = found(response);
        let about = match kind {
            Coordinated::Group => format!("group {}", quoted(name)),
            Coordinated::Transaction => format!("transactional id {}", quoted(name)),
        };
        connection.check(ApiKey::FindCoordinator, code, &about, words.as_deref())?;
        let address = self.place(host, port).ok_or_else(|| {
            ClientError::NoServer(format!("the coordinator of {about} has no address"))
        })?;
        self.coordinators.insert(key, address.clone());
        self.at(&address)
    }

    /// The coordinator is another one, or gone.
    pub fn forget_coordinator(&mut self, group: &str) {
        let key = (Coordinated::Group, group.to_owned());
        if let Some(address) = self.coordinators.remove(&key) {
            self.open.remove(&address);
        }
    }

    /// Tries until it goes well, fails for good, or time is up.
    pub fn retry<T>(&mut self, mut attempt: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let start = self.host.monotonic();
        let mut tries = 0;
        loop {
            let error = match attempt(self) {
                Err(error) if error.is_retriable() => error,
                done => return done,
            };
            tries += 1;
            self.note(&error);
            let wait = self.config.backoff_after(tries);
            let spent = self.host.monotonic().saturating_sub(start);
            // A server that never was there is not worth a minute.
            let hopeless = self.nodes.is_empty() && error.is_broken();
            if hopeless || spent + wait > self.config.api_timeout {
                return Err(error);
            }
            std::thread::sleep(wait);
        }
    }

    /// Takes note of what an error says about the cluster.
    fn note(&mut self, error: &ClientError) {
        match error {
            ClientError::Io { address, .. }
            | ClientError::Closed { address, .. }
            | ClientError::TimedOut { address, .. }
            | ClientError::TooLarge { address, .. }
            | ClientError::Format { address, .. }
            | ClientError::Connect { address, .. } => {
                self.open.remove(address);
                self.coordinators.retain(|_, other| other != address);
            }
            ClientError::Refused {
                code: ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable,
                ..
            } => self.coordinators.clear(),
            _ => {}
        }
    }
}

fn found(response: FindCoordinatorResponse) -> (i16, Option<String>, String, i32) {
    match response.coordinators.into_iter().next() {
        Some(one) => (one.error_code, one.error_message, one.host, one.port),
        None => (
            response.error_code,
            response.error_message,
            response.host,
            response.port,
        ),
    }
}

impl From<MetadataResponseTopic> for Topic {
    fn from(topic: MetadataResponseTopic) -> Self {
        let partitions = topic.partitions.into_iter().map(|partition| {
            let known = Partition {
                leader: (partition.leader_id >= 0).then_some(partition.leader_id),
                epoch: partition.leader_epoch,
                replicas: partition.replica_nodes,
                isr: partition.isr_nodes,
            };
            (partition.partition_index, known)
        });
        Self {
            id: topic.topic_id,
            internal: topic.is_internal,
            partitions: partitions.collect(),
        }
    }
}

/// A name as it stands in a message.
pub(super) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

//! The server: the Kafka protocol over a data directory.
//!
//! A connection is a task that takes one request after the other ([`connection`]).
//! A request that writes or reads records goes to a [`replica`], which locks one
//! partition for as long as that takes; nothing waits for a client or a timer under a
//! lock. A fetch that finds too little waits outside, and is woken by the append.
//!
//! Metadata is read from an image that is replaced as a whole; every change goes
//! through the [`Session`], one at a time.

mod config;
mod connection;
mod fetch;
mod groups;
mod handlers;
mod metrics;
mod produce;
mod replica;
mod reply;
mod server;
mod share;
mod state_log;
mod stream;
mod topics;
mod transactions;
mod upkeep;

pub use config::{BrokerConfig, Endpoint};
pub use server::{Running, Stop, run};

use crate::format::metadata::{MetadataRecord, ProducerIdsRecord};
use crate::format::{LeaderEpoch, NodeId, Offset, ProducerId, Timestamp};
use crate::host::Host;
use crate::log::image::{BROKER_RESOURCE, Image};
use crate::log::layout::TopicPartition;
use crate::log::retention::log_size;
use crate::log::session::Session;
use crate::log::{LogError, Result};
use fetch::Sessions;
use replica::Replica;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;

/// How many producer ids are taken from the metadata log at once.
const PRODUCER_IDS: i64 = 1000;

/// What all connections share.
pub(crate) struct Broker {
    host: Arc<dyn Host>,
    config: BrokerConfig,
    /// The data directory, as an absolute path.
    directory: PathBuf,
    node: NodeId,
    cluster_id: String,
    /// The means to change metadata and to open partitions.
    session: Mutex<Session>,
    image: RwLock<Arc<Image>>,
    metadata_end: AtomicI64,
    replicas: RwLock<HashMap<TopicPartition, Arc<Replica>>>,
    producer_ids: Mutex<std::ops::Range<i64>>,
    fetch_sessions: Sessions,
    groups: groups::Coordinators,
    shares: share::Shares,
    transactions: transactions::Coordinators,
    buffers: connection::Buffers,
    counters: metrics::Counters,
    /// Becomes true when the server stops.
    stopping: watch::Receiver<bool>,
}

impl Broker {
    /// Takes the data directory at `path`.
    pub(crate) fn open(
        host: &Arc<dyn Host>,
        path: &Path,
        config: BrokerConfig,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self> {
        let session = Session::serve(host, path)?;
        let node = session.meta().node_id.unwrap_or(NodeId::new(1));
        let sessions = Sessions::new(config.fetch_sessions);
        let directory = host
            .canonical(path)
            .map_err(LogError::io("look at", path))?;
        let mut config = config;
        config.tell_what_is_fixed(node, &directory);
        Ok(Self {
            host: Arc::clone(host),
            directory: host
                .canonical(path)
                .map_err(LogError::io("look at", path))?,
            node,
            cluster_id: session.meta().cluster_id.clone().unwrap_or_default(),
            image: RwLock::new(Arc::new(session.image().clone())),
            metadata_end: AtomicI64::new(session.metadata_end().get() - 1),
            session: Mutex::new(session),
            replicas: RwLock::default(),
            producer_ids: Mutex::new(0..0),
            fetch_sessions: sessions,
            groups: groups::Coordinators::default(),
            transactions: transactions::Coordinators::default(),
            shares: share::Shares::default(),
            buffers: connection::Buffers::default(),
            counters: metrics::Counters::default(),
            config,
            stopping,
        })
    }

    /// The metadata as of now.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.image.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The offset behind the last metadata record that counts here.
    pub(crate) fn metadata_end(&self) -> i64 {
        self.metadata_end.load(Ordering::Acquire)
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_wire(self.host.now_ms()).unwrap_or_default()
    }

    /// Changes the metadata, or opens a partition. Waits for others that do.
    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a change of the metadata and shows everyone what came of it.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let mut session = self.session();
        let outcome = work(&mut session);
        // Even a change that failed may have got as far as the log.
        let image = Arc::new(session.image().clone());
        *self.image.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&image);
        let end = session.metadata_end().get() - 1;
        self.metadata_end.store(end, Ordering::Release);
        drop(session);
        for replica in self.open_replicas() {
            replica.configure(&image, self.node, &self.config.set);
        }
        outcome
    }

    /// A partition of a topic that exists.
    pub(crate) fn replica(&self, name: &TopicPartition) -> Result<Arc<Replica>> {
        if let Some(replica) = self.open_replica(name) {
            return Ok(replica);
        }
        let image = self.image();
        let opened = {
            let mut session = self.session();
            Replica::open(&mut session, &image, &self.config.set, name)?
        };
        let mut replicas = self
            .replicas
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(
            replicas
                .entry(name.clone())
                .or_insert_with(|| Arc::new(opened)),
        ))
    }

    /// A partition, where it is open.
    fn open_replica(&self, name: &TopicPartition) -> Option<Arc<Replica>> {
        let replicas = self.replicas.read();
        let replicas = replicas.unwrap_or_else(PoisonError::into_inner);
        replicas.get(name).cloned()
    }

    /// The partitions that are open.
    fn open_replicas(&self) -> Vec<Arc<Replica>> {
        self.replicas
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Moves the start of a partition up to `start`; where it is then. Durable.
    pub(crate) fn advance_start(&self, replica: &Replica, start: Offset) -> Result<Offset> {
        let session = self.session();
        let start = replica.advance_start(start)?;
        session.set_log_starts(&[(replica.name().clone(), start)])?;
        Ok(start)
    }

    /// The bytes of a partition's segments.
    pub(crate) fn partition_size(&self, name: &TopicPartition) -> Result<u64> {
        log_size(&*self.host, &self.directory.join(name.to_string()))
    }

    /// How many bytes the disk has, and how many of them can still be written.
    pub(crate) fn disk_space(&self) -> std::io::Result<(i64, i64)> {
        let total = self.host.total_space(&self.directory)?;
        let free = self.host.free_space(&self.directory)?;
        let wire = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        Ok((wire(total), wire(free)))
    }

    /// `max.connections`, which may change.
    fn most_connections(&self) -> usize {
        let set = self.dynamic("max.connections");
        set.unwrap_or(self.config.max_connections)
    }

    /// A setting of the broker that was changed in the metadata.
    fn dynamic<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        let image = self.image();
        let node = self.node.to_string();
        [node.as_str(), ""].into_iter().find_map(|resource| {
            let mut configs = image.configs_of(BROKER_RESOURCE, resource);
            configs.find(|(known, _)| *known == name)?.1.parse().ok()
        })
    }

    /// The epoch and the end of the metadata log.
    pub(crate) fn quorum(&self) -> (LeaderEpoch, Offset) {
        self.session().metadata_ends()
    }

    /// Deletes a topic. Whoever still reads it finishes.
    pub(crate) fn delete_topic(&self, topic: &str) -> Result<()> {
        self.change(|session| {
            // No one opens a partition meanwhile: that takes the session as well.
            self.replicas
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|name, replica| {
                    let stays = name.topic != topic;
                    if !stays {
                        replica.close();
                    }
                    stays
                });
            session.delete_topic(topic)
        })
    }

    /// A producer id that no one has.
    pub(crate) fn new_producer_id(&self) -> Result<ProducerId> {
        let mut left = self
            .producer_ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if left.is_empty() {
            let node = self.node;
            let mut first = 0;
            self.change(|session| {
                session.change(|image| {
                    first = image.next_producer_id().get();
                    Ok(vec![MetadataRecord::ProducerIds(ProducerIdsRecord {
                        broker_id: Some(node),
                        broker_epoch: image.broker_epoch(node).unwrap_or(-1),
                        next_producer_id: ProducerId::new(first + PRODUCER_IDS),
                        ..ProducerIdsRecord::default()
                    })])
                })
            })?;
            *left = first..first + PRODUCER_IDS;
        }
        let id = left.next().expect("ids were taken just now");
        Ok(ProducerId::new(id))
    }

    /// Gives the directory back as a clean stop leaves it. No connection is left.
    fn close(self) -> Result<()> {
        // Coordinators hold their partitions, too.
        drop(self.groups);
        drop(self.transactions);
        drop(self.shares);
        let replicas = self
            .replicas
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut failed = None;
        for replica in replicas.into_values() {
            if let Err(error) = replica.sync() {
                failed = Some(error);
            }
        }
        let session = self
            .session
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match failed {
            // Without the mark of a clean stop the next one in recovers.
            Some(error) => Err(error),
            None => session.close(),
        }
    }
}

/// The error that a client is told for a failure of the log.
fn error_code(error: &LogError) -> crate::protocol::ErrorCode {
    use crate::log::producer_states::Refusal;
    use crate::protocol::ErrorCode;
    match error {
        LogError::UnknownTopic { .. } | LogError::UnknownPartition { .. } => {
            ErrorCode::UnknownTopicOrPartition
        }
        LogError::TopicExists { .. } => ErrorCode::TopicAlreadyExists,
        LogError::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        LogError::Producer { refusal, .. } => match refusal {
            Refusal::Duplicate { .. } => ErrorCode::DuplicateSequenceNumber,
            Refusal::Fenced => ErrorCode::InvalidProducerEpoch,
            Refusal::OutOfOrder => ErrorCode::OutOfOrderSequenceNumber,
            Refusal::InTransaction | Refusal::NotInTransaction => ErrorCode::InvalidTxnState,
            Refusal::CoordinatorFenced => ErrorCode::TransactionCoordinatorFenced,
        },
        LogError::Io { .. } => ErrorCode::KafkaStorageError,
        _ => ErrorCode::UnknownServerError,
    }
}

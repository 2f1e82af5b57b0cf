//! Makes a new data directory: a KRaft quorum of one in combined mode, as Kafka's
//! own would be after a clean stop.
//!
//! The metadata log begins with the leader's election and the feature levels, then
//! a fenced registration of the broker, so that partitions can name it as the
//! eligible leader; Apache Kafka elects it when it starts. `meta.properties` is
//! written last: a directory without it was not finished and is begun anew.

use super::error::{LogError, Result};
use super::image::BROKER_RESOURCE;
use super::layout::{
    LEADER_EPOCHS, META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA, QUORUM_STATE,
};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::control::ControlType;
use crate::format::kraft_control::{
    Endpoint, KRaftVersion, LeaderChange, UnknownTags, Voter, Voters,
};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::meta_properties::MetaProperties;
use crate::format::metadata::{
    BeginTransactionRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord, MetadataRecord,
    PartitionRecord, RegisterBrokerRecord, VersionedRecord,
};
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::record::Headers;
use crate::format::{LeaderEpoch, NodeId, Offset, PartitionId, Timestamp, Uuid};
use crate::host::{Durability, Host, Open};
use std::io::ErrorKind;
use std::path::Path;

/// The levels that Apache Kafka 4.3 gives a directory that it formats.
const FEATURES: [(&str, i16); 6] = [
    ("metadata.version", 30),
    ("eligible.leader.replicas.version", 1),
    ("group.version", 1),
    ("share.version", 1),
    ("streams.version", 1),
    ("transaction.version", 2),
];
/// The node id of a directory that was made here.
pub const NODE: NodeId = NodeId::new(1);
/// The epoch in which the metadata log begins.
const EPOCH: LeaderEpoch = LeaderEpoch::new(1);
/// Records of one batch at most: far below what a KRaft log takes.
const RECORDS_A_BATCH: usize = 1000;

/// Makes `directory`, which exists, a data directory. With [`Durability::Synced`]
/// it survives a power cut once this returns. The caller holds it alone.
pub(crate) fn bootstrap(
    host: &dyn Host,
    directory: &Path,
    durability: Durability,
) -> Result<MetaProperties> {
    let cluster = random_id(host);
    let directory_id = random_id(host);
    let meta = MetaProperties::new(cluster.to_string(), NODE, directory_id);
    let metadata = directory.join(METADATA_TOPIC.to_owned() + "-0");
    create_dir(host, &metadata)?;

    let now = Timestamp::new(host.now_ms());
    let founding = Founding::new(NODE, directory_id, random_id(host));
    let files = founding
        .files(now)
        .map_err(LogError::format(&metadata, 0))?;
    for (name, bytes) in files {
        let path = &metadata.join(name);
        let file = host
            .open(path, Open::Truncate)
            .map_err(LogError::io("create", path))?;
        file.write_at(&bytes, 0)
            .map_err(LogError::io("write", path))?;
        if durability == Durability::Synced {
            file.sync().map_err(LogError::io("sync", path))?;
        }
    }
    if durability == Durability::Synced {
        host.sync_dir(&metadata)
            .map_err(LogError::io("sync", &metadata))?;
    }
    let path = directory.join(META_PROPERTIES);
    host.replace(&path, &meta.to_bytes(now), durability)
        .map_err(LogError::io("write", &path))?;
    Ok(meta)
}

/// A metadata log that begins, of a quorum of one.
pub(crate) struct Founding {
    /// The only node.
    pub(crate) node: NodeId,
    /// Its directory.
    pub(crate) directory_id: Uuid,
    /// A random id of the registration.
    pub(crate) incarnation_id: Uuid,
    /// The feature levels.
    pub(crate) features: Vec<(String, i16)>,
    /// What stands behind the registration of the broker.
    pub(crate) records: Vec<MetadataRecord>,
    /// Where the node listens as a controller, for a quorum whose voters are
    /// records of the log; none for one that `server.properties` names.
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Founding {
    /// As of a directory that is formatted anew.
    pub(crate) fn new(node: NodeId, directory_id: Uuid, incarnation_id: Uuid) -> Self {
        let features = FEATURES.map(|(name, level)| (name.to_owned(), level));
        Self {
            node,
            directory_id,
            incarnation_id,
            features: features.to_vec(),
            records: Vec::new(),
            endpoints: Vec::new(),
        }
    }

    /// The files of `__cluster_metadata-0` by name.
    pub(crate) fn files(
        &self,
        now: Timestamp,
    ) -> crate::format::Result<Vec<(&'static str, Vec<u8>)>> {
        let mut epochs = LeaderEpochs::new();
        epochs.assign(EPOCH, Offset::ZERO);
        let quorum = if self.endpoints.is_empty() {
            QuorumState::static_quorum(Some(self.node), EPOCH, None, &[self.node])
        } else {
            QuorumState::dynamic_quorum(Some(self.node), EPOCH, None)
        };
        let id = PartitionMetadata::new(Uuid::METADATA_TOPIC);
        Ok(vec![
            ("00000000000000000000.log", self.log(now)?),
            ("00000000000000000000.index", Vec::new()),
            ("00000000000000000000.timeindex", Vec::new()),
            (QUORUM_STATE, quorum.to_bytes()),
            (LEADER_EPOCHS, epochs.to_bytes()),
            (PARTITION_METADATA, id.to_bytes()),
        ])
    }

    /// The epoch of the broker: the offset of its registration.
    pub(crate) fn broker_epoch(&self) -> i64 {
        self.control_records() + self.first_records().len() as i64
    }

    fn log(&self, now: Timestamp) -> crate::format::Result<Vec<u8>> {
        let mut log = self.election(now)?;
        let first: Vec<_> = self
            .first_records()
            .into_iter()
            .map(MetadataRecord::latest)
            .collect();
        let mut next = Offset::new(self.control_records());
        log.extend(metadata_batch(&first, EPOCH, next, now)?);
        next = Offset::new(self.broker_epoch());
        let broker = MetadataRecord::RegisterBroker(RegisterBrokerRecord {
            broker_id: self.node,
            incarnation_id: self.incarnation_id,
            broker_epoch: next.get(),
            fenced: true,
            log_dirs: vec![self.directory_id],
            ..RegisterBrokerRecord::default()
        });
        log.extend(metadata_batch(&[broker.latest()], EPOCH, next, now)?);
        next = next.next();
        for records in self.records.chunks(RECORDS_A_BATCH) {
            let records: Vec<_> = records
                .iter()
                .cloned()
                .map(MetadataRecord::latest)
                .collect();
            log.extend(metadata_batch(&records, EPOCH, next, now)?);
            next = Offset::new(next.get() + records.len() as i64);
        }
        Ok(log)
    }

    const fn control_records(&self) -> i64 {
        if self.endpoints.is_empty() { 1 } else { 3 }
    }

    /// The first batch: the leader's election, and the voters where they are records.
    fn election(&self, now: Timestamp) -> crate::format::Result<Vec<u8>> {
        let change = LeaderChange::of_one(self.node);
        let mut records = Vec::new();
        if !self.endpoints.is_empty() {
            let level = KRaftVersion {
                level: 1,
                unknown: UnknownTags::default(),
            };
            let voters = Voters {
                voters: vec![Voter {
                    id: self.node,
                    directory_id: self.directory_id,
                    endpoints: self.endpoints.clone(),
                    least_kraft_version: 0,
                    most_kraft_version: 1,
                    unknown_range: UnknownTags::default(),
                    unknown: UnknownTags::default(),
                }],
                unknown: UnknownTags::default(),
            };
            records.push((ControlType::KRaftVersion, level.encode()));
            records.push((ControlType::Voters, voters.encode()));
        }
        records.insert(0, (ControlType::LeaderChange, change.encode()));
        let mut builder = BatchBuilder::default();
        for (kind, value) in records {
            let key = kind.encode_key();
            builder.append(Some(now), Some(&key), Some(&value), Headers::default())?;
        }
        Ok(builder
            .seal(&Seal {
                leader_epoch: Some(EPOCH),
                control: true,
                ..Seal::default()
            })
            .to_vec())
    }

    /// The metadata transaction with which Kafka's controller begins a log.
    fn first_records(&self) -> Vec<MetadataRecord> {
        let mut records = vec![MetadataRecord::BeginTransaction(BeginTransactionRecord {
            name: Some("Bootstrap records".to_owned()),
            ..BeginTransactionRecord::default()
        })];
        records.extend(self.features.iter().map(|(name, level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: name.clone(),
                feature_level: *level,
                ..FeatureLevelRecord::default()
            })
        }));
        records.push(MetadataRecord::Config(ConfigRecord {
            resource_type: BROKER_RESOURCE,
            resource_name: String::new(),
            name: "min.insync.replicas".to_owned(),
            value: Some("1".to_owned()),
            ..ConfigRecord::default()
        }));
        records.push(MetadataRecord::EndTransaction(
            EndTransactionRecord::default(),
        ));
        records
    }
}

/// One batch of metadata records.
pub(crate) fn metadata_batch(
    records: &[VersionedRecord],
    epoch: LeaderEpoch,
    base_offset: Offset,
    now: Timestamp,
) -> crate::format::Result<Vec<u8>> {
    let mut builder = BatchBuilder::default();
    let mut value = Vec::new();
    for record in records {
        value.clear();
        record.encode(&mut value)?;
        builder.append(Some(now), None, Some(&value), Headers::default())?;
    }
    Ok(builder
        .seal(&Seal {
            base_offset,
            leader_epoch: Some(epoch),
            ..Seal::default()
        })
        .to_vec())
}

/// A partition as a clean stop leaves it: without a leader, this node eligible. The
/// election that follows raises `leader_epoch` by one.
pub(crate) fn partition_record(
    topic_id: Uuid,
    number: i32,
    node: NodeId,
    directory: Uuid,
    leader_epoch: LeaderEpoch,
) -> MetadataRecord {
    MetadataRecord::Partition(PartitionRecord {
        partition_id: PartitionId::new(number),
        topic_id,
        replicas: vec![node],
        isr: Vec::new(),
        leader: None,
        leader_epoch,
        partition_epoch: 0,
        directories: vec![directory],
        eligible_leader_replicas: Some(vec![node]),
        last_known_elr: Some(vec![node]),
        ..PartitionRecord::default()
    })
}

/// An id that Kafka would draw.
pub(crate) fn random_id(host: &dyn Host) -> Uuid {
    loop {
        let mut bytes = [0; 16];
        host.random(&mut bytes);
        if let Some(id) = Uuid::from_random(bytes) {
            return id;
        }
    }
}

/// Creates a directory, unless it is there.
pub(crate) fn create_dir(host: &dyn Host, path: &Path) -> Result<bool> {
    match host.create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(LogError::io("create", path)(error)),
    }
}

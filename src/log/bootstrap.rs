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
    LEADER_EPOCHS, META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA, QUORUM_STATE, Suffix,
    segment_file,
};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::control::ControlType;
use crate::format::kraft_control::LeaderChange;
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::meta_properties::MetaProperties;
use crate::format::metadata::{
    BeginTransactionRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord, MetadataRecord,
    RegisterBrokerRecord, VersionedRecord,
};
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::record::Headers;
use crate::format::{LeaderEpoch, NodeId, Offset, Timestamp, Uuid};
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

/// Makes `directory`, which exists, a data directory. With [`Durability::Synced`]
/// it survives a power cut once this returns. The caller holds it alone.
pub(crate) fn bootstrap(
    host: &dyn Host,
    directory: &Path,
    durability: Durability,
) -> Result<MetaProperties> {
    let cluster = random_id(host);
    let meta = MetaProperties::new(cluster.to_string(), NODE, random_id(host));
    let metadata = directory.join(METADATA_TOPIC.to_owned() + "-0");
    create_dir(host, &metadata)?;

    let now = Timestamp::new(host.now_ms());
    let directory_id = meta.directory_id.expect("new properties have an id");
    let log =
        metadata_log(now, random_id(host), directory_id).map_err(LogError::format(&metadata, 0))?;
    let mut epochs = LeaderEpochs::new();
    epochs.assign(EPOCH, Offset::ZERO);
    let quorum = QuorumState::static_quorum(Some(NODE), EPOCH, None, &[NODE]);
    let files: [(&Path, &[u8]); 6] = [
        (&segment_file(&metadata, Offset::ZERO, Suffix::Log), &log),
        (&segment_file(&metadata, Offset::ZERO, Suffix::Index), &[]),
        (
            &segment_file(&metadata, Offset::ZERO, Suffix::TimeIndex),
            &[],
        ),
        (&metadata.join(QUORUM_STATE), &quorum.to_bytes()),
        (&metadata.join(LEADER_EPOCHS), &epochs.to_bytes()),
        (
            &metadata.join(PARTITION_METADATA),
            &PartitionMetadata::new(Uuid::METADATA_TOPIC).to_bytes(),
        ),
    ];
    for (path, bytes) in files {
        let file = host
            .open(path, Open::Truncate)
            .map_err(LogError::io("create", path))?;
        file.write_at(bytes, 0)
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

fn metadata_log(
    now: Timestamp,
    incarnation_id: Uuid,
    directory_id: Uuid,
) -> crate::format::Result<Vec<u8>> {
    let mut builder = BatchBuilder::default();
    let key = ControlType::LeaderChange.encode_key();
    let value = LeaderChange::of_one(NODE).encode();
    builder.append(Some(now), Some(&key), Some(&value), Headers::default())?;
    let mut log = builder
        .seal(&Seal {
            leader_epoch: Some(EPOCH),
            control: true,
            ..Seal::default()
        })
        .to_vec();

    let mut records = vec![MetadataRecord::BeginTransaction(BeginTransactionRecord {
        name: Some("Bootstrap records".to_owned()),
        ..BeginTransactionRecord::default()
    })];
    records.extend(FEATURES.map(|(name, level)| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: name.to_owned(),
            feature_level: level,
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
    let registration = Offset::new(1 + records.len() as i64);
    let records: Vec<_> = records.into_iter().map(MetadataRecord::latest).collect();
    log.extend(metadata_batch(&records, EPOCH, Offset::new(1), now)?);

    let broker = MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: NODE,
        incarnation_id,
        broker_epoch: registration.get(),
        fenced: true,
        log_dirs: vec![directory_id],
        ..RegisterBrokerRecord::default()
    });
    log.extend(metadata_batch(
        &[broker.latest()],
        EPOCH,
        registration,
        now,
    )?);
    Ok(log)
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

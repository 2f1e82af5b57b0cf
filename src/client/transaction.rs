//! A transactional producer's side of its coordinator: an id that only one run has, partitions
//! and offsets in the transaction, its end.
//!
//! Where cluster and leaders know transactions of version 2 (KIP-890), a partition joins with
//! its first batch, and each transaction has an epoch of its own; otherwise a partition is
//! added before its first batch.
//!
//! Source: `org.apache.kafka.clients.producer.internals.TransactionManager`; KIP-98, KIP-447.

use super::cluster::{Cluster, quoted};
use super::error::{ClientError, Result};
use super::groups::{Identity, Place, Position};
use crate::format::{ProducerEpoch, ProducerId};
use crate::protocol::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use crate::protocol::messages::end_txn::EndTxnRequest;
use crate::protocol::messages::init_producer_id::InitProducerIdRequest;
use crate::protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use crate::protocol::{ApiKey, ErrorCode};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The feature whose level says which version of transactions a cluster knows.
const FEATURE: &str = "transaction.version";
/// From which versions on `Produce` and `EndTxn` are those of transactions of version 2.
const PRODUCE_JOINS_SINCE: i16 = 12;
const END_RAISES_SINCE: i16 = 5;
const COMMIT_JOINS_SINCE: i16 = 5;
/// The last version of `AddPartitionsToTxn` that is for clients.
const ADD_OF_CLIENTS: i16 = 3;

/// What batches of a transaction carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// `transactional.id`.
    pub id: String,
    /// The producer and its epoch.
    pub producer: (ProducerId, ProducerEpoch),
    /// Whether a partition joins with its first batch.
    pub joins: bool,
}

/// A producer with a transactional id. Each of its transactions begins with the first
/// partition or offset, and ends with [`Transaction::end`].
pub struct Transaction {
    cluster: Cluster,
    writer: Writer,
    /// What has joined the transaction that is open.
    partitions: BTreeSet<Place>,
    groups: BTreeSet<String>,
}

impl Transaction {
    /// Takes an id over: what its last user left open is aborted, and that user fenced.
    /// The coordinator aborts a transaction that is open for longer than `timeout`.
    pub fn start(mut cluster: Cluster, id: &str, timeout: Duration) -> Result<Self> {
        let (producer, version) = cluster.retry(|cluster| {
            let connection = cluster.transaction_coordinator(id)?;
            let version = connection.version_within(ApiKey::InitProducerId, 0, 5)?;
            let request = InitProducerIdRequest {
                transactional_id: Some(id.to_owned()),
                transaction_timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
                ..Default::default()
            };
            let response = connection.call(&request, version)?;
            connection.check(
                ApiKey::InitProducerId,
                response.error_code,
                &about(id),
                None,
            )?;
            let producer = (
                ProducerId::new(response.producer_id),
                ProducerEpoch::new(response.producer_epoch),
            );
            let has = |api, version| connection.version_within(api, version, version).is_ok();
            let joins = connection.feature(FEATURE) >= 2
                && has(ApiKey::Produce, PRODUCE_JOINS_SINCE)
                && has(ApiKey::EndTxn, END_RAISES_SINCE)
                && has(ApiKey::TxnOffsetCommit, COMMIT_JOINS_SINCE);
            Ok((producer, joins))
        })?;
        Ok(Self {
            cluster,
            writer: Writer {
                id: id.to_owned(),
                producer,
                joins: version,
            },
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        })
    }

    /// What the next batches carry.
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Whether something has joined.
    pub fn is_open(&self) -> bool {
        !self.partitions.is_empty() || !self.groups.is_empty()
    }

    /// Has a partition join, before its first batch is sent.
    pub fn add(&mut self, topic: &str, partition: i32) -> Result<()> {
        if !self.partitions.insert((topic.to_owned(), partition)) || self.writer.joins {
            return Ok(());
        }
        let writer = &self.writer;
        self.cluster.retry(|cluster| {
            let connection = cluster.transaction_coordinator(&writer.id)?;
            let version =
                connection.version_within(ApiKey::AddPartitionsToTxn, 0, ADD_OF_CLIENTS)?;
            let request = AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: writer.id.clone(),
                v3_and_below_producer_id: writer.producer.0.get(),
                v3_and_below_producer_epoch: writer.producer.1.get(),
                v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                    name: topic.to_owned(),
                    partitions: vec![partition],
                    ..Default::default()
                }],
                ..Default::default()
            };
            let response = connection.call(&request, version)?;
            let topics = response.results_by_topic_v3_and_below.iter();
            for result in topics.flat_map(|topic| &topic.results_by_partition) {
                let code = result.partition_error_code;
                let about = format!("{topic}-{partition} and {}", about(&writer.id));
                connection.check(ApiKey::AddPartitionsToTxn, code, &about, None)?;
            }
            Ok(())
        })
    }

    /// Commits a group's offsets as part of the transaction, for the member that has read
    /// up to them.
    pub fn commit_offsets(
        &mut self,
        member: &Identity,
        offsets: &BTreeMap<Place, Position>,
    ) -> Result<()> {
        let joins = self.groups.insert(member.group.clone());
        if joins && !self.writer.joins {
            self.add_group(&member.group)?;
        }
        let writer = &self.writer;
        self.cluster.retry(|cluster| {
            let connection = cluster.coordinator(&member.group)?;
            let most = if writer.joins {
                i16::MAX
            } else {
                COMMIT_JOINS_SINCE - 1
            };
            let version = connection.version_within(ApiKey::TxnOffsetCommit, 0, most)?;
            let request = TxnOffsetCommitRequest {
                transactional_id: writer.id.clone(),
                group_id: member.group.clone(),
                producer_id: writer.producer.0.get(),
                producer_epoch: writer.producer.1.get(),
                generation_id: member.generation,
                member_id: member.member.clone(),
                group_instance_id: member.instance.clone(),
                topics: by_topic(offsets),
                ..Default::default()
            };
            let response = connection.call(&request, version)?;
            for topic in &response.topics {
                for partition in &topic.partitions {
                    let (name, number) = (&topic.name, partition.partition_index);
                    let about = format!("{name}-{number} for group {}", quoted(&member.group));
                    let code = partition.error_code;
                    connection.check(ApiKey::TxnOffsetCommit, code, &about, None)?;
                }
            }
            Ok(())
        })
    }

    fn add_group(&mut self, group: &str) -> Result<()> {
        let writer = &self.writer;
        self.cluster.retry(|cluster| {
            let connection = cluster.transaction_coordinator(&writer.id)?;
            let version = connection.version(ApiKey::AddOffsetsToTxn)?;
            let request = AddOffsetsToTxnRequest {
                transactional_id: writer.id.clone(),
                producer_id: writer.producer.0.get(),
                producer_epoch: writer.producer.1.get(),
                group_id: group.to_owned(),
                ..Default::default()
            };
            let response = connection.call(&request, version)?;
            let about = format!("group {} and {}", quoted(group), about(&writer.id));
            connection.check(ApiKey::AddOffsetsToTxn, response.error_code, &about, None)
        })
    }

    /// Ends the transaction that is open: what joined it counts from now on, or never.
    /// The next batches carry what [`Transaction::writer`] says then.
    ///
    /// # Errors
    /// Where no answer came, whether it has ended is not known; whoever takes the id over
    /// finds it ended either way.
    pub fn end(&mut self, commit: bool) -> Result<()> {
        if !self.is_open() {
            return Ok(());
        }
        let writer = &self.writer;
        let producer = self.cluster.retry(|cluster| {
            let connection = cluster.transaction_coordinator(&writer.id)?;
            let most = if writer.joins {
                i16::MAX
            } else {
                END_RAISES_SINCE - 1
            };
            let version = connection.version_within(ApiKey::EndTxn, 0, most)?;
            let request = EndTxnRequest {
                transactional_id: writer.id.clone(),
                producer_id: writer.producer.0.get(),
                producer_epoch: writer.producer.1.get(),
                committed: commit,
                ..Default::default()
            };
            let response = connection.call(&request, version)?;
            connection.check(
                ApiKey::EndTxn,
                response.error_code,
                &about(&writer.id),
                None,
            )?;
            Ok(match writer.joins {
                true => (
                    ProducerId::new(response.producer_id),
                    ProducerEpoch::new(response.producer_epoch),
                ),
                false => writer.producer,
            })
        })?;
        self.writer.producer = producer;
        self.partitions.clear();
        self.groups.clear();
        Ok(())
    }
}

/// Whether an error says that another has the transactional id by now.
pub const fn is_fenced(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::ProducerFenced
                | ErrorCode::InvalidProducerEpoch
                | ErrorCode::InvalidProducerIdMapping
        )
    )
}

fn about(id: &str) -> String {
    format!("transactional id {}", quoted(id))
}

fn by_topic(offsets: &BTreeMap<Place, Position>) -> Vec<TxnOffsetCommitRequestTopic> {
    let mut topics: Vec<TxnOffsetCommitRequestTopic> = Vec::new();
    for ((topic, number), position) in offsets {
        if topics.last().is_none_or(|last| last.name != *topic) {
            topics.push(TxnOffsetCommitRequestTopic {
                name: topic.clone(),
                ..Default::default()
            });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(TxnOffsetCommitRequestPartition {
                partition_index: *number,
                committed_offset: position.offset.get(),
                committed_leader_epoch: position.epoch,
                committed_metadata: Some(position.metadata.clone()),
                ..Default::default()
            });
        }
    }
    topics
}

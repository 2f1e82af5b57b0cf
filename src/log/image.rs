//! What the metadata log says: topics, configs, nodes, features, producer ids, and
//! who may do what.
//!
//! A pure state machine: records go in, in the order of the log. Records between a
//! begin and an end of a metadata transaction count together or not at all.
//!
//! Source: `org.apache.kafka.image`, `org.apache.kafka.controller`; KIP-631, KIP-868.

mod nodes;
mod partition;
mod release;
mod security;

pub use nodes::Nodes;
pub use partition::PartitionState;
pub use release::release_of;
pub use security::{QuotaEntity, Security};

use crate::format::control::ControlRecord;
use crate::format::metadata::{ConfigRecord, FeatureLevelRecord, MetadataRecord};
use crate::format::text::edit_distance;
use crate::format::{NodeId, ProducerId, Uuid};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The resource type of a topic's configs.
pub const TOPIC_RESOURCE: i8 = 2;
/// The resource type of a broker's configs; no name means every broker.
pub const BROKER_RESOURCE: i8 = 4;

/// The state that the metadata log adds up to.
#[derive(Debug, Clone, Default)]
pub struct Image {
    topics: BTreeMap<String, Topic>,
    names: HashMap<Uuid, String>,
    configs: BTreeMap<(i8, String), BTreeMap<String, String>>,
    features: BTreeMap<String, i16>,
    next_producer_id: Option<ProducerId>,
    nodes: Nodes,
    security: Security,
    zk_migration: Option<i8>,
    transaction: Option<Vec<MetadataRecord>>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its id.
    pub id: Uuid,
    /// Its partitions by number.
    pub partitions: BTreeMap<i32, PartitionState>,
}

impl Image {
    /// Every topic by name.
    pub const fn topics(&self) -> &BTreeMap<String, Topic> {
        &self.topics
    }

    /// A topic.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// The configs that were set on a topic.
    pub fn topic_configs(&self, name: &str) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.configs_of(TOPIC_RESOURCE, name)
    }

    /// The configs that were set on a resource.
    pub fn configs_of(&self, kind: i8, name: &str) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.configs
            .get(&(kind, name.to_owned()))
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The finalised feature levels.
    pub const fn features(&self) -> &BTreeMap<String, i16> {
        &self.features
    }

    /// The first producer id that no one has yet.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id.unwrap_or_default()
    }

    /// The epoch of a broker's last registration.
    pub fn broker_epoch(&self, node: NodeId) -> Option<i64> {
        self.nodes
            .brokers
            .get(&node)
            .map(|broker| broker.broker_epoch)
    }

    /// The controllers that vote, as the last election names them; empty where the
    /// log tells of none.
    pub const fn voters(&self) -> &BTreeSet<NodeId> {
        &self.nodes.voters
    }

    /// Takes the voters that a control record names.
    pub fn set_voters(&mut self, voters: impl Iterator<Item = NodeId>) {
        self.nodes.voters = voters.collect();
    }

    /// Brokers, controllers and the quorum.
    pub const fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// ACLs, credentials, tokens and quotas.
    pub const fn security(&self) -> &Security {
        &self.security
    }

    /// Every resource with configs: its type (2 topic, 4 broker, 8 broker logger, 16
    /// client metrics, 32 group), its name and its configs.
    pub fn configs(&self) -> impl Iterator<Item = (i8, &str, &BTreeMap<String, String>)> + '_ {
        self.configs
            .iter()
            .map(|((kind, name), configs)| (*kind, name.as_str(), configs))
    }

    /// The name of a topic by its id.
    pub fn topic_name(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// Where a migration from ZooKeeper stands: 0 none, 1 migrating, 2 about to, 3
    /// done; `None` where the log has no record of it.
    pub const fn zk_migration(&self) -> Option<i8> {
        self.zk_migration
    }

    /// The records of a metadata transaction that has no end yet: they do not count.
    pub fn pending(&self) -> Option<usize> {
        self.transaction.as_ref().map(Vec::len)
    }

    /// Takes the next control record.
    pub fn control(&mut self, record: &ControlRecord<'_>) {
        self.nodes.control(record);
    }

    /// Takes the leader of the metadata log from elsewhere.
    pub const fn set_leader(&mut self, leader: Option<NodeId>) {
        self.nodes.leader = leader;
    }

    /// The topic whose name is most like this one, if any is.
    pub fn nearest_topic(&self, name: &str) -> Option<String> {
        let near = |other: &&String| {
            let (a, b) = (name.to_lowercase(), other.to_lowercase());
            a.starts_with(&b)
                || b.starts_with(&a)
                || edit_distance(a.as_bytes(), b.as_bytes()) <= 1 + a.len() / 5
        };
        self.topics
            .keys()
            .filter(near)
            .min_by_key(|other| edit_distance(name.as_bytes(), other.as_bytes()))
            .cloned()
    }

    /// Puts in a topic that is known from directories alone, where there is no
    /// metadata log.
    pub fn adopt(&mut self, name: &str, partition: i32, id: Uuid) {
        let topic = self.topics.entry(name.to_owned()).or_insert_with(|| Topic {
            id,
            partitions: BTreeMap::new(),
        });
        topic
            .partitions
            .insert(partition, PartitionState::default());
    }

    /// Takes the next record.
    pub fn apply(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::BeginTransaction(_) => self.transaction = Some(Vec::new()),
            MetadataRecord::AbortTransaction(_) => self.transaction = None,
            MetadataRecord::EndTransaction(_) => {
                for record in self.transaction.take().unwrap_or_default() {
                    self.apply_now(record);
                }
            }
            record => match &mut self.transaction {
                Some(pending) => pending.push(record),
                None => self.apply_now(record),
            },
        }
    }

    fn apply_now(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::Topic(topic) => {
                self.names.insert(topic.topic_id, topic.name.clone());
                self.topics.insert(
                    topic.name,
                    Topic {
                        id: topic.topic_id,
                        partitions: BTreeMap::new(),
                    },
                );
            }
            MetadataRecord::Partition(partition) => {
                if let Some(topic) = self.topic_mut(partition.topic_id) {
                    let number = partition.partition_id.get();
                    topic
                        .partitions
                        .insert(number, PartitionState::of(partition));
                }
            }
            MetadataRecord::PartitionChange(change) => {
                let number = change.partition_id.get();
                if let Some(partition) = self
                    .topic_mut(change.topic_id)
                    .and_then(|topic| topic.partitions.get_mut(&number))
                {
                    partition.change(change);
                }
            }
            MetadataRecord::RemoveTopic(removed) => {
                if let Some(name) = self.names.remove(&removed.topic_id) {
                    self.topics.remove(&name);
                    self.configs.remove(&(TOPIC_RESOURCE, name));
                }
            }
            MetadataRecord::ClearElr(clear) => self.clear_elr(&clear.topic_name),
            MetadataRecord::Config(config) => self.config(config),
            MetadataRecord::FeatureLevel(feature) => self.feature(feature),
            MetadataRecord::ProducerIds(ids) => self.next_producer_id = Some(ids.next_producer_id),
            MetadataRecord::ZkMigrationState(state) => {
                self.zk_migration = Some(state.zk_migration_state);
            }
            other => self.apply_to_nodes(other),
        }
    }

    fn apply_to_nodes(&mut self, record: MetadataRecord) {
        let nodes = &mut self.nodes;
        match record {
            MetadataRecord::RegisterBroker(broker) => {
                nodes.brokers.insert(broker.broker_id, broker);
            }
            MetadataRecord::UnregisterBroker(gone) => {
                nodes.brokers.remove(&gone.broker_id);
            }
            MetadataRecord::FenceBroker(fence) => nodes.set_fenced(fence.id, fence.epoch, true),
            MetadataRecord::UnfenceBroker(fence) => nodes.set_fenced(fence.id, fence.epoch, false),
            MetadataRecord::BrokerRegistrationChange(change) => nodes.change(change),
            MetadataRecord::RegisterController(controller) => {
                nodes
                    .controllers
                    .insert(controller.controller_id, controller);
            }
            other => self.apply_to_security(other),
        }
    }

    fn apply_to_security(&mut self, record: MetadataRecord) {
        let security = &mut self.security;
        match record {
            MetadataRecord::AccessControlEntry(acl) => {
                security.acls.insert(acl.id, acl);
            }
            MetadataRecord::RemoveAccessControlEntry(removed) => {
                security.acls.remove(&removed.id);
            }
            MetadataRecord::UserScramCredential(user) => {
                security
                    .scram
                    .insert((user.name.clone(), user.mechanism), user);
            }
            MetadataRecord::RemoveUserScramCredential(user) => {
                security.scram.remove(&(user.name, user.mechanism));
            }
            MetadataRecord::DelegationToken(token) => {
                security.tokens.insert(token.token_id.clone(), token);
            }
            MetadataRecord::RemoveDelegationToken(token) => {
                security.tokens.remove(&token.token_id);
            }
            MetadataRecord::ClientQuota(quota) => security.quota(quota),
            _ => {}
        }
    }

    fn config(&mut self, record: ConfigRecord) {
        let resource = (record.resource_type, record.resource_name);
        let configs = self.configs.entry(resource.clone()).or_default();
        match record.value {
            Some(value) => configs.insert(record.name, value),
            None => configs.remove(&record.name),
        };
        if configs.is_empty() {
            self.configs.remove(&resource);
        }
    }

    /// A level of 0 is none. `kraft.version` has a control record of its own, and
    /// what was written here by mistake does not count (KAFKA-18979).
    fn feature(&mut self, record: FeatureLevelRecord) {
        match record.feature_level {
            _ if record.name == "kraft.version" => None,
            0 => self.features.remove(&record.name),
            level => self.features.insert(record.name, level),
        };
    }

    /// Of one topic, or of every one where no name is given.
    fn clear_elr(&mut self, topic: &str) {
        let topics = self.topics.iter_mut();
        for (_, topic) in topics.filter(|(name, _)| topic.is_empty() || *name == topic) {
            for partition in topic.partitions.values_mut() {
                partition.clear_elr();
            }
        }
    }

    fn topic_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        self.topics.get_mut(self.names.get(&id)?)
    }
}

#[cfg(test)]
mod tests;

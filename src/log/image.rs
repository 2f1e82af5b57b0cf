//! What the metadata log says: topics, configs, features, producer ids.
//!
//! A pure state machine: records go in, in the order of the log. Records between a
//! begin and an end of a metadata transaction count together or not at all.
//!
//! Source: `org.apache.kafka.image`, `org.apache.kafka.controller`; KIP-631, KIP-868.

use crate::format::metadata::{LeaderChange, MetadataRecord, PartitionRecord};
use crate::format::text::edit_distance;
use crate::format::{LeaderEpoch, NodeId, ProducerId, Uuid};
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
    broker_epochs: BTreeMap<NodeId, i64>,
    transaction: Option<Vec<MetadataRecord>>,
    voters: BTreeSet<NodeId>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its id.
    pub id: Uuid,
    /// Its partitions by number.
    pub partitions: BTreeMap<i32, PartitionState>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionState {
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub isr: Vec<NodeId>,
    /// The leader.
    pub leader: Option<NodeId>,
    /// The leader's term.
    pub leader_epoch: LeaderEpoch,
    /// Replicas out of sync that hold all committed records.
    pub elr: Vec<NodeId>,
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
        self.broker_epochs.get(&node).copied()
    }

    /// The controllers that vote, as the last election names them; empty where the
    /// log tells of none.
    pub const fn voters(&self) -> &BTreeSet<NodeId> {
        &self.voters
    }

    /// Takes the voters that a control record names.
    pub fn set_voters(&mut self, voters: impl Iterator<Item = NodeId>) {
        self.voters = voters.collect();
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
        topic.partitions.insert(
            partition,
            PartitionState {
                replicas: Vec::new(),
                isr: Vec::new(),
                leader: None,
                leader_epoch: LeaderEpoch::default(),
                elr: Vec::new(),
            },
        );
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
                let Some(partition) = self
                    .topic_mut(change.topic_id)
                    .and_then(|topic| topic.partitions.get_mut(&number))
                else {
                    return;
                };
                match change.leader {
                    LeaderChange::Unchanged => {}
                    LeaderChange::NoLeader => partition.next_leader(None),
                    LeaderChange::Leader(node) => partition.next_leader(Some(node)),
                }
                replace(&mut partition.isr, change.isr);
                replace(&mut partition.replicas, change.replicas);
                replace(&mut partition.elr, change.eligible_leader_replicas);
            }
            MetadataRecord::RemoveTopic(removed) => {
                if let Some(name) = self.names.remove(&removed.topic_id) {
                    self.topics.remove(&name);
                    self.configs.remove(&(TOPIC_RESOURCE, name));
                }
            }
            MetadataRecord::Config(config) => {
                let resource = (config.resource_type, config.resource_name);
                let configs = self.configs.entry(resource).or_default();
                match config.value {
                    Some(value) => configs.insert(config.name, value),
                    None => configs.remove(&config.name),
                };
            }
            MetadataRecord::FeatureLevel(feature) => {
                self.features.insert(feature.name, feature.feature_level);
            }
            MetadataRecord::ProducerIds(ids) => self.next_producer_id = Some(ids.next_producer_id),
            MetadataRecord::RegisterBroker(broker) => {
                self.broker_epochs
                    .insert(broker.broker_id, broker.broker_epoch);
            }
            _ => {}
        }
    }

    fn topic_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        self.topics.get_mut(self.names.get(&id)?)
    }
}

impl PartitionState {
    fn of(record: PartitionRecord) -> Self {
        Self {
            replicas: record.replicas,
            isr: record.isr,
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            elr: record.eligible_leader_replicas.unwrap_or_default(),
        }
    }

    /// A change that names a leader, or none, begins a new term.
    fn next_leader(&mut self, leader: Option<NodeId>) {
        self.leader = leader;
        self.leader_epoch = LeaderEpoch::new(self.leader_epoch.get().saturating_add(1));
    }
}

fn replace(field: &mut Vec<NodeId>, with: Option<Vec<NodeId>>) {
    if let Some(with) = with {
        *field = with;
    }
}

#[cfg(test)]
mod tests;

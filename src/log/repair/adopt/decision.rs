//! What an adopted directory becomes, decided from what is left of its metadata and
//! from its directories. Pure: evidence in, a decision out.
//!
//! - Ids of topics come from `partition.metadata`; where partitions disagree, from
//!   most of them; where none has one, from the old metadata, then from committed
//!   offsets, which name them too; else they are drawn.
//! - A partition's leader epoch is not below any in its log: the election that
//!   follows raises it above all of them.
//! - Configs are those of the old metadata. A topic that it does not tell of is kept
//!   forever (`retention.ms=-1`), so that nothing is deleted by a default that may
//!   never have been its own.
//! - The next producer id is above every one seen, in the next block of 1000.

use super::remains::Remains;
use super::survey::{Survey, Surveyed};
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::coordinator::coordinator_partition;
use crate::format::meta_properties::{MetaProperties, MetaVersion};
use crate::format::metadata::{ConfigRecord, MetadataRecord, ProducerIdsRecord, TopicRecord};
use crate::format::quorum_state::{QuorumState, QuorumStateVersion};
use crate::format::{LeaderEpoch, NodeId, PartitionId, ProducerId, Uuid};
use crate::log::bootstrap::{Founding, NODE, partition_record};
use crate::log::image::{BROKER_RESOURCE, TOPIC_RESOURCE};
use crate::log::layout::{OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, TRANSACTIONS_TOPIC};
use crate::log::transaction::STATE_CONFIGS;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// Producer ids are handed to brokers in blocks of so many.
const PRODUCER_BLOCK: i64 = 1000;
/// No coordinator's topic has more partitions than this.
const MOST_COORDINATORS: i32 = 10_000;
/// How many partitions Kafka gives the topics of its coordinators.
const COORDINATORS: i32 = 50;

/// Everything that is known about a directory.
pub(crate) struct Evidence {
    /// `meta.properties`, where it can be read.
    pub(crate) meta: Option<MetaProperties>,
    /// `quorum-state`, where it can be read.
    pub(crate) quorum: Option<QuorumState>,
    /// The old metadata log, as far as it can be read.
    pub(crate) remains: Remains,
    /// The directories of partitions.
    pub(crate) survey: Survey,
    /// Where the cleaner was.
    pub(crate) cleaned: Option<OffsetCheckpoint>,
}

/// What the directory becomes.
pub(crate) struct Decision {
    /// Who it belongs to.
    pub(crate) meta: MetaProperties,
    /// A new metadata log; none where the old one can stay.
    pub(crate) founding: Option<Founding>,
    /// Its topics.
    pub(crate) topics: Vec<Adopted>,
    /// What the user has to know.
    pub(crate) told: Vec<String>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// Its name.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: Uuid,
    /// The leader epoch of each partition, by number.
    pub(crate) epochs: Vec<LeaderEpoch>,
    /// Partitions that have no directory.
    pub(crate) missing: Vec<i32>,
    /// Its configs.
    pub(crate) configs: BTreeMap<String, String>,
}

impl Evidence {
    /// Decides. `draw` makes random ids.
    pub(crate) fn decide(&self, draw: &mut dyn FnMut() -> Uuid) -> Decision {
        let mut told = Vec::new();
        let node = self.node();
        let meta = self.meta(node, draw, &mut told);
        let topics = self.topics(draw, &mut told);
        let directory_id = meta.directory_id.unwrap_or_default();
        let founding = (!self.log_can_stay(node, directory_id, &topics)).then(|| {
            self.tell_of_losses(&topics, &mut told);
            self.found(node, directory_id, draw(), &topics, &mut told)
        });
        for topic in topics.iter().filter(|topic| !topic.missing.is_empty()) {
            if founding.is_some() {
                told.push(format!(
                    "topic {}: {} of {} partitions have no directory and are made anew, empty: {}",
                    topic.name,
                    topic.missing.len(),
                    topic.epochs.len(),
                    ranges(&topic.missing)
                ));
            }
        }
        Decision {
            meta,
            founding,
            topics,
            told,
        }
    }

    /// The node whose directory this is.
    fn node(&self) -> NodeId {
        if let Some(node) = self.meta.as_ref().and_then(|meta| meta.node_id) {
            return node;
        }
        let brokers = &self.remains.brokers;
        let directory = self.meta.as_ref().and_then(|meta| meta.directory_id);
        let owner = brokers.iter().find(|(_, broker)| {
            directory.is_some_and(|directory| broker.log_dirs.contains(&directory))
        });
        if let Some((node, _)) = owner {
            return *node;
        }
        // The one that has a replica of everything that is here.
        let mut candidates: BTreeSet<NodeId> = brokers.keys().copied().collect();
        for name in self.survey.partitions.keys() {
            let topic = self.remains.image.topic(&name.topic);
            if let Some(state) = topic.and_then(|topic| topic.partitions.get(&name.partition)) {
                candidates.retain(|node| state.replicas.contains(node));
            }
        }
        if candidates.len() == 1 {
            return candidates.pop_first().unwrap_or(NODE);
        }
        let voters = self.remains.image.voters();
        match voters.first() {
            Some(voter) if voters.len() == 1 => *voter,
            _ => NODE,
        }
    }

    fn meta(
        &self,
        node: NodeId,
        draw: &mut dyn FnMut() -> Uuid,
        told: &mut Vec<String>,
    ) -> MetaProperties {
        let old = self.meta.as_ref();
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let cluster = old
            .and_then(|meta| meta.cluster_id.clone())
            .filter(|id| id.chars().all(is_of_id));
        let is_told = cluster.is_some();
        let cluster = cluster.unwrap_or_else(|| {
            let id = draw().to_string();
            told.push(format!("the cluster's id is not known: it becomes {id}"));
            id
        });
        if old.and_then(|meta| meta.node_id).is_none() {
            told.push(format!("the node's id is taken to be {node}: expected `node.id={node}` in server.properties"));
        }
        let registered = self.remains.brokers.get(&node);
        let registered = registered.and_then(|broker| match broker.log_dirs[..] {
            [only] => Some(only),
            _ => None,
        });
        let directory = old
            .and_then(|meta| meta.directory_id)
            .filter(|id| !is_reserved(*id))
            .or(registered.filter(|id| !is_reserved(*id)))
            .unwrap_or_else(draw);
        match old {
            Some(old) if old.version == MetaVersion::V1 && is_told => {
                let mut meta = old.clone();
                meta.directory_id = Some(directory);
                meta
            }
            _ => MetaProperties::new(cluster, node, directory),
        }
    }

    /// Whether the metadata log is whole, this node's alone, and knows what is here.
    fn log_can_stay(&self, node: NodeId, directory: Uuid, topics: &[Adopted]) -> bool {
        let remains = &self.remains;
        let is_ours = |nodes: &[NodeId]| nodes.iter().all(|other| *other == node);
        let knows =
            |topic: &Adopted| {
                remains.image.topic(&topic.name).is_some_and(|known| {
                    known.id == topic.id
                        && topic.epochs.len() == known.partitions.len()
                        && topic.epochs.iter().zip(known.partitions.values()).all(
                            |(epoch, state)| {
                                state.leader_epoch >= *epoch && is_ours(&state.replicas)
                            },
                        )
                })
            };
        remains.records > 0
            && remains.unread == 0
            && self.quorum.is_some()
            && remains.image.features().contains_key("metadata.version")
            && remains.image.voters().iter().all(|voter| *voter == node)
            && remains.brokers.keys().all(|broker| *broker == node)
            && remains
                .brokers
                .get(&node)
                .is_none_or(|broker| broker.log_dirs.contains(&directory))
            && topics.iter().all(knows)
    }

    /// What the old metadata tells of and the directory does not have.
    fn tell_of_losses(&self, topics: &[Adopted], told: &mut Vec<String>) {
        let remains = &self.remains;
        match (remains.records, remains.unread) {
            (0, _) => told.push("no record of an old metadata log can be read".to_owned()),
            (_, 0) => {}
            (records, unread) => told.push(format!(
                "of the old metadata log {records} records can be read, {unread} bytes cannot: configs may be missing"
            )),
        }
        let here: BTreeSet<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        let gone = remains.image.topics().keys();
        let gone: Vec<_> = gone
            .filter(|name| !here.contains(name.as_str()))
            .map(String::as_str)
            .collect();
        if !gone.is_empty() {
            told.push(format!(
                "no partition of these topics is here, they are left out: {}",
                gone.join(", ")
            ));
        }
    }

    fn found(
        &self,
        node: NodeId,
        directory: Uuid,
        incarnation: Uuid,
        topics: &[Adopted],
        told: &mut Vec<String>,
    ) -> Founding {
        let mut founding = Founding::new(node, directory, incarnation);
        for (name, level) in self.remains.image.features() {
            match founding
                .features
                .iter_mut()
                .find(|(known, _)| known == name)
            {
                Some((_, known)) => *known = (*known).max(*level),
                None => founding.features.push((name.clone(), *level)),
            }
        }
        let is_dynamic = self
            .quorum
            .as_ref()
            .is_some_and(|quorum| matches!(quorum.version, QuorumStateVersion::V1 { .. }))
            || !self.remains.voters.is_empty();
        founding.endpoints = match self.remains.voters.get(&node) {
            Some(endpoints) if is_dynamic => endpoints.clone(),
            _ => Vec::new(),
        };
        if founding.endpoints.is_empty() {
            told.push(format!(
                "expected in server.properties: `process.roles=broker,controller` and `controller.quorum.voters={node}@HOST:PORT`"
            ));
        }
        let records = &mut founding.records;
        for ((kind, name), configs) in &self.remains.configs {
            let of_another =
                *kind == BROKER_RESOURCE && !name.is_empty() && *name != node.to_string();
            if *kind != TOPIC_RESOURCE && !of_another {
                records.extend(
                    configs
                        .iter()
                        .map(|(key, value)| config(*kind, name, key, value)),
                );
            }
        }
        for topic in topics {
            records.extend(topic.records(node, directory));
        }
        records.extend(self.remains.security_records());
        if let Some(next_producer_id) = self.next_producer() {
            let broker_epoch = founding.broker_epoch();
            founding
                .records
                .push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                    broker_id: Some(node),
                    broker_epoch,
                    next_producer_id,
                    ..ProducerIdsRecord::default()
                }));
        }
        founding
    }

    /// The first id of the block behind every producer that was seen.
    fn next_producer(&self) -> Option<ProducerId> {
        let seen = self.survey.partitions.values();
        let seen = seen.filter_map(|partition| partition.producer).max();
        let behind = seen.and_then(|seen| {
            let block = seen.get() / PRODUCER_BLOCK + 1;
            block.checked_mul(PRODUCER_BLOCK).map(ProducerId::new)
        });
        behind.max(self.remains.next_producer)
    }

    fn topics(&self, draw: &mut dyn FnMut() -> Uuid, told: &mut Vec<String>) -> Vec<Adopted> {
        let mut found: BTreeMap<&str, BTreeMap<i32, &Surveyed>> = BTreeMap::new();
        for (name, surveyed) in &self.survey.partitions {
            let topic = found.entry(&name.topic).or_default();
            topic.insert(name.partition, surveyed);
        }
        let mut ids = self.ids(&found, told);
        let mut topics = Vec::new();
        let mut guessed: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, partitions) in &found {
            let id = ids.remove(name).unwrap_or_else(|| {
                told.push(format!(
                    "topic {name}: its id is not known, it gets a new one"
                ));
                draw()
            });
            let (configs, is_guess) = self.configs(name, partitions);
            if is_guess {
                let set: Vec<_> = configs
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                guessed.entry(set.join(", ")).or_default().push(name);
            }
            topics.push(self.topic(name, id, partitions, configs));
        }
        told.extend(guessed.iter().map(|(set, names)| {
            format!(
                "configs that are not known become {set} in {}",
                names.join(", ")
            )
        }));
        topics
    }

    /// The ids of topics, as far as they are known; no two have the same.
    fn ids<'a>(
        &self,
        found: &BTreeMap<&'a str, BTreeMap<i32, &Surveyed>>,
        told: &mut Vec<String>,
    ) -> BTreeMap<&'a str, Uuid> {
        let known = |name: &str| self.remains.image.topic(name).map(|topic| topic.id);
        let committed: BTreeMap<&str, Uuid> = self
            .survey
            .partitions
            .values()
            .flat_map(|partition| &partition.topic_ids)
            .map(|(name, id)| (name.as_str(), *id))
            .collect();
        let mut ids = BTreeMap::new();
        for (name, partitions) in found {
            let mut votes: BTreeMap<Uuid, usize> = BTreeMap::new();
            for id in partitions.values().filter_map(|partition| partition.id) {
                *votes.entry(id).or_default() += 1;
            }
            let most = votes
                .iter()
                .max_by_key(|(id, count)| (**count, Some(**id) == known(name)));
            let id = most.map(|(id, _)| *id);
            if let Some(id) = id
                && votes.len() > 1
            {
                told.push(format!(
                    "topic {name}: its partitions name {} ids, that of most of them is kept: {id}",
                    votes.len()
                ));
            }
            let id = id
                .or_else(|| known(name))
                .or_else(|| committed.get(name).copied());
            ids.extend(id.map(|id| (*name, id)));
        }
        let mut owners: BTreeMap<Uuid, &str> = BTreeMap::new();
        for is_known in [true, false] {
            for (name, id) in &ids {
                if (known(name) == Some(*id)) == is_known {
                    owners.entry(*id).or_insert(name);
                }
            }
        }
        for (name, id) in &mut ids {
            let owner = owners[id];
            if owner == *name {
                continue;
            }
            told.push(format!("topic {name} has the id of topic {owner}"));
            let others = [known(name), committed.get(name).copied()];
            let other = others
                .into_iter()
                .flatten()
                .find(|id| !owners.contains_key(id));
            if let Some(other) = other {
                owners.insert(other, name);
            }
            *id = other.unwrap_or(Uuid::ZERO);
        }
        ids.retain(|_, id| *id != Uuid::ZERO);
        ids
    }

    fn topic(
        &self,
        name: &str,
        id: Uuid,
        found: &BTreeMap<i32, &Surveyed>,
        configs: BTreeMap<String, String>,
    ) -> Adopted {
        let known = self.remains.image.topic(name);
        let same = known.filter(|known| known.id == id);
        let last = found.last_key_value().map_or(0, |(number, _)| *number);
        let old_last = same.and_then(|topic| topic.partitions.last_key_value());
        let mut count = last.max(old_last.map_or(0, |(number, _)| *number)) + 1;
        if same.is_none() && matches!(name, OFFSETS_TOPIC | TRANSACTIONS_TOPIC) {
            count = coordinators(count, found);
        }
        let missing: Vec<i32> = (0..count)
            .filter(|number| !found.contains_key(number))
            .collect();
        let epochs = (0..count).map(|number| {
            let here = found.get(&number).and_then(|partition| partition.epoch);
            let state = same.and_then(|topic| topic.partitions.get(&number));
            here.max(state.map(|state| state.leader_epoch))
                .unwrap_or_default()
        });
        Adopted {
            name: name.to_owned(),
            id,
            epochs: epochs.collect(),
            missing,
            configs,
        }
    }

    /// The configs of a topic, and whether they are a guess.
    fn configs(
        &self,
        name: &str,
        found: &BTreeMap<i32, &Surveyed>,
    ) -> (BTreeMap<String, String>, bool) {
        let resource = (TOPIC_RESOURCE, name.to_owned());
        let mut configs = self
            .remains
            .configs
            .get(&resource)
            .cloned()
            .unwrap_or_default();
        if let Some(defaults) = internal_configs(name) {
            for (key, value) in defaults {
                configs
                    .entry((*key).to_owned())
                    .or_insert_with(|| (*value).to_owned());
            }
            return (configs, false);
        }
        let is_known = self.remains.image.topic(name).is_some();
        if is_known && (self.remains.unread == 0 || !configs.is_empty()) {
            return (configs, false);
        }
        if found.values().any(|partition| partition.append_time) {
            configs.insert(
                "message.timestamp.type".to_owned(),
                "LogAppendTime".to_owned(),
            );
        }
        let cleaned = found.iter().any(|(number, partition)| {
            let at = self
                .cleaned
                .as_ref()
                .and_then(|cleaned| cleaned.get(name, PartitionId::new(*number)));
            partition.has_gaps && at.is_some()
        });
        let (key, value) = if cleaned {
            ("cleanup.policy", "compact")
        } else {
            ("retention.ms", "-1")
        };
        configs.insert(key.to_owned(), value.to_owned());
        (configs, true)
    }
}

impl Adopted {
    fn records(&self, node: NodeId, directory: Uuid) -> Vec<MetadataRecord> {
        let mut records = vec![MetadataRecord::Topic(TopicRecord {
            name: self.name.clone(),
            topic_id: self.id,
            ..TopicRecord::default()
        })];
        let configs = self.configs.iter();
        records.extend(configs.map(|(key, value)| config(TOPIC_RESOURCE, &self.name, key, value)));
        records.extend(
            (0..)
                .zip(&self.epochs)
                .map(|(number, epoch)| partition_record(self.id, number, node, directory, *epoch)),
        );
        records
    }
}

/// The least number of partitions, from `least` on, with which every id is in the
/// partition where its records are.
fn coordinators(least: i32, found: &BTreeMap<i32, &Surveyed>) -> i32 {
    let fits = |count: &i32| {
        let Some(count) = u32::try_from(*count).ok().and_then(NonZeroU32::new) else {
            return false;
        };
        found.iter().all(|(number, partition)| {
            let mut ids = partition.ids.iter();
            ids.all(|id| coordinator_partition(id, count).get() == *number)
        })
    };
    let usual = std::iter::once(COORDINATORS).filter(|count| *count >= least);
    let has_ids = found.values().any(|partition| !partition.ids.is_empty());
    let exact = std::iter::once(least);
    let mut candidates = exact.chain(usual).chain(least..=MOST_COORDINATORS);
    if has_ids {
        candidates.find(fits).unwrap_or(least)
    } else {
        least
    }
}

/// What Kafka's coordinators set on their topics when they create them.
fn internal_configs(name: &str) -> Option<&'static [(&'static str, &'static str)]> {
    match name {
        OFFSETS_TOPIC => Some(&[
            ("cleanup.policy", "compact"),
            ("compression.type", "producer"),
            ("segment.bytes", "104857600"),
        ]),
        TRANSACTIONS_TOPIC => Some(&STATE_CONFIGS),
        SHARE_GROUPS_TOPIC => Some(&[
            ("cleanup.policy", "delete"),
            ("compression.type", "producer"),
            ("min.insync.replicas", "1"),
            ("retention.ms", "-1"),
            ("segment.bytes", "104857600"),
        ]),
        _ => None,
    }
}

fn config(kind: i8, resource: &str, name: &str, value: &str) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: kind,
        resource_name: resource.to_owned(),
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..ConfigRecord::default()
    })
}

/// Whether Kafka gives an id of a directory a meaning of its own.
fn is_reserved(id: Uuid) -> bool {
    let (high, low) = id.as_bytes().split_at(8);
    high == [0; 8] && low[..7] == [0; 7] && low[7] < 100
}

/// Numbers in order, such as `0, 3-5`.
fn ranges(numbers: &[i32]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut rest = numbers;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(a, b)| *a == b)
            .count();
        texts.push(match run {
            1 => first.to_string(),
            _ => format!("{first}-{}", rest[run - 1]),
        });
        rest = &rest[run..];
    }
    texts.join(", ")
}

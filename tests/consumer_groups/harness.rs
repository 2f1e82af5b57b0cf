//! A cluster's topics, and consumer groups with a log that is written as they change.

use ottla::coordinator::consumer::config::ConsumerConfig;
use ottla::coordinator::consumer::partitions::Partitions;
use ottla::coordinator::consumer::topics::{Topic, Topics};
use ottla::coordinator::consumer::{Client, ConsumerGroup, ConsumerGroups, Context, Record};
use ottla::format::Uuid;
use ottla::format::types::PartitionId;
use ottla::protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    RequestTopicPartitions,
};
use std::collections::BTreeMap;

pub(crate) const GROUP: &str = "group";

/// Topics by name.
#[derive(Default)]
pub(crate) struct Cluster {
    topics: BTreeMap<String, (Uuid, i32)>,
    made: u64,
    version: i64,
}

impl Cluster {
    /// Makes a topic, or gives it so many partitions.
    pub(crate) fn set(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        self.made += 1;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.made.to_be_bytes());
        let topic = self
            .topics
            .entry(name.to_owned())
            .or_insert((Uuid::from_bytes(id), 0));
        topic.1 = partitions;
    }

    pub(crate) fn set_id(&mut self, name: &str, id: Uuid) {
        self.topics.get_mut(name).expect("a topic of that name").0 = id;
    }

    pub(crate) fn delete(&mut self, name: &str) {
        self.version += 1;
        self.topics.remove(name);
    }

    pub(crate) fn id(&self, name: &str) -> Uuid {
        self.topics[name].0
    }
}

impl Topics for Cluster {
    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        let (name, (id, partitions)) = self.topics.get_key_value(name)?;
        Some(Topic {
            id: *id,
            name,
            partitions: *partitions,
            racks: &[],
        })
    }

    fn by_id(&self, id: &Uuid) -> Option<Topic<'_>> {
        let (name, _) = self.topics.iter().find(|(_, (known, _))| known == id)?;
        self.by_name(name)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.topics.keys().map(String::as_str))
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// A server with one group.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) cluster: Cluster,
    pub(crate) groups: ConsumerGroups,
    pub(crate) config: ConsumerConfig,
    pub(crate) now_ms: i64,
    /// All that was written.
    pub(crate) log: Vec<Record>,
}

impl Server {
    /// A server with topics, and no time between targets.
    pub(crate) fn new(topics: &[(&str, i32)]) -> Self {
        let mut server = Self {
            now_ms: 1_000_000,
            ..Self::default()
        };
        server.config.assignment_interval_ms = 0;
        for (name, partitions) in topics {
            server.cluster.set(name, *partitions);
        }
        server
    }

    pub(crate) fn group(&self) -> &ConsumerGroup {
        self.groups.get(GROUP).expect("there is a group")
    }

    pub(crate) fn send(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        self.send_and_log(request).0
    }

    /// The answer, and the records that were written.
    pub(crate) fn send_and_log(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> (ConsumerGroupHeartbeatResponse, Vec<Record>) {
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        let client = Client {
            id: "client",
            host: "/127.0.0.1",
        };
        let answer = self.groups.heartbeat(request, 1, client, "made", context);
        self.log.extend(answer.records.iter().cloned());
        (answer.response, answer.records)
    }

    /// Lets time pass; the members that were given up.
    pub(crate) fn pass(&mut self, ms: i64) -> Vec<String> {
        self.now_ms += ms;
        let mut given_up = Vec::new();
        loop {
            let context = Context {
                now_ms: self.now_ms,
                topics: &self.cluster,
                config: &self.config,
            };
            let Some(answer) = self.groups.give_up_one(context) else {
                return given_up;
            };
            if !answer.records.is_empty() {
                given_up.push(answer.response.member_id.to_string());
            }
            self.log.extend(answer.records);
        }
    }

    /// The groups as the log tells them.
    pub(crate) fn replayed(&self) -> ConsumerGroups {
        let mut groups = ConsumerGroups::default();
        for (key, value) in &self.log {
            groups.replay(key, value.as_ref());
        }
        groups
    }

    /// The groups as the log tells them once only the last record of each key is left.
    pub(crate) fn replayed_compacted(&self) -> ConsumerGroups {
        let mut last: BTreeMap<String, usize> = BTreeMap::new();
        for (at, (key, _)) in self.log.iter().enumerate() {
            last.insert(format!("{key:?}"), at);
        }
        let mut kept: Vec<usize> = last.into_values().collect();
        kept.sort_unstable();
        let mut groups = ConsumerGroups::default();
        for (key, value) in kept.into_iter().map(|at| &self.log[at]) {
            if value.is_some() {
                groups.replay(key, value.as_ref());
            }
        }
        groups
    }

    /// Starts the server again from its log.
    pub(crate) fn restart(&mut self) {
        self.groups = self.replayed();
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        self.groups.loaded(context);
    }
}

/// A request of a member that joins.
pub(crate) fn join(member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.to_owned(),
        member_id: member.to_owned(),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(topics.iter().map(|topic| (*topic).to_owned()).collect()),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

/// A request of a member that is there, and says nothing else.
pub(crate) fn beat(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: GROUP.to_owned(),
        member_id: member.to_owned(),
        member_epoch: epoch,
        ..Default::default()
    }
}

/// The same, with what it owns.
pub(crate) fn beat_owning(
    member: &str,
    epoch: i32,
    owned: &Partitions,
) -> ConsumerGroupHeartbeatRequest {
    let topic = |(topic_id, partitions): (&Uuid, &std::collections::BTreeSet<PartitionId>)| {
        RequestTopicPartitions {
            topic_id: *topic_id,
            partitions: partitions.iter().map(|partition| partition.get()).collect(),
            ..Default::default()
        }
    };
    let topics = owned.iter().map(topic).collect();
    ConsumerGroupHeartbeatRequest {
        topic_partitions: Some(topics),
        ..beat(member, epoch)
    }
}

/// What an answer assigns.
pub(crate) fn assigned(assignment: &Assignment) -> Partitions {
    let topic =
        |topic: &ottla::protocol::messages::consumer_group_heartbeat::ResponseTopicPartitions| {
            let partitions = topic.partitions.iter().copied().map(PartitionId::new);
            (topic.topic_id, partitions.collect())
        };
    assignment.topic_partitions.iter().map(topic).collect()
}

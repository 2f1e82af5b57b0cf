//! A member of a classic consumer group: join, sync, heartbeat, commit, leave.
//!
//! A second thread, with connections of its own, sends the heartbeats, so that a
//! caller who is busy stays a member. What the coordinator answers to them is told by
//! [`Member::must_rejoin`]; the caller then commits what it has done and calls
//! [`Member::join`] again.
//!
//! Where the members agree on a cooperative way to assign, each keeps what it reads
//! through a rebalance; what it finds missing behind it, it commits and lets go of, and
//! joins once more, so that it is given to another (KIP-429). Otherwise all is given up
//! at each rebalance.
//!
//! Source: `org.apache.kafka.clients.consumer.internals.ConsumerCoordinator`.

mod heartbeat;

use super::assignor::{self, Assignment, Subscriber};
use super::cluster::{Cluster, quoted};
use super::error::{ClientError, Result};
use super::groups::{self, Identity, Position, by_topic};
use crate::format::consumer_offsets::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicPartitionNumbers,
};
use crate::format::{FormatError, PartitionId};
use crate::protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use crate::protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use crate::protocol::{ApiKey, ErrorCode};
use heartbeat::Heartbeat;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";
/// The version of assignments that everyone reads.
const ASSIGNMENT: i16 = 0;
/// That of subscriptions with what is owned, and in which generation; who knows only
/// earlier ones reads the beginning.
const SUBSCRIPTION: i16 = 2;

/// The settings of a member.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat: Duration,
    /// `max.poll.interval.ms`: how long the others wait in a rebalance.
    pub rebalance_timeout: Duration,
    /// `group.instance.id`: makes it a static member.
    pub instance: Option<String>,
    /// `auto.commit.interval.ms`.
    pub commit_interval: Duration,
    /// `partition.assignment.strategy`: names of [`assignor::NAMES`], the preferred one
    /// first.
    pub strategies: Vec<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(45),
            heartbeat: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(300),
            instance: None,
            commit_interval: Duration::from_secs(5),
            strategies: assignor::NAMES.to_vec(),
        }
    }
}

/// What a member is to read from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The partitions.
    pub assignment: Assignment,
    /// Those that it read before and that are still here were nobody else's meanwhile:
    /// it goes on where it is. Otherwise it begins everywhere behind what was committed.
    pub keeps: bool,
    /// Partitions move in two steps: more may follow once others have let go of them.
    pub is_cooperative: bool,
}

/// A member.
pub struct Member {
    cluster: Cluster,
    identity: Identity,
    topics: Vec<String>,
    settings: Settings,
    heartbeat: Heartbeat,
    /// What it keeps in a rebalance; nothing after one that was not cooperative.
    owned: Option<Assignment>,
}

impl Member {
    /// Gets ready to join.
    pub fn new(cluster: Cluster, group: &str, topics: &[&str], settings: Settings) -> Self {
        let heartbeat = Heartbeat::start(cluster.another(), settings.heartbeat);
        Self {
            cluster,
            identity: Identity {
                group: group.to_owned(),
                generation: -1,
                instance: settings.instance.clone(),
                ..Identity::default()
            },
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            settings,
            heartbeat,
            owned: None,
        }
    }

    /// Joins the group, again where it was a member before, and waits for what it is
    /// to read.
    pub fn join(&mut self) -> Result<Joined> {
        self.heartbeat.pause();
        loop {
            match self.try_join() {
                Ok((assignment, way)) => {
                    self.heartbeat.beat(&self.identity);
                    let is_cooperative = way == assignor::COOPERATIVE;
                    let owned = is_cooperative.then(|| assignment.clone());
                    let before = std::mem::replace(&mut self.owned, owned);
                    return Ok(Joined {
                        assignment,
                        keeps: is_cooperative && before.is_some(),
                        is_cooperative,
                    });
                }
                // Another rebalance began meanwhile.
                Err(error) if error.code() == Some(ErrorCode::RebalanceInProgress) => {}
                Err(error) if is_unknown(&error) => self.forget(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether partitions were taken away, or are about to be.
    pub fn must_rejoin(&self) -> bool {
        self.heartbeat.must_rejoin()
    }

    /// What was committed, of a topic's partitions.
    pub fn committed(
        &mut self,
        topic: &str,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, Position>> {
        let all = groups::committed(&mut self.cluster, &self.identity.group, None)?;
        let of = all.into_iter().filter_map(|((name, partition), position)| {
            (name == topic && partitions.contains(&partition)).then_some((partition, position))
        });
        Ok(of.collect())
    }

    /// Commits. `false` where the member is none any more, or has to join again
    /// first: then nothing was committed.
    pub fn commit(&mut self, topic: &str, positions: &BTreeMap<i32, Position>) -> Result<bool> {
        if positions.is_empty() {
            return Ok(true);
        }
        let named = positions
            .iter()
            .map(|(partition, position)| ((topic.to_owned(), *partition), position.clone()));
        let named = named.collect();
        match groups::commit(&mut self.cluster, &self.identity, &named) {
            Ok(()) => Ok(true),
            Err(error) if is_unknown(&error) => {
                self.owned = None;
                self.heartbeat.lost();
                Ok(false)
            }
            Err(error) if error.code() == Some(ErrorCode::RebalanceInProgress) => {
                self.heartbeat.lost();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves, so that the others need not wait. Static members stay, as Kafka's do.
    pub fn leave(mut self) -> Result<()> {
        self.heartbeat.pause();
        if self.identity.member.is_empty() || self.identity.instance.is_some() {
            return Ok(());
        }
        let group = self.identity.group.clone();
        let connection = self.cluster.coordinator(&group)?;
        let version = connection.version(ApiKey::LeaveGroup)?;
        let mut request = LeaveGroupRequest {
            group_id: group.clone(),
            ..Default::default()
        };
        if version >= 3 {
            request.members.push(MemberIdentity {
                member_id: self.identity.member.clone(),
                ..Default::default()
            });
        } else {
            request.member_id.clone_from(&self.identity.member);
        }
        let response = connection.call(&request, version)?;
        connection.check(
            ApiKey::LeaveGroup,
            response.error_code,
            &about(&group),
            None,
        )
    }

    fn forget(&mut self) {
        self.identity.member.clear();
        self.identity.generation = -1;
        self.owned = None;
    }

    /// The assignment, and the way that was agreed on.
    fn try_join(&mut self) -> Result<(Assignment, String)> {
        let joined = self.ask_to_join()?;
        self.identity.member.clone_from(&joined.member_id);
        self.identity.generation = joined.generation_id;
        let assignments = match joined.leader == joined.member_id && !joined.skip_assignment {
            true => self.assign(&joined)?,
            false => Vec::new(),
        };
        let assignment = self.sync(&joined, assignments)?;
        Ok((assignment, joined.protocol_name.unwrap_or_default()))
    }

    /// What it says of itself. Before Kafka 3.2 the generation stood in the assignor's
    /// own bytes.
    fn subscription(&self) -> Result<Vec<u8>, FormatError> {
        let generation = self.owned.as_ref().map_or(-1, |_| self.identity.generation);
        let subscription = ConsumerProtocolSubscription {
            topics: self.topics.clone(),
            user_data: Some(generation.to_be_bytes().to_vec()),
            owned_partitions: self.owned.clone().map_or(Vec::new(), numbers),
            generation_id: generation,
            ..Default::default()
        };
        subscription.to_bytes(SUBSCRIPTION)
    }

    fn ask_to_join(&mut self) -> Result<JoinGroupResponse> {
        let metadata = self.subscription();
        let metadata = metadata.map_err(|source| self.unwritable(source))?;
        let group = self.identity.group.clone();
        let millis = |span: Duration| i32::try_from(span.as_millis()).unwrap_or(i32::MAX);
        let settings = self.settings.clone();
        let identity = &mut self.identity;
        self.cluster.retry(|cluster| {
            let connection = cluster.coordinator(&group)?;
            let most = if settings.instance.is_some() {
                (5, 9)
            } else {
                (0, 9)
            };
            let version = connection.version_within(ApiKey::JoinGroup, most.0, most.1)?;
            connection.allow(settings.rebalance_timeout)?;
            loop {
                let protocol = |name: &&str| JoinGroupRequestProtocol {
                    name: (*name).to_owned(),
                    metadata: metadata.clone(),
                    ..Default::default()
                };
                let request = JoinGroupRequest {
                    group_id: group.clone(),
                    session_timeout_ms: millis(settings.session_timeout),
                    rebalance_timeout_ms: millis(settings.rebalance_timeout),
                    member_id: identity.member.clone(),
                    group_instance_id: identity.instance.clone(),
                    protocol_type: CONSUMER.to_owned(),
                    protocols: settings.strategies.iter().map(protocol).collect(),
                    ..Default::default()
                };
                let response = connection.call(&request, version)?;
                if response.error_code == ErrorCode::MemberIdRequired.code() {
                    identity.member = response.member_id;
                    continue;
                }
                connection.check(ApiKey::JoinGroup, response.error_code, &about(&group), None)?;
                return Ok(response);
            }
        })
    }

    /// The leader's work.
    fn assign(&mut self, joined: &JoinGroupResponse) -> Result<Vec<SyncGroupRequestAssignment>> {
        let mut members = Vec::new();
        for member in &joined.members {
            let read = ConsumerProtocolSubscription::from_bytes(&member.metadata);
            let (subscription, _) = read.map_err(|source| self.unwritable(source))?;
            members.push(Subscriber {
                id: member.member_id.clone(),
                instance: member.group_instance_id.clone(),
                generation: generation(&subscription),
                topics: subscription.topics,
                owned: by_topic(subscription.owned_partitions),
            });
        }
        let topics: BTreeSet<&String> = members.iter().flat_map(|member| &member.topics).collect();
        let mut counts = BTreeMap::new();
        for topic in topics {
            if let Some(known) = self.cluster.topic(topic)? {
                let count = i32::try_from(known.partitions.len()).unwrap_or(i32::MAX);
                counts.insert(topic.clone(), count);
            }
        }
        let way = joined.protocol_name.as_deref().unwrap_or_default();
        let Some(assigned) = assignor::assign(way, &members, &counts) else {
            return Err(self.unwritable(FormatError::unencodable(
                "assignment",
                assignor::NAMES.join(" or "),
                way.to_owned(),
            )));
        };
        assigned
            .into_iter()
            .map(|(member_id, assignment)| {
                let assignment = ConsumerProtocolAssignment {
                    assigned_partitions: numbers(assignment),
                    ..Default::default()
                };
                let bytes = assignment.to_bytes(ASSIGNMENT);
                Ok(SyncGroupRequestAssignment {
                    member_id,
                    assignment: bytes.map_err(|source| self.unwritable(source))?,
                    ..Default::default()
                })
            })
            .collect()
    }

    fn sync(
        &mut self,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Assignment> {
        let group = self.identity.group.clone();
        let connection = self.cluster.coordinator(&group)?;
        let version = connection.version(ApiKey::SyncGroup)?;
        let request = SyncGroupRequest {
            group_id: group.clone(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            group_instance_id: self.identity.instance.clone(),
            protocol_type: Some(CONSUMER.to_owned()),
            protocol_name: joined.protocol_name.clone(),
            assignments,
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        connection.check(ApiKey::SyncGroup, response.error_code, &about(&group), None)?;
        if response.assignment.is_empty() {
            return Ok(Assignment::new());
        }
        let read = ConsumerProtocolAssignment::from_bytes(&response.assignment);
        let (assignment, _) = read.map_err(|source| self.unwritable(source))?;
        Ok(by_topic(assignment.assigned_partitions))
    }

    fn unwritable(&mut self, source: FormatError) -> ClientError {
        let group = self.identity.group.clone();
        match self.cluster.coordinator(&group) {
            Ok(connection) => ClientError::Format {
                address: connection.address().clone(),
                api: ApiKey::JoinGroup,
                source,
            },
            Err(error) => error,
        }
    }
}

/// Whether the coordinator does not know the member, or not in this generation.
fn is_unknown(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)
    )
}

fn about(group: &str) -> String {
    format!("group {}", quoted(group))
}

fn numbers(assignment: Assignment) -> Vec<TopicPartitionNumbers> {
    let of = |(topic, partitions): (String, Vec<i32>)| TopicPartitionNumbers {
        topic,
        partitions: partitions.into_iter().map(PartitionId::new).collect(),
        ..Default::default()
    };
    assignment.into_iter().map(of).collect()
}

/// The generation of what a member owns; older clients write it as the assignor's own.
fn generation(subscription: &ConsumerProtocolSubscription) -> i32 {
    match (subscription.generation_id, &subscription.user_data) {
        (-1, Some(data)) => {
            let bytes = data.first_chunk::<4>().copied();
            bytes.map_or(-1, i32::from_be_bytes)
        }
        (generation, _) => generation,
    }
}

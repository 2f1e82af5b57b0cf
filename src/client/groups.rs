//! Groups from outside: listed, described, their offsets read, committed, deleted.

use super::assignor::Assignment;
use super::cluster::{Cluster, quoted};
use super::connection::Connection;
use super::error::{ClientError, Result};
use crate::format::consumer_offsets::{ConsumerProtocolAssignment, TopicPartitionNumbers};
use crate::format::{Offset, PartitionId};
use crate::protocol::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, DescribedGroup,
};
use crate::protocol::messages::delete_groups::DeleteGroupsRequest;
use crate::protocol::messages::describe_groups::DescribeGroupsRequest;
use crate::protocol::messages::list_groups::{ListGroupsRequest, ListedGroup};
use crate::protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use crate::protocol::messages::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup};
use crate::protocol::{ApiKey, ErrorCode};
use std::collections::BTreeMap;

/// A topic's name and a partition's number.
pub type Place = (String, i32);

/// Who a member is, in which generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The group.
    pub group: String,
    /// What the coordinator calls the member; empty before the first join.
    pub member: String,
    /// -1 before the first join.
    pub generation: i32,
    /// Its `group.instance.id`.
    pub instance: Option<String>,
}

/// What a group committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What it reads next.
    pub offset: Offset,
    /// The leader epoch of the record before; -1 where it is not known.
    pub epoch: i32,
    /// What the committer put there.
    pub metadata: String,
}

impl Position {
    /// An offset and nothing else.
    pub const fn at(offset: Offset) -> Self {
        Self {
            offset,
            epoch: -1,
            metadata: String::new(),
        }
    }
}

/// A group with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `classic`, `consumer`, or what the server calls it.
    pub kind: String,
    /// Kafka's name of its state.
    pub state: String,
    /// The way it assigns.
    pub protocol: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its member id.
    pub id: String,
    /// Its `group.instance.id`.
    pub instance: Option<String>,
    /// Its client id.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// What it reads.
    pub assignment: Assignment,
}

/// The groups that every server coordinates, by name.
pub fn list(cluster: &mut Cluster) -> Result<BTreeMap<String, ListedGroup>> {
    cluster.describe(Some(&[]), false)?;
    let nodes: Vec<i32> = cluster.nodes().collect();
    let mut all = BTreeMap::new();
    for node in nodes {
        let groups = cluster.retry(|cluster| {
            let connection = cluster.node(node)?;
            let version = connection.version(ApiKey::ListGroups)?;
            let response = connection.call(&ListGroupsRequest::default(), version)?;
            connection.check(ApiKey::ListGroups, response.error_code, "", None)?;
            Ok(response.groups)
        })?;
        all.extend(
            groups
                .into_iter()
                .map(|group| (group.group_id.clone(), group)),
        );
    }
    Ok(all)
}

/// What a group is; `None` where there is none of the name.
pub fn describe(cluster: &mut Cluster, group: &str) -> Result<Option<Description>> {
    cluster.retry(|cluster| {
        let connection = cluster.coordinator(group)?;
        if connection.has(ApiKey::ConsumerGroupDescribe)
            && let Some(found) = describe_consumer(connection, group)?
        {
            return Ok(Some(found));
        }
        describe_classic(connection, group)
    })
}

fn describe_consumer(connection: &mut Connection, group: &str) -> Result<Option<Description>> {
    let version = connection.version(ApiKey::ConsumerGroupDescribe)?;
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![group.to_owned()],
        ..Default::default()
    };
    let response = connection.call(&request, version)?;
    let Some(found) = response.groups.into_iter().next() else {
        return Ok(None);
    };
    // It may be of the other kind, or the server may have these switched off.
    match ErrorCode::from_code(found.error_code) {
        ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion => Ok(None),
        _ => {
            let words = found.error_message.as_deref();
            let api = ApiKey::ConsumerGroupDescribe;
            connection.check(api, found.error_code, &about(group), words)?;
            Ok(Some(from_consumer(found)))
        }
    }
}

fn from_consumer(found: DescribedGroup) -> Description {
    let members = found.members.into_iter().map(|member| MemberDescription {
        id: member.member_id,
        instance: member.instance_id,
        client_id: member.client_id,
        host: member.client_host,
        assignment: member
            .assignment
            .topic_partitions
            .into_iter()
            .map(|part| (part.topic_name, part.partitions))
            .collect(),
    });
    Description {
        kind: "consumer".to_owned(),
        state: found.group_state,
        protocol: found.assignor_name,
        members: members.collect(),
    }
}

fn describe_classic(connection: &mut Connection, group: &str) -> Result<Option<Description>> {
    let api = ApiKey::DescribeGroups;
    let version = connection.version(api)?;
    let request = DescribeGroupsRequest {
        groups: vec![group.to_owned()],
        ..Default::default()
    };
    let response = connection.call(&request, version)?;
    let Some(found) = response.groups.into_iter().next() else {
        return Ok(None);
    };
    if found.error_code == ErrorCode::GroupIdNotFound.code() || found.group_state == "Dead" {
        return Ok(None);
    }
    let words = found.error_message.as_deref();
    connection.check(api, found.error_code, &about(group), words)?;
    let members = found.members.into_iter().map(|member| MemberDescription {
        id: member.member_id,
        instance: member.group_instance_id,
        client_id: member.client_id,
        host: member.client_host,
        assignment: assignment(&member.member_assignment),
    });
    Ok(Some(Description {
        kind: "classic".to_owned(),
        state: found.group_state,
        protocol: found.protocol_data,
        members: members.collect(),
    }))
}

/// What a consumer's assignment says; nothing where it cannot be read.
fn assignment(bytes: &[u8]) -> Assignment {
    match ConsumerProtocolAssignment::from_bytes(bytes) {
        Ok((found, _)) => by_topic(found.assigned_partitions),
        Err(_) => Assignment::new(),
    }
}

/// Partitions as the opaque parts of members have them.
pub(super) fn by_topic(parts: Vec<TopicPartitionNumbers>) -> Assignment {
    let of = parts.into_iter().map(|part| {
        let numbers = part.partitions.into_iter().map(PartitionId::get);
        (part.topic, numbers.collect())
    });
    of.collect()
}

/// What a group committed: of the partitions that are named, or of all.
pub fn committed(
    cluster: &mut Cluster,
    group: &str,
    only: Option<&[Place]>,
) -> Result<BTreeMap<Place, Position>> {
    let all = cluster.retry(|cluster| {
        let connection = cluster.coordinator(group)?;
        // Version 10 has topic ids for names.
        let version = connection.version_within(ApiKey::OffsetFetch, 2, 9)?;
        match version {
            8.. => fetch_of_groups(connection, group, version),
            _ => fetch_of_one(connection, group, version),
        }
    })?;
    let wanted = |(place, _): &(Place, Position)| only.is_none_or(|only| only.contains(place));
    Ok(all.into_iter().filter(wanted).collect())
}

fn fetch_of_groups(
    connection: &mut Connection,
    group: &str,
    version: i16,
) -> Result<Vec<(Place, Position)>> {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: None,
            ..Default::default()
        }],
        require_stable: true,
        ..Default::default()
    };
    let response = connection.call(&request, version)?;
    let mut all = Vec::new();
    for found in response.groups {
        connection.check(ApiKey::OffsetFetch, found.error_code, &about(group), None)?;
        for topic in found.topics {
            for part in topic.partitions {
                let place = (topic.name.clone(), part.partition_index);
                let what = format!("{}-{}", place.0, place.1);
                connection.check(ApiKey::OffsetFetch, part.error_code, &what, None)?;
                let position = (part.committed_offset, part.committed_leader_epoch);
                all.extend(known(place, position, part.metadata));
            }
        }
    }
    Ok(all)
}

fn fetch_of_one(
    connection: &mut Connection,
    group: &str,
    version: i16,
) -> Result<Vec<(Place, Position)>> {
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: None,
        require_stable: version >= 7,
        ..Default::default()
    };
    let response = connection.call(&request, version)?;
    connection.check(
        ApiKey::OffsetFetch,
        response.error_code,
        &about(group),
        None,
    )?;
    let mut all = Vec::new();
    for topic in response.topics {
        for part in topic.partitions {
            let place = (topic.name.clone(), part.partition_index);
            let what = format!("{}-{}", place.0, place.1);
            connection.check(ApiKey::OffsetFetch, part.error_code, &what, None)?;
            let position = (part.committed_offset, part.committed_leader_epoch);
            all.extend(known(place, position, part.metadata));
        }
    }
    Ok(all)
}

fn known(
    place: Place,
    (offset, epoch): (i64, i32),
    metadata: Option<String>,
) -> Option<(Place, Position)> {
    let offset = Offset::from_wire(offset)?;
    let metadata = metadata.unwrap_or_default();
    Some((
        place,
        Position {
            offset,
            epoch,
            metadata,
        },
    ))
}

/// Commits offsets; from outside a group, in the name of nobody.
pub fn commit(
    cluster: &mut Cluster,
    identity: &Identity,
    positions: &BTreeMap<Place, Position>,
) -> Result<()> {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for ((topic, partition), position) in positions {
        topics
            .entry(topic)
            .or_default()
            .push(OffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: position.offset.get(),
                committed_leader_epoch: position.epoch,
                committed_metadata: Some(position.metadata.clone()),
                ..Default::default()
            });
    }
    let topic = |(name, partitions): (&str, Vec<_>)| OffsetCommitRequestTopic {
        name: name.to_owned(),
        partitions,
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: identity.group.clone(),
        generation_id_or_member_epoch: identity.generation,
        member_id: identity.member.clone(),
        group_instance_id: identity.instance.clone(),
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    cluster.retry(|cluster| {
        let connection = cluster.coordinator(&identity.group)?;
        let least = if identity.instance.is_some() { 7 } else { 2 };
        let version = connection.version_within(ApiKey::OffsetCommit, least, 9)?;
        let response = connection.call(&request, version)?;
        for topic in &response.topics {
            for part in &topic.partitions {
                let what = format!(
                    "{} for {}-{}",
                    about(&identity.group),
                    topic.name,
                    part.partition_index
                );
                connection.check(ApiKey::OffsetCommit, part.error_code, &what, None)?;
            }
        }
        Ok(())
    })
}

/// Deletes what a group committed for partitions. Those that it still reads are
/// refused.
pub fn delete_offsets(cluster: &mut Cluster, group: &str, places: &[Place]) -> Result<()> {
    let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
    for (topic, partition) in places {
        topics
            .entry(topic)
            .or_default()
            .push(OffsetDeleteRequestPartition {
                partition_index: *partition,
                ..Default::default()
            });
    }
    let topic = |(name, partitions): (&str, Vec<_>)| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions,
        ..Default::default()
    };
    let request = OffsetDeleteRequest {
        group_id: group.to_owned(),
        topics: topics.into_iter().map(topic).collect(),
        ..Default::default()
    };
    cluster.retry(|cluster| {
        let connection = cluster.coordinator(group)?;
        let api = ApiKey::OffsetDelete;
        let version = connection.version(api)?;
        let response = connection.call(&request, version)?;
        connection.check(api, response.error_code, &about(group), None)?;
        for topic in &response.topics {
            for part in &topic.partitions {
                let what = format!(
                    "{} for {}-{}",
                    about(group),
                    topic.name,
                    part.partition_index
                );
                connection.check(api, part.error_code, &what, None)?;
            }
        }
        Ok(())
    })
}

/// Deletes a group and what it committed. One with members is refused.
pub fn delete(cluster: &mut Cluster, group: &str) -> Result<(), ClientError> {
    cluster.retry(|cluster| {
        let connection = cluster.coordinator(group)?;
        let version = connection.version(ApiKey::DeleteGroups)?;
        let request = DeleteGroupsRequest {
            groups_names: vec![group.to_owned()],
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        for result in &response.results {
            connection.check(ApiKey::DeleteGroups, result.error_code, &about(group), None)?;
        }
        Ok(())
    })
}

fn about(group: &str) -> String {
    format!("group {}", quoted(group))
}

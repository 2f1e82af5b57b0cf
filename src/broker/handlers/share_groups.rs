//! Share groups: their members, and where they stand.
//!
//! Source: `GroupCoordinatorService`, `GroupMetadataManager` of Apache Kafka 4.3.1; KIP-932.

use super::Call;
use super::groups::ALL_OF_A_GROUP;
use crate::broker::replica::named;
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::share::state::ShareKey;
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_share_group_offsets::{
    AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse,
    AlterShareGroupOffsetsResponsePartition, AlterShareGroupOffsetsResponseTopic,
};
use crate::protocol::messages::delete_share_group_offsets::{
    DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse,
    DeleteShareGroupOffsetsResponseTopic,
};
use crate::protocol::messages::describe_share_group_offsets::{
    DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsRequestGroup,
    DescribeShareGroupOffsetsResponse, DescribeShareGroupOffsetsResponseGroup,
    DescribeShareGroupOffsetsResponsePartition, DescribeShareGroupOffsetsResponseTopic,
};
use crate::protocol::messages::share_group_describe::{
    DescribedGroup, ShareGroupDescribeRequest, ShareGroupDescribeResponse,
};
use crate::protocol::messages::share_group_heartbeat::{
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
};
use std::collections::BTreeMap;

pub(super) fn heartbeat(
    call: &Call<'_>,
    request: ShareGroupHeartbeatRequest,
) -> ShareGroupHeartbeatResponse {
    let refused = |code: ErrorCode| ShareGroupHeartbeatResponse {
        error_code: code.code(),
        ..ShareGroupHeartbeatResponse::default()
    };
    if !call.broker.serves_share_groups() {
        return refused(ErrorCode::UnsupportedVersion);
    }
    let (host, group_id) = (call.client_host(), &request.group_id);
    let done = call.broker.coordinate(group_id, None, |groups, world| {
        Ok(groups.share_heartbeat(&request, call.caller(&host, 0), world))
    });
    match done {
        Err(code) => refused(code),
        Ok((response, None)) => response,
        Ok((response, Some(wanted))) => {
            let none = BTreeMap::new();
            match call.broker.initialize_shares(group_id, &wanted, &none) {
                Ok(_) => response,
                Err(code) => refused(code),
            }
        }
    }
}

pub(super) fn describe(
    call: &Call<'_>,
    request: ShareGroupDescribeRequest,
) -> ShareGroupDescribeResponse {
    let describe = |group_id: String| {
        let done = match call.broker.serves_share_groups() {
            false => Err(ErrorCode::UnsupportedVersion),
            true => call.broker.coordinate(&group_id, None, |groups, world| {
                Ok(groups.described_share(&group_id, world))
            }),
        };
        let mut group = done.unwrap_or_else(|code| DescribedGroup {
            error_code: code.code(),
            group_id: group_id.clone(),
            ..DescribedGroup::default()
        });
        if request.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = ALL_OF_A_GROUP;
        }
        group
    };
    ShareGroupDescribeResponse {
        groups: request.group_ids.into_iter().map(describe).collect(),
        ..ShareGroupDescribeResponse::default()
    }
}

pub(super) fn describe_offsets(
    call: &Call<'_>,
    request: DescribeShareGroupOffsetsRequest,
) -> DescribeShareGroupOffsetsResponse {
    let describe = |asked: DescribeShareGroupOffsetsRequestGroup| {
        let group_id = asked.group_id.clone();
        let (topics, code) = match offsets_of(call, asked) {
            Ok(topics) => (topics, ErrorCode::None),
            Err(code) => (Vec::new(), code),
        };
        DescribeShareGroupOffsetsResponseGroup {
            group_id,
            topics,
            error_code: code.code(),
            ..DescribeShareGroupOffsetsResponseGroup::default()
        }
    };
    DescribeShareGroupOffsetsResponse {
        groups: request.groups.into_iter().map(describe).collect(),
        ..DescribeShareGroupOffsetsResponse::default()
    }
}

fn offsets_of(
    call: &Call<'_>,
    asked: DescribeShareGroupOffsetsRequestGroup,
) -> Result<Vec<DescribeShareGroupOffsetsResponseTopic>, ErrorCode> {
    if !call.broker.serves_share_groups() {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let (group_id, image) = (&asked.group_id, call.broker.image());
    let topics: Vec<(String, Vec<i32>)> = match asked.topics {
        Some(topics) => topics
            .into_iter()
            .map(|topic| (topic.topic_name, topic.partitions))
            .collect(),
        None => {
            let all = call.broker.coordinate(group_id, None, |groups, _| {
                Ok(groups.shared_partitions(group_id))
            })?;
            let named = all.into_iter().filter_map(|(id, numbers)| {
                let numbers = numbers.iter().map(|number| number.get());
                Some((image.topic_name(id)?.to_owned(), numbers.collect()))
            });
            named.collect()
        }
    };
    let describe = |(name, numbers): (String, Vec<i32>)| {
        let id = image.topic(&name).map(|topic| topic.id);
        let of_one = |number: i32| match id {
            Some(id) => offset_of(call, group_id, (&name, id), number),
            None => unknown_offset(number),
        };
        DescribeShareGroupOffsetsResponseTopic {
            partitions: numbers.into_iter().map(of_one).collect(),
            topic_id: id.unwrap_or_default(),
            topic_name: name,
            ..DescribeShareGroupOffsetsResponseTopic::default()
        }
    };
    Ok(topics.into_iter().map(describe).collect())
}

fn unknown_offset(number: i32) -> DescribeShareGroupOffsetsResponsePartition {
    DescribeShareGroupOffsetsResponsePartition {
        partition_index: number,
        start_offset: -1,
        lag: -1,
        ..DescribeShareGroupOffsetsResponsePartition::default()
    }
}

fn offset_of(
    call: &Call<'_>,
    group_id: &str,
    (topic, topic_id): (&str, Uuid),
    number: i32,
) -> DescribeShareGroupOffsetsResponsePartition {
    let key = ShareKey {
        group_id: group_id.to_owned(),
        topic_id,
        partition: number,
    };
    let known = call.broker.share_state(&key, |states| {
        Ok((states.get(&key).map(|stored| stored.value.clone()), None))
    });
    // That there is none, and that it cannot be read, is no error here.
    let Ok(Some(value)) = known else {
        return unknown_offset(number);
    };
    let mut answer = DescribeShareGroupOffsetsResponsePartition {
        start_offset: value.start_offset,
        leader_epoch: value.leader_epoch,
        ..unknown_offset(number)
    };
    if value.start_offset >= 0 && value.delivery_complete_count >= 0 {
        match call.broker.replica(&named(topic, number)) {
            Ok(replica) => {
                let end = replica.ends().high_watermark.get();
                let complete = i64::from(value.delivery_complete_count);
                answer.lag = end - value.start_offset - complete;
            }
            Err(error) => answer.error_code = crate::broker::error_code(&error).code(),
        }
    }
    answer
}

pub(super) fn alter_offsets(
    call: &Call<'_>,
    request: AlterShareGroupOffsetsRequest,
) -> AlterShareGroupOffsetsResponse {
    match alter(call, &request) {
        Ok(responses) => AlterShareGroupOffsetsResponse {
            responses,
            ..AlterShareGroupOffsetsResponse::default()
        },
        Err(code) => AlterShareGroupOffsetsResponse {
            error_code: code.code(),
            ..AlterShareGroupOffsetsResponse::default()
        },
    }
}

fn alter(
    call: &Call<'_>,
    request: &AlterShareGroupOffsetsRequest,
) -> Result<Vec<AlterShareGroupOffsetsResponseTopic>, ErrorCode> {
    if !call.broker.serves_share_groups() {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let group_id = &request.group_id;
    if group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let image = call.broker.image();
    let (mut partitions, mut starts) = (Partitions::new(), BTreeMap::new());
    for asked in &request.topics {
        let Some(topic) = image.topic(&asked.topic_name) else {
            continue;
        };
        for part in &asked.partitions {
            let number = part.partition_index;
            if topic.partitions.contains_key(&number) {
                let of_topic = partitions.entry(topic.id).or_default();
                of_topic.insert(PartitionId::new(number));
                starts.insert((topic.id, number), part.start_offset);
            }
        }
    }
    let wanted = call.broker.coordinate(group_id, None, |groups, world| {
        groups.alter_share(group_id, &partitions, world)
    })?;
    let outcomes = call.broker.initialize_shares(group_id, &wanted, &starts)?;
    let topics = request.topics.iter().map(|asked| {
        let id = image.topic(&asked.topic_name).map(|topic| topic.id);
        let of_one = |number: i32| {
            let place = id.map(|id| (id, number));
            let outcome = place.and_then(|place| outcomes.get(&place));
            let code = *outcome.unwrap_or(&ErrorCode::UnknownTopicOrPartition);
            AlterShareGroupOffsetsResponsePartition {
                partition_index: number,
                error_code: code.code(),
                error_message: (!code.is_none()).then(|| code.name().to_owned()),
                ..AlterShareGroupOffsetsResponsePartition::default()
            }
        };
        let numbers = asked.partitions.iter();
        AlterShareGroupOffsetsResponseTopic {
            topic_name: asked.topic_name.clone(),
            topic_id: id.unwrap_or_default(),
            partitions: numbers.map(|part| of_one(part.partition_index)).collect(),
            ..AlterShareGroupOffsetsResponseTopic::default()
        }
    });
    Ok(topics.collect())
}

pub(super) fn delete_offsets(
    call: &Call<'_>,
    request: DeleteShareGroupOffsetsRequest,
) -> DeleteShareGroupOffsetsResponse {
    let image = call.broker.image();
    let ids: Vec<Option<Uuid>> = request
        .topics
        .iter()
        .map(|topic| image.topic(&topic.topic_name).map(|topic| topic.id))
        .collect();
    let known: Vec<Uuid> = ids.iter().copied().flatten().collect();
    let done = match call.broker.serves_share_groups() {
        false => Err(ErrorCode::UnsupportedVersion),
        true if request.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
        true => call.broker.delete_shares(&request.group_id, Some(&known)),
    };
    let outcomes = match done {
        Ok(outcomes) => outcomes,
        Err(code) => {
            return DeleteShareGroupOffsetsResponse {
                error_code: code.code(),
                ..DeleteShareGroupOffsetsResponse::default()
            };
        }
    };
    let topics = request.topics.into_iter().zip(ids).map(|(topic, id)| {
        let outcome = id.and_then(|id| outcomes.get(&id));
        let code = *outcome.unwrap_or(&ErrorCode::UnknownTopicOrPartition);
        let message = match outcome {
            None if id.is_some() => Some("the group has no offsets there".to_owned()),
            _ if code.is_none() => None,
            _ => Some(code.name().to_owned()),
        };
        DeleteShareGroupOffsetsResponseTopic {
            topic_name: topic.topic_name,
            topic_id: id.filter(|_| outcome.is_some()).unwrap_or_default(),
            error_code: code.code(),
            error_message: message,
            ..DeleteShareGroupOffsetsResponseTopic::default()
        }
    });
    DeleteShareGroupOffsetsResponse {
        responses: topics.collect(),
        ..DeleteShareGroupOffsetsResponse::default()
    }
}

//! `OffsetCommit`, `OffsetFetch` and `OffsetDelete`.

use super::Call;
use crate::broker::transactions::Joining;
use crate::coordinator::consumer::Committer;
use crate::coordinator::groups::{CommitPart, FetchPart};
use crate::format::{ProducerEpoch, ProducerId, Uuid};
use crate::log::image::Image;
use crate::log::layout::OFFSETS_TOPIC;
use crate::protocol::ErrorCode;
use crate::protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use crate::protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};
use crate::protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use crate::protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};

/// From which version on topics are named by their ids.
const IDS_SINCE: i16 = 10;
/// From which version on `OffsetFetch` asks for several groups.
const GROUPS_SINCE: i16 = 8;
/// From which version on `TxnOffsetCommit` has the group's partition join the transaction.
const TXN_JOINING_SINCE: i16 = 5;
/// From which version on clients know `TRANSACTION_ABORTABLE`.
const ABORTABLE_SINCE: i16 = 4;
/// From which version on a failure of `OffsetFetch` is told once.
const ONE_ERROR_SINCE: i16 = 2;

pub(super) fn commit(call: &Call<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = call.broker.image();
    let by_id = call.header.version >= IDS_SINCE;
    let named: Vec<_> = request
        .topics
        .iter()
        .map(|topic| named_topic(&image, &topic.name, topic.topic_id, by_id))
        .collect();
    let mut answers: Vec<Vec<ErrorCode>> = Vec::with_capacity(named.len());
    let mut parts = Vec::new();
    let mut places = Vec::new();
    for (number, (topic, named)) in request.topics.iter().zip(&named).enumerate() {
        answers.push(check_topic(&image, topic, named, by_id, |at, part| {
            places.push((number, at));
            parts.push(part);
        }));
    }
    if !parts.is_empty() {
        let committer = Committer {
            member_id: &request.member_id,
            instance_id: request.group_instance_id.as_deref(),
            epoch: request.generation_id_or_member_epoch,
            transactional: false,
            version: call.header.version,
        };
        let retention_ms = request.retention_time_ms;
        let done = call
            .broker
            .coordinate(&request.group_id, None, |groups, world| {
                groups.commit(&request.group_id, committer, retention_ms, &parts, world)
            });
        for (at, (topic, partition)) in places.into_iter().enumerate() {
            answers[topic][partition] = match &done {
                Ok(codes) => codes[at],
                Err(code) => *code,
            };
        }
    }
    let topics = request.topics.into_iter().zip(answers);
    OffsetCommitResponse {
        topics: topics
            .map(|(topic, codes)| committed(topic, &codes))
            .collect(),
        ..Default::default()
    }
}

fn committed(topic: OffsetCommitRequestTopic, codes: &[ErrorCode]) -> OffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().zip(codes);
    OffsetCommitResponseTopic {
        partitions: partitions
            .map(|(partition, code)| OffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: code.code(),
                ..Default::default()
            })
            .collect(),
        name: topic.name,
        topic_id: topic.topic_id,
        ..Default::default()
    }
}

/// The name and the id of a topic that there is.
fn named_topic(image: &Image, name: &str, id: Uuid, by_id: bool) -> Option<(String, Uuid)> {
    if by_id {
        return image.topic_name(id).map(|name| (name.to_owned(), id));
    }
    let topic = image.topic(name)?;
    Some((name.to_owned(), topic.id))
}

/// An answer for each partition of a topic: those that there are, are given to `take`.
fn check_topic<'a>(
    image: &Image,
    topic: &'a OffsetCommitRequestTopic,
    named: &'a Option<(String, Uuid)>,
    by_id: bool,
    mut take: impl FnMut(usize, CommitPart<'a>),
) -> Vec<ErrorCode> {
    let Some((name, id)) = named else {
        let code = if by_id {
            ErrorCode::UnknownTopicId
        } else {
            ErrorCode::UnknownTopicOrPartition
        };
        return vec![code; topic.partitions.len()];
    };
    let known = image.topic(name);
    let mut codes = Vec::with_capacity(topic.partitions.len());
    for (at, partition) in topic.partitions.iter().enumerate() {
        let number = partition.partition_index;
        if known.is_some_and(|known| known.partitions.contains_key(&number)) {
            codes.push(ErrorCode::None);
            let part = CommitPart {
                topic: name,
                topic_id: *id,
                partition: number,
                offset: partition.committed_offset,
                leader_epoch: partition.committed_leader_epoch,
                metadata: partition.committed_metadata.as_deref().unwrap_or_default(),
            };
            take(at, part);
        } else {
            codes.push(ErrorCode::UnknownTopicOrPartition);
        }
    }
    codes
}

/// Commits offsets as part of a transaction.
pub(super) fn commit_in_transaction(
    call: &Call<'_>,
    request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let image = call.broker.image();
    let mut parts = Vec::new();
    let mut answers = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let known = image.topic(&topic.name);
        let mut codes = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let number = partition.partition_index;
            let there = known.filter(|known| known.partitions.contains_key(&number));
            // Where there is one, the answer comes with those of all parts.
            codes.push(there.map(|known| {
                parts.push(CommitPart {
                    topic: &topic.name,
                    topic_id: known.id,
                    partition: number,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata.as_deref().unwrap_or_default(),
                });
            }));
        }
        answers.push(codes);
    }
    let done = match parts.is_empty() {
        true => Ok(Vec::new()),
        false => commit_parts_in_transaction(call, &request, &parts),
    };
    let mut codes = done.as_ref().map(|codes| codes.iter());
    let mut code_of = |there: Option<()>| match (&mut codes, there) {
        (_, None) => ErrorCode::UnknownTopicOrPartition,
        (Ok(codes), Some(())) => *codes.next().unwrap_or(&ErrorCode::UnknownServerError),
        (Err(code), Some(())) => **code,
    };
    let mut topics = Vec::with_capacity(answers.len());
    for (topic, there) in request.topics.iter().zip(answers) {
        let partitions = topic.partitions.iter().zip(there);
        topics.push(TxnOffsetCommitResponseTopic {
            partitions: partitions
                .map(|(partition, there)| TxnOffsetCommitResponsePartition {
                    partition_index: partition.partition_index,
                    error_code: code_of(there).code(),
                    ..Default::default()
                })
                .collect(),
            name: topic.name.clone(),
            ..Default::default()
        });
    }
    TxnOffsetCommitResponse {
        topics,
        ..Default::default()
    }
}

/// Has the group's partition join the transaction, and commits while no one can end it.
fn commit_parts_in_transaction(
    call: &Call<'_>,
    request: &TxnOffsetCommitRequest,
    parts: &[CommitPart<'_>],
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let (broker, group_id) = (call.broker, &request.group_id);
    if group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let number = broker.group_partition(group_id);
    let number = number.ok_or(ErrorCode::NotCoordinator)?;
    let producer = (
        ProducerId::new(request.producer_id),
        ProducerEpoch::new(request.producer_epoch),
    );
    let committer = Committer {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        epoch: request.generation_id,
        transactional: true,
        version: call.header.version,
    };
    let commit = || {
        broker.coordinate(group_id, None, |groups, world| {
            let mut outcome = groups.commit(group_id, committer, -1, parts, world)?;
            outcome.producer = Some(producer);
            Ok(outcome)
        })
    };
    let adds = call.header.version >= TXN_JOINING_SINCE;
    if !adds && !broker.verifies_transactions() {
        return commit();
    }
    let joining = Joining {
        id: &request.transactional_id,
        producer,
        adds,
    };
    let partition = (OFFSETS_TOPIC.to_owned(), number);
    broker
        .join_transaction(joining, partition, commit)
        .unwrap_or_else(|code| {
            Err(match code {
                ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
                ErrorCode::TransactionAbortable if call.header.version < ABORTABLE_SINCE => {
                    ErrorCode::InvalidTxnState
                }
                code => code,
            })
        })
}

pub(super) fn fetch(call: &Call<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if call.header.version >= GROUPS_SINCE {
        let groups = request.groups.into_iter();
        return OffsetFetchResponse {
            groups: groups
                .map(|group| fetch_group(call, group, stable))
                .collect(),
            ..Default::default()
        };
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    let group = OffsetFetchRequestGroup {
        group_id: request.group_id,
        member_epoch: -1,
        topics,
        ..Default::default()
    };
    single(fetch_group(call, group, stable))
}

/// The answer of the versions that ask for one group.
fn single(group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
        ..Default::default()
    };
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
        ..Default::default()
    };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code: group.error_code,
        ..Default::default()
    }
}

fn fetch_group(
    call: &Call<'_>,
    request: OffsetFetchRequestGroup,
    stable: bool,
) -> OffsetFetchResponseGroup {
    let image = call.broker.image();
    let by_id = call.header.version >= IDS_SINCE;
    let group_id = request.group_id.as_str();
    let done = call.broker.coordinate(group_id, None, |groups, _| {
        groups.check_fetch(group_id, request.member_id.as_deref(), request.member_epoch)?;
        let fetch = |name: &str, id: Uuid, partition: i32| {
            groups.fetch(group_id, name, id, partition, stable)
        };
        let topics = match &request.topics {
            Some(topics) => topics
                .iter()
                .map(|topic| fetch_topic(&image, topic, by_id, fetch))
                .collect(),
            None => all_topics(&image, groups.fetch_all(group_id, stable), by_id),
        };
        Ok(crate::coordinator::groups::Outcome::read(topics))
    });
    match done {
        Ok(topics) => OffsetFetchResponseGroup {
            group_id: request.group_id,
            topics,
            ..Default::default()
        },
        Err(code) if call.header.version >= ONE_ERROR_SINCE => OffsetFetchResponseGroup {
            group_id: request.group_id,
            error_code: code.code(),
            ..Default::default()
        },
        Err(code) => {
            let topics = request.topics.unwrap_or_default();
            OffsetFetchResponseGroup {
                group_id: request.group_id,
                topics: topics.iter().map(|topic| failed(topic, code)).collect(),
                ..Default::default()
            }
        }
    }
}

fn fetch_topic(
    image: &Image,
    topic: &OffsetFetchRequestTopics,
    by_id: bool,
    fetch: impl Fn(&str, Uuid, i32) -> FetchPart,
) -> OffsetFetchResponseTopics {
    let (name, id) = if by_id {
        let Some(name) = image.topic_name(topic.topic_id) else {
            return failed(topic, ErrorCode::UnknownTopicId);
        };
        (name, topic.topic_id)
    } else {
        // Offsets of a topic that is gone may still be asked for.
        (topic.name.as_str(), Uuid::ZERO)
    };
    let partitions = topic.partition_indexes.iter();
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions
            .map(|number| fetched(*number, fetch(name, id, *number)))
            .collect(),
        ..Default::default()
    }
}

fn fetched(partition_index: i32, part: FetchPart) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: part.offset,
        committed_leader_epoch: part.leader_epoch,
        metadata: Some(part.metadata),
        error_code: part.error.code(),
        ..Default::default()
    }
}

fn failed(topic: &OffsetFetchRequestTopics, code: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |number: &i32| OffsetFetchResponsePartitions {
        partition_index: *number,
        committed_offset: -1,
        committed_leader_epoch: -1,
        error_code: code.code(),
        ..Default::default()
    };
    OffsetFetchResponseTopics {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.iter().map(partition).collect(),
        ..Default::default()
    }
}

/// All offsets of a group; by id only those of topics that there are.
fn all_topics(
    image: &Image,
    parts: Vec<(String, i32, FetchPart)>,
    by_id: bool,
) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for (name, number, part) in parts {
        let id = image.topic(&name).map(|topic| topic.id);
        if by_id && id.is_none() {
            continue;
        }
        if topics.last().is_none_or(|last| last.name != name) {
            topics.push(OffsetFetchResponseTopics {
                name,
                topic_id: id.unwrap_or_default(),
                ..Default::default()
            });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(fetched(number, part));
        }
    }
    topics
}

pub(super) fn delete(call: &Call<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let image = call.broker.image();
    if request.group_id.is_empty() {
        return OffsetDeleteResponse {
            error_code: ErrorCode::InvalidGroupId.code(),
            ..Default::default()
        };
    }
    let exists = |topic: &str, partition: i32| {
        let topic = image.topic(topic);
        topic.is_some_and(|topic| topic.partitions.contains_key(&partition))
    };
    let all = request.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|partition| (topic.name.as_str(), partition.partition_index))
    });
    let there: Vec<(&str, i32)> = all
        .filter(|(topic, number)| exists(topic, *number))
        .collect();
    let done = call
        .broker
        .coordinate(&request.group_id, None, |groups, _| {
            groups.delete_offsets(&request.group_id, &there)
        });
    let mut codes = match done {
        Ok(codes) => codes.into_iter(),
        Err(code) => {
            return OffsetDeleteResponse {
                error_code: code.code(),
                ..Default::default()
            };
        }
    };
    let mut code_of = |topic: &str, number: i32| match exists(topic, number) {
        true => codes.next().unwrap_or(ErrorCode::UnknownServerError),
        false => ErrorCode::UnknownTopicOrPartition,
    };
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|partition| {
            let number = partition.partition_index;
            OffsetDeleteResponsePartition {
                partition_index: number,
                error_code: code_of(&topic.name, number).code(),
                ..Default::default()
            }
        });
        topics.push(OffsetDeleteResponseTopic {
            partitions: partitions.collect(),
            name: topic.name.clone(),
            ..Default::default()
        });
    }
    OffsetDeleteResponse {
        topics,
        ..Default::default()
    }
}

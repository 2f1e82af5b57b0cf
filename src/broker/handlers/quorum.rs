//! `DescribeQuorum`, `UnregisterBroker`, `AddRaftVoter`, `RemoveRaftVoter`: a quorum of
//! one, which is this node.
//!
//! Source: `org.apache.kafka.raft.KafkaRaftClient`,
//! `org.apache.kafka.controller.ReplicationControlManager` of Apache Kafka 4.3.1;
//! KIP-595, KIP-836, KIP-853.

use super::Call;
use crate::broker::error_code;
use crate::format::metadata::{MetadataRecord, UnregisterBrokerRecord};
use crate::format::{NodeId, Timestamp, Uuid};
use crate::log::layout::METADATA_TOPIC;
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
use crate::protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, ReplicaState,
    ResponsePartitionData, ResponseTopicData,
};
use crate::protocol::messages::remove_raft_voter::{
    RemoveRaftVoterRequest, RemoveRaftVoterResponse,
};
use crate::protocol::messages::unregister_broker::{
    UnregisterBrokerRequest, UnregisterBrokerResponse,
};

/// The name of the listener that controllers have by default.
const CONTROLLER: &str = "CONTROLLER";

pub(super) fn describe(call: &Call<'_>, request: DescribeQuorumRequest) -> DescribeQuorumResponse {
    let is_metadata = matches!(
        request.topics.as_slice(),
        [topic] if topic.topic_name == METADATA_TOPIC
            && matches!(topic.partitions.as_slice(), [only] if only.partition_index == 0)
    );
    if !is_metadata {
        return unknown_partitions(&request);
    }
    let (epoch, end) = call.broker.quorum();
    let now = Timestamp::to_wire(Some(call.broker.now()));
    let image = call.broker.image();
    let node = call.broker.node;
    let own_directory = (image.nodes().voter_details.iter())
        .find(|voter| voter.id == node)
        .map_or(Uuid::ZERO, |voter| voter.directory_id);
    let endpoint = call.broker.config.advertised(call.listener);
    DescribeQuorumResponse {
        error_message: None,
        topics: vec![ResponseTopicData {
            topic_name: METADATA_TOPIC.to_owned(),
            partitions: vec![ResponsePartitionData {
                error_message: None,
                leader_id: node.get(),
                leader_epoch: epoch.get(),
                high_watermark: end.get(),
                current_voters: vec![ReplicaState {
                    replica_id: node.get(),
                    replica_directory_id: own_directory,
                    log_end_offset: end.get(),
                    last_fetch_timestamp: now,
                    last_caught_up_timestamp: now,
                    ..ReplicaState::default()
                }],
                ..ResponsePartitionData::default()
            }],
            ..ResponseTopicData::default()
        }],
        nodes: vec![Node {
            node_id: node.get(),
            listeners: vec![Listener {
                name: CONTROLLER.to_owned(),
                host: endpoint.host,
                port: endpoint.port,
                ..Listener::default()
            }],
            ..Node::default()
        }],
        ..DescribeQuorumResponse::default()
    }
}

fn unknown_partitions(request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|topic| ResponseTopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|asked| ResponsePartitionData {
                partition_index: asked.partition_index,
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                error_message: None,
                ..ResponsePartitionData::default()
            })
            .collect(),
        ..ResponseTopicData::default()
    });
    DescribeQuorumResponse {
        error_message: None,
        topics: topics.collect(),
        ..DescribeQuorumResponse::default()
    }
}

/// Forgets a broker that is gone. This one stays.
pub(super) fn unregister(
    call: &Call<'_>,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let node = NodeId::new(request.broker_id);
    let failed = |code: ErrorCode, message: String| UnregisterBrokerResponse {
        error_code: code.code(),
        error_message: Some(message),
        ..UnregisterBrokerResponse::default()
    };
    if node == call.broker.node {
        let message = format!("broker {node} is running: it is the one that answers");
        return failed(ErrorCode::InvalidRequest, message);
    }
    if call.broker.image().broker_epoch(node).is_none() {
        let message = format!("Broker ID {node} is not currently registered");
        return failed(ErrorCode::BrokerIdNotRegistered, message);
    }
    let outcome = call.broker.change(|session| {
        session.change(|image| {
            let record = image.broker_epoch(node).map(|broker_epoch| {
                MetadataRecord::UnregisterBroker(UnregisterBrokerRecord {
                    broker_id: node,
                    broker_epoch,
                    ..UnregisterBrokerRecord::default()
                })
            });
            Ok(record.into_iter().collect())
        })
    });
    match outcome {
        Ok(()) => UnregisterBrokerResponse {
            error_message: None,
            ..UnregisterBrokerResponse::default()
        },
        Err(error) => failed(error_code(&error), error.to_string()),
    }
}

const FIXED: &str = "the quorum of a single node does not change";

pub(super) fn add_voter(call: &Call<'_>, request: AddRaftVoterRequest) -> AddRaftVoterResponse {
    let is_here = request.voter_id == call.broker.node.get();
    let code = if is_here {
        ErrorCode::DuplicateVoter
    } else {
        ErrorCode::UnsupportedVersion
    };
    AddRaftVoterResponse {
        error_code: code.code(),
        error_message: Some(FIXED.to_owned()),
        ..AddRaftVoterResponse::default()
    }
}

pub(super) fn remove_voter(
    call: &Call<'_>,
    request: RemoveRaftVoterRequest,
) -> RemoveRaftVoterResponse {
    let is_here = request.voter_id == call.broker.node.get();
    let code = if is_here {
        ErrorCode::UnsupportedVersion
    } else {
        ErrorCode::VoterNotFound
    };
    RemoveRaftVoterResponse {
        error_code: code.code(),
        error_message: Some(FIXED.to_owned()),
        ..RemoveRaftVoterResponse::default()
    }
}

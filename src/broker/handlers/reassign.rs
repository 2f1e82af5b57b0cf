//! `AlterPartitionReassignments`, `ListPartitionReassignments`, `ElectLeaders`: on one
//! node every partition is where it can be, and led.
//!
//! Source: `org.apache.kafka.controller.ReplicationControlManager` of Apache Kafka
//! 4.3.1; KIP-455, KIP-460, KIP-860.

use super::Call;
use crate::format::NodeId;
use crate::log::image::{Image, PartitionState};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::protocol::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use crate::protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

type Refused = (ErrorCode, Option<String>);

/// The kinds of election.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// With one node nothing is ever on its way.
pub(super) fn list(
    _: &Call<'_>,
    _: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse {
        error_message: None,
        ..ListPartitionReassignmentsResponse::default()
    }
}

pub(super) fn alter(
    call: &Call<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let image = call.broker.image();
    let may_change = request.allow_replication_factor_change;
    let responses = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|asked| {
            let outcome = found(&image, &topic.name, asked.partition_index)
                .and_then(|state| reassign(call, state, asked.replicas.as_deref(), may_change));
            let (code, error_message) = outcome.err().unwrap_or((ErrorCode::None, None));
            ReassignablePartitionResponse {
                partition_index: asked.partition_index,
                error_code: code.code(),
                error_message,
                ..ReassignablePartitionResponse::default()
            }
        });
        ReassignableTopicResponse {
            partitions: partitions.collect(),
            name: topic.name.clone(),
            ..ReassignableTopicResponse::default()
        }
    });
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: may_change,
        error_message: None,
        responses: responses.collect(),
        ..AlterPartitionReassignmentsResponse::default()
    }
}

fn found<'i>(image: &'i Image, topic: &str, number: i32) -> Result<&'i PartitionState, Refused> {
    let unknown = |message| (ErrorCode::UnknownTopicOrPartition, Some(message));
    let topic_state = image
        .topic(topic)
        .ok_or_else(|| unknown(format!("Unable to find a topic named {topic}.")))?;
    topic_state
        .partitions
        .get(&number)
        .ok_or_else(|| unknown(format!("Unable to find partition {topic}:{number}.")))
}

fn reassign(
    call: &Call<'_>,
    state: &PartitionState,
    replicas: Option<&[i32]>,
    may_change: bool,
) -> Result<(), Refused> {
    let Some(replicas) = replicas else {
        return Err((
            ErrorCode::NoReassignmentInProgress,
            Some("No partition reassignment is in progress.".to_owned()),
        ));
    };
    check_assignment(call.broker.node, replicas)
        .map_err(|message| (ErrorCode::InvalidReplicaAssignment, Some(message)))?;
    if !may_change && replicas.len() != state.replicas.len() {
        let message = format!(
            "The replication factor is changed from {} to {}",
            state.replicas.len(),
            replicas.len()
        );
        return Err((ErrorCode::InvalidReplicationFactor, Some(message)));
    }
    // What is left is this node alone, which has it.
    Ok(())
}

/// Whether replicas can be on these nodes: on this one.
pub(super) fn check_assignment(node: NodeId, replicas: &[i32]) -> Result<(), String> {
    if replicas.is_empty() {
        return Err("The manual partition assignment includes an empty replica list.".to_owned());
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    if let Some(negative) = sorted.iter().find(|replica| **replica < 0) {
        return Err(format!(
            "The manual partition assignment includes an invalid broker id {negative}."
        ));
    }
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!(
            "The manual partition assignment includes the broker {} more than once.",
            twice[0]
        ));
    }
    match sorted.iter().find(|replica| **replica != node.get()) {
        Some(other) => Err(format!(
            "The manual partition assignment includes broker {other}, but no such broker is registered."
        )),
        None => Ok(()),
    }
}

pub(super) fn elect(call: &Call<'_>, request: ElectLeadersRequest) -> ElectLeadersResponse {
    if ![PREFERRED, UNCLEAN].contains(&request.election_type) {
        return ElectLeadersResponse {
            error_code: ErrorCode::InvalidRequest.code(),
            ..ElectLeadersResponse::default()
        };
    }
    let image = call.broker.image();
    let node = call.broker.node;
    let results = match request.topic_partitions {
        // Of all partitions those are told that lack the leader they should have.
        None => image
            .topics()
            .iter()
            .map(|(name, topic)| ReplicaElectionResult {
                topic: name.clone(),
                partition_result: topic
                    .partitions
                    .iter()
                    .filter(|(_, state)| !state.replicas.contains(&node))
                    .map(|(number, _)| result(*number, not_available(request.election_type)))
                    .collect(),
                ..ReplicaElectionResult::default()
            })
            .collect(),
        Some(topics) => topics
            .into_iter()
            .map(|topic| ReplicaElectionResult {
                partition_result: topic
                    .partitions
                    .iter()
                    .map(|number| {
                        let refused =
                            elect_one(&image, node, &topic.topic, *number, request.election_type);
                        result(*number, refused)
                    })
                    .collect(),
                topic: topic.topic,
                ..ReplicaElectionResult::default()
            })
            .collect(),
    };
    ElectLeadersResponse {
        replica_election_results: results,
        ..ElectLeadersResponse::default()
    }
}

fn result(number: i32, (code, error_message): Refused) -> PartitionResult {
    PartitionResult {
        partition_id: number,
        error_code: code.code(),
        error_message,
        ..PartitionResult::default()
    }
}

fn elect_one(image: &Image, node: NodeId, topic: &str, number: i32, kind: i8) -> Refused {
    let Some(found) = image.topic(topic) else {
        return (
            ErrorCode::UnknownTopicOrPartition,
            Some(format!("No such topic as {topic}")),
        );
    };
    match found.partitions.get(&number) {
        None => (
            ErrorCode::UnknownTopicOrPartition,
            Some(format!("No such partition as {topic}-{number}")),
        ),
        Some(state) if state.replicas.contains(&node) => (
            ErrorCode::ElectionNotNeeded,
            Some("Leader election not needed for topic partition.".to_owned()),
        ),
        Some(_) => not_available(kind),
    }
}

fn not_available(kind: i8) -> Refused {
    match kind {
        PREFERRED => (
            ErrorCode::PreferredLeaderNotAvailable,
            Some("The preferred leader was not available.".to_owned()),
        ),
        _ => (
            ErrorCode::EligibleLeadersNotAvailable,
            Some("Eligible topic partition leaders are not available.".to_owned()),
        ),
    }
}
